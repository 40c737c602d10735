"""JPEGs as broken cameras and attackers send them: real ones, changed marker by marker or byte by byte."""

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Literal

from PIL import Image

from tests.support import jpegs
from tests.support.jpegs import EOI, SOI, picture, save

SIZE = (64, 48)
MARKERS = (*range(0xC0, 0xFF), 0xC4, 0xDA, 0xD8, 0xD9, 0xD9, 0xD0, 0xD7, 0x01, 0x02, 0x4F, 0xBF, 0x00, 0xFF)
METADATA = (jpegs.APP0, jpegs.APP1, jpegs.APP2, jpegs.APP2, 0xEE, jpegs.COM)
FRAMES = (0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCB, 0xCD)
PAYLOADS = (b"", b"\0", b"JFIF\0\1\1\0\0\1\0\1\0\0", b"ICC_PROFILE\0" + EOI, b"Adobe" + EOI * 4, b"MPF\0" + bytes(20),
            b"x" + EOI + b"y", SOI + b"\xff", b"Exif\0", b"Exif\0\0II*\0", b"\xff" * 9)  # fmt: skip
HARMLESS = (b"", b"comment", bytes(60), b"http://ns.adobe.com/xap/1.0/\0<x/>")
LENGTHS = (0, 1, 2, 3, 4, 0xFF, 0xFFFE, 0xFFFF)


@dataclass(frozen=True)
class JpegInput:
    """The bytes of a frame, and the JPEG whose pixels it must show, if the changes are harmless."""

    data: bytes
    shows: bytes | None = None


@cache
def bases() -> list[bytes]:
    """Return whole JPEGs of all kinds, small ones, so that many can be tried."""
    image = picture(SIZE)
    return [
        save(image), save(image, subsampling=0), save(image, subsampling=1), save(image.convert("L")),
        save(image.convert("CMYK")), save(image, optimize=True), save(image, progressive=True),
        save(image, restart_marker_rows=1), save(image, restart_marker_blocks=1), save(picture((51, 37))),
        save(Image.new("RGB", SIZE, "navy")), jpegs.with_separate_scans(image), jpegs.with_late_height(save(image)),
        jpegs.with_thumbnail(save(image)), jpegs.without(save(image), jpegs.DHT),
        jpegs.with_wide_quantization(save(image)),
        *(_tables_together(save(image, optimize=True), way) for way in (1, -1)),
    ]  # fmt: skip


def _tables_together(whole: bytes, way: int) -> bytes:
    """Return a JPEG with all Huffman tables in one segment, in this order or in the reverse one."""
    segments, rest = jpegs.split(whole)
    tables = [content for marker, content in segments if marker == jpegs.DHT]
    others = [each for each in segments if each[0] != jpegs.DHT]
    return jpegs.join([*others[:-1], (jpegs.DHT, b"".join(tables[::way])), others[-1]], rest)


def make(rng: Random) -> JpegInput:
    """Return an input."""
    base = rng.choice(bases())
    if rng.random() < 0.08:
        return JpegInput(_harmless(rng, base), base)
    data = base
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if len(data) < 8:
            break
        data = rng.choice(
            (_segment, _segment, _segment, _components, _insert, _insert, _in_data, _exif, _bytes, _ends)
        )(rng, data)
    return JpegInput(data)


def _harmless(rng: Random, base: bytes) -> bytes:
    """Return a JPEG with what decoders leave out: comments, application data, fill bytes, bytes behind EOI."""
    data = base
    for _ in range(rng.choice((1, 2))):
        data = jpegs.insert(data, rng.choice((0xE3, 0xE5, 0xED, jpegs.COM)), rng.choice(HARMLESS))
    if rng.random() < 0.3:
        data = data[:2] + b"\xff" * rng.randint(1, 5) + data[2:]
    if rng.random() < 0.3:  # no end, but padding
        return data.removesuffix(EOI) + bytes(rng.choice((0, 0, 1, 2, 3, 4, 5, 9, 60)))
    if rng.random() < 0.3:
        other = rng.choice(bases()[:7])
        if rng.random() < 0.4:  # an index says that the images behind it belong to this one
            return jpegs.insert(data, jpegs.APP2, b"MPF\0" + bytes(20)) + other
        return data + other[: rng.randrange(2, len(other) - 2)]  # a second frame that is cut off
    return data + rng.choice((b"", bytes(9), EOI, b"\xff" * 3, b"garbage"))


