"""The programs that use a camera, read from /sys and /proc; no device is opened."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soft_stream.cameras.device_users import ROOT, name_device_users

# video nodes that are not cameras: codecs and image processors of a Raspberry Pi
PROCESSORS = re.compile(r"bcm2835-(codec|isp)|pispbe|rpi-hevc|rpivid")


@dataclass(frozen=True)
class UsedCamera:
    """A camera in use: its name in the kernel, its first video node, and the programs that use it."""

    camera: str
    node: str
    programs: str

    @property
    def pids(self) -> set[int]:
        """The process ids of the programs."""
        return {int(pid) for pid in re.findall(r"\(pid (\d+)\)", self.programs)}


def used_cameras(root: Path = ROOT) -> list[UsedCamera]:
    """List the cameras that programs use."""
    return list(_used_cameras(root))


def _used_cameras(root: Path) -> Iterator[UsedCamera]:
    nodes = sorted((root / "sys/class/video4linux").glob("video*"), key=lambda node: (len(node.name), node.name))
    cameras: dict[Path, list[Path]] = {}
    for node in nodes:
        cameras.setdefault((node / "device").resolve(), []).append(node)
    for parts in cameras.values():
        with suppress(OSError, ValueError):  # it was unplugged just now
            name = (parts[0] / "name").read_text(encoding="utf-8", errors="replace").strip()
            if PROCESSORS.match(name):
                continue
            numbers = [os.makedev(*map(int, (part / "dev").read_text().split(":"))) for part in parts]
            if programs := name_device_users(numbers, root):
                yield UsedCamera(name, f"/dev/{parts[0].name}", programs)
