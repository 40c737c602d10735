"""The driver of cameras that the kernel offers as V4L2 devices."""

from __future__ import annotations

import logging
import select
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from soft_stream.cameras.base import (
    CameraError,
    CameraUnsupported,
    Control,
    ControlsRefused,
    ControlValue,
    FocusMode,
    Negotiated,
    NoFrame,
    NoStill,
)
from soft_stream.cameras.v4l2 import controls, nodes
from soft_stream.cameras.v4l2.device import Device, describe
from soft_stream.cameras.v4l2.errors import translate_errors, translated
from soft_stream.cameras.v4l2.stream import Stream, still_size
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.rates import RateLimiter
from soft_stream.frames.raw import Orientation, RawFrame
from soft_stream.message import Message, message_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from soft_stream.cameras.v4l2.device import Description, Size, Taken
    from soft_stream.config.settings import Settings
    from soft_stream.frames.zoom import Rectangle

log = logging.getLogger(__name__)

ERRORS = select.POLLERR | select.POLLHUP | select.POLLNVAL
# A frame that is older than this many intervals may have a newer one behind it.
LATE = 1.5
MARKED = Message("frame_marked", "the driver marks it as damaged")
TOO_SHORT = Message("frame_too_short", "too short for its size")


class V4l2Camera:
    """A camera driver for one session with a V4L2 device."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._node = Path(settings.device)
        self._device: Device | None = None
        self._stream: Stream | None = None
        self._still_size: Size | None = None
        """The size of stills; None if it is that of the stream."""
        self._in_still_mode = False
        self._model = ""
        self._controls: dict[str, controls.DeviceControl] = {}
        self._limiter: RateLimiter | None = None
        self._jpegs = JpegSource()
        self._has_frames = False
        """Whether the stream has delivered a frame since the opening."""

    def open(self) -> Negotiated:
        """Open the device by its path, configure and start it; see `Camera.open`."""
        self._node = Path(self._settings.device) if self._settings.device else nodes.first_device()
        try:
            with self._translated(Message("cannot_open", "camera {id} cannot be opened", id=self._node)):
                self._device = Device(self._node)
                about = describe(self._device.descriptor)
            if not nodes.is_camera(about):
                template = (
                    "{device} ({driver}) gives no frames by itself: it is metadata, a codec or a part of a camera"
                )
                raise CameraUnsupported(Message("device_no_camera", template, device=self._node, driver=about.driver))
            self._model = about.card
            self._log_device(about)
            self._has_frames = False
            self._start()
            self._controls = {each.control.name: each for each in controls.list_controls(self._device.descriptor)}
        except CameraError:
            self.close()
            raise
        return self._negotiated()

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the next frame of the stream; see `Camera.capture`."""
        self._leave_still_mode()
        raw = self._capture(timeout, self._limiter)
        self._has_frames = True
        return raw

    def take_damaged(self) -> Sequence[str]:
        """Return why frames were damaged; see `Camera.take_damaged`."""
        return self._jpegs.take_damaged()

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """Do nothing: V4L2 does not report when the lens is in focus; the controls of the device set it."""

    def still(self, timeout: float) -> RawFrame:
        """Capture a frame at the snapshot size; see `Camera.still`."""
        if self._still_size and not self._in_still_mode:
            self._in_still_mode = True
            try:
                self._restart()
            except CameraError as fault:
                self._in_still_mode = False
                self._restart()
                raise NoStill(message_of(fault)) from fault
        return self._capture(timeout)

    def restart(self) -> Negotiated:
        """Stop, configure and start the device again; see `Camera.restart`."""
        self._in_still_mode = False
        self._jpegs = JpegSource()  # what it has learnt may be why it accepts no frame
        self._restart()
        return self._negotiated()

    def controls(self) -> list[Control]:
        """List the controls; see `Camera.controls`."""
        return [each.control for each in self._controls.values()]

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """Set controls; see `Camera.set_controls`.

        A driver refuses a value that depends on another control. Before the first frame that is logged: the values are
        those of the settings, and the stream can do without them.
        """
        device, _ = self._running()
        try:
            with self._translated(Message("cannot_set_controls", "controls cannot be set")):
                controls.set_controls(device.descriptor, self._controls, values)
        except ControlsRefused as fault:
            if self._has_frames:
                raise
            log.warning("%s", message_of(fault))
        return self._negotiated()

    def set_zoom(self, crop: Rectangle | None) -> None:
        """Do nothing: the device has no part of a sensor to select."""

    def close(self) -> None:
        """Stop and close the device; see `Camera.close`."""
        device, self._device, self._stream = self._device, None, None
        self._in_still_mode = False
        if device:
            with suppress(OSError):  # the driver of a device that is gone refuses everything
                device.close()

    def _log_device(self, about: Description) -> None:
        stable = nodes.stable_path(self._node) if self._node.parent == Path("/dev") else self._node
        hint = f"; its number can change, {stable} does not" if stable != self._node else ""
        log.info("%s is %s (driver %s)%s", self._node, about.card, about.driver, hint)

    def _running(self) -> tuple[Device, Stream]:
        if self._device is None or self._stream is None:
            raise CameraError(Message("device_not_open", "{device} is not open", device=self._node))
        return self._device, self._stream

    @contextmanager
    def _translated(self, what: str) -> Iterator[None]:
        with translate_errors(what, self._node, self._device.number if self._device else 0):
            yield

    def _start(self) -> None:
        settings, device = self._settings, self._device
        assert device  # noqa: S101 # it has just been opened, or runs
        stream_size = (settings.width, settings.height)
        with self._translated(Message("cannot_start", "camera {id} cannot be started", id=self._node)):
            size = self._still_size if self._in_still_mode else None
            self._stream = stream = Stream(device, settings, size or stream_size)
            if not self._in_still_mode:
                self._still_size = still_size(device, settings, stream.format.size)
        self._limiter = RateLimiter(settings.fps) if stream.needs_limit else None

    def _restart(self) -> None:
        _, stream = self._running()
        with self._translated(Message("cannot_switch_modes", "the camera cannot switch modes")):
            stream.stop()
        self._start()

    def _leave_still_mode(self) -> None:
        if self._in_still_mode:
            self._in_still_mode = False
            self._restart()

    def _capture(self, timeout: float, limiter: RateLimiter | None = None) -> RawFrame:
        device, stream = self._running()
        deadline = time.monotonic() + timeout
        try:  # and no context manager, for each frame
            while True:
                taken = self._next(device, deadline)
                raw = self._read(device, stream, taken)
                if raw and self._jpegs.accepts(raw) and (limiter is None or limiter.allow(raw.captured_at)):
                    return raw
        except OSError as error:
            raise translated(error, Message("capture_failed", "capture failed"), self._node) from error

    def _next(self, device: Device, deadline: float) -> Taken:
        """Wait for a filled buffer, and return the newest one.

        While this process did not read, the driver filled all buffers, then it had none for newer frames: those that
        wait are skipped.

        Raises:
            NoFrame: none was filled until the deadline.
            OSError: the device is gone, or its driver has stopped.
        """
        skips = 0
        while True:
            events = device.wait(deadline - time.monotonic())
            now = time.monotonic()
            taken = device.take(now) if events else None
            if taken is None:
                if events & ERRORS:
                    raise CameraError(Message("device_stopped", "{device} has stopped", device=self._node))
                if now < deadline:  # the driver woke up this process without a frame
                    continue
                raise NoFrame(Message("no_frame_arrived", "no frame arrived"))
            oldest, waited = now - LATE * self._interval, 1
            while taken.captured_at < oldest and (newer := device.take(now)):
                device.give_back(taken)
                taken, waited = newer, waited + 1
            if waited >= max(2, device.count - 1):
                skips = device.count
            if not skips or taken.captured_at >= oldest:
                return taken
            skips -= 1
            device.give_back(taken)

    @property
    def _interval(self) -> float:
        """Seconds between two frames."""
        _, stream = self._running()
        return 1 / (stream.rate or self._settings.fps)

    def _read(self, device: Device, stream: Stream, taken: Taken) -> RawFrame | None:
        """Return the frame of a buffer, which the driver gets back; None if it is damaged."""
        try:
            if taken.is_damaged:
                self._jpegs.refuse(MARKED)
                return None
            if not stream.is_whole(taken):
                self._jpegs.refuse(TOO_SHORT)
                return None
            return stream.frame(taken)
        finally:
            device.give_back(taken)

    def _negotiated(self) -> Negotiated:
        settings, (_, stream) = self._settings, self._running()
        return Negotiated(
            size=stream.format.size,
            pixel_format=stream.name,
            stride=stream.stride,
            colour_space=stream.colours.name,
            sensor_mode="the camera's own",
            fps=stream.fps,
            has_autofocus=False,
            orientation=Orientation(settings.hflip, settings.vflip, settings.rotation).normalized,
            model=self._model,
            still_method="switch" if self._still_size else "",
            longest_interval=1 / min(stream.fps, settings.min_fps or stream.fps),
            differences=stream.differences(),
        )
