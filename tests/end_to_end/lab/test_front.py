"""A rolled-out server from the view of its owner: login, slow clients, pauses, units that fail, and commands."""

import json
import re
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import SETTINGS, TWO_CAMERAS, Checkout, answer, password, pids, serves

UNIT = "camera-soft-cam@1.service"
PAUSE = "/run/camera-soft-stream/cam0.pause"
PAGES = (
    "/", "/stream.mjpg", "/snapshot.jpg", "/snap.jpg", "/cameras", "/cameras.json", "/webrtc", "/status.json",
    "/healthz", "/controls.json", "/settings.json",
)  # fmt: skip
POSTS = ("/controls", "/focus", "/arm", "/pause", "/resume", "/settings", "/settings/undo")
RESTART = "systemctl restart camera-soft-cam@0 camera-soft-cam@1"
MEMBER = "runuser --user member --"  # of the group video
STRANGER = "runuser --user nobody --"
RSS_GROWTH = 4_000  # kB
DROP_IN = "/run/systemd/system/camera-soft-cam@0.service.d"
PROBE = "/usr/local/bin/probe"
PROBE_SCRIPT = """#!/bin/sh
id -un
touch /etc/probe /home/pi/probe 2>&1
sudo -n true 2>&1
sleep 4711 &
exit 4
"""


@pytest.fixture(scope="module")
def rolled(container: Container, tmp_path_factory: pytest.TempPathFactory) -> Container:
    """Roll out two cameras to a container; each test restores it."""
    Checkout(tmp_path_factory.mktemp("project") / "checkout").deploy(container, settings=TWO_CAMERAS)
    return container


def curl(machine: Container, path: str, *options: str, port: int = 8081) -> str:
    """Send a request with the login to an external port."""
    return answer(machine, f"http://127.0.0.1:{port}{path}", "--user", f"camera:{password(machine)}", *options)


def show(machine: Container, *properties: str, unit: str = UNIT) -> list[str]:
    """Return properties of a unit."""
    return [machine.output(f"systemctl show --value --property {each} {unit}") for each in properties]


@contextmanager
def settings(machine: Container, line: str) -> Iterator[None]:
    """Add a line to the settings for the block; then restore them and restart the cameras."""
    machine.run(f"cp {SETTINGS} /root/settings && echo {line} >>{SETTINGS}")
    try:
        yield
    finally:
        machine.run(f"cp /root/settings {SETTINGS} && {RESTART}")


def test_nobody_comes_in_without_a_login(rolled: Container) -> None:
    """Every URL of a camera on every external port is 401 without a login, and with a wrong one."""
    for port, prefixes in ((8080, ("", "/cam0", "/cam1")), (8081, ("",)), (8082, ("",))):
        for prefix in prefixes:
            for path in PAGES if prefix or port != 8080 else ("/", "/cameras", "/cameras.json"):
                url = f"http://127.0.0.1:{port}{prefix}{path}"
                assert answer(rolled, url) == "401 A login is needed.", url
            for path in POSTS if prefix or port != 8080 else ():
                url = f"http://127.0.0.1:{port}{prefix}{path}"
                assert answer(rolled, url, "--request", "POST").startswith("401 "), url
    assert answer(rolled, "http://127.0.0.1:8081/", "--user", "camera:camera").startswith("401 ")
    assert curl(rolled, "/status.json").startswith("200 {")


def test_a_slow_client_costs_nginx_nothing(rolled: Container) -> None:
    """While clients hardly read their streams, nginx uses no more memory and writes no files."""
    memory = "cat /proc/$(pgrep -x nginx -u www-data | tr '\\n' ' ' | sed 's, *$,,;s, ,/status /proc/,g')/status"
    command = f"{memory} | awk '/VmRSS/ {{ sum += $2 }} END {{ print sum }}'"
    login = b64encode(f"camera:{password(rolled)}".encode()).decode()
    request = f"GET /stream.mjpg HTTP/1.1\r\nHost: lab\r\nAuthorization: Basic {login}\r\n\r\n".encode()
    serves(rolled, 0)
    before = int(rolled.output(command))
    clients = [socket.create_connection(rolled.address(8081)) for _ in range(4)]
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(request)
    for _ in range(5):  # each is a stream of 60 frames beside the slow ones
        for client in clients:
            assert client.recv(2000)
        serves(rolled, 0)
    assert int(rolled.output(command)) < before + RSS_GROWTH
    assert rolled.output("find /var/lib/nginx /tmp -type f -path '*nginx*'") == ""
    for client in clients:
        client.close()


