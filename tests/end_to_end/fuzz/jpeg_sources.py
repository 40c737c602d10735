"""Cameras that send one frame after another: which frames are decoded, and what becomes of damaged and padded ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy
import simplejpeg
from PIL import Image

from soft_stream.frames import exif, jpeg, jpeg_source
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.raw import RawFrame
from tests.end_to_end.fuzz import published
from tests.support import jpegs
from tests.support.jpegs import EOI, picture, save

# The rules of docs/cameras.md and of JpegSource, written once more.
LEARNING, FIRST, INTERVAL, SIZES = 10, 3, 1.0, 8


@dataclass(frozen=True)
class Sent:
    """A frame of a camera."""

    data: bytes
    shows: bytes | None
    """The JPEG whose pixels it shows; None if it is cut off."""
    wait: float = 0.02
    """Seconds since the frame before it."""
    is_checked: bool = False
    orientation: int = 1


@dataclass(frozen=True)
class Camera:
    """What one camera sends."""

    frames: tuple[Sent, ...]
    decodes_all: bool


@cache
def whole_frames() -> dict[str, list[bytes]]:
    """Return whole JPEGs by kind: usual ones of several sizes, and those whose image data ends with zeros."""
    flat = [
        save(Image.new("RGB", (width, height), "navy"), optimize=True, quality=quality)
        for width in range(16, 200, 24) for height in range(16, 100, 8) for quality in (30, 90)
    ]  # fmt: skip
    zeros = [each for each in flat if each.endswith(b"\0" + EOI) and jpegs.data_begin(each) < len(each) - 6]
    return {
        "usual": [save(picture((48 + 8 * step, 48), step)) for step in range(SIZES + 4)],
        "zeros": [jpegs.with_zeros(1), jpegs.with_zeros(2), *zeros[:6]],
    }


def make(rng: Random) -> Camera:
    """Return a camera whose frames are mostly whole, and mostly of one size."""
    has_ends = rng.random() < 0.5
    kind = rng.choice(("usual", "usual", "zeros"))
    all_frames = whole_frames()[kind]
    own = rng.choice(all_frames)
    visits = rng.random() < 0.4
    frames = []
    for number in range(rng.choice((16, 30, 40))):
        whole = all_frames[number % len(all_frames)] if visits and 11 < number < 25 else own
        frames.append(_frame(rng, whole, has_ends=has_ends, damage=0 if number in range(2, 11) else 0.2))
    return Camera(tuple(frames), rng.random() < 0.1)


def _frame(rng: Random, whole: bytes, *, has_ends: bool, damage: float) -> Sent:
    end = EOI if has_ends != (rng.random() < 0.03) else b""
    wait = rng.choice((0.02,) * 6 + (0.5, 1.5))
    begin = jpegs.data_begin(whole)
    is_checked = rng.random() < 0.1
    if rng.random() < damage:
        length = begin + round((len(whole) - begin) * rng.choice((0.3, 0.9, 0.93)))
        return Sent(whole[:length].rstrip(b"\0\xff") + end, None, wait, is_checked)
    data = whole.removesuffix(EOI) + (end or bytes(rng.choice((0, 0, 0, 1, 2, 3, 5, 9, 60))))
    orientation = 1
    if rng.random() < 0.2:
        orientation = rng.randint(1, 8)
        data = jpegs.insert(data, jpegs.APP1, _exif(orientation, is_little=rng.random() < 0.5))
    return Sent(data, whole, wait, is_checked, orientation)


def _exif(orientation: int, *, is_little: bool) -> bytes:
    order, mark = ("little", b"II*\0") if is_little else ("big", b"MM\0*")
    numbers = ((8, 4), (1, 2), (0x0112, 2), (3, 2), (1, 4), (orientation, 2), (0, 2), (0, 4))
    return b"Exif\0\0" + mark + b"".join(value.to_bytes(size, order) for value, size in numbers)  # type: ignore[arg-type]


class Watcher:
    """Gives the frames of a camera to the product, and knows which of them must be decoded."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self._source = JpegSource(decodes_all=camera.decodes_all)
        self._now, self._decoded_at = 1000.0, float("-inf")
        self._good = self._learnt = self._ended = 0
        self._lengths: dict[tuple[int, int], list[int]] = {}

    def problem(self) -> str:
        """Return what is wrong, or nothing."""
        for number, sent in enumerate(self._camera.frames):
            self._now += sent.wait
            raw = RawFrame((0, 0), 0.0, jpeg=sent.data, is_checked=sent.is_checked)
            clock = SimpleNamespace(monotonic=lambda: self._now)
            with (
                mock.patch.object(jpeg_source, "time", clock),
                mock.patch.object(jpeg, "check", wraps=jpeg.check) as check,
            ):
                accepted = self._source.accepts(raw)
            if wrong := self._wrong(sent, raw, accepted=accepted, decoded=check.called):
                return f"frame {number}: {wrong}"
        return ""

    def _wrong(self, sent: Sent, raw: RawFrame, *, accepted: bool, decoded: bool) -> str:
        has_end = sent.data.endswith(EOI)
        if not has_end and self._learnt >= LEARNING and 2 * self._ended >= self._learnt:
            self._good = 0
            return "published without its end, although this camera ends its frames" if accepted else ""
        size = _size(sent.data)
        must, may = self._must_be_decoded(sent, size, has_end=has_end)
        if must and not decoded:
            return "not decoded"
        if decoded and not (must or may):
            return "decoded without a doubt"
        if decoded:
            self._decoded_at = self._now
        if not accepted:
            self._good = 0
            return f"refused, although nothing is wrong: {self._source.last_damage}" if sent.shows else ""
        if decoded and not raw.is_checked:
            return "not marked as decoded"
        if decoded and not sent.shows:
            return "published, although it is cut off"
        self._accept(size, len(raw.jpeg), has_end=has_end)
        return _wrong_frame(sent, raw) if sent.shows else ""

    def _must_be_decoded(self, sent: Sent, size: tuple[int, int], *, has_end: bool) -> tuple[bool, bool]:
        """Return whether a frame must be decoded, and whether it may be."""
        data = sent.data.rstrip(b"\0")
        is_unclear = not has_end and len(data) < len(sent.data) and data[-1] % 2 == 0
        usual = self._lengths.get(size)
        is_short = not usual or len(data) < 0.7 * min(usual)
        may = bool(usual) and len(data) < 0.95 * max(usual or [0])
        if has_end:
            is_new = self._good < FIRST
        else:
            is_new = min(self._good, self._learnt) < LEARNING or self._now >= self._decoded_at + INTERVAL
        must = not sent.is_checked and (self._camera.decodes_all or is_short or is_new)
        return must or is_unclear, may and not sent.is_checked

    def _accept(self, size: tuple[int, int], length: int, *, has_end: bool) -> None:
        self._good += 1
        if self._learnt < LEARNING:
            self._learnt += 1
            self._ended += has_end
        self._lengths[size] = [*self._lengths.pop(size, []), length][-30:]
        if len(self._lengths) > SIZES:
            del self._lengths[next(iter(self._lengths))]


def _size(data: bytes) -> tuple[int, int]:
    header = next(content for marker, content in jpegs.split(data)[0] if marker in published.FRAMES)
    return int.from_bytes(header[3:5]), int.from_bytes(header[1:3])


def _wrong_frame(sent: Sent, raw: RawFrame) -> str:
    """Return what is wrong with what is published of a whole frame, or nothing."""
    try:
        size = published.size_of(raw.jpeg)
        shown, expected = _pixels(raw.jpeg), _pixels(sent.shows or b"")
    except (ValueError, published.Wrong) as error:
        return f"published, but {error}"
    if not size == raw.size == expected.shape[1::-1]:
        return f"its size is {raw.size}"
    if raw.orientation != exif.ORIENTATIONS[sent.orientation]:
        return f"turned by {raw.orientation}, not {sent.orientation}"
    return "" if numpy.array_equal(shown, expected) else "it shows something else"


def _pixels(data: bytes) -> Any:
    return simplejpeg.decode_jpeg(data, "RGB", strict=True)


def cameras(seed: int, count: int) -> Iterator[Camera]:
    """Yield the cameras of a seed; each depends only on the seed and its number."""
    return (make(Random(f"{seed} camera {number}")) for number in range(count))  # noqa: S311 # no secret
