"""The driver of the synthetic camera, for machines without a camera and for tests."""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from soft_stream.cameras.base import (
    AF_CONTINUOUS,
    AF_MANUAL,
    CameraBusy,
    CameraError,
    CameraMissing,
    Control,
    ControlValue,
    FocusMode,
    Negotiated,
    NoFrame,
    NoStill,
)
from soft_stream.cameras.synthetic.controls import FOCUS_POSITION, apply_controls, list_controls, sharpness
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.config.settings import Settings
from soft_stream.frames.clock import unix_time
from soft_stream.frames.raw import FocusState, FrameMetadata, Orientation, RawFrame
from soft_stream.message import Message

if TYPE_CHECKING:
    from soft_stream.cameras.synthetic.scene import Scene
    from soft_stream.frames.zoom import Rectangle

SENSOR_SIZE = (2304, 1296)
STRIDE_ALIGNMENT = 128  # as on a Raspberry Pi 5
DEFAULT_EXPOSURE = 0.004  # seconds
FOCUS_LATENCY = 3  # frames until a control reaches the sensor


class SyntheticCamera:
    """A camera driver for one session with a `SyntheticDevice`."""

    def __init__(self, settings: Settings, device: SyntheticDevice) -> None:
        self._settings = settings
        self._device = device
        self._scene: Scene | None = None
        self._started_at = 0.0
        self._tick = 0
        self._mode: FocusMode | None = None
        self._mode_since = 0
        self._controls: dict[str, ControlValue] = {}
        self._zoom: Rectangle | None = None

    def open(self) -> Negotiated:
        """Draw the scene and start the frame clock; see `Camera.open`."""
        from soft_stream.cameras.synthetic.scene import Scene

        device, began, number = self._use_device(), time.monotonic(), self._settings.camera
        with device.changed:
            device.changed.wait_for(lambda: time.monotonic() >= began + device.open_seconds, device.open_seconds)
            if not device.plugged:
                raise CameraMissing(
                    Message("test_camera_unplugged", "test camera {number} is unplugged", number=number)
                )
            if device.held_by:
                template = "test camera {number} is in use by {users}"
                raise CameraBusy(Message("test_camera_busy", template, number=number, users=device.held_by))
            device.opened += 1
            device.lens = 0.0
            device.stalled = device.stalled and device.stall_survives_reopening
        settings = self._settings
        self._scene = Scene((settings.width, settings.height), STRIDE_ALIGNMENT, settings.title, settings.camera)
        self._started_at = time.monotonic()
        return self._negotiated()

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the time of the next frame; skip the frames that were not waited for, as a sensor does."""
        device, scene = self._use_device(), self._require_scene()
        deadline = time.monotonic() + timeout
        with device.changed:
            while True:
                now = time.monotonic()
                next_tick = max(self._tick + 1, int((now - self._started_at) * self._fps))
                due = self._started_at + next_tick / self._fps
                if not device.plugged or device.stalled:
                    due = deadline + 1
                if due <= now:
                    break
                if now >= deadline:
                    raise NoFrame(Message("no_frame_in", "no frame within {seconds:g} s", seconds=timeout))
                device.changed.wait(min(due, deadline) - now)
            self._tick = next_tick
            focus = self._move_lens()
        return self._draw(scene, focus, self._zoom)

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """Send an order to the lens; see `Camera.focus`."""
        device = self._use_device()
        self._mode, self._mode_since = mode, self._tick
        device.cycles += mode is FocusMode.CYCLE
        if mode is FocusMode.MANUAL:
            device.lens = sharpness(lens_position)

    def take_damaged(self) -> Sequence[str]:
        """Return nothing: all frames are whole."""
        return ()

    def still(self, timeout: float) -> RawFrame:
        """Capture one frame at the snapshot size; see `Camera.still`."""
        from soft_stream.cameras.synthetic.scene import Scene

        device = self._use_device()
        if device.still_fails:
            raise NoStill("Cannot allocate memory")
        time.sleep(device.still_seconds)
        with self.capture(timeout) as now:
            focus = now.focus
        size = (self._settings.snapshot_width, self._settings.snapshot_height)
        scene = Scene(size if all(size) else SENSOR_SIZE, STRIDE_ALIGNMENT, self._settings.title, self._settings.camera)
        return self._draw(scene, focus)

    def restart(self) -> Negotiated:
        """Restart the frame clock; see `Camera.restart`."""
        device = self._use_device()
        with device.changed:
            device.changed.wait_for(lambda: not device.restart_hangs)
            device.restarted += 1
            device.stalled = device.stalled and device.stall_survives_restart
        self._started_at, self._tick = time.monotonic(), 0
        return self._negotiated()

    def controls(self) -> list[Control]:
        """List the controls; see `Camera.controls`."""
        return list_controls(SENSOR_SIZE, has_autofocus=self._use_device().has_autofocus)

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """Set controls; see `Camera.set_controls`."""
        device = self._use_device()
        self._controls |= values
        if self._controls.get("AfMode") == AF_MANUAL:
            self._mode = FocusMode.MANUAL
            device.lens = sharpness(float(self._controls.get("LensPosition", FOCUS_POSITION)))  # type: ignore[arg-type] # it is one number
        elif "AfMode" in values:
            self._mode = FocusMode.CONTINUOUS if values["AfMode"] == AF_CONTINUOUS else FocusMode.HOLD
        self._started_at, self._tick = time.monotonic(), 0  # the frame rate may have changed
        self._mode_since = 0
        return self._negotiated()

    def set_zoom(self, crop: "Rectangle | None") -> None:
        """Show a part of the scene; see `Camera.set_zoom`."""
        self._use_device()
        self._zoom = crop

    def close(self) -> None:
        """Free the memory of the scene; see `Camera.close`."""
        device = self._use_device()
        with device.changed:
            device.changed.wait_for(lambda: not device.close_hangs)
            device.closed += self._scene is not None
        self._scene = None

    def _draw(self, scene: "Scene", focus: FocusState, zoom: "Rectangle | None" = None) -> RawFrame:
        captured_at = time.monotonic()
        lens = self._device.lens
        planes = scene.draw(self._tick, lens, datetime.fromtimestamp(unix_time(captured_at)).astimezone())
        controls = self._controls | ({"ScalerCrop": zoom} if zoom else {})
        crop: Any = controls.get("ScalerCrop", (0, 0, *SENSOR_SIZE))
        position = lens * FOCUS_POSITION if focus else None
        metadata = FrameMetadata(self._exposure, gain=1.0, lens_position=position, crop=crop)
        return RawFrame(scene.size, captured_at, focus, metadata, apply_controls(planes, controls, SENSOR_SIZE))

    @property
    def _exposure(self) -> float:
        """The exposure time in seconds: the requested one, or the default."""
        return int(self._controls.get("ExposureTime", 0)) / 1_000_000 or DEFAULT_EXPOSURE  # type: ignore[arg-type] # it is one number

    @property
    def _fps(self) -> float:
        """The configured rate, or less with a longer exposure."""
        return min(self._settings.fps, 1 / self._exposure)

    def _negotiated(self) -> Negotiated:
        settings, scene = self._settings, self._require_scene()
        return Negotiated(
            size=scene.size,
            pixel_format="YUV420",
            stride=scene.stride,
            colour_space="sYCC",
            sensor_mode=f"{SENSOR_SIZE[0]}x{SENSOR_SIZE[1]}",
            fps=self._fps,
            has_autofocus=self._device.has_autofocus,
            orientation=Orientation(settings.hflip, settings.vflip, settings.rotation).normalized,
            model="test pattern",
            still_method="switch" if settings.still_method == "switch" else "",
            longest_interval=1 / self._fps,
        )

    def _use_device(self) -> SyntheticDevice:
        self._device.threads.add(threading.get_ident())
        if len(self._device.threads) > 1:
            raise AssertionError("a second thread uses the camera")
        return self._device

    def _require_scene(self) -> "Scene":
        if self._scene is None:
            raise CameraError("the test camera is not open")
        return self._scene

    def _move_lens(self) -> FocusState:
        """Run autofocus for one frame; return the states in the order of libcamera's AfState."""
        device, mode = self._device, self._mode
        if not device.has_autofocus or device.focus_is_mute:
            return FocusState.NONE
        done = self._tick - self._mode_since - FOCUS_LATENCY
        if mode in (None, FocusMode.HOLD, FocusMode.MANUAL) or (mode is FocusMode.CYCLE and done < 0):
            return FocusState.IDLE
        if mode is FocusMode.CYCLE and done < device.focus_sweep:
            device.lens = done / device.focus_sweep
            return FocusState.SCANNING
        if device.focus_fails:
            device.lens = 0.3
            return FocusState.FAILED
        device.lens = 1.0
        return FocusState.FOCUSED
