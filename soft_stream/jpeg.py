"""Raw frames become JPEGs: the only file that knows simplejpeg.

simplejpeg and numpy are imported when the camera opens, in its thread: a process that only waits does without.
"""

from __future__ import annotations

from typing import Any

from soft_stream.cameras import CameraError, Orientation, RawFrame

UPRIGHT = Orientation()


def load() -> None:
    """Import what the first frame needs, before there is one."""
    import simplejpeg  # noqa: F401


def encode(raw: RawFrame, quality: int, orientation: Orientation = UPRIGHT) -> bytes:
    """Make the JPEG of a raw frame, turned as asked; a camera's own JPEG is passed through where nothing turns.

    Planes are encoded as they are (no conversion, no copy; simplejpeg gives the GIL back meanwhile), so they must be
    full-range BT.601: what JFIF means.

    Raises:
        CameraError: the camera's own JPEG cannot be decoded.
    """
    if raw.planes is None:
        return raw.jpeg if orientation == UPRIGHT else _turn_jpeg(raw.jpeg, quality, orientation)
    import simplejpeg

    y, u, v = raw.planes if orientation == UPRIGHT else [_turn(plane, orientation) for plane in raw.planes]
    encoded: bytes = simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality=quality)
    return encoded


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return (width, height) of a JPEG.

    Raises:
        CameraError: it is none.
    """
    import simplejpeg

    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
    except ValueError as error:
        raise CameraError(f"not a JPEG: {error}") from error
    return width, height


def turned_size(size: tuple[int, int], orientation: Orientation) -> tuple[int, int]:
    """Return (width, height) after the turn."""
    return (size[1], size[0]) if orientation.rotation in (90, 270) else size


def _turn(pixels: Any, orientation: Orientation) -> Any:
    """Turn an array of rows and columns; simplejpeg takes rows in any order but each one contiguous."""
    import numpy

    if orientation.hflip:
        pixels = pixels[:, ::-1]
    if orientation.vflip:
        pixels = pixels[::-1]
    pixels = numpy.rot90(pixels, -orientation.rotation // 90)
    return pixels if pixels.strides[1] == pixels[0, 0].nbytes else numpy.ascontiguousarray(pixels)


def _turn_jpeg(jpeg: bytes, quality: int, orientation: Orientation) -> bytes:
    import numpy
    import simplejpeg

    try:
        pixels = simplejpeg.decode_jpeg(jpeg, strict=False)  # a damaged frame is still a frame
    except ValueError as error:
        raise CameraError(f"the camera's JPEG cannot be decoded: {error}") from error
    turned = numpy.ascontiguousarray(_turn(pixels, orientation))
    encoded: bytes = simplejpeg.encode_jpeg(turned, quality=quality, colorsubsampling="420")
    return encoded
