"""JPEG encoding of raw frames; the only module that imports simplejpeg.

simplejpeg and numpy are imported in the camera thread when the camera opens, to save memory in an idle process.
"""

from __future__ import annotations

from typing import Any

from soft_stream.frames.raw import Orientation, RawFrame
from soft_stream.frames.rendition import ORIGINAL, Rendition


class DamagedJpeg(ValueError):
    """The bytes are not a JPEG, or cannot be decoded."""


UPRIGHT = Orientation()
# With these qualities libjpeg's tables contain the bytes of a marker, FF D9 or FF D8. Home Assistant takes the first
# for the end of a JPEG, Mainsail takes the second for its beginning. One point more makes no visible difference.
SAFE_QUALITIES = {6: 7, 18: 19}


def load() -> None:
    """Import simplejpeg before the first frame."""
    import simplejpeg  # noqa: F401


def encode(raw: RawFrame, quality: int, orientation: Orientation = UPRIGHT, rendition: Rendition = ORIGINAL) -> bytes:
    """Return the JPEG of a raw frame in an orientation and a rendition.

    Planes are encoded without conversion and without a copy, so they must be full-range BT.601, as JFIF requires.
    simplejpeg releases the GIL. A camera's own JPEG is returned unchanged if it needs no change.

    Raises:
        DamagedJpeg: the camera's own JPEG cannot be decoded.
    """
    import simplejpeg

    quality = SAFE_QUALITIES.get(quality, quality)
    total = rendition.rotate(orientation)
    size = rotated_size(rendition_size(rendition, raw.size, orientation), total)
    if raw.planes:
        halved = (size[0] + 1) // 2, (size[1] + 1) // 2
        sized = zip(raw.planes, (size, halved, halved), strict=True)
        y, u, v = (_rotate(_scale_down(plane, plane_size), total) for plane, plane_size in sized)
        encoded: bytes = simplejpeg.encode_jpeg_yuv_planes(_pad(y), u, v, quality=quality)
    elif passes_through(raw, orientation, rendition):
        encoded = raw.jpeg
    else:
        pixels = _rotate(_scale_down(_decode(raw.jpeg, size), size), total)
        encoded = simplejpeg.encode_jpeg(pixels, quality=quality, colorsubsampling="420")
    return encoded


def passes_through(raw: RawFrame, orientation: Orientation, rendition: Rendition) -> bool:
    """Return whether the camera's own JPEG needs no change."""
    keeps_size = rendition_size(rendition, raw.size, orientation) == raw.size
    upright = rendition.rotate(orientation) == UPRIGHT
    return raw.planes is None and upright and keeps_size and not rendition.quality


def rendition_size(rendition: Rendition, size: tuple[int, int], orientation: Orientation) -> tuple[int, int]:
    """Return the (width, height) of a rendition of a raw frame of `size`."""
    return rendition.scale(rotated_size(size, rendition.rotate(orientation)))


def read_size(jpeg: bytes) -> tuple[int, int]:
    """Return (width, height) of a JPEG.

    Raises:
        DamagedJpeg: the bytes are not a JPEG.
    """
    import simplejpeg

    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
    except ValueError as error:
        raise DamagedJpeg(f"not a JPEG: {error}") from error
    return width, height


def rotated_size(size: tuple[int, int], orientation: Orientation) -> tuple[int, int]:
    """Return (width, height) after the rotation."""
    return (size[1], size[0]) if orientation.rotation in (90, 270) else size


def _scale_down(pixels: Any, size: tuple[int, int]) -> Any:
    """Scale an array of rows and columns down to (width, height)."""
    if pixels.shape[1::-1] == size:
        return pixels
    import numpy
    from PIL import Image

    # as fast as bilinear and sharper; `reducing_gap` does most of a large step by averaging, which is faster still
    return numpy.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.HAMMING, reducing_gap=1.5))


def _pad(plane: Any) -> Any:
    """Copy a plane with an odd side into a larger array with even sides: libjpeg-turbo reads that far.

    https://github.com/libjpeg-turbo/libjpeg-turbo, src/turbojpeg.c, `tj3CompressFromYUVPlanes8`: `PAD(width, hsamp)`
    """
    height, width = plane.shape
    if height % 2 == width % 2 == 0:
        return plane
    import numpy

    return numpy.pad(plane, ((0, height % 2), (0, width % 2)), "edge")[:height, :width]


def _rotate(pixels: Any, orientation: Orientation) -> Any:
    """Orient an array of rows and columns; simplejpeg needs contiguous rows, which may be in any order."""
    if orientation == UPRIGHT:
        return pixels
    import numpy

    if orientation.hflip:
        pixels = pixels[:, ::-1]
    if orientation.vflip:
        pixels = pixels[::-1]
    pixels = numpy.rot90(pixels, -orientation.rotation // 90)
    is_plane_of_rows = pixels.ndim == 2 and pixels.strides[1] == pixels.itemsize
    return pixels if is_plane_of_rows else numpy.ascontiguousarray(pixels)


def _decode(jpeg: bytes, size: tuple[int, int]) -> Any:
    """Decode a camera's own JPEG at a reduced size of at least `size`; accept partly damaged data."""
    import simplejpeg

    try:
        return simplejpeg.decode_jpeg(jpeg, min_width=size[0], min_height=size[1], strict=False)
    except ValueError as error:
        raise DamagedJpeg(f"the camera's JPEG cannot be decoded: {error}") from error
