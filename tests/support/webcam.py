"""A camera that delivers its own JPEGs, as webcams do, and can deliver damaged ones."""

import threading
import time
from collections.abc import Sequence

from soft_stream.cameras.base import NoFrame
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.config.settings import Settings
from soft_stream.frames import jpeg
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.raw import RawFrame

BROKEN = b"\xff\xd8 no picture \xff\xd9"


class Webcam(SyntheticCamera):
    """A driver for one session; each frame is `own`, if given; while `is_broken` is set, frames are `broken`."""

    def __init__(
        self,
        settings: Settings,
        device: SyntheticDevice,
        is_broken: threading.Event | None = None,
        own: bytes = b"",
        broken: bytes = BROKEN,
    ) -> None:
        super().__init__(settings, device)
        self._is_broken = is_broken or threading.Event()
        self._own = own
        self._broken = broken
        self._jpegs = JpegSource()

    def capture(self, timeout: float) -> RawFrame:
        """Capture the next whole frame; see `Camera.capture`."""
        until = time.monotonic() + timeout
        while (left := until - time.monotonic()) > 0:
            planes = super().capture(left)
            own = self._broken if self._is_broken.is_set() else self._own or jpeg.encode(planes, 90)
            raw = RawFrame(
                planes.size, planes.captured_at, planes.focus, planes.metadata, jpeg=own, release=planes.release
            )
            if self._jpegs.accepts(raw):
                return raw
            raw.release()
        raise NoFrame("no whole frame arrived")

    def take_damaged(self) -> Sequence[str]:
        """Return why frames were damaged; see `Camera.take_damaged`."""
        return self._jpegs.take_damaged()
