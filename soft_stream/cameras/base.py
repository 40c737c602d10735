"""Where raw frames come from: the contract that every kind of camera keeps, and which kinds there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from soft_stream.frames.raw import Orientation, RawFrame


class CameraError(Exception):
    """The camera cannot do what it was asked to; the message is a sentence for people."""


class CameraMissing(CameraError):
    """The camera is not connected."""


class CameraBusy(CameraError):
    """Another program has the camera."""


class CameraUnsupported(CameraError):
    """The software that this kind of camera needs is not installed, or does not work."""


class CameraAmbiguous(CameraError):
    """Several cameras could be meant."""


class NoFrame(CameraError):
    """No frame came within the timeout; the camera may still deliver one later."""


class ControlsRefused(CameraError):
    """The camera fails on what it was told."""


class NoStill(CameraError):
    """There is no picture at the snapshot size; the stream goes on."""


class CameraHung(CameraError):
    """A call into the camera does not return; only a new process helps."""


class FocusMode(StrEnum):
    """What the lens is asked to do: stay where it is, scan once and then stay, follow the scene, go somewhere."""

    HOLD = "hold"
    CYCLE = "cycle"
    CONTINUOUS = "continuous"
    MANUAL = "manual"


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
    model: str = ""
    still_method: str = ""
    """How a still is taken: `dual` leaves the stream alone, `switch` interrupts it, empty needs neither."""
    longest_interval: float = 0.0
    """Seconds from frame to frame at the longest exposure that is allowed; 0 where the camera does not say."""
    differences: tuple[str, ...] = ()
    """Sentences about what differs from what was asked for, the size apart."""

    def __str__(self) -> str:
        width, height = self.size
        return (
            f"main {width}x{height} {self.pixel_format}, stride {self.stride}, {self.colour_space}, "
            f"sensor mode {self.sensor_mode}, {self.fps:g} fps"
        )


# libcamera's AfModeEnum
AF_MANUAL, AF_AUTO, AF_CONTINUOUS = 0, 1, 2
# https://github.com/raspberrypi/picamera2, `CompletedRequest.release`: a value of 0 gives them back to the algorithm
ZERO_IS_AUTOMATIC = ("ExposureTime", "AnalogueGain")

ControlValue = bool | int | float | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True)
class Control:
    """A control that a camera has, in libcamera's words and units; `count` values make one setting of it."""

    name: str
    kind: str
    """`bool`, `int`, `float`, or `rectangle`: x, y, width and height, whose bounds are rectangles too."""
    count: int
    min: ControlValue
    max: ControlValue
    default: ControlValue | None


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

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """Tell the lens what to do; frames tell how it goes. MANUAL takes a lens position in dioptres."""

    def still(self, timeout: float) -> RawFrame:
        """Capture one frame at the snapshot size, with the lens where it is; the next `capture` is the stream's again.

        Raises:
            NoStill: it cannot be had; the stream goes on.
            CameraError: the same as `capture`.
        """

    def restart(self) -> Negotiated:
        """Stop, configure and start once more, without giving the camera away."""

    def controls(self) -> list[Control]:
        """List the controls that the camera has, as it is configured now."""

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """Set controls, of the right types and within their bounds; they hold until `close`."""

    def close(self) -> None:
        """Stop and free the camera; does nothing on one that is not open."""


@dataclass(frozen=True)
class CameraInfo:
    """A camera that could be opened."""

    id: str
    model: str
    usb: bool = False
