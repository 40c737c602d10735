"""libcamera's pixel formats and their memory layout."""

from __future__ import annotations

import re

# bytes per pixel in the first plane, and the size of a frame in halves of the first plane
LAYOUTS = {
    "YUV420": (1, 3), "YVU420": (1, 3), "NV12": (1, 3), "NV21": (1, 3), "YUYV": (2, 2), "YVYU": (2, 2),
    "UYVY": (2, 2), "VYUY": (2, 2), "RGB888": (3, 2), "BGR888": (3, 2), "XRGB8888": (4, 2), "XBGR8888": (4, 2),
    "MJPEG": (2, 2), "R8": (1, 2),
}  # fmt: skip


class PixelFormat:
    """The name of a pixel format."""

    def __init__(self, name: str = "<INVALID>") -> None:
        self.name = name if name in LAYOUTS or is_raw(name) else "<INVALID>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PixelFormat) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"libcamera.PixelFormat('{self.name}')"


def is_raw(name: str) -> bool:
    """Return whether a sensor delivers this format."""
    return name.startswith(("SRGGB", "SBGGR", "SGBRG", "SGRBG")) or re.fullmatch(r"R\d+(_CSI2P)?", name) is not None


def stride_of(name: str, width: int, *, pisp: bool) -> int:
    """Return the stride in bytes for the ISP of a Pi 5 (PiSP) or of other boards (VC4)."""
    if is_raw(name):
        line = width if name.endswith("8") else width * 5 // 4
        return _aligned(line, 64 if pisp else 32)
    line = width * LAYOUTS[name][0]
    if name in ("YUV420", "YVU420"):  # the chroma lines, half as long, are aligned too
        return _aligned(line, 128 if pisp else 64)
    return _aligned(line, 64 if pisp else 32)


def frame_size_of(name: str, stride: int, height: int) -> int:
    """Return the size of a frame in bytes."""
    return stride * height if is_raw(name) else stride * height * LAYOUTS[name][1] // 2


def _aligned(number: int, to: int) -> int:
    return (number + to - 1) // to * to
