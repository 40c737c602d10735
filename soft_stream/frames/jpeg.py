"""Raw frames become JPEGs: the only file that knows simplejpeg.

simplejpeg and numpy are imported when the camera opens, in its thread: a process that only waits does without.
"""

from __future__ import annotations

from typing import Any

from soft_stream.frames.raw import Orientation, RawFrame
from soft_stream.frames.rendition import ORIGINAL, Rendition


class DamagedJpeg(ValueError):
    """The bytes are not a JPEG, or cannot be decoded."""


UPRIGHT = Orientation()
# With these qualities libjpeg's tables hold the bytes of a marker, FF D9 and FF D8. Home Assistant takes the first for
# the end of a picture, Mainsail the second for the beginning of one; one point more is the same picture.
SAFE_QUALITIES = {6: 7, 18: 19}


def load() -> None:
    """Import what the first frame needs, before there is one."""
    import simplejpeg  # noqa: F401


def encode(raw: RawFrame, quality: int, orientation: Orientation = UPRIGHT, rendition: Rendition = ORIGINAL) -> bytes:
    """Make the JPEG of a raw frame, turned as it is to be, in a rendition.

    Planes are encoded as they are (no conversion, no copy; simplejpeg gives the GIL back meanwhile), so they must be
    full-range BT.601: what JFIF means. A camera's own JPEG is passed through where nothing is to be different.

    Raises:
        DamagedJpeg: the camera's own JPEG cannot be decoded.
    """
    import simplejpeg

    quality = SAFE_QUALITIES.get(quality, quality)
    turn = rendition.rotate(orientation)
    size = rotated_size(rendition_size(rendition, raw.size, orientation), turn)
    if raw.planes:
        halved = (size[0] + 1) // 2, (size[1] + 1) // 2
        sized = zip(raw.planes, (size, halved, halved), strict=True)
        y, u, v = (_rotate(_scale_down(plane, plane_size), turn) for plane, plane_size in sized)
        encoded: bytes = simplejpeg.encode_jpeg_yuv_planes(_pad(y), u, v, quality=quality)
    elif passes_through(raw, orientation, rendition):
        encoded = raw.jpeg
    else:
        pixels = _rotate(_scale_down(_decode(raw.jpeg, size), size), turn)
        encoded = simplejpeg.encode_jpeg(pixels, quality=quality, colorsubsampling="420")
    return encoded


def passes_through(raw: RawFrame, orientation: Orientation, rendition: Rendition) -> bool:
    """Tell whether the camera's own JPEG is what is wanted already."""
    is_large_enough = rendition_size(rendition, raw.size, orientation) == raw.size
    upright = rendition.rotate(orientation) == UPRIGHT
    return raw.planes is None and upright and is_large_enough and not rendition.quality


def rendition_size(rendition: Rendition, size: tuple[int, int], orientation: Orientation) -> tuple[int, int]:
    """Return the (width, height) that a raw frame of `size` has in a rendition."""
    return rendition.scale(rotated_size(size, rendition.rotate(orientation)))


def read_size(jpeg: bytes) -> tuple[int, int]:
    """Return (width, height) of a JPEG.

    Raises:
        DamagedJpeg: it is none.
    """
    import simplejpeg

    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
    except ValueError as error:
        raise DamagedJpeg(f"not a JPEG: {error}") from error
    return width, height


def rotated_size(size: tuple[int, int], orientation: Orientation) -> tuple[int, int]:
    """Return (width, height) after the turn."""
    return (size[1], size[0]) if orientation.rotation in (90, 270) else size


def _scale_down(pixels: Any, size: tuple[int, int]) -> Any:
    """Make an array of rows and columns smaller, unless it has the size already."""
    if pixels.shape[1::-1] == size:
        return pixels
    import numpy
    from PIL import Image

    # as fast as bilinear, and sharper; most of a large step is done by averaging, which is faster still
    return numpy.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.HAMMING, reducing_gap=1.5))


def _pad(plane: Any) -> Any:
    """Lay a plane with an odd side into memory with even ones: libjpeg-turbo reads that far, whatever is there.

    https://github.com/libjpeg-turbo/libjpeg-turbo, src/turbojpeg.c, `tj3CompressFromYUVPlanes8`: `PAD(width, hsamp)`
    """
    height, width = plane.shape
    if height % 2 == width % 2 == 0:
        return plane
    import numpy

    return numpy.pad(plane, ((0, height % 2), (0, width % 2)), "edge")[:height, :width]


def _rotate(pixels: Any, orientation: Orientation) -> Any:
    """Turn an array of rows and columns; simplejpeg takes a plane's rows in any order but each one contiguous."""
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
    """Decode a camera's own JPEG, as coarsely as will do for a picture of `size`; a damaged one is still a picture."""
    import simplejpeg

    try:
        return simplejpeg.decode_jpeg(jpeg, min_width=size[0], min_height=size[1], strict=False)
    except ValueError as error:
        raise DamagedJpeg(f"the camera's JPEG cannot be decoded: {error}") from error
