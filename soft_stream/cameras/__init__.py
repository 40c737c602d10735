"""Where raw frames come from: the contract that every kind of camera keeps, and which kinds there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    # numpy is imported when a camera opens, not before: it doubles the memory of a process that only waits
    import numpy
    from numpy.typing import NDArray

    Plane = NDArray[numpy.uint8]


class CameraError(Exception):
    """The camera cannot do what it was asked to; the message is a sentence for people."""


class CameraMissing(CameraError):
    """The camera is not connected."""


class CameraBusy(CameraError):
    """Another program has the camera."""


class CameraUnsupported(CameraError):
    """The software that this kind of camera needs is not installed, or does not work."""


class NoFrame(CameraError):
    """No frame came within the timeout; the camera may still deliver one later."""


class CameraHung(CameraError):
    """A call into the camera does not return; only a new process helps."""


class Focus(StrEnum):
    """What the lens does, in the words of libcamera's AfState; NONE where there is no autofocus."""

    NONE = "none"
    IDLE = "idle"
    SCANNING = "scanning"
    FOCUSED = "focused"
    FAILED = "failed"


class FocusMode(StrEnum):
    """What the lens is asked to do."""

    CYCLE = "cycle"
    CONTINUOUS = "continuous"


@dataclass(frozen=True)
class Orientation:
    """How a picture is turned: mirrored first, then rotated clockwise by 0, 90, 180 or 270 degrees."""

    hflip: bool = False
    vflip: bool = False
    rotation: int = 0


@dataclass(frozen=True)
class Negotiated:
    """What the camera agreed to when it was opened; sizes are (width, height) as it delivers them."""

    size: tuple[int, int]
    pixel_format: str
    stride: int
    colour_space: str
    sensor_mode: str
    fps: float
    has_autofocus: bool
    orientation: Orientation
    """What is left to turn after what the camera does itself."""
    differences: tuple[str, ...] = ()
    """Sentences about what differs from what was asked for, the size apart."""

    def __str__(self) -> str:
        width, height = self.size
        return (
            f"main {width}x{height} {self.pixel_format}, stride {self.stride}, {self.colour_space}, "
            f"sensor mode {self.sensor_mode}, {self.fps:g} fps"
        )


@dataclass
class RawFrame:
    """A picture as the camera delivers it: planes (Y, U, V, each 2-D, uint8, full range) or the camera's own JPEG.

    Its memory belongs to the camera: use it inside `with`, and keep nothing of it.
    """

    size: tuple[int, int]
    captured_at: float
    """Unix seconds."""
    focus: Focus = Focus.NONE
    planes: tuple[Plane, Plane, Plane] | None = None
    jpeg: bytes = b""
    release: Callable[[], None] = field(default=lambda: None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.planes = None
        self.release()


class Camera(Protocol):
    """A camera from its opening to its closing; made anew for each opening, touched by one thread only."""

    def open(self) -> Negotiated:
        """Acquire, configure and start the camera.

        Raises:
            CameraMissing: it is not connected.
            CameraBusy: another program has it.
            CameraError: anything else that keeps it from starting.
        """

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the next frame of the stream.

        Raises:
            NoFrame: none came in `timeout` seconds.
            CameraError: the camera is gone or broken.
        """

    def focus(self, mode: FocusMode) -> None:
        """Start an AF cycle, after which the lens holds still, or continuous AF; frames tell how it goes."""

    def still(self, timeout: float) -> RawFrame:
        """Capture one frame at the snapshot size; the stream goes on with the next `capture`.

        Raises the same as `capture`.
        """

    def close(self) -> None:
        """Stop and free the camera; does nothing on one that is not open."""


@dataclass(frozen=True)
class Found:
    """A camera that could be opened."""

    id: str
    model: str
    origin: str
    """Where it was found: CSI or USB, and by which program."""
