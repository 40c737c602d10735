"""A driver of photo cameras: their live view is the stream, their shutter takes the stills."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from soft_stream.cameras.base import (
    CameraError,
    CameraUnsupported,
    Negotiated,
    NoFrame,
    NoStill,
)
from soft_stream.cameras.gphoto import library
from soft_stream.cameras.gphoto.shutter import Shutter
from soft_stream.cameras.without_controls import CameraWithoutControls
from soft_stream.config.settings import Settings
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.raw import RawFrame
from soft_stream.message import Message

log = logging.getLogger(__name__)

# Seconds after the opening or a still in which a camera without live view stays open for stills.
PATIENCE = 2.0


class GphotoCamera(CameraWithoutControls):
    """A camera driver for one session of a photo camera."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._handle: Any = None
        self._shutter: Shutter | None = None
        self._jpegs = JpegSource()
        self._model = ""
        self._size = 0, 0
        self._has_live_view = False
        self._used_at = 0.0
        self._next_at = 0.0
        """When the next frame of the live view is due, in monotonic seconds."""

    def open(self) -> Negotiated:
        """Find and open the camera, and capture a first frame of the live view; see `Camera.open`."""
        self._connect()
        try:
            self._has_live_view, self._size = self._try_live_view()
        except CameraError:
            self.close()
            raise
        self._used_at = self._next_at = time.monotonic()
        return self._negotiated()

    def capture(self, timeout: float) -> RawFrame:
        """Capture the next frame of the live view; without live view raise `NoFrame`, so that stills are possible."""
        deadline = time.monotonic() + timeout
        if self._handle is None:
            raise CameraError("the camera is not open")
        if not self._has_live_view:
            self._wait_without_live_view(timeout)
        while True:
            now = time.monotonic()
            if self._next_at > deadline:
                time.sleep(max(0.0, deadline - now))
                raise NoFrame(Message("no_frame_in", "no frame within {seconds:g} s", seconds=timeout))
            time.sleep(max(0.0, self._next_at - now))
            self._next_at = max(time.monotonic(), self._next_at + 1 / self._settings.fps)
            if (raw := self._preview()) and self._jpegs.accepts(raw):
                return raw

    def take_damaged(self) -> Sequence[str]:
        """Return why frames of the live view were skipped; see `Camera.take_damaged`."""
        return self._jpegs.take_damaged()

    def still(self, timeout: float) -> RawFrame:
        """Take a picture with the shutter; see `Camera.still`."""
        if self._shutter is None:
            raise CameraError("the camera is not open")
        captured_at, jpegs = time.monotonic(), JpegSource(decodes_all=True)
        try:
            raw = RawFrame((0, 0), captured_at, jpeg=self._shutter.take(timeout))
        finally:
            self._used_at = time.monotonic()
        if not jpegs.accepts(raw):
            raise NoStill(jpegs.last_damage)
        return raw

    def restart(self) -> Negotiated:
        """Open the camera again, without waiting for a frame; see `Camera.restart`."""
        self.close()
        self._connect()
        return self._negotiated()

    def close(self) -> None:
        """End the live view and release the camera; see `Camera.close`."""
        if self._handle is None:
            return
        errors = library.load().GPhoto2Error
        try:
            self._set_capture_mode(on=False)
            self._handle.exit()
        except (errors, CameraError) as error:  # it may have been unplugged
            log.debug("%s: closing failed: %s", self._model, error)
        self._handle = self._shutter = None

    def _connect(self) -> None:
        connected = library.find(self._settings.device)
        self._model = connected.model.replace("/", " ")
        self._handle = library.open_camera(connected)
        self._shutter = Shutter(self._handle, self._model, keeps=self._settings.gphoto_keep)
        self._set_capture_mode(on=True)

    def _preview(self) -> RawFrame | None:
        """Capture a frame of the live view; return None if the camera has none now.

        Its time is that before the call: the camera may return a frame that it has already.
        """
        gp, captured_at = library.load(), time.monotonic()
        try:
            with library.translated(self._model):
                return RawFrame((0, 0), captured_at, jpeg=self._preview_data(gp))
        except _NotNow:
            return None

    def _preview_data(self, gp: Any) -> bytes:
        try:
            return library.data_of(self._handle.capture_preview())
        except gp.GPhoto2Error as error:
            if error.code in (gp.GP_ERROR_CAMERA_BUSY, gp.GP_ERROR_TIMEOUT):  # it focuses or writes to its card
                raise _NotNow from None
            raise

    def _try_live_view(self) -> tuple[bool, tuple[int, int]]:
        """Return whether there is live view, and the size of its frames."""
        gp, settings = library.load(), self._settings
        unknown = settings.width, settings.height
        with library.translated(self._model):
            if not self._handle.get_abilities().operations & gp.GP_OPERATION_CAPTURE_PREVIEW:
                return False, unknown
            deadline = time.monotonic() + settings.start_timeout
            while time.monotonic() < deadline:
                try:
                    raw = RawFrame((0, 0), 0.0, jpeg=self._preview_data(gp))
                except _NotNow:
                    time.sleep(0.1)
                    continue
                except gp.GPhoto2Error as error:
                    if error.code == gp.GP_ERROR_NOT_SUPPORTED:
                        return False, unknown
                    raise
                if self._jpegs.accepts(raw):
                    return True, raw.size
        template = "{model} gave no frame of its live view in {seconds:g} s"
        raise CameraError(Message("gphoto_silent", template, model=self._model, seconds=settings.start_timeout))

    def _wait_without_live_view(self, timeout: float) -> None:
        """Wait, and raise an error.

        Raises:
            NoFrame: a still may follow.
            CameraUnsupported: none followed for a while.
        """
        sentence = Message("gphoto_no_live_view", "{model} has no live view: only snapshots work", model=self._model)
        if time.monotonic() > self._used_at + PATIENCE:
            raise CameraUnsupported(sentence)
        time.sleep(timeout)
        raise NoFrame(sentence)

    def _set_capture_mode(self, *, on: bool) -> None:
        """Switch compact cameras to recording, which moves their lens out; others have no such setting."""
        gp = library.load()
        try:
            mode = self._handle.get_single_config("capture")
            mode.set_value(int(on))
            self._handle.set_single_config("capture", mode)
        except gp.GPhoto2Error as error:
            log.debug("%s: no capture mode: %s", self._model, error)

    def _negotiated(self) -> Negotiated:
        return replace(self._describe_jpegs(self._size, "camera", self._model), still_method="switch")


class _NotNow(Exception):
    """The camera is doing something else at the moment."""
