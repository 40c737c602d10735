"""JPEGs of many kinds, as cameras send them: whole, with parts left out, cut off, and several in a row."""

from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import Any

import numpy
from PIL import Image

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
APP0, APP1, APP2, COM, DHT, DNL, DQT, SOF0, SOF1, SOS = 0xE0, 0xE1, 0xE2, 0xFE, 0xC4, 0xDC, 0xDB, 0xC0, 0xC1, 0xDA


@cache
def picture(size: tuple[int, int] = (320, 240), seed: int = 1) -> Image.Image:
    """Return a picture with detail everywhere, so that half of its JPEG is clearly not the whole."""
    noise = numpy.random.default_rng(seed).integers(0, 255, (size[1] // 4 + 1, size[0] // 4 + 1, 3), dtype=numpy.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def save(image: Image.Image, **options: Any) -> bytes:
    """Return the JPEG of an image, with Pillow's options."""
    buffer = BytesIO()
    image.save(buffer, "JPEG", **{"quality": 80} | options)
    return buffer.getvalue()


def segment(marker: int, content: bytes) -> bytes:
    """Return a segment."""
    return bytes([0xFF, marker]) + (len(content) + 2).to_bytes(2) + content


def split(jpeg: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Return (marker, content) of each segment up to SOS, and the rest."""
    segments, at, marker = [], 2, 0
    while marker != SOS:
        while jpeg[at + 1] == 0xFF:
            at += 1
        marker, end = jpeg[at + 1], at + 2 + int.from_bytes(jpeg[at + 2 : at + 4])
        segments.append((marker, jpeg[at + 4 : end]))
        at = end
    return segments, jpeg[at:]


def join(segments: list[tuple[int, bytes]], rest: bytes) -> bytes:
    """Return the JPEG of segments and what follows them."""
    return SOI + b"".join(segment(*each) for each in segments) + rest


def insert(jpeg: bytes, marker: int, content: bytes) -> bytes:
    """Return a JPEG with a segment behind SOI."""
    return SOI + segment(marker, content) + jpeg[2:]


def without(jpeg: bytes, *markers: int) -> bytes:
    """Return a JPEG without the segments of some kinds."""
    segments, rest = split(jpeg)
    return join([each for each in segments if each[0] not in markers], rest)


def with_fill_bytes(jpeg: bytes) -> bytes:
    """Return a JPEG with FF bytes in front of each marker."""
    segments, rest = split(jpeg)
    return SOI + b"".join(b"\xff\xff" + segment(*each) for each in segments) + rest[:-2] + b"\xff" + EOI


def with_wide_quantization(jpeg: bytes) -> bytes:
    """Return a JPEG with quantization tables of 16 bits, which need the marker SOF1."""
    segments, rest = split(jpeg)
    wide = []
    for marker, content in segments:
        if marker == DQT:
            tables = [content[at : at + 65] for at in range(0, len(content), 65)]
            each = b"".join(
                bytes([0x10 | table[0]]) + b"".join(bytes([0, value]) for value in table[1:]) for table in tables
            )
            wide.append((marker, each))
        else:
            wide.append((SOF1 if marker == SOF0 else marker, content))
    return join(wide, rest)


def with_late_height(jpeg: bytes) -> bytes:
    """Return a JPEG that has its height behind the image data, in a DNL segment."""
    segments, rest = split(jpeg)
    height = next(content[1:3] for marker, content in segments if marker == SOF0)
    late = [
        (marker, content[:1] + b"\0\0" + content[3:] if marker == SOF0 else content) for marker, content in segments
    ]
    return join(late, rest[:-2] + segment(DNL, height) + EOI)


def with_thumbnail(jpeg: bytes) -> bytes:
    """Return a JPEG with Exif data that has a thumbnail, which is a JPEG of its own."""
    tiff = b"II*\0\x08\0\0\0\0\0\0\0\0\0"
    return insert(jpeg, APP1, b"Exif\0\0" + tiff + save(picture((64, 48))))


def with_separate_scans(image: Image.Image) -> bytes:
    """Return a JPEG with a scan for each component, made of three grey ones."""
    bands = [split(save(band)) for band in image.convert("YCbCr").split()]
    segments = [each for each in bands[0][0] if each[0] != SOS]
    components = b"".join(bytes([number, 0x11, 0]) for number in (1, 2, 3))
    head = join(
        [(kind, content[:5] + b"\x03" + components if kind == SOF0 else content) for kind, content in segments], b""
    )
    scans = [segment(SOS, bytes([1, number, 0]) + b"\0\x3f\0") + rest[:-2] for number, (_, rest) in enumerate(bands, 1)]
    return head + b"".join(scans) + EOI


def with_zeros(number: int) -> bytes:
    """Return a grey JPEG of 320x240 whose image data ends with a number of zeros, 1 or 2.

    Each unit has four blocks of brightness and two or four of colour, all with the standard codes for `no change`.
    """
    segments, _ = split(FLAT)
    sampling = bytes([1, 0x22, 0, 2, 0x10 | number, 1, 3, 0x10 | number, 1])
    head = join([(kind, content[:6] + sampling if kind == SOF0 else content) for kind, content in segments], b"")
    unit = "001010" * 4 + "0000" * 2 * number
    bits = unit * (20 * 15)
    return head + int(bits, 2).to_bytes(len(bits) // 8) + EOI


def data_begin(jpeg: bytes) -> int:
    """Return where the image data begins."""
    return len(jpeg) - len(split(jpeg)[1])


def cuts(jpeg: bytes) -> Iterator[int]:
    """Yield lengths at which a JPEG is cut off: in the headers, in the image data, and shortly before its end."""
    begin = data_begin(jpeg)
    yield from (2, 3, 4, begin // 2, begin - 1, begin, begin + 7)
    yield from (begin + (len(jpeg) - begin) * part // 100 for part in (10, 30, 50, 70, 90, 97))


BASE = save(picture())
OTHER = save(picture(seed=2))
FLAT = save(Image.new("RGB", (320, 240), "navy"))
WHOLE: dict[str, bytes] = {
    "4:2:0": BASE,
    "4:2:2": save(picture(), subsampling=1),
    "4:4:4": save(picture(), subsampling=0),
    "grey": save(picture().convert("L")),
    "CMYK": save(picture().convert("CMYK")),
    "optimized": save(picture(), optimize=True),
    "odd size": save(picture((331, 77))),
    "one colour": FLAT,
    "one colour, optimized": save(Image.new("RGB", (320, 240), "red"), optimize=True),
    "one colour, progressive": save(Image.new("RGB", (320, 240), "red"), progressive=True),
    "progressive": save(picture(), progressive=True),
    "restart each row": save(picture(), restart_marker_rows=1),
    "restart each block": save(picture(), restart_marker_blocks=1),
    "progressive with restarts": save(picture(), progressive=True, restart_marker_rows=1),
    "separate scans": with_separate_scans(picture()),
    "16 bit quantization": with_wide_quantization(BASE),
    "fill bytes": with_fill_bytes(BASE),
    "thumbnail": with_thumbnail(BASE),
    "markers in a comment": insert(BASE, COM, EOI + SOI + b"\xff\xda\xff\xd9"),
    "markers in APP4": insert(BASE, 0xE4, SOI + b"\xff\xe0" + EOI * 9),
    "large profile": save(picture(), icc_profile=bytes(range(256)) * 500),
}
"""Whole JPEGs, by what is special about them."""
MISREAD = ("thumbnail", "markers in a comment", "markers in APP4")
SENT = {kind: BASE if kind in MISREAD else whole for kind, whole in WHOLE.items()}
"""The same as clients get them: without what clients take for the end of the JPEG."""
