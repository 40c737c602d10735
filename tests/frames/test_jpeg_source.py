"""What is learnt about the JPEGs of a source, and which of them are refused."""

import logging
from types import SimpleNamespace

import pytest
import simplejpeg

from soft_stream.frames import jpeg, jpeg_source
from soft_stream.frames.jpeg_source import CHECK_INTERVAL, FIRST, LEARNING, JpegSource
from soft_stream.frames.raw import RawFrame
from tests.support import jpegs
from tests.support.jpegs import BASE, EOI, FLAT, OTHER, SENT, WHOLE

HALF = BASE[: len(BASE) // 2]
NEARLY = BASE[: len(BASE) * 9 // 10]
"""Cut off, and longer than 80 % of the others."""


class Source(JpegSource):
    """A source whose decoded frames are counted, at a time that the test sets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, decodes_all: bool = False) -> None:
        super().__init__(decodes_all=decodes_all)
        self.now = 100.0
        self.decoded = 0
        check = jpeg.check

        def count(data: bytes, *, tolerant: bool = True) -> None:
            self.decoded += 1
            check(data, tolerant=tolerant)

        monkeypatch.setattr(jpeg, "check", count)
        monkeypatch.setattr(jpeg_source, "time", SimpleNamespace(monotonic=lambda: self.now))

    def take(self, *frames: bytes) -> list[bytes]:
        """Return the JPEGs that are shown, of frames that arrive 0.03 s apart."""
        shown = []
        for data in frames:
            self.now += 0.03
            raw = RawFrame((1, 1), 0.0, jpeg=data)
            if self.accepts(raw):
                shown.append(raw.jpeg)
        return shown


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    """Return a source of which nothing is known yet."""
    return Source(monkeypatch)


@pytest.mark.parametrize("padding", [b"", bytes(3), bytes(500)])
def test_a_source_that_never_ends_its_frames_gets_ends(source: Source, padding: bytes) -> None:
    """All frames are shown from the first one on, and strict decoders accept them."""
    shown = source.take(*[BASE[:-2] + padding, OTHER[:-2] + padding] * 15)
    assert shown == [BASE, OTHER] * 15
    assert source.take_damaged() == ()
    simplejpeg.decode_jpeg(shown[-1], strict=True)


@pytest.mark.parametrize("padding", [0, 1, 4, 500])
@pytest.mark.parametrize("zeros", [1, 2])
@pytest.mark.parametrize("decodes_all", [False, True])
def test_zeros_that_are_image_data_stay(
    monkeypatch: pytest.MonkeyPatch, zeros: int, padding: int, *, decodes_all: bool
) -> None:
    """One frame in ten ends with zeros of its own: colour without detail; padding may follow them."""
    whole = jpegs.with_zeros(zeros)
    simplejpeg.decode_jpeg(whole, strict=True)
    source = Source(monkeypatch, decodes_all=decodes_all)
    sent = whole[:-2] + bytes(padding)
    assert source.take(*[sent] * 30) == [whole] * 30
    raw = RawFrame((1, 1), 0.0, jpeg=sent, is_checked=True)
    assert source.accepts(raw)
    assert raw.jpeg == whole
    assert source.take(sent[: len(whole) * 97 // 100] + bytes(500)) == []
    assert source.take_damaged() == ["cut off"]


def test_a_frame_without_end_of_a_source_that_has_ends_is_damaged(source: Source) -> None:
    """After ten frames with EOI a frame without it is damaged, even if only EOI is missing."""
    source.take(*[BASE] * LEARNING)
    assert source.take(BASE[:-2], NEARLY, HALF, HALF + bytes(300)) == []
    assert source.take_damaged() == ["cut off before the end marker (EOI)"] * 4
    assert source.take_damaged() == ()
    assert source.take(BASE) == [BASE]


def test_cut_frames_at_the_beginning_teach_nothing(source: Source) -> None:
    """Ten frames that are cut off do not make a source one without EOI."""
    assert source.take(*[NEARLY] * LEARNING) == []
    assert source.take(*[BASE] * LEARNING) == [BASE] * LEARNING
    assert source.take(*[NEARLY] * 40) == []


def test_while_it_is_learnt_a_frame_without_end_is_decoded(source: Source) -> None:
    """In the first ten frames no whole one is lost, and no broken one is shown."""
    assert source.take(BASE, BASE[:-2], NEARLY, BASE, OTHER[:-2], HALF, BASE) == [BASE, BASE, BASE, OTHER, BASE]
    assert source.take_damaged() == ["cut off"] * 2


@pytest.mark.parametrize(("ended", "shown"), [(1, 30), (4, 30), (5, 0), (9, 0)])
def test_most_of_the_first_frames_say_whether_a_source_has_ends(source: Source, ended: int, shown: int) -> None:
    """A source that rarely sends EOI does not lose all its other frames for that; one that rarely omits it does."""
    source.take(*[BASE] * ended, *[BASE[:-2]] * (LEARNING - ended))
    assert source.take(*[OTHER[:-2]] * 30) == [OTHER] * shown


@pytest.mark.parametrize("padding", [b"", bytes(500)])
def test_of_a_source_without_ends_short_frames_are_decoded(source: Source, padding: bytes) -> None:
    """A frame shorter than 80 % of the mean is damaged, or a simpler picture."""
    source.take(*[BASE[:-2] + padding] * 30)
    decoded = source.decoded
    assert source.take(BASE[:-2]) == [BASE]
    assert source.decoded == decoded
    short = BASE[: len(BASE) * 79 // 100]
    assert source.take(short + padding, HALF + padding, FLAT[:-2] + padding) == [FLAT]
    assert source.take_damaged() == ["cut off"] * 2


def test_of_a_source_without_ends_a_frame_a_second_is_decoded(source: Source) -> None:
    """A frame that is cut off shortly before its end is found within a second, and those that follow too."""
    source.take(*[BASE[:-2]] * 30)
    decoded = source.decoded
    source.take(*[BASE[:-2]] * 330)
    assert 9 <= source.decoded - decoded <= 11
    shown = source.take(*[NEARLY] * 60)
    assert len(shown) <= CHECK_INTERVAL / 0.03 + 1
    assert source.take(*[NEARLY] * 30) == []


def test_frames_with_ends_are_hardly_ever_decoded(source: Source) -> None:
    """Only the first ones are, those after a damaged one, and those much shorter than the mean."""
    source.take(*[BASE] * 500)
    assert source.decoded == FIRST
    source.take(b"noise", *[BASE] * 50)
    assert source.decoded == 2 * FIRST
    assert source.take(HALF + EOI) == []
    assert source.take_damaged() == ["not a JPEG", "cut off"]


@pytest.mark.parametrize("kind", WHOLE)
def test_half_a_jpeg_with_an_end_is_never_shown(source: Source, kind: str) -> None:
    """A driver may put EOI behind half a JPEG; a source that begins so is refused, frame after frame."""
    whole = WHOLE[kind]
    middle = (jpegs.data_begin(whole) + len(whole)) // 2
    for tail in (b"", EOI, bytes(9) + EOI):
        assert source.take(*[whole[:middle] + tail] * 3) == []
    assert source.take(whole) == [SENT[kind]]
    assert source.take(whole[:middle] + EOI) == []


@pytest.mark.parametrize("kind", WHOLE)
def test_every_kind_of_whole_jpeg_is_shown(source: Source, kind: str) -> None:
    """Also where its frames are decoded: the first ones, and the only frame of one colour among others."""
    assert source.take(*[WHOLE[kind]] * 4) == [SENT[kind]] * 4
    assert source.take(WHOLE[kind][:-2])[0][-2:] == EOI
    assert source.take_damaged() == ()


def test_a_simpler_picture_is_shown(source: Source) -> None:
    """When the light goes out, frames get much shorter, and all are whole."""
    source.take(*[BASE] * 30)
    assert source.take(*[FLAT] * 30) == [FLAT] * 30
    assert source.take_damaged() == ()


def test_bytes_without_a_meaning_in_front_of_eoi_are_no_damage(source: Source) -> None:
    """Many webcams send them; libjpeg warns about them."""
    odd = BASE[:-2] + b"\x12\x34" + EOI
    assert source.take(*[odd] * 3) == [odd] * 3
    assert source.take(HALF + b"\x12\x34" + EOI) == []


def test_a_size_that_changes_is_read_from_each_frame(source: Source) -> None:
    """The mean length belongs to a size; a smaller frame is not short."""
    for size in ((640, 480), (320, 600), (64, 48)) * 9:
        raw = RawFrame((1, 1), 0.0, jpeg=jpegs.save(jpegs.picture(size)))
        assert source.accepts(raw)
        assert raw.size == size
    assert source.decoded <= FIRST + 2


def test_planes_are_accepted(source: Source) -> None:
    """A frame of a camera without JPEGs is left alone."""
    raw = RawFrame((1, 1), 0.0, planes=())  # type: ignore[arg-type] # they are not looked at
    assert source.accepts(raw)
    assert raw.size == (1, 1)


def test_what_is_added_is_logged_once(source: Source, caplog: pytest.LogCaptureFixture) -> None:
    """The log says once what the camera leaves out, and nothing about complete frames."""
    caplog.set_level(logging.INFO)
    source.take(*[jpegs.without(BASE, jpegs.DHT)[:-2]] * 30)
    assert [record.getMessage() for record in caplog.records] == [
        "The camera's JPEGs have no Huffman tables: the standard ones (ITU-T T.81, K.3) are added",
        "The camera's JPEGs have no end (marker EOI): it is added",
    ]


def test_a_folder_decodes_each_file_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `decodes_all` each frame is decoded that is not known to be whole."""
    source = Source(monkeypatch, decodes_all=True)
    assert source.take(*[BASE] * 20, NEARLY + EOI, HALF + EOI) == [BASE] * 20
    assert source.decoded == 22
    assert source.accepts(RawFrame((1, 1), 0.0, jpeg=BASE, is_checked=True))
    assert source.decoded == 22
