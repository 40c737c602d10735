"""The interface that every camera driver implements, and the errors that it raises."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from soft_stream.frames.raw import Orientation, RawFrame
from soft_stream.frames.zoom import Rectangle


class CameraError(Exception):
    """The camera cannot do what was requested; the message is a sentence for the user."""

    retry_after = 0.0
    """Seconds until it may be opened again, if that is longer than the setting `retry_pause`."""


class CameraMissing(CameraError):
    """The camera is not connected."""


class CameraBusy(CameraError):
    """Another program is using the camera."""


class CameraUnsupported(CameraError):
    """The software that the driver needs is not installed or does not work."""


class CameraAmbiguous(CameraError):
    """Several cameras match the configured id."""


class NoFrame(CameraError):
    """No frame arrived within the timeout; the camera may still deliver one later."""


class NotLive(NoFrame):
    """The source says why it has no live frame, or is being connected again: opening it again would not help."""


class ControlsRefused(CameraError):
    """The camera driver rejected the controls."""


class NoStill(CameraError):
    """A still could not be captured; the stream continues."""


class CameraHung(CameraError):
    """A call into the camera does not return; only a new process can recover."""


class FocusMode(StrEnum):
    """An order to the lens: keep its position, scan once, focus continuously, or move to a position."""

    HOLD = "hold"
    CYCLE = "cycle"
    CONTINUOUS = "continuous"
    MANUAL = "manual"


@dataclass(frozen=True)
class Negotiated:
    """The configuration that the camera accepted; sizes are (width, height) as it delivers them."""

    size: tuple[int, int]
    pixel_format: str
    stride: int
    colour_space: str
    sensor_mode: str
    fps: float
    has_autofocus: bool
    orientation: Orientation
    """The part of the requested orientation that the camera does not apply itself."""
    model: str = ""
    camera_id: str = ""
    """libcamera's id of the camera that was opened; empty for other sources."""
    still_method: str = ""
    """How a still is captured: `dual` beside the stream, `switch` by interrupting it, empty from the stream itself."""
    longest_interval: float = 0.0
    """Seconds between frames at the longest exposure that is allowed; 0 if unknown."""
    differences: tuple[str, ...] = ()
    """Sentences about how this differs from the settings, except for the size."""

    def __str__(self) -> str:
        width, height = self.size
        return (
            f"main {width}x{height} {self.pixel_format}, stride {self.stride}, {self.colour_space}, "
            f"sensor mode {self.sensor_mode}, {self.fps:g} fps"
        )


# libcamera's AfModeEnum
AF_MANUAL, AF_AUTO, AF_CONTINUOUS = 0, 1, 2
# https://github.com/raspberrypi/picamera2, `CompletedRequest.release`: 0 returns these controls to automatic mode
ZERO_IS_AUTOMATIC = ("ExposureTime", "AnalogueGain")

ControlValue = bool | int | float | tuple[int, ...] | tuple[float, ...]


@dataclass(frozen=True)
class Control:
    """A control of a camera; its value consists of `count` numbers. Names and units are libcamera's, or V4L2's."""

    name: str
    kind: str
    """`bool`, `int`, `float`, or `rectangle` (x, y, width, height); the bounds of a rectangle are rectangles too."""
    count: int
    min: ControlValue
    max: ControlValue
    default: ControlValue | None
    choices: tuple[tuple[int, str], ...] = ()
    """The only values of a control that is a menu, with the driver's names; empty for any other control."""


class Camera(Protocol):
    """A camera driver for one session, from `open` to `close`; only one thread may call it."""

    def open(self) -> Negotiated:
        """Acquire, configure and start the camera.

        Raises:
            CameraMissing: the camera is not connected.
            CameraBusy: another program is using it.
            CameraError: it cannot be started for another reason.
        """

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the next frame of the stream; skip those that are damaged.

        Raises:
            NoFrame: no frame arrived within `timeout` seconds; NotLive if the source says why.
            CameraError: the camera has failed or is disconnected.
        """

    def take_damaged(self) -> Sequence[str]:
        """Return why frames were damaged and skipped, one phrase for each since the last call."""

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """Send an order to the lens; the frames report its state. MANUAL uses `lens_position`, in dioptres."""

    def still(self, timeout: float) -> RawFrame:
        """Capture one frame at the snapshot size without moving the lens; the next `capture` returns a stream frame.

        Raises:
            NoStill: the still failed; the stream continues.
            CameraError: as for `capture`.
        """

    def restart(self) -> Negotiated:
        """Stop, configure and start the camera again without releasing it."""

    def controls(self) -> list[Control]:
        """List the controls of the camera in its current configuration."""

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """Set controls, which must have the right types and be within their bounds; they stay set until `close`."""

    def set_zoom(self, crop: Rectangle | None) -> None:
        """Show a part of the sensor in the stream until `close`; None shows what the control ScalerCrop says.

        Stills at the snapshot size show all of that, unless the camera has one crop for both.
        """

    def close(self) -> None:
        """Stop and release the camera; do nothing if it is not open."""


@dataclass(frozen=True)
class CameraInfo:
    """A connected camera."""

    id: str
    model: str
    usb: bool = False
