"""What each client is known to misread. Parsers that accept everything would prove nothing."""

import pytest
import simplejpeg

from soft_stream.frames.multipart import OPENING, make_part
from tests.end_to_end.clients.framing import Framing, small_jpegs
from tests.end_to_end.clients.parsers.blink import Blink
from tests.end_to_end.clients.parsers.client import Client, GaveUp
from tests.end_to_end.clients.parsers.ffmpeg_mpjpeg import FfmpegMpjpeg
from tests.end_to_end.clients.parsers.fluidd import Fluidd
from tests.end_to_end.clients.parsers.gecko import Gecko
from tests.end_to_end.clients.parsers.go2rtc import Go2rtc
from tests.end_to_end.clients.parsers.home_assistant import HomeAssistantStill
from tests.end_to_end.clients.parsers.mainsail import Mainsail
from tests.end_to_end.clients.parsers.motioneye import MotionEye
from tests.end_to_end.clients.parsers.vlc import Vlc

FIRST, SECOND = small_jpegs()


def shown(client: Client, answer: bytes) -> list[bytes]:
    """Return all pictures that a client shows of a whole answer, without newlines at their ends."""
    client.feed(answer)
    client.end()
    return [picture.removesuffix(b"\n").removesuffix(b"\r") for picture in client.shown]


def with_thumbnail(jpeg: bytes, thumbnail: bytes) -> bytes:
    """Insert a JPEG into the Exif data of another one, as cameras do."""
    segment = b"Exif\0\0" + thumbnail
    return jpeg[:2] + b"\xff\xe1" + (len(segment) + 2).to_bytes(2, "big") + segment + jpeg[2:]


@pytest.mark.parametrize("make", [Mainsail, Fluidd, Go2rtc, MotionEye, FfmpegMpjpeg, Blink, Gecko, Vlc])
def test_the_framing_of_mjpg_streamer_is_read_by_all(make: type[Client]) -> None:
    """All clients show both frames; each other test changes one thing in this answer."""
    assert shown(make(), Framing().answer(FIRST, SECOND)) == [FIRST, SECOND]


def test_without_content_length() -> None:
    """Mainsail and go2rtc give up, motionEye waits forever, and ffmpeg searches for the boundary."""
    answer = Framing(headers=("Content-Type: image/jpeg",)).answer(FIRST, SECOND)
    with pytest.raises(GaveUp, match="array buffer"):
        Mainsail().feed(answer)
    with pytest.raises(GaveUp, match="no content length"):
        Go2rtc().feed(answer)
    assert shown(MotionEye(), answer) == []
    assert shown(FfmpegMpjpeg(), answer) == [FIRST, SECOND]


def test_content_length_in_other_letters() -> None:
    """All clients but motionEye ignore the case of header names."""
    answer = Framing(headers=("Content-type: image/jpeg", "Content-length: {length}")).answer(FIRST, SECOND)
    assert shown(MotionEye(), answer) == []
    for client in (Mainsail(), Go2rtc(), FfmpegMpjpeg()):
        assert shown(client, answer) == [FIRST, SECOND]


def test_content_length_of_the_whole_answer() -> None:
    """MotionEye takes a Content-Length of the answer for that of the first JPEG."""
    answer = Framing().head("Content-Length: 99999999") + Framing().answer(FIRST).partition(b"\r\n\r\n")[2]
    assert shown(MotionEye(), answer) == []
    assert shown(Go2rtc(), answer) == [FIRST]


@pytest.mark.parametrize("wrong_by", [-3, 3])
def test_a_wrong_content_length(wrong_by: int) -> None:
    """Ffmpeg and go2rtc miss the next boundary, Firefox truncates frames, and the others search for boundaries."""
    answer = Framing(wrong_by=wrong_by).answer(FIRST, SECOND)
    with pytest.raises(GaveUp, match="Invalid data"):
        FfmpegMpjpeg().feed(answer)
    with pytest.raises(GaveUp, match="wrong boundary"):
        Go2rtc().feed(answer)
    assert shown(Gecko(), answer) == ([FIRST[:-3], SECOND[:-3]] if wrong_by < 0 else [FIRST, SECOND])
    for client in (Fluidd(), Vlc(), Blink()):
        assert shown(client, answer) == [FIRST, SECOND]


def test_a_thumbnail() -> None:
    """Mainsail restarts in the middle of the frame, and Home Assistant's still ends with the thumbnail."""
    picture = with_thumbnail(FIRST, SECOND)
    answer = Framing().answer(picture)
    [spoilt] = shown(Mainsail(), answer)
    assert len(spoilt) == len(picture)
    assert spoilt != picture
    assert not spoilt.startswith(b"\xff\xd8")
    [cut] = shown(HomeAssistantStill(), answer)
    assert cut == picture[: picture.index(SECOND) + len(SECOND)]
    for client in (Fluidd(), Go2rtc(), FfmpegMpjpeg(), Blink(), Vlc(), Gecko()):
        assert shown(client, answer) == [picture]


def test_a_quoted_boundary() -> None:
    """Fluidd expects the quotes in the stream."""
    answer = Framing(parameter='boundary="frame"').answer(FIRST, SECOND)
    assert shown(Fluidd(), answer) == []
    for client in (FfmpegMpjpeg(strict=True), Blink(), Vlc(), Gecko()):
        assert shown(client, answer) == [FIRST, SECOND]


