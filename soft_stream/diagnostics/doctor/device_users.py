"""Which programs have a camera of this machine, whoever they are: read from /sys and /proc, nothing is opened."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soft_stream.cameras.picamera.device_users import ROOT, name_device_users

# video nodes that are no cameras: codecs and image processors of a Raspberry Pi
PROCESSORS = re.compile(r"bcm2835-(codec|isp)|pispbe|rpi-hevc|rpivid")


@dataclass(frozen=True)
class Holding:
    """A camera as the kernel names it, its first video node, and the programs that have it."""

    camera: str
    node: str
    programs: str

    @property
    def pids(self) -> set[int]:
        """Who they are."""
        return {int(pid) for pid in re.findall(r"\(pid (\d+)\)", self.programs)}


def holdings(root: Path = ROOT) -> list[Holding]:
    """List the cameras that somebody has."""
    return list(_holdings(root))


def _holdings(root: Path) -> Iterator[Holding]:
    nodes = sorted((root / "sys/class/video4linux").glob("video*"), key=lambda node: (len(node.name), node.name))
    cameras: dict[Path, list[Path]] = {}
    for node in nodes:
        cameras.setdefault((node / "device").resolve(), []).append(node)
    for parts in cameras.values():
        with suppress(OSError, ValueError):  # it was unplugged this very moment
            name = (parts[0] / "name").read_text(encoding="utf-8", errors="replace").strip()
            if PROCESSORS.match(name):
                continue
            numbers = [os.makedev(*map(int, (part / "dev").read_text().split(":"))) for part in parts]
            if programs := name_device_users(numbers, root):
                yield Holding(name, f"/dev/{parts[0].name}", programs)
