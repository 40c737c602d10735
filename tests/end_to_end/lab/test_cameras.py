"""A rollout to a bare machine with real Picamera2, udev and systemd, and the faults of cameras after it."""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.lab.guest import Guest
from tests.end_to_end.lab.machine import wait
from tests.end_to_end.lab.serving import PICAMERA2, SETTINGS, Clock, Portal, by_serial, unit

RULES = "/etc/udev/rules.d/90-camera-soft-stream.rules"
IDS = """
from picamera2 import Picamera2
for camera in sorted(Picamera2.global_camera_info(), key=lambda each: each["Model"]): print(camera["Id"])
"""

# a reboot of an emulated machine takes minutes beside other load; `Machine.until` has a limit of its own
pytestmark = pytest.mark.timeout(1800)
# what pip writes for the command, and webcamd's own unit for a camera
WEBCAMD = """#!/opt/picam/bin/python
import sys
from soft_stream.cli.webcamd import main
sys.exit(main())
"""
WEBCAMD_UNIT = """[Unit]
Description=Webcam Daemon. A minimalist webcam streaming service.

[Service]
Type=simple
User=pi
Group=pi
Environment=PYTHONPATH=/opt/camera-soft-stream/current/lib
ExecStart=/usr/bin/webcamd --index %I --port 28080
ExecStop=killall -u webcam webcamd
"""

Say = Callable[[str], None]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Return a function that prints a figure to the terminal."""

    def to_the_terminal(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n    {line}\n")

    return to_the_terminal


@pytest.fixture(scope="module")
def rollout(guest: Guest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Portal, str]:
    """Roll out with one command; return the server and the output."""
    assert guest.run("ls /opt/camera-soft-stream /etc/camera-streamer", check=False).stdout == ""
    portal = Portal(guest, tmp_path_factory.mktemp("copy") / "project")
    return portal, portal.deploy()


@pytest.fixture(scope="module")
def portal(rollout: tuple[Portal, str]) -> Portal:
    """Return the rolled-out server, with both cameras plugged in."""
    return rollout[0]


def test_one_command_takes_a_bare_machine_to_two_streams(rollout: tuple[Portal, str], say: Say) -> None:
    """Without internet both ids are in the settings, and nginx sends live frames to a client with the login."""
    portal, said = rollout
    ids = portal.guest.output([PICAMERA2, "-c", IDS]).splitlines()
    assert len(ids) == 2
    for camera, camera_id in enumerate(ids):
        assert f"cam{camera}: observed FPS" in said
        assert portal.guest.output(f"grep '^cam{camera}_id=' {SETTINGS}") == f"cam{camera}_id='{camera_id}'"
        assert portal.get(camera, "/stream.mjpg", login=False)[0] == 401
        say(f"camera {camera} through nginx: {portal.measure(camera, 150)}")


def test_a_second_rollout_changes_nothing(portal: Portal) -> None:
    """The second rollout reports that, and no process restarts."""
    before = [portal.show(camera, "MainPID") for camera in (0, 1)]
    assert "Nothing to change" in portal.deploy()
    assert [portal.show(camera, "MainPID") for camera in (0, 1)] == before


def test_the_process_has_no_rights_but_to_cameras(portal: Portal, say: Say) -> None:
    """The process has no capability, and nothing in its unit, not even root, can open another device."""
    guest = portal.guest
    pid = portal.show(0, "MainPID")
    assert guest.output(f"ps -o user:32=,group=,supgrp= -p {pid}").split() == ["camera-soft-stream", "video", "video"]
    facts = dict(re.findall(r"^(\w+):\t(.*)$", guest.output(f"cat /proc/{pid}/status"), re.MULTILINE))
    assert [int(facts[name], 16) for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")] == [0, 0, 0, 0]
    assert (facts["NoNewPrivs"], facts["Seccomp"]) == ("1", "2")

    group = f"/sys/fs/cgroup{portal.show(0, 'ControlGroup')}"
    assert guest.output(["cat", f"{group}/memory.max"]) == str(512 << 20)
    join = 'echo $$ >"$1/cgroup.procs"; exec 3<"$2"'
    may_open = {
        device: guest.run(["sh", "-c", join, "sh", group, device], check=False).returncode == 0
        for device in ("/dev/video0", "/dev/media0", "/dev/null", "/dev/vda", "/dev/kmsg")
    }
    assert [device for device, may in may_open.items() if may] == ["/dev/video0", "/dev/media0", "/dev/null"]

    with portal.watch(0) as viewer:
        judged = guest.output(["systemd-analyze", "security", "--no-pager", unit(0)]).splitlines()[-1]
        viewer.gets()
    say(judged)
    exposure = re.search(r"([\d.]+) OK", judged)
    assert exposure
    assert float(exposure[1]) <= 2.0


def test_udev_gives_each_camera_names_that_stay(portal: Portal) -> None:
    """Each camera has a link by port and one by serial number, each a device unit; udev accepts the rules."""
    guest = portal.guest
    guest.run(["udevadm", "verify", RULES])
    names = guest.output("ls /dev/camera").splitlines()
    assert [name.startswith("usb-serial-") for name in names] == [False, False, True, True]
    for camera, by_port in enumerate(names[:2]):
        links = [f"/dev/camera/{by_port}", by_serial(camera)]
        assert len(set(guest.output(["realpath", *links]).splitlines())) == 1
        for link in links:
            guest.run(f"systemctl is-active $(systemd-escape --path --suffix=device {link})")


def test_the_doctor_knows_which_camera_is_missing(portal: Portal) -> None:
    """The doctor ends with 0 if all is well, and with 1 and the missing id if a camera is unplugged."""
    status, findings = portal.doctor()
    # The kernel's log may hold a note about a webcam that an earlier test has pulled out.
    notes = [each for each in findings if each["level"] != "ok" and each["about"] != "kernel"]
    assert (status, notes) == (0, [])
    camera_id = portal.status(1)["id"]
    portal.unplug(1)
    status, findings = portal.doctor()
    portal.plug(1)
    assert status == 1
    assert [each["about"] for each in findings if each["level"] == "wrong" and camera_id in each["what"]] == ["cameras"]


def webcamd_serves(guest: Guest, camera: int) -> str:
    """Start webcamd's unit for the /dev/videoN of a camera, and stop it; return the id of the camera that it served."""
    guest.run(["sh", "-c", 'printf %s "$1" >/usr/bin/webcamd && chmod 755 /usr/bin/webcamd', "sh", WEBCAMD])
    guest.run(["sh", "-c", 'printf %s "$1" >/run/systemd/system/webcamd@.service', "sh", WEBCAMD_UNIT])
    index = guest.output(["realpath", by_serial(camera)]).removeprefix("/dev/video")
    guest.run(f"systemctl daemon-reload && systemctl start webcamd@{index}")
    guest.until("curl -sf http://127.0.0.1:28080/healthz")
    status = json.loads(guest.output("curl -s http://127.0.0.1:28080/status.json"))
    config = json.loads(guest.output("curl -s 'http://127.0.0.1:28080/?info'"))["config"]
    assert (config["index"], config["encodewait"], config["v6bindaddress"]) == (int(index), 0.01, "::")
    pid = guest.output(f"systemctl show --value --property=MainPID webcamd@{index}")
    assert guest.output(f"cat /proc/{pid}/comm") == "webcamd"
    guest.run(f"systemctl stop webcamd@{index}")
    assert guest.output(f"systemctl show --value --property=ExecMainStatus webcamd@{index}") == "0"
    camera_id: str = status["id"]
    return camera_id


