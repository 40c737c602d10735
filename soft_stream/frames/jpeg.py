"""JPEG encoding of raw frames; the only module that imports simplejpeg.

simplejpeg and numpy are imported in the camera thread when the camera opens, to save memory in an idle process.
"""

from __future__ import annotations

from typing import Any

from soft_stream.frames.jpeg_markers import BAD_DATA, CUT_OFF, make_plain
from soft_stream.frames.jpeg_markers import DamagedJpeg as DamagedJpeg
from soft_stream.frames.raw import UPRIGHT, Orientation, RawFrame
from soft_stream.frames.rendition import ORIGINAL, Rendition
from soft_stream.message import Message

# With these qualities libjpeg's tables contain the bytes of a marker, FF D9 or FF D8. Home Assistant takes the first
# for the end of a JPEG, Mainsail takes the second for its beginning. One point more makes no visible difference.
SAFE_QUALITIES = {6: 7, 18: 19}
# libjpeg's warnings after which a part of the frame is missing or wrong, each with the phrase for the user.
# https://github.com/libjpeg-turbo/libjpeg-turbo, src/jerror.h: the messages JWRN_...
SERIOUS = {
    "premature end": CUT_OFF,
    "bad Huffman code": BAD_DATA,
    "bad arithmetic code": BAD_DATA,
    "instead of RST": BAD_DATA,
}
# The warning about bytes without a meaning in front of a marker, which many webcams put there.
HARMLESS = "extraneous bytes before marker"
# The grey of blocks without data, of which libjpeg makes the rest of a JPEG that is cut off.
NOTHING = 128


def load() -> None:
    """Import simplejpeg before the first frame."""
    import simplejpeg  # noqa: F401


def encode(raw: RawFrame, quality: int, orientation: Orientation = UPRIGHT, rendition: Rendition = ORIGINAL) -> bytes:
    """Return the JPEG of a raw frame in an orientation and a rendition.

    Planes are encoded without conversion and without a copy, so they must be full-range BT.601, as JFIF requires.
    simplejpeg releases the GIL. A camera's own JPEG is not encoded again if its pixels need no change.

    Raises:
        DamagedJpeg: the camera's own JPEG cannot be decoded.
    """
    import simplejpeg

    quality = SAFE_QUALITIES.get(quality, quality)
    total = total_orientation(raw, orientation, rendition)
    size = rotated_size(rendition_size(raw, orientation, rendition), total)
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


def make_small(jpeg: bytes, size: tuple[int, int], least_side: int, quality: int) -> tuple[bytes, tuple[int, int]]:
    """Return a JPEG of `size` in the smallest version whose longer side is at least `least_side`, and its size.

    The decoder scales by eighths, which costs less than to decode all pixels, and imports nothing else.

    Raises:
        DamagedJpeg: it cannot be decoded.
    """
    import simplejpeg

    width, height = size
    pixels = _decode(jpeg, (least_side, 0) if width >= height else (0, least_side))
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=quality, colorsubsampling="420")
    return encoded, (pixels.shape[1], pixels.shape[0])


def passes_through(raw: RawFrame, orientation: Orientation, rendition: Rendition) -> bool:
    """Return whether the pixels of the camera's own JPEG need no change."""
    keeps_size = rendition_size(raw, orientation, rendition) == raw.size
    upright = total_orientation(raw, orientation, rendition) == UPRIGHT
    return raw.planes is None and upright and keeps_size and not rendition.quality


def total_orientation(raw: RawFrame, orientation: Orientation, rendition: Rendition) -> Orientation:
    """Return how the stored pixels of a raw frame are turned: by its Exif data, the settings and the rendition."""
    return rendition.rotate(raw.orientation.then(orientation))


def rendition_size(raw: RawFrame, orientation: Orientation, rendition: Rendition) -> tuple[int, int]:
    """Return the (width, height) of a rendition of a raw frame."""
    return rendition.scale(rotated_size(raw.size, total_orientation(raw, orientation, rendition)))


def check(jpeg: bytes, *, tolerant: bool = True) -> None:
    """Check that a JPEG can be decoded from its first block to its last one, at an eighth of its size.

    Takes 2 ms on a PC for 1920x1080.

    Many webcams put bytes without a meaning between the image data and EOI, or odd values into a header. That is not
    damage, unless `tolerant` is false.

    Raises:
        DamagedJpeg: it cannot.
    """
    try:
        _decode_smallest(jpeg)
    except ValueError as warning:
        phrase = _phrase(warning)
        if phrase := _fault_of_plain(jpeg, phrase) if tolerant else phrase:
            raise DamagedJpeg(phrase) from warning


def _fault_of_plain(jpeg: bytes, phrase: str) -> str:
    """Return what is wrong with a JPEG apart from harmless oddities, or nothing; `phrase` if it has odd headers."""
    try:
        plain = make_plain(jpeg)
    except DamagedJpeg:
        return phrase
    try:
        _decode_smallest(plain)
    except ValueError as warning:
        phrase = _phrase(warning)
    else:
        return ""
    if HARMLESS not in phrase:
        return phrase
    try:  # decoding has ended at the first warning
        last_row = _decode_smallest(plain, strict=False)[-1]
    except ValueError as error:
        return _phrase(error)
    return CUT_OFF if (last_row == NOTHING).all() else ""


def _decode_smallest(jpeg: bytes, *, strict: bool = True) -> Any:
    import simplejpeg

    return simplejpeg.decode_jpeg(
        jpeg, "GRAY", fastdct=True, fastupsample=True, min_height=1, min_width=1, strict=strict
    )


def _phrase(warning: ValueError) -> str:
    return next(
        (phrase for text, phrase in SERIOUS.items() if text in str(warning)),
        Message("jpeg_undecodable", "cannot be decoded ({warning})", warning=warning),
    )


def ensure_whole(raw: RawFrame) -> None:
    """Check a camera's own JPEG once; do nothing for planes.

    Raises:
        DamagedJpeg: it cannot be decoded.
    """
    if raw.planes is None and not raw.is_checked:
        check(raw.jpeg)
        raw.is_checked = True


def mean_luma(raw: RawFrame) -> float | None:
    """Return the mean brightness of a raw frame, 0 to 255, from an eighth of its lines and columns; None if damaged."""
    if raw.planes:
        return float(raw.planes[0][::8, ::8].mean())
    try:
        luma = _decode_smallest(raw.jpeg)
    except ValueError:
        try:
            ensure_whole(raw)  # the warning may be harmless
            luma = _decode_smallest(raw.jpeg, strict=False)
        except ValueError:
            return None
    raw.is_checked = True
    return float(luma.mean())


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
    """Decode a camera's own JPEG at a reduced size of at least `size`."""
    import simplejpeg

    options = {"min_width": size[0], "min_height": size[1]}
    try:
        return simplejpeg.decode_jpeg(jpeg, **options, strict=True)
    except ValueError:
        check(jpeg)  # the warning may be harmless
        return simplejpeg.decode_jpeg(make_plain(jpeg), **options, strict=False)
