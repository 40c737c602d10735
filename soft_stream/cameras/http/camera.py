"""A driver that passes on the pictures of another server: of an MJPEG stream, or of the URL of a snapshot."""

import time
from collections.abc import Sequence

from yarl import URL

from soft_stream.cameras.base import CameraError, CameraMissing, Negotiated, NoFrame, NotLive
from soft_stream.cameras.http import faults
from soft_stream.cameras.http.faults import LastingFault
from soft_stream.cameras.http.pictures import Picture
from soft_stream.cameras.http.reader import PATIENCE, PictureReader
from soft_stream.cameras.without_controls import CameraWithoutControls
from soft_stream.config.settings import Settings
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.raw import RawFrame
from soft_stream.message import Message, message_of

# Seconds that the reader has to report that an answer has not begun in time.
MARGIN = 0.5


class ServerMissing(CameraMissing):
    """The server cannot be reached, or gives no picture."""

    def __init__(self, why: str, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.retry_after = retry_after


class HttpCamera(CameraWithoutControls):
    """A camera driver for one session; the server is connected only during that."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jpegs = JpegSource()
        self._reader: PictureReader | None = None
        self._first: RawFrame | None = None
        """The frame that `open` has waited for; the next `capture` returns it."""
        self._size = (0, 0)

    def open(self) -> Negotiated:
        """Connect, and wait for the first whole picture, whose size is that of the camera; see `Camera.open`."""
        reader = self._connect()
        try:
            self._first = self._wait_first(reader)
        except BaseException:
            self.close()
            raise
        self._size = self._first.size
        return self._negotiated()

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the next whole picture; see `Camera.capture`."""
        if self._reader is None:
            raise CameraError("the server is not connected")
        first, self._first = self._first, None
        if first:
            return first
        deadline = time.monotonic() + timeout
        while True:
            raw = _raw(self._reader.take(deadline - time.monotonic()))
            if self._jpegs.accepts(raw):
                return raw

    def take_damaged(self) -> Sequence[str]:
        """Return why pictures were skipped; see `Camera.take_damaged`."""
        return self._jpegs.take_damaged()

    def still(self, timeout: float) -> RawFrame:
        """Capture the next frame: there is no other size."""
        return self.capture(timeout)

    def restart(self) -> Negotiated:
        """Connect again, without waiting for a picture; see `Camera.restart`."""
        self.close()
        self._connect()
        return self._negotiated()

    def close(self) -> None:
        """End the connection; see `Camera.close`."""
        reader, self._reader, self._first = self._reader, None, None
        if reader:
            reader.stop()

    def _connect(self) -> PictureReader:
        self._reader = reader = PictureReader(self._settings)
        reader.start()
        return reader

    def _wait_first(self, reader: PictureReader) -> RawFrame:
        """Return the first whole picture; raise CameraMissing at the first fault, or without one."""
        seconds = self._settings.start_timeout + PATIENCE
        deadline, damage = time.monotonic() + seconds + MARGIN, ""
        why = message_of(faults.silent(URL(self._settings.url), seconds))
        while (left := deadline - time.monotonic()) > 0:
            try:
                raw = _raw(reader.take_first(left))
            except NoFrame as silence:
                why = message_of(silence) if isinstance(silence, NotLive) else why
                if isinstance(reader.fault, LastingFault):
                    raise ServerMissing(why, reader.fault.pauses[-1]) from None
                if reader.fault:
                    raise ServerMissing(why) from None
                continue
            if self._jpegs.accepts(raw):
                return raw
            damage = self._jpegs.last_damage
        template = "no picture of the server is whole: {damage}"
        raise ServerMissing(Message("http_damaged", template, damage=damage) if damage else why)

    def _negotiated(self) -> Negotiated:
        return self._describe_jpegs(self._size, "server", "another server")


def _raw(picture: Picture) -> RawFrame:
    return RawFrame((0, 0), picture.captured_at, jpeg=picture.data)
