"""[target] The package in an image: where systemd does not run, `rollout configure` waits for the first boot.

Which cameras are connected is known only there, and a password must not be the same in all copies of an image.
"""

import sys
from pathlib import Path

from rollout.system import run, write
from soft_stream.config.installation import PACKAGED

SYSTEMD = Path("/run/systemd/system")
UNIT = Path("/etc/systemd/system/camera-soft-stream-first-boot.service")
WANTED = UNIT.with_name("multi-user.target.wants") / UNIT.name
TEXT = """\
# Written when the package camera-soft-stream was installed in an image; the first boot removes it.
[Unit]
Description=Set up the cameras
After=network.target nginx.service

[Service]
Type=oneshot
Environment=PYTHONSAFEPATH=1 "PYTHONPATH={lib}"
ExecStart="{python}" -m rollout configure

[Install]
WantedBy=multi-user.target
"""


def has_systemd() -> bool:
    """Return True if systemd runs: not in a chroot."""
    return SYSTEMD.is_dir()


def enable(folder: Path) -> None:
    """Let the next boot configure the cameras; the target of the cameras is enabled then, too."""
    write({UNIT: TEXT.format(python=sys.executable, lib=PACKAGED / "lib")})
    run("systemctl", "enable", "--quiet", UNIT.name)


def disable() -> None:
    """Remove the unit."""
    WANTED.unlink(missing_ok=True)
    UNIT.unlink(missing_ok=True)
