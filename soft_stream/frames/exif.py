"""Exif data: the orientation in that of a camera, and the data of a still, with time, exposure, gain, lens and model.

There is no thumbnail, because some clients take its end for the end of the JPEG. The tags are those of Exif 2.32
(CIPA DC-008), with Pillow's names for them.
"""

import struct
from contextlib import suppress
from datetime import datetime
from types import MappingProxyType
from typing import Any

from soft_stream.frames.raw import UPRIGHT, FrameMetadata, Orientation

BEGIN = b"\xff\xd8"
APP1 = b"\xff\xe1"
ISO_AT_GAIN_1 = 100
MAX_SHORT, MAX_LONG = 0xFFFF, 0xFFFF_FFFF
# The values of tags that Exif requires: those of JFIF, and the default resolution, because none is known.
UNKNOWN_RESOLUTION, INCH = 72, 2
CENTRED, Y_CB_CR, SRGB = 1, b"\1\2\3\0", 1
EXIF_HEADER = b"Exif\0"
"""The first bytes of an APP1 segment with Exif data, before a byte of padding; XMP has APP1 segments too."""
TIFF_AT = 6
ORIENTATION_TAG = 0x0112
BYTE_ORDERS = MappingProxyType({b"II": "<", b"MM": ">"})
BYTE, SHORT, LONG, UNDEFINED = 1, 3, 4, 7
NUMBER_FORMATS = MappingProxyType({BYTE: "B", SHORT: "H", LONG: "I"})
"""The types that writers use for a small number."""
ORIENTATIONS = MappingProxyType(
    {
        1: UPRIGHT,
        2: Orientation(hflip=True),
        3: Orientation(hflip=True, vflip=True),
        4: Orientation(vflip=True),
        5: Orientation(vflip=True, rotation=90),
        6: Orientation(rotation=90),
        7: Orientation(hflip=True, rotation=90),
        8: Orientation(hflip=True, vflip=True, rotation=90),
    }
)
"""The turn that shows a JPEG upright, by the value of its Exif orientation."""


def read_orientation(payload: bytes) -> Orientation:
    """Return the turn that shows a JPEG upright; `payload` is that of an APP1 segment, from `Exif` on.

    Any payload without a valid orientation is upright. Only the first directory is read, which has the orientation of
    the JPEG; the next one has that of the thumbnail.
    """
    tiff = memoryview(payload)[TIFF_AT:]
    order = BYTE_ORDERS.get(bytes(tiff[:2]))
    if not payload.startswith(EXIF_HEADER) or order is None:
        return UPRIGHT
    with suppress(struct.error):  # the data ends too early
        (begin,) = struct.unpack_from(f"{order}I", tiff, 4)
        (entries,) = struct.unpack_from(f"{order}H", tiff, begin)
        entry = struct.Struct(f"{order}HHI4s")
        for at in range(begin + 2, begin + 2 + entries * entry.size, entry.size):
            tag, kind, count, value = entry.unpack_from(tiff, at)
            if tag == ORIENTATION_TAG and count == 1 and kind in NUMBER_FORMATS:
                (number,) = struct.unpack_from(order + NUMBER_FORMATS[kind], value)
                return ORIENTATIONS.get(number, UPRIGHT)
    return UPRIGHT


def add_exif(jpeg: bytes, size: tuple[int, int], timestamp: float, metadata: FrameMetadata, model: str) -> bytes:
    """Return a JPEG of this (width, height) with Exif data; it must have none yet. `timestamp` is in Unix seconds."""
    from PIL.ExifTags import IFD, Base
    from PIL.Image import Exif
    from PIL.TiffImagePlugin import IFDRational

    taken = datetime.fromtimestamp(timestamp).astimezone()
    exif = Exif()
    exif[Base.XResolution] = exif[Base.YResolution] = IFDRational(UNKNOWN_RESOLUTION)
    exif[Base.ResolutionUnit] = INCH
    exif[Base.YCbCrPositioning] = CENTRED
    exif[Base.Software] = "camera-soft-stream"
    exif[Base.DateTime] = taken.strftime("%Y:%m:%d %H:%M:%S")
    if model:
        exif[Base.Model] = model
    details: dict[int, Any] = {
        Base.ExifVersion: b"0232",
        Base.DateTimeOriginal: exif[Base.DateTime],
        Base.SubsecTimeOriginal: f"{taken.microsecond // 1000:03d}",
        Base.OffsetTimeOriginal: taken.isoformat()[-6:],
        Base.ComponentsConfiguration: Y_CB_CR,
        Base.FlashPixVersion: b"0100",
        Base.ColorSpace: SRGB,
        Base.ExifImageWidth: size[0],
        Base.ExifImageHeight: size[1],
    }
    if metadata.exposure_time is not None:
        details[Base.ExposureTime] = _rational(metadata.exposure_time, 1_000_000)
    if metadata.gain is not None:
        details[Base.ISOSpeedRatings] = min(round(metadata.gain * ISO_AT_GAIN_1), MAX_SHORT)
    if metadata.lens_position and metadata.lens_position > 0:  # 0 means infinity, which is not a distance in metres
        details[Base.SubjectDistance] = _rational(1 / metadata.lens_position, 1000)
    exif[IFD.Exif] = details
    segment = exif.tobytes()
    # Pillow writes the bytes of a tag that it does not know as BYTE: https://github.com/python-pillow/Pillow,
    # src/PIL/TiffTags.py, `TAGS_V2_GROUPS`
    entry = struct.Struct(f"{BYTE_ORDERS[segment[TIFF_AT : TIFF_AT + 2]]}HHI")
    tag, count = Base.ComponentsConfiguration, len(Y_CB_CR)
    segment = segment.replace(entry.pack(tag, BYTE, count), entry.pack(tag, UNDEFINED, count))
    return BEGIN + APP1 + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg.removeprefix(BEGIN)


def _rational(value: float, denominator: int) -> Any:
    """Return a number as Exif stores it: two integers of 32 bits."""
    from PIL.TiffImagePlugin import IFDRational

    return IFDRational(max(0, min(round(value * denominator), MAX_LONG)), denominator)
