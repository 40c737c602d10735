"""The walk over the markers of a camera's JPEG."""

import re
import time
from collections.abc import Callable
from random import Random
from statistics import median

import pytest
import simplejpeg
from PIL import Image

from soft_stream.frames.huffman_tables import STANDARD_TABLES, defined_tables, huffman_segment
from soft_stream.frames.jpeg_markers import DamagedJpeg, complete, find_jpeg, make_plain
from soft_stream.frames.raw import Orientation
from tests.support import jpegs
from tests.support.jpegs import BASE, EOI, MISREAD, OTHER, SENT, SOI, WHOLE


def walk(data: bytes) -> bytes:
    """Return the JPEG that is found, completed."""
    return complete(data, find_jpeg(data))


@pytest.mark.parametrize("kind", [kind for kind in WHOLE if kind not in MISREAD])
def test_a_whole_jpeg_stays_as_it_is(kind: str) -> None:
    """No byte of a whole JPEG changes, and its own bytes object is passed on without a copy."""
    assert walk(WHOLE[kind]) is WHOLE[kind]


@pytest.mark.parametrize("behind", [bytes(1), bytes(500), b"\xff" * 9, b"\xa5" * 40 + EOI, BASE[len(BASE) // 2 :], SOI])
@pytest.mark.parametrize("kind", WHOLE)
def test_what_follows_eoi_is_cut_off(kind: str, behind: bytes) -> None:
    """Padding, and the end of an older JPEG in a buffer that is reused, are no part of the frame."""
    assert walk(WHOLE[kind] + behind) == SENT[kind]


@pytest.mark.parametrize("kind", [kind for kind in WHOLE if "optimized" not in kind and "progressive" not in kind])
def test_missing_huffman_tables_are_inserted_in_front_of_sos(kind: str) -> None:
    """A JPEG without tables gets the standard ones, and then shows the same to a strict decoder."""
    whole = WHOLE[kind]
    bare = jpegs.without(whole, jpegs.DHT)
    completed = walk(bare)
    segments, _ = jpegs.split(completed)
    assert [marker for marker, _ in segments][-2:] == [jpegs.DHT, jpegs.SOS]
    assert completed.replace(huffman_segment(STANDARD_TABLES), b"") == jpegs.without(SENT[kind], jpegs.DHT)
    space = "CMYK" if kind == "CMYK" else "RGB"
    assert (simplejpeg.decode_jpeg(completed, space) == simplejpeg.decode_jpeg(whole, space)).all()


@pytest.mark.parametrize("left_out", [{0x01, 0x11}, {0x10}, {0x00, 0x10, 0x11}])
def test_only_tables_that_are_missing_are_inserted(left_out: set[int]) -> None:
    """A camera's own tables stay the valid ones."""
    segments, rest = jpegs.split(BASE)
    own = [each for each in segments if each[0] != jpegs.DHT]
    own.insert(-1, (jpegs.DHT, huffman_segment(STANDARD_TABLES.keys() - left_out)[4:]))
    completed = walk(jpegs.join(own, rest))
    inserted = [content for marker, content in jpegs.split(completed)[0] if marker == jpegs.DHT][-1]
    assert defined_tables(inserted) == left_out
    assert (simplejpeg.decode_jpeg(completed) == simplejpeg.decode_jpeg(BASE)).all()


def test_one_component_needs_two_tables() -> None:
    """Nothing is inserted into a grey JPEG, which has no tables for colours."""
    tables = [content for marker, content in jpegs.split(WHOLE["grey"])[0] if marker == jpegs.DHT]
    assert set[int]().union(*map(defined_tables, tables)) == {0x00, 0x10}
    assert walk(WHOLE["grey"]) == WHOLE["grey"]


@pytest.mark.parametrize("padding", [b"", bytes(1), bytes(500)])
@pytest.mark.parametrize("kind", [kind for kind in WHOLE if kind != "fill bytes"])
def test_a_missing_eoi_is_found_out_and_added(kind: str, padding: bytes) -> None:
    """Zeros at the end are padding; EOI takes their place."""
    data = WHOLE[kind][:-2] + padding
    assert find_jpeg(data).end is None
    if kind != "one colour, optimized":
        assert walk(data) == SENT[kind]


def test_a_zero_that_belongs_to_the_image_data_stays() -> None:
    """FF 00 is the byte FF of the image data."""
    data = BASE[:-2] + b"\xff\0"
    assert walk(data + bytes(30)) == data + EOI


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"<html>404</html>", "not a JPEG"),
        (bytes(5000), "not a JPEG"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "not a JPEG"),
        (BASE[1:], "not a JPEG"),
        (SOI, "headers cut off or damaged"),
        (SOI + EOI, "no image data, or almost none"),
        (SOI + EOI + bytes(500), "no image data, or almost none"),
        (jpegs.insert(SOI + EOI, jpegs.APP0, b"JFIF"), "no image data, or almost none"),
        (b"\xff\xd8 no picture \xff\xd9", "headers cut off or damaged"),
        (BASE[: jpegs.data_begin(BASE)] + EOI, "no image data, or almost none"),
        (BASE[: jpegs.data_begin(BASE) + 6] + EOI, "no image data, or almost none"),
        (BASE[: jpegs.data_begin(BASE)], "no image data, or almost none"),
        (jpegs.without(BASE, jpegs.SOF0), "headers cut off or damaged"),
        (BASE.replace(b"\x08\x00\xf0\x01\x40\x03", b"\x08\x00\xf0\x00\x00\x03"), "width or height 0"),
        (BASE.replace(b"\x08\x00\xf0\x01\x40\x03", b"\x08\x00\x00\x01\x40\x03"), "width or height 0"),
        (BASE.replace(b"\x08\x00\xf0\x01\x40\x03", b"\x08\xff\xff\xff\xff\x03"), "no image data, or almost none"),
        (jpegs.with_separate_scans(jpegs.picture()).rsplit(b"\xff\xda", 1)[0] + EOI, "cut off"),
        (BASE[:-900] + b"\xff\x55" + BASE[-900:], "image data damaged"),
    ],
)
def test_damaged_jpegs_are_refused(data: bytes, reason: str) -> None:
    """Each refusal names what is wrong with the data; nothing needs decoding for it."""
    with pytest.raises(DamagedJpeg, match=re.escape(reason)):
        find_jpeg(data)


