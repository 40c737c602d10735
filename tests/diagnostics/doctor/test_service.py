"""Units, ports, the running process, nginx."""

import json

import pytest

from soft_stream.config.installation import FAILED_UPGRADE
from soft_stream.diagnostics.doctor.host import Reply
from tests.diagnostics.doctor.stand_in import CONFIGURED, REFUSED, deployed, device, examine, shown, status, wrongs

STATUS = "http://127.0.0.1:18081/status.json"
HEALTH = "http://127.0.0.1:18081/healthz"
SS = 'LISTEN 0 128 127.0.0.1:18081 0.0.0.0:* users:(("octoprint",pid=99,fd=6))\n'


@pytest.mark.parametrize(
    ("code", "reason", "fix"),
    [
        (66, "its camera is missing", "sudo systemctl start camera-soft-cam@0.service"),
        (75, "the camera hangs", "journalctl -b -u camera-soft-cam@0.service"),
        (78, "a setting is wrong", "soft-stream check"),
        (
            203,
            "the program cannot be started",
            "sudo apt install --reinstall ./camera-soft-stream_*.deb, or scripts/deploy",
        ),
    ],
)
def test_a_unit_that_is_down_says_why(code: int, reason: str, fix: str) -> None:
    """The finding explains the exit status and what helps."""
    down = shown(ActiveState="failed", SubState="failed", Result="exit-code", ExecMainStatus=code, MainPID=0)
    findings = examine(deployed(commands={"systemctl show": down}, urls={STATUS: REFUSED}))
    assert f"is failed (exit status {code}): {reason}" in wrongs(findings)["units"][0]
    assert fix in findings["units"][0].fix


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        (
            {"ActiveState": "failed", "Result": "watchdog", "ExecMainStatus": 6},
            "failed (watchdog): it no longer notified",
        ),
        ({"ActiveState": "failed", "Result": "oom-kill", "ExecMainStatus": 9}, "failed (oom-kill): it needed more"),
        ({"ActiveState": "inactive", "SubState": "dead"}, "is inactive (dead)"),
        (
            {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code", "ExecMainStatus": 75},
            "is activating (exit status 75)",
        ),
    ],
)
def test_a_unit_that_does_not_run_is_wrong(properties: dict[str, object], text: str) -> None:
    """That holds for each way in which it can end."""
    findings = examine(deployed(commands={"systemctl show": shown(**properties)}, urls={STATUS: REFUSED}))
    assert text in wrongs(findings)["units"][0]


def test_an_output_that_fails() -> None:
    """The finding has the setting, the error, and what was missed; an output that works has none."""
    works = {"setting": "cam0_zmq", "state": "idle", "frames": 9, "missed": 1, "target": "ipc:///z", "last_error": "x"}
    fails = {**works, "setting": "cam0_save", "state": "failing", "target": "/frames", "last_error": "No space left"}
    facts = json.dumps({**json.loads(status()), "outputs": [works, fails]})
    findings = examine(deployed(urls={STATUS: Reply(200, facts)}))
    assert wrongs(findings)["service"] == ["cam0_save=/frames: No space left"]


@pytest.mark.parametrize(
    ("properties", "text"),
    [
        ({"NRestarts": 3}, "restarted it 3 times"),
        ({"UnitFileState": "disabled"}, "is not enabled"),
        ({"ActiveState": "inactive", "UnitFileState": "disabled"}, "is disabled"),
    ],
)
def test_a_unit_with_something_to_know(properties: dict[str, object], text: str) -> None:
    """The finding is a note."""
    finding = examine(deployed(commands={"systemctl show": shown(**properties)}))["units"][0]
    assert finding.level == "note"
    assert text in finding.what


def test_a_target_that_is_not_enabled() -> None:
    """No camera would start at boot."""
    host = deployed()
    target = next(command for command in host.commands if command.endswith("camera-soft-cam.target"))
    host.commands[target] = shown(Id="camera-soft-cam.target", UnitFileState="disabled")
    assert wrongs(examine(host))["units"] == ["camera-soft-cam.target is not enabled"]


def test_a_unit_of_the_previous_program_that_still_starts() -> None:
    """It would use the camera."""
    host = deployed(
        commands={"systemctl list-unit-files": "camera-soft-cam0.service enabled enabled\n"},
    )
    show = next(command for command in host.commands if command.endswith("camera-soft-cam.target"))
    host.commands[show.replace("camera-soft-cam.target", "camera-soft-cam0.service")] = shown(
        Id="camera-soft-cam0.service", ActiveState="inactive"
    )
    findings = examine(host)
    assert wrongs(findings)["units"] == ["camera-soft-cam0.service, of the previous program, is enabled"]
    assert findings["units"][-1].fix == "sudo systemctl disable --now camera-soft-cam0.service"


