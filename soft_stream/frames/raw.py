"""Raw frames: YUV420 planes or a JPEG from the camera, with metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    # numpy is imported only when a camera opens, because it doubles the memory of an idle process
    import numpy
    from numpy.typing import NDArray

    Plane = NDArray[numpy.uint8]


class FocusState(StrEnum):
    """The state of autofocus, with the names of libcamera's AfState; NONE without autofocus."""

    NONE = "none"
    IDLE = "idle"
    SCANNING = "scanning"
    FOCUSED = "focused"
    FAILED = "failed"


@dataclass(frozen=True)
class Orientation:
    """The orientation of a frame: mirrored first, then rotated clockwise by 0, 90, 180 or 270 degrees."""

    hflip: bool = False
    vflip: bool = False
    rotation: int = 0

    @property
    def normalized(self) -> Self:
        """The same orientation with a rotation of 0 or 90 degrees: 180 degrees are both flips."""
        half = self.rotation >= 180
        return type(self)(self.hflip != half, self.vflip != half, self.rotation % 180)

    def then(self, other: Orientation) -> Orientation:
        """Return the orientation of a frame that is turned by this orientation and then by the other one."""
        # to mirror left and right after a quarter turn is the same as to mirror top and bottom before it
        hflip, vflip = (other.vflip, other.hflip) if self.rotation in (90, 270) else (other.hflip, other.vflip)
        rotation = (self.rotation + other.rotation) % 360
        return Orientation(self.hflip != hflip, self.vflip != vflip, rotation).normalized


UPRIGHT = Orientation()


@dataclass(frozen=True)
class FrameMetadata:
    """The metadata of a frame, in seconds, as a factor, and in dioptres; None if the camera does not report it."""

    exposure_time: float | None = None
    gain: float | None = None
    lens_position: float | None = None
    exposure_settled: bool | None = True
    """False while automatic exposure is still adjusting; None if the camera does not report that."""
    crop: tuple[int, int, int, int] | None = None
    """The part of the sensor that the frame shows: x, y, width, height, in pixels of the sensor."""


NO_METADATA = FrameMetadata()
"""The metadata of a frame without any; shared, to save time per frame."""


@dataclass(slots=True)
class RawFrame:
    """A frame from the camera: planes (Y, U, V, each 2-D, uint8, full range) or the camera's own JPEG.

    The camera owns the memory of the planes: use them only inside `with`, or `copy` the frame.
    """

    size: tuple[int, int]
    """The (width, height) of the stored pixels."""
    captured_at: float
    """Monotonic seconds."""
    focus: FocusState = FocusState.NONE
    metadata: FrameMetadata = NO_METADATA
    planes: tuple[Plane, Plane, Plane] | None = None
    jpeg: bytes = b""
    orientation: Orientation = UPRIGHT
    """The turn that shows the stored pixels of a camera's own JPEG upright, from its Exif data."""
    is_checked: bool = False
    """Whether the camera's own JPEG has been decoded, and is whole."""
    release: Callable[[], None] = field(default=lambda: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.planes = None
        self.release()

    def copy(self) -> RawFrame:
        """Return a copy of the frame that may be kept."""
        planes = None
        if self.planes:
            y, u, v = self.planes
            planes = (y.copy(), u.copy(), v.copy())
        return replace(self, planes=planes, release=lambda: None)


def split_planes(pixels: Plane, size: tuple[int, int], stride: int) -> tuple[Plane, Plane, Plane]:
    """Return views of the planes of a flat YUV420 array; the stride of U and V is half that of Y."""
    width, height = size
    y = pixels[: height * stride].reshape(height, stride)[:, :width]
    chroma = pixels[height * stride : height * stride * 3 // 2].reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    return y, chroma[0], chroma[1]
