"""A camera as a thing: what the world does to it, and what can be seen of it."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, NamedTuple

from tests.support.fake_libcamera.models import Model


class Stall(IntEnum):
    """What it takes to have frames again."""

    NONE = 0
    UNTIL_RESTART = 1
    UNTIL_REOPENING = 2
    UNTIL_RESUMED = 3


class Applied(NamedTuple):
    """A control that took effect."""

    frame: int
    """Since the camera was started."""
    name: str
    value: Any


@dataclass(frozen=True)
class Configured:
    """What the camera was configured to."""

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


class Device:
    """A camera, with the faults it has; every method may be called in any thread."""

    def __init__(self, name: str, camera_id: str, model: Model, *, pisp: bool, numbers: tuple[int, ...] = ()) -> None:
        self.name = name
        self.id = camera_id
        self.model = model
        self.pisp = pisp
        self.numbers = numbers
        """Of its device files, major * 256 + minor."""

        self.subject = 2.5
        """How far the subject is, in dioptres."""
        self.startup_frames = 2 if model.modes else 0
        """How many frames are no good after a cold start; about 7 in reality."""

        self.plugged = True
        self.stalled = Stall.NONE
        self.holder = ""
        self.darkness = 0
        """How long the exposures are, in microseconds, where it is dark."""
        self.garbled = 0
        self.opening_takes = 0.0
        self.gil_held_for = 0.0
        self.out_of_memory = 0
        self.out_of_memory_at = "allocate"
        self.memory_denied = 0
        self.af_frames = 10.0
        self.af_will_fail = False
        self.af_muted = False
        self.lost_controls: set[str] = set()
        self.stop_returns = threading.Event()
        self.stop_returns.set()

        self.acquired = False
        self.running = False
        self.openings = 0
        self.starts = 0
        self.frames = 0
        """Delivered since it was made, startup frames apart."""
        self.startup_frames_given = 0
        self.frame_duration = 0
        """In microseconds, now."""
        self.configurations: list[Configured] = []
        self.applied: list[Applied] = []
        self.af_mode = 0
        self.af_state = 0
        self.lens_position = 0.0
        self.listeners: weakref.WeakSet[Any] = weakref.WeakSet()
        """The libcamera objects that want to know of a pulled cable."""

    # What the world does to it.

    def unplug(self) -> None:
        """Pull the cable."""
        self.plugged = False
        for camera in list(self.listeners):
            camera.unplugged()

    def plug(self) -> None:
        """Put the cable back; a camera at a flex is seen by a new CameraManager only."""
        self.plugged = True

    def stall(self, *, survives_restart: bool = False, survives_reopening: bool = False) -> None:
        """Have no frames until the camera is started again, opened again, or resumed."""
        if survives_reopening:
            self.stalled = Stall.UNTIL_RESUMED
        else:
            self.stalled = Stall.UNTIL_REOPENING if survives_restart else Stall.UNTIL_RESTART

    def resume(self) -> None:
        """End a stall; one that lasted longer than libcamera waits still needs a start."""
        self.stalled = Stall.NONE

    def hang_on_stop(self) -> None:
        """Let `stop` not return."""
        self.stop_returns.clear()

    def let_go(self) -> None:
        """Let `stop` return after all."""
        self.stop_returns.set()

    def hold_gil(self, seconds: float) -> None:
        """Let the next configure, start or stop keep every thread of Python from running."""
        self.gil_held_for = seconds

    def seize(self, holder: str = "another program") -> None:
        """Have another program hold the camera."""
        self.holder = holder

    def free(self) -> None:
        """Have the other program close the camera."""
        self.holder = ""

    def run_out_of_memory(self, times: int = 1, at: str = "allocate") -> None:
        """Let the next full-size buffers fail, in Picamera2's `configure` or (at="start") in its `start`."""
        self.out_of_memory = times
        self.out_of_memory_at = at

    def deny_memory(self, times: int = 1) -> None:
        """Let the next openings fail at the dma heap, which Picamera2 opens last: the camera is acquired by then."""
        self.memory_denied = times

    def slow_open(self, seconds: float) -> None:
        """Let `acquire` take its time."""
        self.opening_takes = seconds

    def darken(self, microseconds: int = 200_000) -> None:
        """Turn the light off: exposures take so long, as far as FrameDurationLimits lets them."""
        self.darkness = microseconds

    def brighten(self) -> None:
        """Turn the light on."""
        self.darkness = 0

    def garble(self, frames: int = 1) -> None:
        """Let the next frames of a webcam be no JPEG."""
        self.garbled = frames

    def slow_af(self, frames: float) -> None:
        """Let a scan take so many frames."""
        self.af_frames = frames

    def af_never_ends(self) -> None:
        """Let scans go on for ever."""
        self.af_frames = float("inf")

    def af_fails(self) -> None:
        """Let scans end in Failed."""
        self.af_will_fail = True

    def mute_af(self) -> None:
        """Have a lens without an algorithm: AfMode is advertised, AfState never seen."""
        self.af_muted = True

    def lose_controls(self, *names: str) -> None:
        """Advertise these controls no more."""
        self.lost_controls |= set(names)

    # What can be seen of it.

    @property
    def configuration(self) -> Configured:
        """The last configuration."""
        return self.configurations[-1]

    def values_of(self, control: str) -> list[Any]:
        """List what a control was set to, in order."""
        return [value for _, name, value in self.applied if name == control]

    # What its libcamera object asks it.

    def is_out_of_memory(self, at: str, size: int) -> bool:
        """Tell whether there is no memory for a buffer of this size, and count it."""
        width, height = self.model.pixel_array
        if not self.out_of_memory or at != self.out_of_memory_at or size < width * height:
            return False
        self.out_of_memory -= 1
        return True

    def is_memory_denied(self) -> bool:
        """Tell whether the dma heap may not be opened for it, and count it."""
        denied = self.acquired and self.memory_denied > 0
        self.memory_denied -= denied
        return denied
