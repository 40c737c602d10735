"""A running sensor: it fills the queued requests at its own frame rate."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from tests.support.fake_libcamera.autofocus import Autofocus
from tests.support.fake_libcamera.configuration import CameraConfiguration
from tests.support.fake_libcamera.controls import CONTROLS, AeStateEnum
from tests.support.fake_libcamera.device import Applied, Device, Stall
from tests.support.fake_libcamera.formats import is_raw
from tests.support.fake_libcamera.geometry import Rectangle
from tests.support.fake_libcamera.models import LONGEST_FRAME
from tests.support.fake_libcamera.request import FrameStatus, Request, RequestStatus

if TYPE_CHECKING:
    from tests.support.fake_libcamera.camera import Camera
    from tests.support.fake_libcamera.scene import Scene

SECOND = 1_000_000
NANOSECONDS = 1_000_000_000
# After this time without a frame, libcamera cancels all requests until the next start.
FRONTEND_TIMEOUT = 1.0
FRONTEND_TIMEOUT_FRAMES = 5
# Frames until automatic exposure has converged after a cold start.
AE_FRAMES = 4
# Frames after which a sensor uses an exposure that it was set to.
SENSOR_DELAY = 2
DELAYED = ("AnalogueGain", "AnalogueGainMode", "ExposureTime", "ExposureTimeMode", "FrameDurationLimits")
DEFAULT_LIMITS = (33_333, 66_666)
# The exposure time with light, in microseconds.
EXPOSURE = 8_000
MANUAL = 1


class Streaming:
    """The stream of a camera, from its start to its stop."""

    def __init__(
        self, camera: Camera, configuration: CameraConfiguration, controls: dict[str, Any], *, warm: bool
    ) -> None:
        self._camera = camera
        self._device: Device = camera.device
        self._autofocus: Autofocus = camera.autofocus
        self._configuration = configuration
        self._startup_frames = 0 if warm else camera.device.startup_frames
        self._converged = warm
        self._requests: deque[Request] = deque()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._timed_out = False
        self._sequence = 0
        self._settings: dict[str, Any] = {"FrameDurationLimits": DEFAULT_LIMITS}
        self._delayed: deque[tuple[int, dict[str, Any]]] = deque()
        """Settings of the sensor, with the frame that is the first one with them."""
        self._crops: tuple[Rectangle, ...] = ()
        self._scene: Scene | None = None
        self._thread = threading.Thread(target=self._run, name=f"sensor {camera.device.name}", daemon=True)
        self._reset_crops()
        self._apply(controls)

    def start(self) -> None:
        """Start the sensor."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the sensor."""
        self._stopping.set()
        if self._thread is not threading.current_thread():
            self._thread.join()

    def queue(self, request: Request) -> None:
        """Queue a request."""
        with self._lock:
            if not self._timed_out:
                self._requests.append(request)
                return
        self._camera.cancel(request)

    def cancel_all(self) -> None:
        """Return all requests as cancelled."""
        with self._lock:
            requests, self._requests = list(self._requests), deque()
        self._camera.cancel(*requests)

    def _run(self) -> None:
        from tests.support.fake_libcamera.scene import Scene  # numpy is imported only when a camera starts

        self._scene = Scene(self._device.model, self._configuration)
        due = last = time.monotonic()
        while True:
            duration = self._device.frame_duration = self._frame_duration()
            due = max(due + duration / SECOND, time.monotonic())
            if self._stopping.wait(due - time.monotonic()):
                return
            self._sequence += 1
            if self._device.stalled is Stall.NONE and self._device.plugged:
                last = time.monotonic()
                self._expose()
            elif time.monotonic() - last > max(FRONTEND_TIMEOUT, FRONTEND_TIMEOUT_FRAMES * duration / SECOND):
                self._time_out()

    def _time_out(self) -> None:
        if self._device.model.is_usb or self._timed_out:
            return  # uvcvideo has no timeout
        with self._lock:
            self._timed_out = True
        self.cancel_all()

    def _expose(self) -> None:
        """Fill a request with a frame, if one is queued."""
        with self._lock:
            request = self._requests.popleft() if self._requests else None
        if request is None:
            return
        self._apply(request.controls, SENSOR_DELAY)
        device = self._device
        self._autofocus.step(device.af_frames, device.subject, fails=device.af_will_fail)
        request.sequence = self._sequence
        started_up = self._startup_frames <= 0
        self._startup_frames -= 1
        clock = time.CLOCK_MONOTONIC if device.model.is_usb else time.CLOCK_BOOTTIME
        timestamp = time.clock_gettime_ns(clock)
        assert self._scene
        for buffer, crop, stream in zip(request.buffers.values(), self._crops, request.buffers, strict=True):
            buffer.metadata.timestamp = timestamp
            used = self._scene.expose(buffer, stream.configuration, crop, self._sequence, self._brightness)
            if device.garbled:
                device.garbled -= 1
                self._scene.garble(buffer, used)
            elif str(stream.configuration.pixel_format) == "MJPEG":
                used = self._scene.transmit(buffer, used, device)
            buffer.metadata.planes[0].bytes_used = used
        facts = self._facts(timestamp)
        request.metadata = {CONTROLS[name]: value for name, value in facts.items()}
        request.finish(RequestStatus.Complete, FrameStatus.Success if started_up else FrameStatus.Startup)
        device.frames += started_up
        device.startup_frames_given += not started_up
        device.af_mode, device.af_state = int(self._autofocus.mode), int(self._autofocus.state)
        device.lens_position = self._autofocus.position
        device.frame_duration = self._frame_duration()  # the next frame's, before anything can react to this one
        self._camera.complete(request)

    def _apply(self, values: dict[str, Any], delay: int = 0) -> None:
        """Apply the controls of a request; the sensor uses those of exposure some frames later, the first ones at once.

        https://github.com/raspberrypi/picamera2/issues/1278: all in all that takes the queued requests and 3 to 4 more.
        """
        self._device.applied += [Applied(self._sequence, name, value) for name, value in values.items()]
        if self._device.model.lens and not self._device.af_muted:
            self._autofocus.apply(values)
        if delay:
            later = {name: value for name, value in values.items() if name in DELAYED}
            self._delayed.append((self._sequence + delay, later))
            while self._delayed and self._delayed[0][0] <= self._sequence:
                self._settings |= self._delayed.popleft()[1]
            values = {name: value for name, value in values.items() if name not in DELAYED}
        self._settings |= values
        mode = self._configuration.mode
        if mode is None:
            return
        bounds = Rectangle(*mode.crop)
        if "ScalerCrops" in values:  # it overrides ScalerCrop
            self._crops = (*(crop.within(bounds) for crop in values["ScalerCrops"]), *self._crops[2:])
        elif "ScalerCrop" in values:
            self._crops = tuple(values["ScalerCrop"].within(bounds) for _ in self._crops)

    def _reset_crops(self) -> None:
        """Crop to the aspect ratio of main; a Pi 5 crops lores to its own aspect ratio."""
        mode, streams = self._configuration.mode, list(self._configuration)
        if mode is None:
            self._crops = (Rectangle(0, 0, *self._device.model.pixel_array),)
            return
        sizes = [stream.size if self._device.pisp else streams[0].size for stream in streams]
        whole = Rectangle(*mode.crop)
        self._crops = tuple(
            whole if is_raw(str(stream.pixel_format)) else whole.middle((size.width, size.height))
            for stream, size in zip(streams, sizes, strict=True)
        )

    def _frame_duration(self) -> int:
        """The frame duration in microseconds: within all limits, and at least the exposure time."""
        mode = self._configuration.mode
        if mode is None:
            return int(SECOND / self._device.model.fps)
        limits = self._settings["FrameDurationLimits"]
        shortest, longest = (min(max(limit, mode.frame_duration), LONGEST_FRAME) for limit in limits)
        return int(min(max(shortest, self._wanted_exposure()), longest))

    def _wanted_exposure(self) -> int:
        """The exposure time in microseconds, manual or automatic."""
        if self._settings.get("ExposureTimeMode") == MANUAL:
            return int(self._settings["ExposureTime"])
        return self._device.darkness or EXPOSURE

    def _gain(self) -> float:
        """The gain, manual or automatic."""
        if self._settings.get("AnalogueGainMode") == MANUAL:
            return float(self._settings["AnalogueGain"])
        return 16.0 if self._device.darkness else 1.5

    @property
    def _brightness(self) -> float:
        """The brightness of the next frame: 1 with light and the right exposure."""
        device, number = self._device, self._sequence - 1
        if number < len(device.first_exposures):
            exposure = device.first_exposures[number]
        else:
            exposure = device.later_exposures[number % len(device.later_exposures)]
        return exposure * (0.5 if device.darkness else 1.0)

    def _facts(self, timestamp: int) -> dict[str, Any]:
        """Return the metadata of a frame."""
        device = self._device
        if device.model.is_usb:
            return {"SensorTimestamp": timestamp} | device.odd_metadata
        duration = self._device.frame_duration
        converged = self._converged or self._sequence > AE_FRAMES
        facts: dict[str, Any] = {
            "AeState": int(AeStateEnum.Converged if converged else AeStateEnum.Searching),
            "AnalogueGain": self._gain(),
            "ColourCorrectionMatrix": (1.8, -0.6, -0.2, -0.3, 1.7, -0.4, -0.1, -0.6, 1.7),
            "ColourGains": (2.1, 1.9),
            "ColourTemperature": 4200,
            "DigitalGain": 1.0,
            "ExposureTime": min(duration, self._wanted_exposure()),
            "FocusFoM": int(1000 / (1 + abs(self._autofocus.position - device.subject))),
            "FrameDuration": duration,
            "FrameWallClock": time.time_ns(),
            "Lux": 2.0 if device.darkness else 400.0,
            "ScalerCrop": self._crops[0],
            "SensorBlackLevels": (4096, 4096, 4096, 4096),
            "SensorTemperature": 40.0,
            "SensorTimestamp": timestamp,
        }
        if device.pisp and len(self._crops) > 1:
            facts["ScalerCrops"] = self._crops
        if device.model.lens and not device.af_muted:
            facts["AfState"] = int(self._autofocus.state)
            facts["AfPauseState"] = 0
            facts["LensPosition"] = self._autofocus.position
        return facts | device.odd_metadata