def _parts(data: bytes) -> tuple[list[bytes], bytes]:
    """Return the segments with their markers, up to the first SOS, and the rest; all is the rest if it is broken."""
    segments, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] not in (0xFF, 0xD8, 0xD9):
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4])
        segments.append(data[at:end])
        if data[at + 1] == jpegs.SOS:
            return segments, data[end:]
        at = end
    return segments, data[at:]


def _segment(rng: Random, data: bytes) -> bytes:
    """Remove, double, move or change one segment."""
    segments, rest = _parts(data)
    if not segments:
        return data
    at = rng.randrange(len(segments))
    each = bytearray(segments[at])
    match rng.randrange(7):
        case 0:
            del segments[at]
        case 1:
            segments.insert(rng.randrange(len(segments) + 1), bytes(each))
        case 2:
            segments.insert(rng.randrange(len(segments)), segments.pop(at))
        case 3:
            each[1:2] = bytes([rng.choice(MARKERS)])
            segments[at] = bytes(each)
        case 4:
            length = rng.choice((*LENGTHS, *(len(each) - 2 + step for step in (-3, -2, -1, 1, 2, 3, 9))))
            each[2:4] = max(0, length).to_bytes(2)
            segments[at] = bytes(each)
        case 5:  # shorter or longer, with the right length
            content = bytes(each[4:])
            content = (
                content[: rng.randrange(len(content) + 1)] if rng.random() < 0.6 else content + bytes(rng.randint(1, 9))
            )
            segments[at] = jpegs.segment(each[1], content)
        case _:
            for _ in range(rng.choice((1, 1, 2))):
                place = (
                    rng.randrange(min(4, len(each) - 1), len(each))
                    if rng.random() < 0.4
                    else min(4 + rng.randrange(12), len(each) - 1)
                )
                each[place] = rng.choice((0, 1, 2, 3, 4, 5, 8, 0x10, 0x11, 0x22, 0x3F, 0x7F, 0xFF, rng.randrange(256)))
            segments[at] = bytes(each)
    return data[:2] + b"".join(segments) + rest


def _components(rng: Random, data: bytes) -> bytes:
    """Change the number of components in a frame or scan header that stays consistent, or the kind of coding."""
    segments, rest = _parts(data)
    number = rng.choice((0, 1, 2, 3, 4, 5, 6, 127, 255))
    for at, each in enumerate(segments):
        if each[1] == jpegs.SOS and rng.random() < 0.6:
            pairs = (each[5:-3] * 130)[: 2 * number]
            segments[at] = jpegs.segment(jpegs.SOS, bytes([number]) + pairs + each[-3:])
        elif each[1] in FRAMES and rng.random() < 0.3:
            segments[at] = jpegs.segment(each[1], each[4:9] + bytes([number]) + (each[10:] * 260)[: 3 * number])
        elif each[1] in FRAMES and rng.random() < 0.3:
            segments[at] = each[:1] + bytes([rng.choice(FRAMES)]) + each[2:]
    return data[:2] + b"".join(segments) + (EOI if rng.random() < 0.2 else rest)


def _insert(rng: Random, data: bytes) -> bytes:
    """Insert a segment of any kind, or a marker alone, between two segments."""
    segments, rest = _parts(data)
    payload = rng.choice((*PAYLOADS, rng.randbytes(rng.randint(0, 40))))
    marker = rng.choice(MARKERS if rng.random() < 0.7 else METADATA)
    new = jpegs.segment(marker, payload) if rng.random() < 0.75 else bytes([0xFF, marker])
    segments.insert(rng.randrange(len(segments) + 1), new)
    return data[:2] + b"".join(segments) + rest