def test_one_camera_answers_for_all(rolled: Container) -> None:
    """While the process of a camera is down, another one serves the first page; the port of the camera is 503."""
    rolled.run("systemctl stop camera-soft-cam@0")
    assert curl(rolled, "/", port=8080).startswith("200 ")
    assert curl(rolled, "/cam0/", port=8080).startswith("503 ")
    assert curl(rolled, "/").startswith("503 ")
    rolled.run("systemctl start camera-soft-cam@0")

    pid = pids(rolled)[0]
    rolled.run(f"kill -KILL {pid}")
    while pids(rolled)[0] in (pid, "0") or show(rolled, "ActiveState", unit="camera-soft-cam@0")[0] != "active":
        assert curl(rolled, "/", port=8080).startswith("200 ")
    serves(rolled, 0, 1)


def test_members_of_the_group_video_may_pause_a_camera(rolled: Container) -> None:
    """The server acknowledges their file, and opens the camera after its removal; other users cannot create one."""
    rolled.run("useradd --groups video viewer && useradd stranger")
    for user in ("pi", "viewer"):
        rolled.run(f"runuser -u {user} -- sh -c 'echo {user}-7 >{PAUSE}'")
        rolled.until(f'[ "$(cat {PAUSE}.ack)" = {user}-7 ]', 60)
        assert '"state": "paused"' in curl(rolled, "/status.json")
        rolled.run(f"runuser -u {user} -- rm {PAUSE}")
        rolled.until(f"! test -e {PAUSE}.ack", 60)
        serves(rolled, 0)
    assert "Permission denied" in rolled.run(f"runuser -u stranger -- touch {PAUSE}", check=False).stderr


def test_controls_that_are_kept_come_back_with_the_unit(rolled: Container) -> None:
    """Values of POST /controls?keep=1 through nginx survive a restart, until they are reset."""
    assert curl(rolled, "/controls?keep=1", "--data", "Brightness=0.25").startswith("200 ")
    rolled.run("systemctl restart camera-soft-cam@0")
    serves(rolled, 0)
    status = json.loads(curl(rolled, "/status.json").partition(" ")[2])
    assert status["controls"]["Brightness"] == 0.25
    kept = rolled.output("ls /var/lib/camera-soft-stream/*controls*")
    assert rolled.output(f"stat -c '%U %a' '{kept}'") == "camera-soft-stream 644"
    assert f"from {kept}: Brightness=0.25" in rolled.output("journalctl --no-pager -o cat -u camera-soft-cam@0")
    assert f"from {kept} (POST /controls?keep=1)" in rolled.output("soft-stream check")
    assert curl(rolled, "/controls?keep=1", "--json", '{"Brightness": null}').startswith("200 ")
    rolled.run(f"! test -e '{kept}'")


def test_settings_of_the_page_come_back_with_the_unit(rolled: Container) -> None:
    """Values of POST /settings are written in the unit's sandbox and survive a restart; a variable overrides them."""
    body = '{"fps": 12, "rotation": 180, "name": "Nest box"}'
    said = curl(rolled, "/settings", "--json", body)
    assert said.startswith("200 "), said
    changed = "fps: .* -> 12, rotation: 0 -> 180"
    assert re.search(
        changed, rolled.output("journalctl --no-pager -o cat -u camera-soft-cam@0 | grep 'Settings changed'")
    )
    rolled.run("systemctl restart camera-soft-cam@0")
    serves(rolled, 0)
    found = json.loads(curl(rolled, "/settings.json").partition(" ")[2])
    assert [found[name]["value"] for name in ("fps", "rotation", "name")] == [12, 180, "Nest box"]
    kept = rolled.output("ls /var/lib/camera-soft-stream/controls-*")
    assert rolled.output(f"stat -c '%U %a' '{kept}'") == "camera-soft-stream 644"
    checked = rolled.output("soft-stream check")
    assert re.search(rf"cam0_fps=12 +from {re.escape(kept)} \(POST /settings\)", checked)
    assert "have changed" not in checked
    rolled.run(f"mkdir -p {DROP_IN} && printf '[Service]\nEnvironment=cam0_fps=20\n' >{DROP_IN}/fps.conf")
    rolled.run("systemctl daemon-reload && systemctl restart camera-soft-cam@0")
    serves(rolled, 0)
    found = json.loads(curl(rolled, "/settings.json").partition(" ")[2])
    assert (found["fps"]["value"], found["fps"]["fixed_by"]) == (20, "environment variable cam0_fps")
    assert curl(rolled, "/settings", "--json", '{"fps": 15}').startswith("422 ")
    rolled.run(f"rm -r {DROP_IN} && systemctl daemon-reload && systemctl restart camera-soft-cam@0")
    serves(rolled, 0)
    nothing = '{"fps": null, "rotation": null, "name": null}'
    assert curl(rolled, "/settings", "--json", nothing).startswith("200 ")
    rolled.run(f"! test -e '{kept}'")