def test_a_boundary_with_dashes_of_its_own() -> None:
    """The first webcamd sends such a boundary; Fluidd and a strict ffmpeg add two more dashes."""
    answer = Framing(parameter="boundary=--frame").answer(FIRST, SECOND, FIRST)
    assert shown(Fluidd(), answer) == []
    with pytest.raises(GaveUp, match="Expected boundary"):
        FfmpegMpjpeg(strict=True).feed(answer)
    for client in (FfmpegMpjpeg(), Blink(), Gecko()):
        assert shown(client, answer) == [FIRST, SECOND, FIRST]
    assert shown(Vlc(), answer) == [FIRST, SECOND]  # it looks two bytes past such a boundary


def test_bare_line_feeds() -> None:
    """Fluidd and motionEye need CRLF CRLF, and go2rtc needs a CRLF before a boundary."""
    answer = Framing(newline="\n").answer(FIRST, SECOND)
    assert shown(Fluidd(), answer) == []
    assert shown(MotionEye(), answer) == []
    with pytest.raises(GaveUp, match="wrong boundary"):
        Go2rtc().feed(answer)
    for client in (Mainsail(), FfmpegMpjpeg(), Blink(), Vlc(), Gecko()):
        assert shown(client, answer) == [FIRST, SECOND]


@pytest.mark.parametrize("kind", ["image/jpeg; charset=binary", "image/jpg", ""])
def test_another_type_of_part(kind: str) -> None:
    """Ffmpeg accepts only `image/jpeg`; VLC accepts a type that begins with it."""
    headers = (f"Content-Type: {kind}",) if kind else ()
    answer = Framing(headers=(*headers, "Content-Length: {length}")).answer(FIRST, SECOND)
    with pytest.raises(GaveUp, match="Invalid data"):
        FfmpegMpjpeg().feed(answer)
    if kind.startswith("image/jpeg"):
        assert shown(Vlc(), answer) == [FIRST, SECOND]
    else:
        with pytest.raises(GaveUp, match="JPEG"):
            shown(Vlc(), answer)


def test_a_part_that_is_no_jpeg() -> None:
    """VLC and ffmpeg end at such a part; Chromium shows it as a picture."""
    page = Framing(headers=("Content-Type: text/html", "Content-Length: {length}")).part(b"<p>no signal</p>")
    answer = Framing().answer(FIRST) + page + Framing().part(SECOND)
    for client in (Vlc(), FfmpegMpjpeg()):
        with pytest.raises(GaveUp):
            shown(client, answer)
        assert [picture.removesuffix(b"\r\n") for picture in client.shown] == [FIRST]
    assert shown(Blink(), answer) == [FIRST, b"<p>no signal</p>", SECOND]


def test_a_boundary_that_comes_with_the_next_frame() -> None:
    """As from Python's http.server: Fluidd and Chromium are one frame late; clients that count bytes are not."""
    late = Framing(is_eager=False)
    for behind in (Fluidd(), Blink()):
        behind.feed(late.head())
        assert behind.feed(late.part(FIRST)) == []
        assert behind.feed(late.part(SECOND))[0].startswith(FIRST)
    for counting in (Mainsail(), Go2rtc(), FfmpegMpjpeg(), MotionEye(), Gecko()):
        counting.feed(late.head())
        assert counting.feed(late.part(FIRST)) == [FIRST]


def test_chromium_needs_the_headers_of_the_next_part() -> None:
    """With only the boundary Chromium is one frame late; the repeat that the server sends has the headers it needs."""
    blink = Blink()
    blink.feed(Framing(parameter="boundary=softstreamframe").head() + OPENING)
    assert blink.feed(make_part(FIRST, 1.0, 1.0)) == []
    assert blink.feed(make_part(FIRST, 1.0, 1.0, "repeat")) == [FIRST]


def test_no_boundary_at_the_beginning_is_mended_by_chromium_only() -> None:
    """go2rtc and ffmpeg give up, and Fluidd skips the frame."""
    whole = Framing()
    answer = whole.head() + whole.part(FIRST) + whole.part(SECOND)
    assert shown(Blink(), answer) == [FIRST, SECOND]
    assert shown(Fluidd(), answer) == [SECOND]
    for client in (Go2rtc(), FfmpegMpjpeg(), Vlc()):
        with pytest.raises(GaveUp):
            shown(client, answer)


@pytest.mark.parametrize("client", [Mainsail(), Fluidd()])
def test_an_error_is_no_stream(client: Client) -> None:
    """The workers of the dashboards check the status first."""
    with pytest.raises(GaveUp, match="503"):
        client.feed(b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n\r\nNo picture.\n")


def test_home_assistant_waits_for_a_full_read() -> None:
    """Home Assistant shows its still after 102400 bytes of the stream, even if the first frame was earlier."""
    still = HomeAssistantStill()
    still.feed(Framing(parameter="boundary=softstreamframe").head() + OPENING)
    parts = 0
    while not still.shown:
        still.feed(make_part(FIRST, 1.0, 1.0))
        parts += 1
    assert still.shown == [FIRST]
    assert 102400 - len(OPENING) <= parts * len(make_part(FIRST, 1.0, 1.0)) < 102400 + len(make_part(FIRST, 1.0, 1.0))


def test_a_table_that_looks_like_a_marker() -> None:
    """With qualities of 6 and 18 the tables of libjpeg contain FF D9 and FF D8, which mislead without a thumbnail."""
    pixels = simplejpeg.decode_jpeg(FIRST)
    ends_early = simplejpeg.encode_jpeg(pixels, quality=6)
    begins_anew = simplejpeg.encode_jpeg(pixels, quality=18)
    assert shown(HomeAssistantStill(), Framing().answer(ends_early)) != [ends_early]
    assert shown(Mainsail(), Framing().answer(begins_anew)) != [begins_anew]
    assert shown(Blink(), Framing().answer(begins_anew)) == [begins_anew]
