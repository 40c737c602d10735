"""libcamera's Camera: its states, and the calls that each state rejects."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from enum import IntEnum
from typing import Any, Protocol

from tests.support.fake_libcamera.autofocus import Autofocus
from tests.support.fake_libcamera.configuration import CameraConfiguration, StreamRole
from tests.support.fake_libcamera.controls import CONTROLS, PROPERTIES, ControlId, ControlInfo, control_value
from tests.support.fake_libcamera.device import Configured, Device, Stall
from tests.support.fake_libcamera.formats import is_raw
from tests.support.fake_libcamera.geometry import FLIPS, Rectangle
from tests.support.fake_libcamera.models import SensorMode
from tests.support.fake_libcamera.request import FrameStatus, Request, RequestStatus
from tests.support.fake_libcamera.streaming import Streaming


class Ready(Protocol):
    """The receiver of completed requests."""

    def push(self, requests: list[Request]) -> None:
        """Deliver completed requests."""


class State(IntEnum):
    """The state of a camera."""

    AVAILABLE = 0
    ACQUIRED = 1
    CONFIGURED = 2
    RUNNING = 3


class Camera:
    """A camera of one CameraManager."""

    def __init__(self, device: Device, ready: Ready) -> None:
        self.device = device
        self.id = device.id
        self.connected = True
        self.autofocus = Autofocus()
        self._ready = ready
        self._state = State.AVAILABLE
        self._mode: SensorMode | None = device.model.modes[-1] if device.model.modes else None
        self._configuration: CameraConfiguration | None = None
        self._streaming: Streaming | None = None
        self._is_warm = False
        device.listeners.add(self)

    def __str__(self) -> str:
        return f"<libcamera.Camera '{self.id}'>"

    def acquire(self) -> None:
        """Lock the camera."""
        device = self.device
        time.sleep(device.opening_takes)
        if self.connected and (device.holder or device.acquired):
            raise _fault(errno.EBUSY, "Failed to acquire camera")
        self._require("Failed to acquire camera", State.AVAILABLE)
        self._state = State.ACQUIRED
        device.acquired = True
        device.openings += 1
        if device.stalled is Stall.UNTIL_REOPENING:
            device.stalled = Stall.NONE

    def release(self) -> None:
        """Unlock the camera; allowed when it is unplugged."""
        if self._state is State.RUNNING:
            raise _fault(errno.EBUSY, "Failed to release camera")
        if self._state is not State.AVAILABLE and self.connected:
            self.device.acquired = False
        self._state = State.AVAILABLE

    def generate_configuration(self, roles: list[StreamRole]) -> CameraConfiguration:
        """Make a configuration for streams of these roles."""
        return CameraConfiguration(self.device, roles)

    def configure(self, configuration: CameraConfiguration) -> None:
        """Apply a validated configuration."""
        self._require("Failed to configure camera", State.ACQUIRED, State.CONFIGURED)
        self._hold_gil()
        self._configuration = configuration
        self._mode = configuration.mode
        self._state = State.CONFIGURED
        self.device.configurations.append(_record(configuration))

    def create_request(self, cookie: int = 0) -> Request:
        """Make a request."""
        return Request(cookie)

    def start(self, controls: dict[ControlId, Any] | None = None) -> None:
        """Start the sensor; the controls apply from the first frame."""
        values = {each.name: control_value(value, each.type) for each, value in (controls or {}).items()}
        self._require("Failed to start camera", State.CONFIGURED)
        assert self._configuration
        self._hold_gil()
        device = self.device
        if device.is_out_of_memory("start", max(stream.frame_size for stream in self._configuration)):
            raise _fault(errno.ENOMEM, "Failed to start camera")
        if device.stalled is Stall.UNTIL_RESTART:
            device.stalled = Stall.NONE
        self.autofocus.start()
        self._streaming = Streaming(self, self._configuration, values, warm=self._is_warm)
        self._is_warm = True
        self._state = State.RUNNING
        device.starts += 1
        device.running = True
        self._streaming.start()

    def queue_request(self, request: Request) -> None:
        """Queue a request; the CameraManager returns it when it is completed."""
        self._require("Failed to queue request", State.RUNNING)
        if streaming := self._streaming:
            streaming.queue(request)

    def stop(self) -> None:
        """Stop the sensor; queued requests are returned as cancelled."""
        streaming = self._streaming
        if streaming is None:
            return
        self._hold_gil()
        streaming.stop()
        self.device.stop_returns.wait()
        streaming.cancel_all()
        self._streaming = None
        self._state = min(self._state, State.CONFIGURED)
        self.device.running = False

    def complete(self, *requests: Request) -> None:
        """Deliver completed requests."""
        self._ready.push(list(requests))

    def cancel(self, *requests: Request) -> None:
        """Deliver cancelled requests."""
        for request in requests:
            request.finish(RequestStatus.Cancelled, FrameStatus.Cancelled)
        self._ready.push(list(requests))

    def unplugged(self) -> None:
        """React to a disconnected cable: a webcam disappears, a CSI camera only delivers no more frames."""
        if not self.device.model.is_usb:
            return
        self.connected = False
        self.device.acquired = self.device.running = False
        streaming, self._streaming = self._streaming, None
        self._state = min(self._state, State.CONFIGURED)
        if streaming:
            streaming.stop()

    @property
    def controls(self) -> dict[ControlId, ControlInfo]:
        """The controls with their bounds in the current configuration."""
        device, streams = self.device, list(self._configuration or ())
        size = streams[0].size if streams else None
        aspect = (size.width, size.height) if size else device.model.pixel_array
        bounds = device.model.bounds(self._mode, aspect, pisp=device.pisp)
        processed = [stream for stream in streams if not is_raw(str(stream.pixel_format))]
        if device.pisp and self._mode and len(processed) == 2:
            crop = Rectangle(*self._mode.crop)
            main, lores = (crop.middle((stream.size.width, stream.size.height)) for stream in processed)
            bounds["ScalerCrops"] = ControlInfo(main, lores, bounds["ScalerCrop"].default)
        return {CONTROLS[name]: info for name, info in bounds.items() if name not in device.lost_controls}

    @property
    def properties(self) -> dict[ControlId, Any]:
        """The properties."""
        facts = self.device.model.properties(self._mode) | {"SystemDevices": self.device.numbers}
        return {PROPERTIES[name]: value for name, value in facts.items()}

    def _require(self, what: str, *states: State) -> None:
        if not self.connected:
            raise _fault(errno.ENODEV, what)
        if self._state not in states:
            raise _fault(errno.EACCES, what)

    def _hold_gil(self) -> None:
        """Sleep without releasing the GIL, as the bindings do."""
        seconds, self.device.gil_held_for = self.device.gil_held_for, 0.0
        if seconds:
            ctypes.PyDLL(None).usleep(int(seconds * 1_000_000))


def _fault(number: int, what: str) -> RuntimeError:
    """Return the exception that pybind11 raises for a std::system_error."""
    return RuntimeError(f"{what}: {os.strerror(number)}")


def _record(configuration: CameraConfiguration) -> Configured:
    main = configuration.at(0)
    others = {is_raw(str(stream.pixel_format)): stream.size for stream in list(configuration)[1:]}
    sizes = {raw: (size.width, size.height) for raw, size in others.items()}
    hflip, vflip = FLIPS[configuration.orientation]
    return Configured(
        size=(main.size.width, main.size.height),
        pixel_format=str(main.pixel_format),
        stride=main.stride,
        buffer_count=main.buffer_count,
        colour_space=str(main.color_space).split("'")[1],
        lores=sizes.get(False),
        raw=sizes.get(True),
        hflip=hflip,
        vflip=vflip,
        sensor_mode=configuration.mode.size if configuration.mode else None,
        bit_depth=configuration.mode.bit_depth if configuration.mode else None,
    )
