"""[developer's machine] Whether the file systems of the target keep what a rollout writes."""

import re
from typing import Any

OVERLAY = """\
The root file system of the target is an overlay in memory: nothing would survive a reboot. Switch it off and reboot:
  sudo raspi-config nonint disable_overlayfs && sudo reboot
Then deploy, and switch it on again: sudo raspi-config nonint enable_overlayfs && sudo reboot"""
READ_ONLY = """\
The target has mounted read-only: {}. Mount it writable, and check /etc/fstab and the card:
  sudo mount -o remount,rw {}"""
# raspi-config of Raspberry Pi OS 11, of 12 and newer (the package overlayroot), and systemd
KERNEL = re.compile(r"(?:^|\s)(?:boot=overlay|overlayroot=(?:tmpfs|crypt)\S*|systemd\.volatile=(?!no\b)\S+)(?=\s|$)")
# where the package overlayroot keeps what is written
OVERLAYROOT, UPPER = "overlayroot", "/media/root-rw"


def problem(facts: dict[str, Any]) -> str:
    """Return why a rollout would not last, and what to do; "" if it would.

    An overlay alone is no problem: containers have one, too. It must be one that Raspberry Pi OS or systemd makes.
    """
    mounts = {words[1]: words for line in facts["mounts"].splitlines() if len(words := line.split()) > 2}
    source, _, kind = mounts.get("/", ["", "", ""])[:3]
    upper = mounts.get(UPPER, ["", "", "tmpfs"])[2]  # its table may be that of a container
    if kind == "overlay" and ((source == OVERLAYROOT and upper == "tmpfs") or KERNEL.search(facts["cmdline"])):
        return OVERLAY
    if facts["read_only"]:
        return READ_ONLY.format(", ".join(facts["read_only"]), facts["read_only"][0])
    return ""
