"""A camera made of arithmetic, for machines without one; it focuses, stalls and unplugs on demand.

`PatternDevice` is the thing at the end of the cable: it outlives each opening and has the verbs that say what happens
to it. `PatternCamera` is one opening of it and keeps the contract of all cameras.
"""

import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING

from soft_stream.cameras import (
    CameraBusy,
    CameraError,
    CameraMissing,
    Focus,
    FocusMode,
    Negotiated,
    NoFrame,
    Orientation,
    RawFrame,
)
from soft_stream.settings import Settings

if TYPE_CHECKING:
    from soft_stream.cameras.test_scene import Scene

SENSOR_SIZE = (2304, 1296)
STRIDE_ALIGNMENT = 128  # the Raspberry Pi 5's
FOCUS_LATENCY = 3  # frames until a control reaches the sensor
FOCUS_SWEEP = 15  # frames that a scan takes


class PatternDevice:
    """What a test camera is plugged into; all verbs may be called from any thread."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.plugged = True
        self.stalled = False
        self.stall_survives_reopening = False
        self.held_by = ""
        self.open_seconds = 0.0
        self.close_hangs = False
        self.focus_fails = False
        self.has_autofocus = True
        self.lens = 0.0
        """0 is out of focus, 1 sharp."""
        self.opened = 0
        self.closed = 0
        self.threads: set[int] = set()
        """Who touched the camera: never more than one thread."""

    def unplug(self) -> None:
        """Pull the cable."""
        self._become(plugged=False)

    def plug(self) -> None:
        """Put the cable back."""
        self._become(plugged=True, stalled=False)

    def stall(self, *, survives_reopening: bool = False) -> None:
        """Stop delivering frames, without a word."""
        self._become(stalled=True, stall_survives_reopening=survives_reopening)

    def resume(self) -> None:
        """Deliver frames again."""
        self._become(stalled=False)

    def seize(self, holder: str) -> None:
        """Let another program have the camera."""
        self._become(held_by=holder)

    def free(self) -> None:
        """Let the other program give the camera back."""
        self._become(held_by="")

    def slow_open(self, seconds: float) -> None:
        """Let the next openings take their time."""
        self._become(open_seconds=seconds)

    def hang_on_close(self) -> None:
        """Let `close` never return, until `let_go`."""
        self._become(close_hangs=True)

    def let_go(self) -> None:
        """Let a hanging `close` return after all."""
        self._become(close_hangs=False)

    def _become(self, **state: object) -> None:
        with self.changed:
            for name, value in state.items():
                setattr(self, name, value)
            self.changed.notify_all()


class PatternCamera:
    """One opening of a test camera."""

    def __init__(self, settings: Settings, device: PatternDevice) -> None:
        self._settings = settings
        self._device = device
        self._scene: Scene | None = None
        self._started_at = 0.0
        self._tick = 0
        self._mode: FocusMode | None = None
        self._mode_since = 0

    def open(self) -> Negotiated:
        """Draw the scene and start the clock; see `Camera.open`."""
        from soft_stream.cameras.test_scene import Scene

        device = self._touch()
        with device.changed:
            device.changed.wait_for(lambda: False, device.open_seconds)
            if not device.plugged:
                raise CameraMissing(f"test camera {self._settings.camera} is unplugged")
            if device.held_by:
                raise CameraBusy(f"test camera {self._settings.camera} is in use by {device.held_by}")
            device.opened += 1
            device.lens = 0.0
            device.stalled = device.stalled and device.stall_survives_reopening
        settings = self._settings
        size = (settings.width, settings.height)
        self._scene = Scene(size, STRIDE_ALIGNMENT, settings.title, settings.camera)
        self._started_at = time.monotonic()
        return Negotiated(
            size=size,
            pixel_format="YUV420",
            stride=self._scene.stride,
            colour_space="sYCC",
            sensor_mode=f"{SENSOR_SIZE[0]}x{SENSOR_SIZE[1]}",
            fps=settings.fps,
            has_autofocus=device.has_autofocus,
            orientation=Orientation(settings.hflip, settings.vflip, settings.rotation),
        )

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the clock's next tick; ticks that nobody waited for are lost, as on a sensor."""
        device, scene = self._touch(), self._opened()
        deadline = time.monotonic() + timeout
        with device.changed:
            while True:
                now = time.monotonic()
                next_tick = max(self._tick + 1, int((now - self._started_at) * self._settings.fps))
                due = self._started_at + next_tick / self._settings.fps
                if not device.plugged or device.stalled:
                    due = deadline + 1
                if due <= now:
                    break
                if now >= deadline:
                    raise NoFrame(f"no frame within {timeout:g} s")
                device.changed.wait(min(due, deadline) - now)
            self._tick = next_tick
            focus = self._move_lens()
        return self._draw(scene, focus)

    def focus(self, mode: FocusMode) -> None:
        """Start to move the lens; see `Camera.focus`."""
        self._touch()
        self._mode, self._mode_since = mode, self._tick

    def still(self, timeout: float) -> RawFrame:
        """Draw one frame at the snapshot size; see `Camera.still`."""
        from soft_stream.cameras.test_scene import Scene

        with self.capture(timeout) as now:
            focus = now.focus
        size = (self._settings.snapshot_width, self._settings.snapshot_height)
        scene = Scene(size if all(size) else SENSOR_SIZE, STRIDE_ALIGNMENT, self._settings.title, self._settings.camera)
        return self._draw(scene, focus)

    def close(self) -> None:
        """Free the scene's memory; see `Camera.close`."""
        device = self._touch()
        with device.changed:
            device.changed.wait_for(lambda: not device.close_hangs)
            device.closed += self._scene is not None
        self._scene = None

    def _draw(self, scene: "Scene", focus: Focus) -> RawFrame:
        captured_at = time.time()
        planes = scene.draw(self._tick, self._device.lens, datetime.fromtimestamp(captured_at).astimezone())
        return RawFrame(scene.size, captured_at, focus, planes=planes)

    def _touch(self) -> PatternDevice:
        self._device.threads.add(threading.get_ident())
        if len(self._device.threads) > 1:
            raise AssertionError("a second thread touches the camera")
        return self._device

    def _opened(self) -> "Scene":
        if self._scene is None:
            raise CameraError("the test camera is not open")
        return self._scene

    def _move_lens(self) -> Focus:
        """Do one frame's worth of autofocus; the states follow each other as AfState does on a camera."""
        device, mode = self._device, self._mode
        if not device.has_autofocus:
            return Focus.NONE
        done = self._tick - self._mode_since - FOCUS_LATENCY
        if mode is None or (mode is FocusMode.CYCLE and done < 0):
            return Focus.IDLE
        if mode is FocusMode.CYCLE and done < FOCUS_SWEEP:
            device.lens = done / FOCUS_SWEEP
            return Focus.SCANNING
        if device.focus_fails:
            device.lens = 0.3
            return Focus.FAILED
        device.lens = 1.0
        return Focus.FOCUSED