def test_a_command_at_the_opening_has_the_limits_of_the_unit(rolled: Container, tmp_path: Path) -> None:
    """It is the service's user in the unit's sandbox; nothing that it starts stays, and the camera streams."""
    (tmp_path / "probe").write_text(PROBE_SCRIPT)
    rolled.put(tmp_path / "probe", PROBE)
    rolled.run(f"chmod 755 {PROBE}")
    with settings(rolled, f"cam0_open_command={PROBE}"):
        rolled.run("systemctl restart camera-soft-cam@0")
        serves(rolled, 0)
        log = rolled.output("journalctl --no-pager -o cat -u camera-soft-cam@0 | grep -o 'cam0_open_command: .*'")
        assert rolled.output("pgrep -fx 'sleep 4711' || echo none") == "none"
    said = [line.partition(": ")[2] for line in log.splitlines()]
    assert said[0] == "camera-soft-stream"
    assert ["Read-only file system" in said[1], "Permission denied" in said[2]] == [True, True]
    assert 'The "no new privileges" flag is set' in said[3]
    assert said[-1] == "it ended with exit status 4"


def test_systemd_thinks_well_of_the_units(rolled: Container) -> None:
    """systemd-analyze has no complaint about the installed units, and their exposure is at most 2.0."""
    verified = rolled.run("systemd-analyze verify --man=no camera-soft-cam@0.service camera-soft-cam.target")
    assert verified.stdout + verified.stderr == ""
    exposure = re.search(
        r"exposure level for \S+: ([\d.]+)", rolled.output(f"systemd-analyze security --no-pager {UNIT}")
    )
    assert exposure
    assert float(exposure[1]) <= 2.0


def test_a_wrong_setting_keeps_the_unit_down(rolled: Container) -> None:
    """The unit ends with 78, is not restarted, and logs the line."""
    with settings(rolled, "cam1_fps=fast"):
        assert rolled.run(f"systemctl restart {UNIT}", check=False).returncode == 1
        state = show(rolled, "ActiveState", "SubState", "ExecMainStatus", "NRestarts")
        assert state == ["failed", "failed", "78", "0"]
        assert re.search(r"camera-soft-stream\.env:\d+: cam1_fps=fast: ", rolled.journal(UNIT))
    serves(rolled, 0, 1)


def test_a_missing_camera_keeps_the_unit_down(rolled: Container) -> None:
    """The unit ends with 66 and is not restarted; the other camera serves, and the doctor reports the problem."""
    with settings(rolled, "cam1_source=picamera"):
        assert rolled.run(f"systemctl restart {UNIT}", check=False).returncode == 1
        state = show(rolled, "ActiveState", "SubState", "ExecMainStatus", "NRestarts")
        assert state == ["failed", "failed", "66", "0"]
        serves(rolled, 0)
        found = rolled.run("soft-stream doctor --json", check=False)
        assert found.returncode == 1
        wrong = [
            finding["about"]
            for line in found.stdout.splitlines()
            if (finding := json.loads(line)).get("level") == "wrong"
        ]
        assert {"units", "cameras"} <= set(wrong)
    serves(rolled, 0, 1)


def test_the_doctor_finds_nothing_wrong(rolled: Container) -> None:
    """On a healthy machine the doctor ends with 0, and has checked every part."""
    serves(rolled, 0, 1)
    findings = [json.loads(line) for line in rolled.output("soft-stream doctor --json").splitlines()]
    assert findings[-1]["wrong"] == 0
    assert {"settings", "units", "service", "nginx"} <= {finding["about"] for finding in findings[:-1]}
    secret = rolled.folder / "secret"
    secret.write_text(password(rolled))
    rolled.put(secret, "/root/secret")
    with_login = rolled.output("soft-stream doctor --login camera --json </root/secret; echo; rm /root/secret")
    assert password(rolled) not in with_login
    assert '"wrong": 0' in with_login


