"""The lab itself: both machines boot, and look like a Raspberry Pi to a rollout."""

import json
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.end_to_end.lab.conftest import BootContainer
from tests.end_to_end.lab.container import Container
from tests.end_to_end.lab.guest import Guest

LIST = """
import json
from picamera2 import Picamera2
print(json.dumps({camera["Model"]: camera["Id"] for camera in Picamera2.global_camera_info()}))
"""


def cameras(guest: Guest) -> dict[str, str]:
    """Return the ids of the cameras that Picamera2 lists for an ordinary user, by name."""
    found: dict[str, str] = json.loads(guest.output(["/opt/picam/bin/python", "-c", LIST], user="pi"))
    return found


def link(camera: int) -> str:
    """Return the name that udev gives to the video device of a camera."""
    return f"/dev/v4l/by-id/usb-Lab_Lab_camera_{camera}_LAB{camera}-video-index0"


@pytest.mark.parametrize("user", ["root", "pi"])
def test_both_users_log_in_to_the_container_and_may_do_everything(container: Container, user: str) -> None:
    """Root and pi log in by key; sudo needs no password."""
    assert container.output("sudo -n id -un", user=user) == "root"


def test_everything_in_the_container_is_up(container: Container) -> None:
    """No unit has failed."""
    assert container.output("systemctl is-system-running; systemctl --failed --plain --no-legend") == "running"


def test_a_rollout_has_to_bring_aiohttp_and_jinja2(container: Container) -> None:
    """No interpreter has them; /opt/picam has Picamera2."""
    for python in ("python3", "/opt/picam/bin/python"):
        for module in ("aiohttp", "jinja2"):
            assert "ModuleNotFoundError" in container.run([python, "-c", f"import {module}"], check=False).stderr
    container.run(["/opt/picam/bin/python", "-c", "import picamera2, simplejpeg, numpy"])


def test_there_is_no_way_out_of_the_container(container: Container) -> None:
    """The container has no default route."""
    assert container.output("ip -4 route show default; ip -6 route show default") == ""


def test_the_containers_ports_are_reached_from_here(container: Container) -> None:
    """Nginx answers on the address of the container, and on its loopback to a program in its network."""
    for url in (container.url(80), "http://127.0.0.1/"):
        assert "Welcome to nginx" in container.net(["curl", "--silent", "--fail", url]).stdout
    with urllib.request.urlopen(container.url(80), timeout=60) as answer:
        assert b"Welcome to nginx" in answer.read()


def test_ssh_and_scp_of_this_machine_know_the_container(container: Container, tmp_path: Path) -> None:
    """A program with the environment of the machine reaches `pi@container` by that name."""
    (tmp_path / "word").write_text("hello\n")
    script = f"scp -q {tmp_path}/word pi@container:word && ssh pi@container cat word"
    done = subprocess.run(
        ["/bin/sh", "-c", script], env=container.environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout == "hello\n"


def test_files_and_folders_are_put_there(container: Container, tmp_path: Path) -> None:
    """A file keeps its mode, a folder its files; missing parent folders are created."""
    (tmp_path / "folder").mkdir()
    script = tmp_path / "folder" / "hello.sh"
    script.write_text("#!/bin/sh\necho hello\n")
    script.chmod(0o755)
    container.put(script, "/srv/a b/script")
    container.put(tmp_path / "folder", "/srv/c/copy")
    assert container.output(["/srv/a b/script"]) == container.output("/srv/c/copy/hello.sh") == "hello"


def test_systemds_watchdog_works_in_the_container(container: Container) -> None:
    """Systemd ends a silent service and logs the reason."""
    service = "systemd-run --quiet --wait --unit=silent --property=Type=notify --property=NotifyAccess=all"
    assert container.run(f"{service} --property=WatchdogSec=1 sh -c 'systemd-notify --ready; sleep inf'", check=False)
    assert "Watchdog timeout" in container.journal("silent")


def test_each_container_starts_afresh(container: Container, boot_container: BootContainer) -> None:
    """Two run at the same time; changes in one do not appear in the other."""
    container.run("touch /etc/changed")
    other = boot_container()
    assert other.run("test -e /etc/changed", check=False).returncode == 1
    assert other.url(80) != container.url(80)


def test_the_guests_cameras_keep_their_ids(guest: Guest) -> None:
    """Picamera2 lists both; unplugged cameras disappear; plugged in in reverse order each has its old id."""
    guest.until(f"test -e {link(0)} && test -e {link(1)}")
    before = cameras(guest)
    assert set(before) == {"Lab camera 0: Lab camera 0", "Lab camera 1: Lab camera 1"}
    assert len(set(before.values())) == 2
    first = guest.output(f"readlink {link(0)}")

    for camera in (0, 1):
        guest.unplug(camera)
        guest.until(f"! test -e {link(camera)}")
    assert cameras(guest) == {}

    for camera in (1, 0):
        guest.plug(camera)
        guest.until(f"test -e {link(camera)}")
    assert guest.output(f"readlink {link(1)}") == first
    assert cameras(guest) == before


def test_a_frozen_camera_gives_frames_again(guest: Guest) -> None:
    """A frozen camera sends no frame; thawed, its stream continues. A stalled one needs a new stream."""
    guest.until(f"test -e {link(0)}")
    frames = f"v4l2-ctl --device={link(0)} --stream-mmap --stream-count"
    guest.run(f"{frames}=3")
    guest.freeze(0)
    assert guest.run(f"timeout 5 {frames}=3", check=False).returncode == 124
    guest.run(f"({frames}=3; echo status $?) >/tmp/frames 2>&1 &")
    guest.thaw(0)
    guest.until("grep -q 'status 0' /tmp/frames")
    guest.stall(0)
    guest.run(f"{frames}=3")


def test_the_guest_reboots_with_its_disk_and_its_cameras(guest: Guest) -> None:
    """A reboot keeps the disk and the plugged-in camera; the other one is plugged in later."""
    guest.until(f"test -e {link(0)} && test -e {link(1)}")
    before = cameras(guest)
    guest.run("echo kept >/srv/kept")
    guest.unplug(0)
    guest.reboot()
    assert guest.output("cat /srv/kept") == "kept"
    guest.until(f"test -e {link(1)}")
    assert guest.run(f"test -e {link(0)}", check=False).returncode == 1
    guest.plug(0)
    guest.until(f"test -e {link(0)}")
    assert cameras(guest) == before


def test_everything_in_the_guest_is_up(guest: Guest) -> None:
    """No unit has failed, and sudo needs no password."""
    assert guest.output("systemctl is-system-running; systemctl --failed --plain --no-legend") == "running"
    assert guest.output("sudo -n id -un", user="pi") == "root"
