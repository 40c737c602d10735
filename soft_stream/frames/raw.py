"""A picture as the camera delivers it: planes of YUV420 or a JPEG, with its metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    # numpy is imported when a camera opens, not before: it doubles the memory of a process that only waits
    import numpy
    from numpy.typing import NDArray

    Plane = NDArray[numpy.uint8]


class FocusState(StrEnum):
    """What the lens does, in the words of libcamera's AfState; NONE where there is no autofocus."""

    NONE = "none"
    IDLE = "idle"
    SCANNING = "scanning"
    FOCUSED = "focused"
    FAILED = "failed"


@dataclass(frozen=True)
class Orientation:
    """How a picture is turned: mirrored first, then rotated clockwise by 0, 90, 180 or 270 degrees."""

    hflip: bool = False
    vflip: bool = False
    rotation: int = 0

    @property
    def normalized(self) -> Self:
        """The same turn with a rotation of 0 or 90 only: half a turn is both mirrors."""
        half = self.rotation >= 180
        return type(self)(self.hflip != half, self.vflip != half, self.rotation % 180)


@dataclass(frozen=True)
class FrameMetadata:
    """What the camera tells of a frame, where it does: seconds, factor, dioptres."""

    exposure_time: float | None = None
    gain: float | None = None
    lens_position: float | None = None
    exposure_settled: bool = True
    """False while automatic exposure is still on its way."""


NO_METADATA = FrameMetadata()
"""What a camera tells that says nothing; made once, since it belongs to every frame."""


@dataclass(slots=True)
class RawFrame:
    """A picture as the camera delivers it: planes (Y, U, V, each 2-D, uint8, full range) or the camera's own JPEG.

    Its memory belongs to the camera: use it inside `with`, and keep nothing of it.
    """

    size: tuple[int, int]
    captured_at: float
    """Unix seconds."""
    focus: FocusState = FocusState.NONE
    metadata: FrameMetadata = NO_METADATA
    planes: tuple[Plane, Plane, Plane] | None = None
    jpeg: bytes = b""
    release: Callable[[], None] = field(default=lambda: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.planes = None
        self.release()

    def copy(self) -> RawFrame:
        """Return the frame in memory of its own, which may be kept."""
        planes = None
        if self.planes:
            y, u, v = self.planes
            planes = (y.copy(), u.copy(), v.copy())
        return replace(self, planes=planes, release=lambda: None)


def split_planes(pixels: Plane, size: tuple[int, int], stride: int) -> tuple[Plane, Plane, Plane]:
    """Cut the planes out of a flat YUV420 array without a copy; U's and V's rows are half a stride apart."""
    width, height = size
    y = pixels[: height * stride].reshape(height, stride)[:, :width]
    chroma = pixels[height * stride : height * stride * 3 // 2].reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    return y, chroma[0], chroma[1]