def _in_data(rng: Random, data: bytes) -> bytes:
    """Change the image data: a marker in it, with or without a segment, or a part of it missing."""
    head = len(data) - len(_parts(data)[1])
    at = rng.randint(min(head, len(data) - 1), len(data) - 1)
    match rng.randrange(6):
        case 0:
            marker = rng.choice(MARKERS)
            return data[:at] + jpegs.segment(marker, rng.choice(PAYLOADS)) + data[at:]
        case 1:
            return data[:at] + bytes([0xFF, rng.choice(MARKERS)]) + data[at:]
        case 2:
            return data[:head] + data[at:]
        case 3:
            return data[:at] + rng.choice((b"", bytes(3), EOI, b"\xff"))
        case 4:
            step = rng.choice((1, 20, 300))
            return data[:at] + data[at + step :]
        case _:
            marker, length = (
                rng.choice(MARKERS),
                rng.choice((*LENGTHS, 6, 8, 12, len(data) - at - 2, len(data) - at + 9)),
            )
            return data[:at] + bytes([0xFF, marker]) + max(0, length).to_bytes(2) + data[at:]


def _exif(rng: Random, data: bytes) -> bytes:
    """Insert Exif data whose numbers are at bounds, and which may be cut off anywhere."""
    order: Literal["little", "big"] = rng.choice(("little", "little", "big"))

    def number(value: int, size: int) -> bytes:
        return value.to_bytes(size, order)

    kind = rng.choice((1, 2, 3, 3, 3, 4, 7, 0, 99))
    size = {1: 1, 3: 2, 4: 4}.get(kind, 2)
    entry = number(rng.choice((0x0112,) * 6 + (0x0111, 0)), 2) + number(kind, 2)
    entry += number(rng.choice((1, 1, 1, 1, 0, 2, 2**32 - 1)), 4)
    entry += number(rng.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 2 ** (8 * size) - 1)), size).ljust(4, b"\0")
    begin = rng.choice((8,) * 8 + (0, 1, 7, 9, 26, 2**31, 2**32 - 1))
    entries = [entry] if rng.random() < 0.7 else [number(0x0100, 2) + number(3, 2) + number(1, 4) + bytes(4), entry]
    count = rng.choice((len(entries),) * 5 + (0, 1, 2, 500, 0xFFFF))
    tiff = rng.choice((b"II", b"MM", b"XX", b"I")) if rng.random() < 0.05 else {"little": b"II", "big": b"MM"}[order]
    tiff += number(42, 2) + number(begin, 4) + number(count, 2) + b"".join(entries) + number(0, 4)
    payload = b"Exif\0" + rng.choice((b"\0",) * 6 + (b"", b"\xff")) + tiff
    if rng.random() < 0.3:
        payload = payload[: rng.randrange(len(payload) + 1)]
    return jpegs.insert(data, rng.choice((jpegs.APP1,) * 9 + (0xE3,)), payload)


def _bytes(rng: Random, data: bytes) -> bytes:
    """Change bytes anywhere, mostly in the headers."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 5))):
        at = rng.randrange(min(len(data), 700) if rng.random() < 0.7 else len(data))
        changed[at] = rng.choice((0, 0xFF, 0xD9, 0xD8, rng.randrange(256)))
    return bytes(changed)


def _ends(rng: Random, data: bytes) -> bytes:
    """Change the end: no EOI, zeros, garbage, or another JPEG behind it; or the beginning."""
    other = rng.choice(bases())
    match rng.randrange(6):
        case 0:
            return data.removesuffix(EOI) + bytes(rng.choice((0, 0, 1, 2, 9)))
        case 1:
            return data + rng.choice((bytes(500), other, other[: rng.randrange(len(other))], EOI, SOI, b"\xff"))
        case 2:
            return data[: rng.randrange(len(data))] + other
        case 3:
            return data[rng.choice((1, 2, 3)) :]
        case 4:
            return data[: rng.randrange(1, len(data))]
        case _:
            return rng.choice((b"", SOI, SOI + EOI, b"\0" + data, SOI + data, b"\xff" + data))