@pytest.mark.parametrize("kind", WHOLE)
def test_half_a_jpeg_has_no_end(kind: str) -> None:
    """A JPEG that is cut off is refused, or its end is missing; the end of a thumbnail is not its end."""
    for length in jpegs.cuts(WHOLE[kind]):
        try:
            assert find_jpeg(WHOLE[kind][:length] + bytes(40)).end is None
        except DamagedJpeg:
            continue


@pytest.mark.parametrize("kind", WHOLE)
def test_of_two_in_a_row_the_second_counts(kind: str) -> None:
    """The first one, half or whole, is dropped, or all is refused: two JPEGs are never one frame."""
    first = WHOLE[kind]
    for length in (*jpegs.cuts(first), len(first)):
        try:
            assert walk(first[:length] + OTHER) == OTHER
        except DamagedJpeg:  # a segment of the first one reaches into the second
            assert length < jpegs.data_begin(first) or "progressive" in kind


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_jpeg_is_better_than_a_half_one_behind_it(kind: str) -> None:
    """The beginning of the next frame is dropped."""
    for length in jpegs.cuts(OTHER):
        assert walk(WHOLE[kind] + OTHER[:length]) == SENT[kind]


def test_longer_rows() -> None:
    """Of any number the last whole one counts."""
    half = BASE[: len(BASE) // 2]
    assert walk(half + half + OTHER) == OTHER
    assert walk(half + BASE + OTHER + half) == OTHER
    assert walk(BASE + half + OTHER) == OTHER
    assert walk(BASE + bytes(64) + OTHER) == OTHER
    assert walk(SOI + OTHER) == OTHER
    assert find_jpeg(half + OTHER[: len(OTHER) // 2]).end is None


def test_the_first_of_a_multi_picture_file_counts() -> None:
    """Its other pictures, such as previews, belong to the first one (CIPA DC-007); they go, and their index too."""
    first = jpegs.insert(BASE, jpegs.APP2, b"MPF\0II*\0")
    assert walk(first + OTHER) == BASE


@pytest.mark.parametrize("size", [(640, 480), (320, 600), (17, 1)])
def test_the_size_is_that_of_this_jpeg(size: tuple[int, int]) -> None:
    """The size is read from the frame header, not from that of a thumbnail."""
    data = jpegs.with_thumbnail(jpegs.save(jpegs.picture(size)))
    assert find_jpeg(data).size == size
    assert find_jpeg(jpegs.save(jpegs.picture(size), progressive=True)).size == size


def test_a_height_behind_the_image_data_is_put_into_the_header() -> None:
    """No decoder reads the DNL segment; most refuse a height of 0."""
    late = jpegs.with_late_height(BASE)
    assert find_jpeg(late).size == (320, 240)
    assert (simplejpeg.decode_jpeg(walk(late)) == simplejpeg.decode_jpeg(BASE)).all()


def test_the_orientation_is_that_of_the_exif_data() -> None:
    """Of the first Exif segment, if there are several; none is left. APP1 segments with XMP say nothing about it."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = jpegs.save(jpegs.picture(), exif=exif)
    assert find_jpeg(turned).orientation == Orientation(rotation=90)
    exif[0x0112] = 3
    for second in (exif.tobytes(), b"Exif\0\0"):
        segments, rest = jpegs.split(turned)
        found = find_jpeg(jpegs.join([*segments[:-1], (jpegs.APP1, second), segments[-1]], rest))
        assert found.orientation == Orientation(rotation=90)
        assert len(found.unwanted) == 2
    assert find_jpeg(jpegs.insert(BASE, jpegs.APP1, b"http://ns.adobe.com/xap/1.0/\0")).orientation == Orientation()


def test_arithmetic_coding_needs_no_huffman_tables() -> None:
    """One bit for many blocks is enough there, so that a short scan is not damaged."""
    segments, _ = jpegs.split(jpegs.without(BASE, jpegs.DHT))
    data = jpegs.join(
        [(0xC9 if kind == jpegs.SOF0 else kind, content) for kind, content in segments], b"\x12\x34" + EOI
    )
    assert walk(data) == data


def test_a_plain_jpeg_shows_the_same() -> None:
    """It has neither comments nor the parameters of a scan that decoders warn about."""
    begin = jpegs.data_begin(BASE)
    odd = jpegs.insert(BASE[: begin - 3] + bytes(3) + BASE[begin:], jpegs.COM, b"a comment")
    with pytest.raises(ValueError, match="Invalid SOS parameters"):
        simplejpeg.decode_jpeg(odd)
    assert (simplejpeg.decode_jpeg(make_plain(odd)) == simplejpeg.decode_jpeg(BASE)).all()


def test_any_bytes_give_a_jpeg_or_a_refusal() -> None:
    """Changed and missing bytes, in the headers and behind them, raise no other error."""
    chance = Random(7)  # noqa: S311 # nothing is secret
    refused = 0
    for _ in range(4000):
        data = bytearray(chance.choice(list(WHOLE.values()))[: chance.randrange(1, 2000)])
        for _ in range(chance.randrange(4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            walk(bytes(data) + chance.choice([b"", EOI, BASE]))
        except DamagedJpeg:
            refused += 1
    assert 1000 < refused < 4000


def cpu_seconds(call: Callable[[], object]) -> float:
    """Return the median CPU time of a call."""
    seconds = []
    for _ in range(21):
        began = time.thread_time()
        call()
        seconds.append(time.thread_time() - began)
    return median(seconds)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}], ids=str)
def test_the_walk_costs_a_fraction_of_decoding(options: dict[str, bool]) -> None:
    """A frame of 250 kB costs less than a tenth of decoding it at its smallest size."""
    data = jpegs.save(jpegs.picture((1280, 960)), quality=83, **options)
    assert 200_000 < len(data) < 500_000
    bare = jpegs.without(data, jpegs.DHT) if not options else data
    decoding = cpu_seconds(lambda: simplejpeg.decode_jpeg(data, "GRAY", min_width=1, min_height=1))
    assert cpu_seconds(lambda: walk(bare)) < decoding / 10
