"""A camera that delivers its own JPEGs, as webcams do, and can deliver damaged ones."""

import threading

from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.config.settings import Settings
from soft_stream.frames import jpeg
from soft_stream.frames.raw import RawFrame

BROKEN = b"\xff\xd8 no picture \xff\xd9"


class Webcam(SyntheticCamera):
    """A driver for one session; each frame is `own`, if given; while `is_broken` is set, frames are damaged."""

    def __init__(
        self, settings: Settings, device: SyntheticDevice, is_broken: threading.Event | None = None, own: bytes = b""
    ) -> None:
        super().__init__(settings, device)
        self._is_broken = is_broken or threading.Event()
        self._own = own

    def capture(self, timeout: float) -> RawFrame:
        """Capture the next frame; see `Camera.capture`."""
        raw = super().capture(timeout)
        own = BROKEN if self._is_broken.is_set() else self._own or jpeg.encode(raw, 90)
        return RawFrame(
            jpeg.read_size(own) if self._own else raw.size,
            raw.captured_at,
            raw.focus,
            raw.metadata,
            jpeg=own,
            release=raw.release,
        )
