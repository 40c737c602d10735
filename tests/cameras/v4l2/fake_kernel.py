"""A kernel that answers the ioctls about what V4L2 devices are and can do, for one process and without frames."""

import errno
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from soft_stream.cameras.v4l2 import kernel
from soft_stream.cameras.v4l2.kernel import Cap

WEBCAM = Cap.VIDEO_CAPTURE | Cap.STREAMING
Rates = Sequence[tuple[int, int]]
"""Intervals, as numerators and denominators."""


@dataclass
class Node:
    """What the driver of one device node says; a size that is a range has six numbers, a range of rates three pairs."""

    capabilities: int = WEBCAM
    driver: str = "uvcvideo"
    card: str = "Webcam"
    bus: str = "usb-0000:00:14.0-1"
    formats: dict[str, dict[tuple[int, ...], Rates]] = field(default_factory=lambda: {"MJPG": {(640, 480): [(1, 30)]}})

    def answer(self, request: int, memory: bytearray) -> bytes:
        """Return the structure of an ioctl."""
        if request == kernel.QUERYCAP:
            names = (self.driver.encode(), self.card.encode(), self.bus.encode())
            return kernel.CAPABILITY.pack(*names, 0, self.capabilities | Cap.DEVICE_CAPS, self.capabilities)
        index, pixel_format = struct.unpack_from("=2I", memory)
        name = pixel_format.to_bytes(4, "little").decode()
        if request == kernel.ENUM_FMT:
            return kernel.FORMAT_DESCRIPTION.pack(index, 1, 0, b"", kernel.fourcc(list(self.formats)[index]), 0)
        if request == kernel.ENUM_FRAMESIZES:
            size = list(self.formats[name])[index]
            is_range = len(size) > 2
            return kernel.FRAME_SIZE.pack(index, pixel_format, 3 if is_range else 1, *size, *[0] * (6 - len(size)))
        if request == kernel.ENUM_FRAMEINTERVALS:
            size = struct.unpack_from("=2I", memory, 8)
            rates = next((each for known, each in self.formats[name].items() if len(known) > 2 or known == size), ())
            if len(rates) == 3 and not index:  # a range
                numbers = [number for pair in rates for number in pair]
                return kernel.FRAME_INTERVAL.pack(index, pixel_format, *size, 2, *numbers)
            return kernel.FRAME_INTERVAL.pack(index, pixel_format, *size, 1, *rates[index], *[0] * 4)
        raise OSError(errno.ENOTTY, "not supported")


def install(monkeypatch: pytest.MonkeyPatch, root: Path, nodes: dict[int, Node]) -> None:
    """Make files of the nodes, whose descriptors the fake kernel knows."""
    (root / "dev").mkdir(exist_ok=True)
    for number in nodes:
        (root / f"dev/video{number}").touch()

    def ioctl(descriptor: int, request: int, memory: bytearray, _: bool = True) -> int:  # as fcntl's
        name = Path(f"/proc/self/fd/{descriptor}").readlink().name
        try:
            answer = nodes[int(name.removeprefix("video"))].answer(request, memory)
        except IndexError:
            raise OSError(errno.EINVAL, "no more") from None
        memory[: len(answer)] = answer
        return 0

    monkeypatch.setattr("fcntl.ioctl", ioctl)