def test_a_unit_with_an_older_name_that_is_ours() -> None:
    """A unit that only passes commands on to a unit of ours is no finding."""
    host = deployed(commands={"systemctl list-unit-files": "camera-soft-cam0.service enabled enabled\n"})
    show = next(command for command in host.commands if command.endswith("camera-soft-cam.target"))
    host.commands[show.replace("camera-soft-cam.target", "camera-soft-cam0.service")] = shown(
        Id="camera-soft-cam0.service", Wants="camera-soft-cam@0.service"
    )
    assert "units" not in wrongs(examine(host))


@pytest.mark.parametrize(("pid", "found"), [("0", False), ("77", True)])
def test_a_masked_unit_with_an_older_name(pid: str, *, found: bool) -> None:
    """It may still be active; it is the previous program only if it has a process."""
    host = deployed(commands={"systemctl list-unit-files": "camera-soft-cam0.service masked enabled\n"})
    show = next(command for command in host.commands if command.endswith("camera-soft-cam.target"))
    host.commands[show.replace("camera-soft-cam.target", "camera-soft-cam0.service")] = shown(
        Id="camera-soft-cam0.service", UnitFileState="masked", ActiveState="active", MainPID=pid
    )
    assert ("units" in wrongs(examine(host))) == found


def test_a_port_of_another_program() -> None:
    """The finding names it, or advises to use sudo."""
    host = deployed(urls={STATUS: Reply(200, "<html>")}, commands={"ss": SS})
    assert "port 18081 of camera 0 is in use by octoprint (pid 99)" in wrongs(examine(host))["service"]
    del host.commands["ss"]
    assert "run the doctor with sudo to see it" in wrongs(examine(host))["service"][0]


def test_an_ipv6_port_of_another_program() -> None:
    """The process listens on no address then; the program is named, unless it has another address."""
    for address, is_ours in (("[::1]", True), ("[::]", True), ("*", True), ("10.0.0.1", False)):
        host = deployed(urls={STATUS: REFUSED}, commands={"ss": SS.replace("127.0.0.1", address)})
        said = "port 18081 of camera 0 is in use by octoprint (pid 99)"
        assert (said in wrongs(examine(host))["service"]) == is_ours


def test_a_port_of_another_camera() -> None:
    """The finding has its number."""
    findings = examine(deployed(urls={STATUS: Reply(200, status(camera=3))}))
    assert wrongs(findings)["service"] == ["port 18081 of camera 0 is in use by the process of camera 3"]


def test_a_process_that_was_started_by_hand() -> None:
    """The unit cannot start while it runs."""
    down = shown(ActiveState="activating", SubState="auto-restart", Result="exit-code", ExecMainStatus=75)
    findings = examine(deployed(commands={"systemctl show": down}))
    assert (
        "port 18081 of camera 0 is served by a process outside camera-soft-cam@0.service" in wrongs(findings)["service"]
    )


def test_a_unit_that_runs_and_does_not_listen() -> None:
    """It runs with other settings."""
    findings = examine(deployed(urls={STATUS: REFUSED}))
    assert wrongs(findings)["service"] == ["no process listens on port 18081: camera 0 is not served"]


def test_a_process_that_does_not_reply() -> None:
    """A call into the camera may block it."""
    findings = examine(deployed(urls={STATUS: Reply(0, error="no answer for 10 s")}))
    assert wrongs(findings)["service"] == ["port 18081 of camera 0: no answer for 10 s"]


def test_a_camera_without_frames() -> None:
    """The finding has the sentence of /healthz, and how to stop the program that it names."""
    sentence = "Camera 0: it is in use by rpicam-still (pid 4199999); trying again."
    findings = examine(deployed(urls={HEALTH: Reply(503, sentence)}))
    assert wrongs(findings)["service"] == [f"camera 0: {sentence}"]
    assert "kill 4199999" in findings["service"][0].fix


def test_a_size_that_differs_from_the_settings() -> None:
    """The finding has the negotiated values and the settings."""
    reply = Reply(200, status(size=[640, 480], differences=["it mirrors nothing"]))
    finding = examine(deployed(urls={STATUS: reply}))["service"][1]
    assert finding.level == "note"
    assert "camera 0: 640x480, 30 fps" in finding.what
    assert "the settings ask for 1280x720; it mirrors nothing" in finding.what
    assert "cam0_width=640" in finding.fix


def test_a_lens_that_moves_and_has_no_autofocus() -> None:
    """A Camera Module 3 always has autofocus; another sensor may have none."""
    lens = Reply(200, status(has_autofocus=False))
    assert (
        "has no autofocus, although its lens has a motor"
        in wrongs(examine(deployed(urls={STATUS: lens})))["service"][0]
    )
    fixed = Reply(200, status(has_autofocus=False, model="imx477"))
    assert "its lens has no motor" in examine(deployed(urls={STATUS: fixed}))["service"][2].what


