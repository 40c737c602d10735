"""A camera whose own JPEGs differ in size and Exif orientation, as those of a folder or of a phone do."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import simplejpeg
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.config.settings import Settings
from soft_stream.frames.jpeg import encode
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.raw import RawFrame
from tests.support.corners import corners


@dataclass
class Roll:
    """The JPEGs that the camera delivers one after the other."""

    jpegs: list[bytes]


class JpegCamera(SyntheticCamera):
    """A driver for one session; a still is the next frame, as with a folder."""

    def __init__(self, settings: Settings, device: SyntheticDevice, roll: Roll) -> None:
        super().__init__(settings, device)
        self._roll = roll
        self._source = JpegSource()

    def capture(self, timeout: float) -> RawFrame:
        """Capture the next frame; see `Camera.capture`."""
        with super().capture(timeout) as drawn:
            raw = RawFrame(drawn.size, drawn.captured_at, jpeg=self._roll.jpegs[self._tick % len(self._roll.jpegs)])
        assert self._source.accepts(raw)
        return raw

    def still(self, timeout: float) -> RawFrame:
        """Capture the next frame; see `Camera.still`."""
        return self.capture(timeout)


def saved(orientation: int, size: tuple[int, int] = (320, 240)) -> bytes:
    """Return a JPEG of four colours that is upright by its Exif orientation.

    `size` is that of the upright picture; the Exif data has a thumbnail, as that of cameras has.
    """
    image = Image.fromarray(simplejpeg.decode_jpeg(encode(corners(size, size[0]), 95)))
    image.getexif()[Base.Orientation] = INVERSE.get(orientation, orientation)
    stored, thumbnail, buffer = ImageOps.exif_transpose(image), io.BytesIO(), io.BytesIO()
    stored.resize((16, 16)).save(thumbnail, "JPEG")
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.Make] = "a camera with a thumbnail"
    stored.save(buffer, "JPEG", quality=95, exif=exif.tobytes() + thumbnail.getvalue())
    return buffer.getvalue()


INVERSE = {6: 8, 8: 6}
"""The values whose turn another value undoes; the other ones undo themselves."""


@contextmanager
def opened(jpeg: bytes) -> Iterator[Image.Image]:
    """Open a JPEG with a decoder that knows Exif data."""
    with Image.open(io.BytesIO(jpeg)) as image:
        yield image