def test_an_old_unit_of_webcamd_serves_the_camera_of_its_index(portal: Portal) -> None:
    """The unit's process has the name webcamd, and N is that of /dev/videoN; a device file without a camera is 66."""
    for camera in (0, 1):
        assert webcamd_serves(portal.guest, camera) == portal.status(camera)["id"]
    portal.guest.run("systemctl start webcamd@77")
    portal.guest.until("journalctl --boot --unit=webcamd@77 | grep status=66")
    assert "/dev/video77 does not exist; connected: " in portal.guest.journal("webcamd@77")


def test_a_camera_that_is_unplugged_comes_back_in_the_same_stream(portal: Portal, say: Say) -> None:
    """Without the camera /healthz is 503 and the stream shows the placeholder; the other stream continues."""
    before = [portal.show(camera, "MainPID") for camera in (0, 1)]
    with portal.watch(0) as viewer, portal.watch(1) as other:
        viewer.gets()
        portal.unplug(0)
        portal.until_health(0, 503, "is not connected")
        viewer.gets(3, "notice")
        other.gets(90)
        assert portal.get(1, "/healthz")[0] == 200
        clock = Clock()
        portal.plug(0)
        viewer.gets()
        say(f"plugged in again; after {clock} {portal.measure(0)}")
        other.gets()
    portal.until_health(0, 200)
    assert portal.status(1)["counters"]["restarts"] == 0
    assert [portal.show(camera, "MainPID") for camera in (0, 1)] == before


def test_a_camera_that_falls_silent_comes_back_in_the_same_stream(portal: Portal, say: Say) -> None:
    """The server restarts a stalled stream; a frozen camera continues when it is thawed."""
    before = [portal.show(camera, "MainPID") for camera in (0, 1)]
    with portal.watch(0) as stalled, portal.watch(1) as frozen:
        restarts = portal.status(0)["counters"]["restarts"]
        clock = Clock()
        portal.guest.stall(0)
        portal.guest.freeze(1)
        assert "no frames for" in portal.until_health(1, 503)
        frozen.gets(3, "notice")
        portal.guest.thaw(1)
        frozen.gets()
        say(f"camera 1, thawed, started again {portal.status(1)['counters']['restarts']} times: {portal.measure(1)}")
        wait(lambda: portal.status(0)["counters"]["restarts"] > restarts, "the stream is restarted")
        stalled.gets()
        say(f"camera 0, {clock} after it fell silent: {portal.measure(0)}")
    assert "the stream is restarted" in portal.guest.journal(unit(0))
    assert [portal.show(camera, "MainPID") for camera in (0, 1)] == before


