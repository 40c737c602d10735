"""libcamera's sizes, rectangles and flips."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


def _whole(*numbers: object) -> None:
    """Raise TypeError for everything but integers, as the bindings do."""
    if not all(isinstance(number, int) for number in numbers):
        raise TypeError(f"__init__(): incompatible constructor arguments. Invoked with: {numbers}")


class Size:
    """A width and a height in pixels."""

    def __init__(self, width: int = 0, height: int = 0) -> None:
        _whole(width, height)
        self.width = width
        self.height = height

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Size) and (self.width, self.height) == (other.width, other.height)

    def __hash__(self) -> int:
        return hash((self.width, self.height))

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    def __repr__(self) -> str:
        return f"libcamera.Size({self.width}, {self.height})"


class SizeRange(NamedTuple):
    """The sizes between a minimum and a maximum."""

    min: Size
    max: Size


class Rectangle:
    """A position and a size in pixels."""

    def __init__(self, x: int = 0, y: int = 0, width: int = 0, height: int = 0) -> None:
        _whole(x, y, width, height)
        self.x = x
        self.y = y
        self.width = width
        self.height = height

    @property
    def size(self) -> Size:
        """The size of it."""
        return Size(self.width, self.height)

    def within(self, bounds: Rectangle) -> Rectangle:
        """Return the rectangle, moved and cropped to be within bounds."""
        width, height = min(self.width, bounds.width), min(self.height, bounds.height)
        x = min(max(self.x, bounds.x), bounds.x + bounds.width - width)
        y = min(max(self.y, bounds.y), bounds.y + bounds.height - height)
        return Rectangle(x, y, width, height)

    def middle(self, aspect: tuple[int, int]) -> Rectangle:
        """Return the largest centred rectangle with an aspect ratio."""
        width = min(self.width, self.height * aspect[0] // aspect[1])
        height = min(self.height, self.width * aspect[1] // aspect[0])
        return Rectangle(self.x + (self.width - width) // 2, self.y + (self.height - height) // 2, width, height)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rectangle) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.x, self.y, self.width, self.height))

    def __str__(self) -> str:
        return f"({self.x}, {self.y})/{self.width}x{self.height}"

    def __repr__(self) -> str:
        return f"libcamera.Rectangle({self.x}, {self.y}, {self.width}, {self.height})"


class Transform:
    """Flips and a transposition; Picamera2 adds `__eq__` to the class, which keeps the hash of an object."""

    def __init__(
        self, rotation: int | Transform = 0, hflip: bool = False, vflip: bool = False, transpose: bool = False
    ) -> None:
        if isinstance(rotation, Transform):
            hflip, vflip, transpose = rotation.hflip, rotation.vflip, rotation.transpose
        elif rotation == 180:
            hflip, vflip = not hflip, not vflip
        elif rotation:
            raise RuntimeError("Invalid rotation")
        self.hflip: bool = bool(hflip)
        self.vflip: bool = bool(vflip)
        self.transpose: bool = bool(transpose)

    def __str__(self) -> str:
        names = [name for name in ("hflip", "vflip", "transpose") if getattr(self, name)]
        return f"<libcamera.Transform '{','.join(names) or 'identity'}'>"


class Orientation(IntEnum):
    """The orientation of an image, with the numbers of Exif."""

    Rotate0 = 1
    Rotate0Mirror = 2
    Rotate180 = 3
    Rotate180Mirror = 4
    Rotate90Mirror = 5
    Rotate270 = 6
    Rotate270Mirror = 7
    Rotate90 = 8


# The orientations that a sensor can do itself: (hflip, vflip).
FLIPS = {
    Orientation.Rotate0: (False, False),
    Orientation.Rotate0Mirror: (True, False),
    Orientation.Rotate180: (True, True),
    Orientation.Rotate180Mirror: (False, True),
}