def test_an_upgrade_that_waits_for_a_restart() -> None:
    """The running version is not the installed one."""
    reply = Reply(200, '{"version": "0.0.1", "camera": 0, "state": "idle", "negotiated": null}')
    assert "served by version 0.0.1" in examine(deployed(urls={STATUS: reply}))["service"][1].what
    failed = deployed(urls={STATUS: reply}, nodes={str(FAILED_UPGRADE): device()})
    assert "version 0.0.1" not in str(examine(failed)["service"])  # a restart starts that version again


def test_access_without_a_login_is_wrong() -> None:
    """That holds for every status, also of a process that is down."""
    for code in (200, 404, 502, 503):
        findings = examine(deployed(urls={"http://127.0.0.1:8080/cam0/status.json": Reply(code)}))
        assert f"/cam0/status.json replies {code} WITHOUT A LOGIN" in wrongs(findings)["nginx"][0]


def test_nginx_that_cannot_reach_a_process() -> None:
    """It is closed, so that is no fault if the process is down, which has a finding of its own."""
    down = Reply(503, "No process answers: it is down, just starting, or hangs.")
    urls = {"http://127.0.0.1:8080/cam0/status.json": down}
    assert wrongs(examine(deployed(urls=urls)))["nginx"] == [
        "nginx cannot reach the process: http://127.0.0.1:8080/cam0/status.json"
    ]
    assert "nginx" not in wrongs(examine(deployed(urls={**urls, STATUS: REFUSED})))


def test_a_camera_that_nginx_does_not_serve() -> None:
    """The other ports reply."""
    findings = examine(deployed(urls={"http://127.0.0.1:8081/status.json": REFUSED}))
    assert wrongs(findings)["nginx"] == ["connection refused: http://127.0.0.1:8081/status.json"]
    assert "deploy" in findings["nginx"][0].fix


def test_other_ports_of_nginx() -> None:
    """The doctor requests the ports of the settings."""
    urls = {url.replace(":80", ":90"): Reply(401) for url in deployed().urls if ":80" in url}
    urls |= {url: Reply(200) for url in deployed().urls if ":80" in url}
    text = f"{CONFIGURED}cam_portal_port=9080\ncam_camera_port_base=9081\n"
    findings = examine(deployed(settings=text, urls=urls))
    assert wrongs(findings) == {}
    assert "http://127.0.0.1:9080/cam0/status.json" in findings["nginx"][0].what


def test_nginx_that_does_not_run() -> None:
    """There is one finding for all ports."""
    urls = {url: REFUSED for url in deployed().urls if ":80" in url}
    findings = examine(deployed(urls=urls))
    assert len(wrongs(findings)["nginx"]) == 1
    assert findings["nginx"][0].fix.startswith("sudo nginx -t")


@pytest.mark.parametrize(("reply", "level"), [(Reply(500), "WRONG"), (Reply(403), "WRONG"), (Reply(429), "note")])
def test_nginx_that_cannot_require_a_login(reply: Reply, level: str) -> None:
    """An unreadable file of passwords is wrong; rate-limited logins are a note."""
    assert examine(deployed(urls={"http://127.0.0.1:8080/": reply}))["nginx"][0].level == level


def test_with_a_certificate_the_ports_speak_https() -> None:
    """Also if the folder of the certificate is not readable: nginx asks for HTTPS."""
    ports = [url for url in deployed().urls if ":80" in url]
    urls = {url.replace("http:", "https:"): Reply(401) for url in ports}
    for code in (307, 400):
        assert wrongs(examine(deployed(urls=urls | dict.fromkeys(ports, Reply(code))))) == {}
    host = deployed(urls=urls, files={"/etc/camera-streamer/tls/certificate.pem": ""})
    assert "https://127.0.0.1:8081/status.json" in examine(host)["nginx"][0].what


@pytest.mark.parametrize(
    ("reply", "level", "text"),
    [
        (Reply(200), "ok", "with the login of anna"),
        (Reply(401), "WRONG", "rejects the login of anna"),
        (Reply(502), "WRONG", "replies 502"),
    ],
)
def test_the_ports_with_a_login(reply: Reply, level: str, text: str) -> None:
    """Each camera is requested; no finding contains the password."""
    paths = ("8081/status.json", "8080/cam0/status.json")
    urls = {f"http://anna:s3cret@127.0.0.1:{path}": reply for path in paths}
    findings = examine(deployed(urls=urls), login=("anna", "s3cret"))["nginx"][1:]
    assert {each.level for each in findings} == {level}
    assert all(text in each.what for each in findings)
    assert "s3cret" not in str(findings)
