"""A camera device: its faults, and its observable state."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from tests.support.fake_libcamera.models import Model

MANY_FRAMES = 1_000_000


class Stall(IntEnum):
    """What ends a stall."""

    NONE = 0
    UNTIL_RESTART = 1
    UNTIL_REOPENING = 2
    UNTIL_RESUMED = 3


class Firmware(NamedTuple):
    """What a webcam leaves out of its JPEGs, and adds to them."""

    without_tables: bool = False
    without_end: bool = False
    padding: int = 0


class Applied(NamedTuple):
    """A control that was applied."""

    frame: int
    """Counted from the start of the camera."""
    name: str
    value: Any


@dataclass(frozen=True)
class Configured:
    """A configuration of the camera."""

    size: tuple[int, int]
    pixel_format: str
    stride: int
    buffer_count: int
    colour_space: str
    lores: tuple[int, int] | None
    raw: tuple[int, int] | None
    hflip: bool
    vflip: bool
    sensor_mode: tuple[int, int] | None
    bit_depth: int | None = None
    """The bit depth of the sensor mode."""


class Device:
    """A camera and its faults; all methods may be called from any thread."""

    def __init__(self, name: str, camera_id: str, model: Model, *, pisp: bool, numbers: tuple[int, ...] = ()) -> None:
        self.name = name
        self.id = camera_id
        self.model = model
        self.pisp = pisp
        self.numbers = numbers
        """The numbers of its device files, major * 256 + minor."""

        self.subject = 2.5
        """The distance of the subject in dioptres."""
        self.startup_frames = 2 if model.modes else 0
        """The number of unusable frames after a cold start; about 7 on real cameras."""

        self.plugged = True
        self.stalled = Stall.NONE
        self.holder = ""
        self.darkness = 0
        """The exposure time in the dark, in microseconds."""
        self.first_exposures: tuple[float, ...] = ()
        """The brightness of the first frames after each start, 1 is right."""
        self.later_exposures: tuple[float, ...] = (1.0,)
        """The brightness of the other frames, in turn."""
        self.garbled = 0
        self.firmware = Firmware()
        self.lossy_frames, self.share_kept = 0, 1.0
        self.glued = 0
        self.sent_instead = b""
        self.opening_takes = 0.0
        self.gil_held_for = 0.0
        self.out_of_memory = 0
        self.out_of_memory_at = "allocate"
        self.memory_denied = 0
        self.af_frames = 10.0
        self.af_will_fail = False
        self.af_muted = False
        self.lost_controls: set[str] = set()
        self.odd_metadata: dict[str, Any] = {}
        """What the driver reports about each frame instead."""
        self.stop_returns = threading.Event()
        self.stop_returns.set()

        self.acquired = False
        self.running = False
        self.openings = 0
        self.starts = 0
        self.frames = 0
        """The number of delivered frames, without startup frames."""
        self.startup_frames_given = 0
        self.frame_duration = 0
        """The current value in microseconds."""
        self.configurations: list[Configured] = []
        self.applied: list[Applied] = []
        self.af_mode = 0
        self.af_state = 0
        self.lens_position = 0.0
        self.listeners: weakref.WeakSet[Any] = weakref.WeakSet()
        """The libcamera objects to notify about a disconnected cable."""

    # Faults and changes.

    def unplug(self) -> None:
        """Disconnect the camera."""
        self.plugged = False
        for camera in list(self.listeners):
            camera.unplugged()

    def plug(self) -> None:
        """Connect the camera again; only a new CameraManager finds a CSI camera."""
        self.plugged = True

    def stall(self, *, survives_restart: bool = False, survives_reopening: bool = False) -> None:
        """Stop delivering frames until a restart, a new session, or `resume`."""
        if survives_reopening:
            self.stalled = Stall.UNTIL_RESUMED
        else:
            self.stalled = Stall.UNTIL_REOPENING if survives_restart else Stall.UNTIL_RESTART

    def resume(self) -> None:
        """End a stall; if it lasted longer than libcamera's timeout, a restart is still needed."""
        self.stalled = Stall.NONE

    def hang_on_stop(self) -> None:
        """Block `stop`."""
        self.stop_returns.clear()

    def let_go(self) -> None:
        """Let `stop` return."""
        self.stop_returns.set()

    def hold_gil(self, seconds: float) -> None:
        """Hold the GIL during the next configure, start or stop."""
        self.gil_held_for = seconds

    def seize(self, holder: str = "another program") -> None:
        """Let another program open the camera."""
        self.holder = holder

    def free(self) -> None:
        """Let the other program close the camera."""
        self.holder = ""

    def run_out_of_memory(self, times: int = 1, at: str = "allocate") -> None:
        """Fail at the next full-size buffers, in Picamera2's `configure` or (at="start") in its `start`."""
        self.out_of_memory = times
        self.out_of_memory_at = at

    def deny_memory(self, times: int = 1) -> None:
        """Fail at the next opening of the dma heap, which Picamera2 does last, after it has acquired the camera."""
        self.memory_denied = times

    def slow_open(self, seconds: float) -> None:
        """Delay `acquire`."""
        self.opening_takes = seconds

    def darken(self, microseconds: int = 200_000) -> None:
        """Turn off the light: set the exposure time, which FrameDurationLimits still limits."""
        self.darkness = microseconds

    def brighten(self) -> None:
        """Turn on the light."""
        self.darkness = 0

    def expose(self, first: Sequence[float] = (), later: Sequence[float] = (1.0,)) -> None:
        """Set the brightness of the first frames after each start, and of the others, in turn; 1 is right."""
        self.first_exposures, self.later_exposures = tuple(first), tuple(later)

    def garble(self, frames: int = 1) -> None:
        """Replace the next frames of a webcam by noise."""
        self.garbled = frames

    def leave_out(self, *, huffman_tables: bool = False, end: bool = False, padding: int = 0) -> None:
        """Send the JPEGs of a webcam without DHT, or without EOI and with zeros behind them, as many firmwares do."""
        self.firmware = Firmware(without_tables=huffman_tables, without_end=end, padding=padding)

    def lose_data(self, share: float = 0.5, frames: int = MANY_FRAMES) -> None:
        """Lose the end of the next frames of a webcam, as with a bad cable: `share` of their bytes remain."""
        self.lossy_frames, self.share_kept = frames, share

    def glue_frames(self, frames: int = 1) -> None:
        """Send the next frames of a webcam behind half of an earlier one, as after the loss of the packet between."""
        self.glued = frames

    def send_instead(self, jpeg: bytes) -> None:
        """Send a JPEG in place of the frames of a webcam, as a firmware does that changes the size by itself."""
        self.sent_instead = jpeg

    def slow_af(self, frames: float) -> None:
        """Set the number of frames per scan."""
        self.af_frames = frames

    def af_never_ends(self) -> None:
        """Let scans never end."""
        self.af_frames = float("inf")

    def af_fails(self) -> None:
        """Let scans end with Failed."""
        self.af_will_fail = True

    def mute_af(self) -> None:
        """Disable the algorithm of the lens: AfMode is advertised, but frames have no AfState."""
        self.af_muted = True

    def lose_controls(self, *names: str) -> None:
        """Stop advertising these controls."""
        self.lost_controls |= set(names)

    # Observable state.

    @property
    def configuration(self) -> Configured:
        """The last configuration."""
        return self.configurations[-1]

    def values_of(self, control: str) -> list[Any]:
        """Return the values that a control was set to, in order."""
        return [value for _, name, value in self.applied if name == control]

    # Queries of its libcamera object.

    def transmit(self, jpeg: bytes) -> bytes:
        """Return what arrives of a webcam's JPEG, and count the faults."""
        from tests.support.jpegs import DHT, EOI, without  # late, because it imports numpy

        jpeg = self.sent_instead or jpeg
        if self.firmware.without_tables:
            jpeg = without(jpeg, DHT)
        if self.firmware.without_end:
            jpeg = jpeg.removesuffix(EOI)
        if self.glued:
            self.glued -= 1
            jpeg = jpeg[: len(jpeg) // 2] + jpeg
        if self.lossy_frames:
            self.lossy_frames -= 1
            jpeg = jpeg[: int(len(jpeg) * self.share_kept)]
        return jpeg + bytes(self.firmware.padding)

    def is_out_of_memory(self, at: str, size: int) -> bool:
        """Return whether the allocation of a buffer of this size fails, and count the failure."""
        width, height = self.model.pixel_array
        if not self.out_of_memory or at != self.out_of_memory_at or size < width * height:
            return False
        self.out_of_memory -= 1
        return True

    def is_memory_denied(self) -> bool:
        """Return whether opening the dma heap fails, and count the failure."""
        denied = self.acquired and self.memory_denied > 0
        self.memory_denied -= denied
        return denied
