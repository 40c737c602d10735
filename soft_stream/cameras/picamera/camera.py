"""The driver of cameras that Picamera2 supports."""

from __future__ import annotations

import time
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from soft_stream.cameras.base import (
    CameraError,
    CameraMissing,
    Control,
    ControlValue,
    FocusMode,
    Negotiated,
    NoFrame,
    NoStill,
)
from soft_stream.cameras.identity import select_camera
from soft_stream.cameras.picamera import controls, hdr
from soft_stream.cameras.picamera.configuration import Configurations
from soft_stream.cameras.picamera.lens import Lens
from soft_stream.cameras.picamera.library import (
    connected_cameras,
    create_picamera2,
    event_loop_ended,
    find_tuning_file,
    free_descriptors,
    list_cameras,
    reset_camera_manager,
    translate_errors,
)
from soft_stream.cameras.picamera.request import make_raw_frame, parse_colours
from soft_stream.cameras.picamera.sensor_modes import KnownModes, SensorModes
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.rates import RateLimiter
from soft_stream.frames.raw import RawFrame
from soft_stream.message import Message, message_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from soft_stream.config.settings import Settings

# Exposure times in seconds above which the stream is restarted for another one, which takes less than a second.
# Otherwise up to eight long frames would follow (https://github.com/raspberrypi/picamera2/issues/1278).
LONG_EXPOSURE = 0.25
# Seconds within which Picamera2 reports the end of a job, unless its event loop has ended.
SIGNAL_TIMEOUT = 1.0