def test_the_watchdog_replaces_a_process_that_stands_still(rolled: Container) -> None:
    """Systemd replaces a process that was stopped with SIGSTOP."""
    pid = pids(rolled)[0]
    rolled.run(f"kill -STOP {pid}")
    rolled.until(f"[ $(systemctl show --value --property MainPID camera-soft-cam@0) != {pid} ]", 300)
    rolled.until("systemctl is-active camera-soft-cam@0", 300)
    assert "Watchdog timeout" in rolled.journal("camera-soft-cam@0")
    serves(rolled, 0, 1)


def status(machine: Container, user: str = "") -> tuple[int, list[dict[str, Any]]]:
    """Return the exit status of `soft-stream status`, and the report of each camera."""
    done = machine.run(f"{user} soft-stream status --json", check=False)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def snapshot(machine: Container, user: str = "", camera: int = 0) -> tuple[int, str]:
    """Take a snapshot; return the exit status, and the first bytes of the file or else the message."""
    take = f"{user} soft-stream snapshot --camera {camera} -o /tmp/x.jpg"
    done = machine.run(f"cd /tmp; rm -f x.jpg; {take} && head -c 3 x.jpg | od -An -tx1", check=False)
    return done.returncode, (done.stdout + done.stderr).strip()


def test_status_and_snapshot_of_the_units(rolled: Container) -> None:
    """Root and members of the group video see all cameras and get snapshots; other users are sent to sudo."""
    rolled.run("useradd --groups video --create-home member")
    serves(rolled, 0, 1)
    mode = rolled.output(f"stat -c %a {SETTINGS}")
    rolled.run(f"chown root:video {SETTINGS}; chmod 640 {SETTINGS}")
    for user in ("", MEMBER):
        code, reports = status(rolled, user)
        assert (code, [each["camera"] for each in reports]) == (0, [0, 1])
        assert snapshot(rolled, user) == (0, "ff d8 ff")
    for command in ("status", "status --watch", "snapshot -o /tmp/y.jpg"):
        done = rolled.run(f"{STRANGER} soft-stream {command}", check=False)
        assert (done.returncode, done.stdout) == (78, "")
        assert "Run the command with sudo, or as a member of the group video." in done.stderr
    rolled.run(f"chmod {mode} {SETTINGS}; userdel --remove member")


def test_status_and_snapshot_of_units_that_are_down(rolled: Container) -> None:
    """The report has the exit status in words, and since when; where nothing listens, the camera itself is opened."""
    with settings(rolled, "cam1_source=picamera"):
        rolled.run(f"systemctl restart {UNIT}", check=False)
        rolled.run("systemctl stop camera-soft-cam@0")
        code, (stopped, missing) = status(rolled)
        assert (code, stopped["state"], missing["state"]) == (1, "down", "down")
        assert stopped["problem"] == "camera-soft-cam@0.service is inactive (dead)"
        assert missing["problem"] == f"{UNIT} is failed (exit status 66): its camera is missing"
        assert 0 <= missing["now"] - missing["since"] < 600
        assert snapshot(rolled) == (0, "ff d8 ff")
        code, message = snapshot(rolled, camera=1)
        assert (code, message.startswith("Camera 1: camera number 1 (counted from 0) is not connected")) == (66, True)
    serves(rolled, 0, 1)


def test_status_and_snapshot_where_everybody_needs_a_login(rolled: Container) -> None:
    """Root may read the key of the processes; a member of the group is sent to sudo."""
    rolled.run("useradd --groups video --create-home member")
    with settings(rolled, "cam_auth=always"):
        rolled.run(RESTART)
        assert status(rolled)[0] == 0
        assert snapshot(rolled) == (0, "ff d8 ff")
        code, reports = status(rolled, MEMBER)
        assert code == 1
        assert all("run the command with sudo" in each["problem"] for each in reports)
        code, message = snapshot(rolled, MEMBER)
        assert (code, "run the command with sudo" in message) == (1, True)
    rolled.run("userdel --remove member")
    serves(rolled, 0, 1)


def test_status_and_snapshot_by_the_socket_of_a_unit(rolled: Container) -> None:
    """It does not depend on the addresses of the settings."""
    with settings(rolled, "cam0_bind=192.0.2.9"):
        rolled.run(f"ip address add 192.0.2.9/32 dev lo; {RESTART}; ip address del 192.0.2.9/32 dev lo")
        assert status(rolled)[0] == 0
        assert snapshot(rolled) == (0, "ff d8 ff")
    serves(rolled, 0, 1)
