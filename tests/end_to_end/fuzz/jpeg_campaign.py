"""A run over JPEGs: what the product makes of each, as the first frame of a camera and as one of many."""

from collections.abc import Iterator
from copy import deepcopy
from random import Random

import numpy
import simplejpeg

from soft_stream.frames import exif, jpeg, jpeg_markers
from soft_stream.frames.jpeg_markers import DamagedJpeg
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.raw import RawFrame
from soft_stream.frames.rendition import Rendition
from tests.end_to_end.fuzz import published
from tests.end_to_end.fuzz.jpeg_inputs import SIZE, JpegInput, bases, make
from tests.support.jpegs import EOI

RENDITION = Rendition(width=32, quality=50, rotation=90)
# Frames after which a source has learnt what its camera sends.
LEARNT = 12
# A later frame is always decoded that is shorter than this part of the usual one; the product's limit is a little more.
MUCH_SHORTER = 0.75


class JpegCampaign:
    """Gives frames to the product, and says what is wrong with what it publishes."""

    def __init__(self) -> None:
        self._usual = {True: bases()[0], False: bases()[0].removesuffix(EOI)}
        """What a camera sends that ends its frames with EOI, and what one sends that does not."""
        self._learnt = {ends: _learnt(usual) for ends, usual in self._usual.items()}
        self.tried = self.published = 0

    def problem(self, given: JpegInput) -> str:
        """Return what is wrong, or nothing."""
        self.tried += 1
        try:
            return (
                self._of_walk(given)
                or self._of_first_frame(given)
                or self._of_steady_source(given, ends=True)
                or self._of_steady_source(given, ends=False)
            )
        except Exception as error:  # any exception is a finding
            return f"{type(error).__name__}: {error}"

    def _of_walk(self, given: JpegInput) -> str:
        """Check what the walk alone lets through: most frames of a camera are not decoded."""
        try:
            found = jpeg_markers.find_jpeg(given.data)
            whole = jpeg_markers.complete(given.data, found)
        except DamagedJpeg as reason:
            return f"refused, although nothing is wrong: {reason}" if given.shows else ""
        self.published += 1
        if found.end is None:  # only decoding separates padding from image data, and JpegSource does that
            return self._of_orientation(given.data, found)
        try:
            size = published.size_of(whole)
        except published.Wrong as wrong:
            return f"published: {wrong}"
        if size != found.size:
            return f"the size is {size}, not {found.size}"
        return self._of_orientation(given.data, found)

    def _of_orientation(self, data: bytes, found: jpeg_markers.Markers) -> str:
        for begin, end in found.unwanted:
            if data.startswith(b"Exif\0", begin + 4) and data[begin + 1] == 0xE1:
                expected = exif.ORIENTATIONS[published.orientation_of(data[begin + 4 : end])]
                return "" if found.orientation == expected else f"turned by {found.orientation}, not {expected}"
        return ""

    def _of_first_frame(self, given: JpegInput) -> str:
        """Check a frame that is decoded because it is the first one."""
        raw = RawFrame((0, 0), 0.0, jpeg=given.data)
        if not JpegSource().accepts(raw):
            return f"refused, although nothing is wrong: {given.shows and 'first frame'}" if given.shows else ""
        try:
            shape = _decoded_shape(raw.jpeg)
        except ValueError as error:
            return f"published, but cannot be decoded: {error}"
        if not shape[1::-1] == raw.size == published.size_of(raw.jpeg):
            return f"decoded to {shape[1::-1]}, not {raw.size}"
        if given.shows and not _shows_the_same(raw.jpeg, given.shows):
            return "it shows something else"
        return self._of_rendition(raw)

    def _of_rendition(self, raw: RawFrame) -> str:
        try:
            luma = jpeg.mean_luma(raw)
            rendered = jpeg.encode(raw, 80, rendition=RENDITION)
        except DamagedJpeg as damage:
            return f"accepted, but refused for a rendition: {damage}"
        if luma is not None and not 0 <= luma <= 255:
            return f"its brightness is {luma}"
        published.size_of(rendered)
        return ""

    def _of_steady_source(self, given: JpegInput, *, ends: bool) -> str:
        """Check a later frame, which is decoded only where there is doubt."""
        raw, source = RawFrame((0, 0), 0.0, jpeg=given.data), deepcopy(self._learnt[ends])
        if not source.accepts(raw):
            return ""
        if ends and not source.last_had_end:
            return "published without its end, although this camera ends its frames"
        try:
            published.size_of(raw.jpeg)
        except published.Wrong as wrong:
            return f"published as a later frame: {wrong}"
        if raw.size == SIZE and len(raw.jpeg) < MUCH_SHORTER * len(self._usual[ends]):
            jpeg.check(raw.jpeg)  # an exception is a finding
        return ""


def _learnt(usual: bytes) -> JpegSource:
    """Return a source that has learnt what its camera sends."""
    source = JpegSource()
    for _ in range(LEARNT):
        assert source.accepts(RawFrame((0, 0), 0.0, jpeg=usual))
    return source


def _decoded_shape(data: bytes) -> tuple[int, ...]:
    try:
        return simplejpeg.decode_jpeg(data, "GRAY", strict=False).shape  # type: ignore[no-any-return] # of numpy
    except ValueError:  # headers without a meaning, which the product leaves out where it decodes
        return simplejpeg.decode_jpeg(jpeg_markers.make_plain(data), "GRAY", strict=False).shape  # type: ignore[no-any-return]


def _shows_the_same(one: bytes, other: bytes) -> bool:
    pixels = [
        simplejpeg.decode_jpeg(each, "GRAY")
        for each in (one, jpeg_markers.complete(other, jpeg_markers.find_jpeg(other)))
    ]
    return pixels[0].shape == pixels[1].shape and bool(numpy.array_equal(*pixels))


def inputs(seed: int, count: int) -> Iterator[JpegInput]:
    """Yield the inputs of a seed; each depends only on the seed and its number."""
    return (make(Random(f"{seed} jpeg {number}")) for number in range(count))  # noqa: S311 # no secret