class PicameraCamera:
    """A camera driver for one session; each session has a new Picamera2 object."""

    def __init__(self, settings: Settings, sensor_modes: SensorModes | None = None) -> None:
        self._settings = settings
        self._sensor_modes = sensor_modes or SensorModes()
        self._picam2: Any = None
        self._configurations: Any = None
        self._job: Any = None
        """The pending capture; it is kept after a timeout, so that its request is not lost."""
        self._in_still_mode = False
        self._lens = Lens(settings)
        self._usb, self._model = False, ""
        self._rate_limiter: RateLimiter | None = None
        self._control_values: dict[str, ControlValue] = {}
        """The controls that were set; they must be set again after each configuration."""
        self._zoom: tuple[int, int, int, int] | None = None
        self._last_exposure = 0.0
        """The exposure time of the last frame in seconds, since the last start."""
        self._differences: list[str] = []
        self._jpegs = JpegSource()

    def open(self) -> Negotiated:
        """Open the camera by its id, configure and start it; see `Camera.open`."""
        try:
            return self._open()
        except CameraError:
            reset_camera_manager()
            raise

    def _open(self) -> Negotiated:
        settings = self._settings
        tuning = find_tuning_file(settings.tuning_file)
        connected = connected_cameras()
        chosen, _ = select_camera(connected, settings.id, settings.camera)
        if hdr.set_sensor_hdr(chosen, on=settings.hdr == "sensor"):
            reset_camera_manager()
            connected = connected_cameras()
        self._usb, self._model = chosen.usb, chosen.model
        # the position in the sorted list is Picamera2's camera number; "Num" is libcamera's own
        what = Message("cannot_open", "camera {id} cannot be opened", id=chosen.id)
        self._picam2 = create_picamera2(connected.index(chosen), tuning, what)
        if (other := self._picam2.camera.id) != chosen.id:
            template = "asked for camera {id}, got {other}: the connected cameras have changed"
            raise CameraError(Message("camera_changed", template, id=chosen.id, other=other))
        if self._usb:
            self._rate_limiter = RateLimiter(settings.fps)  # the frame rate of a USB camera cannot be set
        with translate_errors(Message("cannot_start", "camera {id} cannot be started", id=chosen.id), self._picam2):
            known = self._read_sensor_modes()
            self._differences += known.ignored
            self._configurations = Configurations(self._picam2, settings, known.modes, usb=self._usb)
            self._start_with_fallback()
        return self._negotiated()

    def capture(self, timeout: float) -> RawFrame:
        """Capture the next frame of the stream; see `Camera.capture`."""
        self._leave_still_mode()
        return self._capture(self._stream_name, timeout, self._rate_limiter)

    def take_damaged(self) -> Sequence[str]:
        """Return why frames were damaged; see `Camera.take_damaged`."""
        return self._jpegs.take_damaged()

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """Send an order to the lens; see `Camera.focus`."""
        values = self._lens.set_order(mode, lens_position)
        if "AfMode" in self._picam2.camera_controls and not self._in_still_mode:  # else the stream starts with it
            self._set_controls(values)

    def still(self, timeout: float) -> RawFrame:
        """Capture a frame at the snapshot size; see `Camera.still`."""
        if self._configurations.still_method == "switch" and not self._in_still_mode:
            self._in_still_mode = True
            try:
                self._reconfigure(self._configurations.still())
            except CameraError as fault:
                # the camera has no configuration now, and Picamera2 would make one up
                self._in_still_mode = False
                self._reconfigure(self._configurations.stream())
                raise NoStill(message_of(fault)) from fault
        return self._capture("main", timeout)

    def restart(self) -> Negotiated:
        """Stop, configure and start the camera again; see `Camera.restart`."""
        self._in_still_mode = False
        self._jpegs = JpegSource()  # what it has learnt may be why it accepts no frame
        self._reconfigure(self._configurations.stream())
        return self._negotiated()

    def controls(self) -> list[Control]:
        """List the controls; see `Camera.controls`."""
        return controls.list_controls(self._picam2)

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """Set controls; see `Camera.set_controls`."""
        self._leave_still_mode()
        self._control_values |= values
        if "AfMode" in values or "LensPosition" in values:
            self._lens.set_order_from(self._control_values)
        if self._set_exposure(controls.requested_exposure(self._control_values)):
            self._reconfigure(self._configurations.stream())  # with all controls
            return self._negotiated()
        with translate_errors(Message("cannot_set_controls", "controls cannot be set"), self._picam2):
            self._set_controls(
                controls.to_libcamera(values, self._picam2) | self._configurations.frame_duration_limits()
            )
        return self._negotiated()

    def set_zoom(self, crop: tuple[int, int, int, int] | None) -> None:
        """Show a part of the sensor in the stream; see `Camera.set_zoom`."""
        self._leave_still_mode()
        self._zoom = crop
        self._set_controls(controls.crop_controls(self._control_values, crop, self._picam2))

    def close(self) -> None:
        """Close the camera; see `Camera.close`."""
        if self._picam2 is None:
            return
        try:
            with translate_errors("the camera cannot be closed", self._picam2):
                try:
                    self._cancel_job()  # otherwise `close` would wait forever for it
                finally:
                    self._picam2.close()
        finally:
            self._picam2 = self._configurations = None
            free_descriptors()

    @property
    def _stream_name(self) -> str:
        """Picamera2's name for the stream, as opposed to the stills."""
        return "lores" if self._configurations.still_method == "dual" else "main"

    def _read_sensor_modes(self) -> KnownModes:
        if self._usb or self._settings.sensor_mode == "driver":
            return KnownModes()
        try:
            return self._sensor_modes.read(self._picam2)
        except (RuntimeError, OSError, KeyError) as error:
            template = "The sensor modes cannot be read ({error}); libcamera selects one"
            return KnownModes(ignored=(Message("modes_unreadable", template, error=error),))

    def _start_with_fallback(self) -> None:
        try:
            self._configure_and_start(self._configurations.stream())
        except (RuntimeError, OSError) as error:
            change = self._configurations.fall_back()
            if "busy" in str(error) or not change:
                raise
            self._differences.append(Message("change_because", "{change}: {error}", change=change, error=error))
            self._configure_and_start(self._configurations.stream())

    def _configure_and_start(self, configuration: dict[str, Any]) -> None:
        """Configure and start the camera, and set the controls again."""
        picam2 = self._picam2
        picam2.configure(configuration)
        self._colours = parse_colours(picam2.libcamera_config.at(0).color_space)
        zoom = None if self._in_still_mode else self._zoom
        start = controls.start_controls(self._settings, self._control_values, zoom, picam2)
        if "AfMode" in picam2.camera_controls:
            start |= self._lens.start_controls(is_still=self._in_still_mode)
        picam2.set_controls(start)
        self._last_exposure = 0.0
        picam2.start()

    def _set_controls(self, values: dict[str, Any]) -> None:
        """Set controls while the camera runs; without the lock, a request that is released now could discard them."""
        with self._picam2.request_lock:
            self._picam2.set_controls(values)

    def _set_exposure(self, exposure: float) -> bool:
        """Set the requested exposure; return whether a restart is faster than the frames that are in progress."""
        before, self._configurations.exposure = self._configurations.exposure, exposure
        in_progress = max(before, self._last_exposure)
        return exposure != before and not self._usb and in_progress > max(LONG_EXPOSURE, 2 * exposure)

    def _leave_still_mode(self) -> None:
        if self._in_still_mode:
            self._in_still_mode = False  # before `_reconfigure`, whose controls of the lens depend on it
            self._reconfigure(self._configurations.stream())

    def _reconfigure(self, configuration: dict[str, Any]) -> None:
        with translate_errors(Message("cannot_switch_modes", "the camera cannot switch modes"), self._picam2):
            if event_loop_ended(self._picam2):
                raise CameraError("Picamera2's event loop has ended")  # `stop` would wait for it forever
            self._cancel_job()
            self._picam2.stop()
            self._configure_and_start(configuration)

    def _cancel_job(self) -> None:
        """Cancel the pending capture and release its request."""
        job, self._job = self._job, None
        if job is not None:
            self._picam2.cancel_all_and_flush()
            with suppress(CancelledError, TimeoutError):  # the usual case
                # it may have got its request just before the cancellation
                job.get_result(SIGNAL_TIMEOUT).release()

    def _capture(self, stream: str, timeout: float, limiter: RateLimiter | None = None) -> RawFrame:
        deadline = time.monotonic() + timeout
        while True:
            request = self._next_request(deadline - time.monotonic())
            raw = make_raw_frame(request, stream, usb=self._usb, colours=self._colours)
            # some webcams start with frames that are not a JPEG, and bad cables damage frames
            if self._jpegs.accepts(raw) and (limiter is None or limiter.allow(raw.captured_at)):
                if stream == self._stream_name and not self._in_still_mode:
                    self._lens.position = raw.metadata.lens_position
                    self._last_exposure = raw.metadata.exposure_time or 0.0
                return raw
            raw.release()

    def _next_request(self, timeout: float) -> Any:
        with translate_errors(Message("capture_failed", "capture failed"), self._picam2):
            if self._job is None:
                self._job = self._picam2.capture_request(wait=False)
            try:
                request = self._job.get_result(max(0, timeout))
            except TimeoutError:
                template, camera_id = "camera {id} is not connected any more", self._picam2.camera.id
                if self._usb and camera_id not in {found.id for found in list_cameras()}:
                    raise CameraMissing(Message("camera_unplugged", template, id=camera_id)) from None
                raise NoFrame(Message("no_frame_arrived", "no frame arrived")) from None
        self._job = None
        return request

    def _negotiated(self) -> Negotiated:
        configuration, configurations = self._picam2.camera_configuration(), self._configurations
        main, wanted = configuration[self._stream_name], configurations.orientation
        configurations.check_format(main["format"])
        transform = configuration["transform"]  # libcamera flips in a CSI sensor, and ignores flips of a USB camera
        return Negotiated(
            size=tuple(main["size"]),
            pixel_format=main["format"],
            stride=main["stride"],
            colour_space=self._colours.name,
            sensor_mode=configurations.sensor_mode,
            fps=configurations.fps,
            has_autofocus="AfMode" in self._picam2.camera_controls,
            orientation=replace(
                wanted, hflip=wanted.hflip != bool(transform.hflip), vflip=wanted.vflip != bool(transform.vflip)
            ),
            model=self._model,
            camera_id=self._picam2.camera.id,
            still_method=configurations.still_method,
            longest_interval=max(configurations.longest_interval, 1 / configurations.fps),
            differences=(*self._differences, *configurations.differences(self._colours)),
        )