def test_the_ladder_for_a_frozen_camera_ends_in_a_new_process(portal: Portal, say: Say) -> None:
    """After three sessions without a frame the process ends with 75, and systemd starts one that gives frames."""
    with portal.setting("cam1_watchdog_timeout=3"):
        portal.restart(1)
        try:
            with portal.watch(1) as viewer:
                viewer.gets()
                clock = Clock()
                portal.guest.freeze(1)
                portal.guest.until(f"journalctl --boot --unit={unit(1)} | grep status=75")
                say(f"status 75 after {clock}")
        finally:
            portal.guest.thaw(1)
        say(f"camera 1: {portal.measure(1)}")
        assert int(portal.show(1, "NRestarts")) >= 1
    portal.restart(1)


def test_systemds_watchdog_replaces_a_process_that_stands_still(portal: Portal, say: Say) -> None:
    """After `kill -STOP` systemd logs the watchdog, and a new process sends frames."""
    before = portal.show(0, "MainPID")
    clock = Clock()
    portal.guest.run(["kill", "-STOP", before])
    portal.guest.until(f"journalctl --boot --unit={unit(0)} | grep 'Watchdog timeout'")
    say(f"after {clock}: Watchdog timeout; {portal.measure(0)}")
    say(f"live again after {clock}")
    assert portal.show(0, "MainPID") not in ("0", before)
    assert portal.show(0, "NRestarts") == "1"


def test_a_wrong_setting_keeps_a_unit_down_until_it_is_right(portal: Portal) -> None:
    """The status is 78, without a retry, even when a camera is plugged in; with the right setting the unit serves."""
    guest = portal.guest
    with portal.setting("cam1_widht=5"):
        portal.restart(1)
        portal.unplug(1)
        portal.plug(1)
        assert (portal.show(1, "ActiveState"), portal.show(1, "NRestarts")) == ("failed", "0")
        shown = guest.run(["systemctl", "status", "--no-pager", "--full", unit(1)], check=False).stdout
        assert "status=78/CONFIG" in shown
        assert "did you mean cam1_width?" in shown
        portal.measure(0)
    portal.restart(1)
    portal.measure(1)


def test_a_camera_that_was_missing_at_boot_serves_as_soon_as_it_is_plugged_in(portal: Portal, say: Say) -> None:
    """Before that its unit is down with 66; a unit stopped by its owner stays down; each unit has its own camera."""
    guest = portal.guest
    guest.unplug(0)
    guest.reboot()
    guest.until(f"systemctl is-failed {unit(0)}")
    shown = guest.run(["systemctl", "status", "--no-pager", unit(0)], check=False).stdout
    assert "status=66/NOINPUT" in shown
    # a slow machine may have restarted it before, because its search for cameras took too long
    assert portal.show(0, "ExecMainStatus") == "66"
    say(f"camera 1 alone: {portal.measure(1)}")

    guest.run(["systemctl", "stop", unit(1)])
    clock = Clock()
    portal.plug(0)
    guest.until(f"systemctl is-active {unit(0)}")
    say(f"camera 0 was plugged in; {unit(0)} runs after {clock}: {portal.measure(0)}")
    assert portal.show(1, "ActiveState") == "inactive"
    guest.run(["systemctl", "start", unit(1)])

    # the kernel has found camera 1 first this time
    assert guest.output(["realpath", by_serial(1)]) == "/dev/video0"
    assert webcamd_serves(guest, 1) == portal.status(1)["id"]
    guest.run("systemctl restart camera-soft-cam.target")
    for camera, colour in enumerate(("blue", "brown")):
        portal.measure(camera, 2)
        assert portal.background(camera) == colour


def test_when_the_power_fails_during_a_rollout_the_release_before_serves(portal: Portal, tmp_path: Path) -> None:
    """The release on trial is discarded; both cameras serve from the old one, each its own."""
    guest = portal.guest
    current = guest.output("readlink /opt/camera-soft-stream/current")
    with (portal.project / "docs/operate.md").open("a") as changed:
        changed.write("\n")
    with portal.start_deploy() as rollout:
        try:
            wait(lambda: portal.show(0, "FragmentPath").startswith("/run/"), "the new release is on trial")
            guest.freeze(1)  # so that the trial cannot end
            portal.measure(0)
            assert rollout.poll() is None
            guest.reset()
            guest.thaw(1)
        finally:
            rollout.terminate()
    assert guest.output("readlink /opt/camera-soft-stream/current") == current
    for camera, colour in enumerate(("blue", "brown")):
        guest.until(f"systemctl is-active {unit(camera)}")
        assert portal.show(camera, "FragmentPath").startswith("/usr/local/")
        portal.measure(camera, 30)
        assert portal.background(camera) == colour
