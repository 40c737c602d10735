"""Targets that keep nothing over a reboot, or that cannot be written to."""

import json
import subprocess
import sys

import pytest
from rollout import root_filesystem
from rollout.target import FACTS

CARD = "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n/dev/mmcblk0p1 /boot/firmware vfat ro 0 0\n"
OVERLAY = "overlay / overlay rw,relatime,lowerdir=/lower,upperdir=/upper/data,workdir=/upper/work 0 0\n"
OVERLAYROOT = "overlayroot / overlay rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay 0 0\n"
TMPFS = "tmpfs-root /media/root-rw tmpfs rw,relatime 0 0\n"
DISK = "/dev/sda1 /media/root-rw ext4 rw 0 0\n"


@pytest.mark.parametrize(
    ("mounts", "cmdline", "is_overlay"),
    [
        (CARD, "console=tty1 root=PARTUUID=1-02 rootwait", False),
        (OVERLAY, "console=tty1 boot=overlay root=PARTUUID=1-02", True),
        (CARD + TMPFS + OVERLAYROOT, "overlayroot=tmpfs console=tty1", True),
        (TMPFS + OVERLAYROOT, "", True),  # switched on in /etc/overlayroot.conf
        (DISK + OVERLAYROOT, "overlayroot=device:dev=/dev/sda1", False),
        (OVERLAY, "systemd.volatile=overlay", True),
        (OVERLAY, "systemd.volatile=no overlayroot=disabled", False),
        (OVERLAY, "quiet", False),  # a container
        (CARD, "overlayroot=tmpfs", False),  # takes effect after the next reboot
        ("", "", False),
    ],
)
def test_an_overlay_in_memory(mounts: str, cmdline: str, *, is_overlay: bool) -> None:
    """An overlay that Raspberry Pi OS or systemd makes is reported, with the command; that of a container is none."""
    said = root_filesystem.problem({"mounts": mounts, "cmdline": cmdline, "read_only": []})
    assert ("raspi-config nonint disable_overlayfs" in said) == is_overlay
    assert bool(said) == is_overlay


def test_read_only() -> None:
    """A file system that is mounted read-only is named."""
    said = root_filesystem.problem({"mounts": CARD, "cmdline": "", "read_only": ["/", "/etc"]})
    assert "read-only: /, /etc." in said
    assert "mount -o remount,rw /" in said


def test_the_facts_of_a_machine() -> None:
    """The script that runs on the target reports what this check needs."""
    done = subprocess.run([sys.executable, "-c", FACTS], capture_output=True, text=True, check=True)
    facts = json.loads(done.stdout)
    assert any(line.split()[1] == "/" for line in facts["mounts"].splitlines())
    assert facts["read_only"] == []
    assert root_filesystem.problem(facts) == ""
