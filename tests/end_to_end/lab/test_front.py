"""A rolled-out server from the view of its owner: login, slow clients, pauses, and units that fail and restart."""

import json
import re
import socket
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.deploying import SETTINGS, TWO_CAMERAS, Checkout, answer, password, pids, serves

UNIT = "camera-soft-cam@1.service"
PAUSE = "/run/camera-soft-stream/cam0.pause"
PAGES = (
    "/", "/stream.mjpg", "/snapshot.jpg", "/snap.jpg", "/cameras", "/cameras.json", "/webrtc", "/status.json",
    "/healthz", "/controls.json", "/static/camera/main.js", "/static/", "/nothing",
)  # fmt: skip
POSTS = ("/controls", "/focus", "/arm", "/pause", "/resume")
RSS_GROWTH = 4_000  # kB


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
        machine.run(f"cp /root/settings {SETTINGS} && systemctl restart camera-soft-cam@0 camera-soft-cam@1")


def test_nobody_comes_in_without_a_login(rolled: Container) -> None:
    """Every URL on every external port is 401 without a login, and with a wrong one."""
    for port, prefixes in ((8080, ("", "/cam0", "/cam1")), (8081, ("",)), (8082, ("",))):
        for prefix in prefixes:
            for path in PAGES:
                url = f"http://127.0.0.1:{port}{prefix}{path}"
                assert answer(rolled, url) == "401 A login is needed.", url
            for path in POSTS:
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
    """While the process of a camera is down, another one serves the first page; the port of the camera is 502."""
    rolled.run("systemctl stop camera-soft-cam@0")
    assert curl(rolled, "/", port=8080).startswith("200 ")
    assert curl(rolled, "/cam0/", port=8080).startswith("502 ")
    assert curl(rolled, "/").startswith("502 ")
    rolled.run("systemctl start camera-soft-cam@0")

    pid = pids(rolled)[0]
    rolled.run(f"kill -KILL {pid}")
    while show(rolled, "ActiveState", unit="camera-soft-cam@0")[0] != "active":
        assert curl(rolled, "/", port=8080).startswith("200 ")
    assert pids(rolled)[0] != pid
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
    """Values of POST /controls?keep=1 through nginx survive a restart."""
    assert curl(rolled, "/controls?keep=1", "--data", "Brightness=0.25").startswith("200 ")
    rolled.run("systemctl restart camera-soft-cam@0")
    serves(rolled, 0)
    status = json.loads(curl(rolled, "/status.json").partition(" ")[2])
    assert status["controls"]["Brightness"] == 0.25
    assert rolled.output("stat -c %U /var/lib/camera-soft-stream/*controls*") == "camera-soft-stream"
    assert curl(rolled, "/controls?keep=1", "--json", '{"Brightness": null}').startswith("200 ")


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
