"""The re-implemented clients show every frame of the stream, as early as possible, in any chunks."""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import pairwise
from math import inf

import pytest
import simplejpeg

from soft_stream.frames.multipart import CLOSING
from tests.end_to_end.clients.framing import small_jpegs
from tests.end_to_end.clients.parsers.blink import Blink
from tests.end_to_end.clients.parsers.client import Client
from tests.end_to_end.clients.parsers.ffmpeg_mpjpeg import FfmpegMpjpeg
from tests.end_to_end.clients.parsers.fluidd import Fluidd
from tests.end_to_end.clients.parsers.gecko import Gecko
from tests.end_to_end.clients.parsers.go2rtc import Go2rtc
from tests.end_to_end.clients.parsers.home_assistant import LONGEST_SILENCE, HomeAssistantCard, HomeAssistantStill
from tests.end_to_end.clients.parsers.mainsail import Mainsail
from tests.end_to_end.clients.parsers.motioneye import MotionEye
from tests.end_to_end.clients.parsers.vlc import FIRST_PEEK, Vlc
from tests.end_to_end.clients.recording import Part, Recorder, Stream, record_two_parts
from tests.support.server import Portal, StartPortal

BOUNDARY_AFTER = len(CLOSING) - 2
"""Bytes from the end of a JPEG to the end of the boundary's name."""


@dataclass(frozen=True)
class Case:
    """A client, and how many bytes after the JPEG it waits for: at least and at most."""

    make: Callable[[], Client]
    least: float = 0
    most: float = 0
    waits_for_headers: bool = False
    """For those of the part after."""
    keeps_newline: bool = False
    """The CRLF after the JPEG is part of the picture."""
    misses_split_start: bool = False
    """A JPEG whose FF D8 is split between two chunks."""

    def picture(self, part: Part) -> bytes:
        """Return the bytes of a part that the client shows."""
        return part.jpeg + b"\r\n" if self.keeps_newline else part.jpeg

    def due(self, parts: list[Part], index: int) -> tuple[float, float]:
        """Return the first and the last offset at which a part may be shown."""
        if self.waits_for_headers:
            offset = parts[index + 1].start if index + 1 < len(parts) else inf
            return offset, offset
        return parts[index].end + self.least, parts[index].end + self.most

    def heard(self, parts: list[Part], cuts: Collection[int]) -> list[Part]:
        """Remove the parts that the client itself misses when the chunks are split there."""
        return [part for part in parts if not (self.misses_split_start and part.start + 1 in cuts)]


CASES = {
    "mainsail": Case(Mainsail, 1, 1, misses_split_start=True),
    "fluidd": Case(Fluidd, BOUNDARY_AFTER, BOUNDARY_AFTER, keeps_newline=True),
    "home-assistant-card": Case(lambda: HomeAssistantCard(Blink()), waits_for_headers=True),
    "go2rtc": Case(Go2rtc),
    "motioneye": Case(MotionEye),
    "ffmpeg": Case(FfmpegMpjpeg),
    "ffmpeg-strict": Case(lambda: FfmpegMpjpeg(strict=True)),
    "blink": Case(Blink, waits_for_headers=True),
    "gecko": Case(Gecko, 2, BOUNDARY_AFTER),
    "vlc": Case(Vlc, inf, inf, keeps_newline=True),  # two parts of 1 kB do not fill its first peek
}


def check_shown(case: Case, shown: list[bytes], stream: Stream, cuts: Collection[int], offset: int) -> None:
    """Compare the frames shown with those due after a number of bytes."""
    parts = stream.parts
    heard = [(part, *case.due(parts, index)) for index, part in enumerate(parts) if part in case.heard(parts, cuts)]
    may = [case.picture(part) for part, earliest, _ in heard if earliest <= offset]
    must = [case.picture(part) for part, _, latest in heard if latest <= offset]
    assert len(must) <= len(shown)
    assert shown == may[: len(shown)]


@pytest.mark.parametrize("name", CASES)
async def test_two_chunks_cut_at_every_byte(portal: Portal, name: str) -> None:
    """Each client shows both frames unchanged, each at its byte; Mainsail misses one whose FF D8 is split."""
    case = CASES[name]
    stream = await record_two_parts(portal.port, small_jpegs())
    for cut in range(1, len(stream.answer)):
        client = case.make()
        check_shown(case, client.feed(stream.answer[:cut]), stream, {cut}, cut)
        client.feed(stream.answer[cut:])
        check_shown(case, client.shown, stream, {cut}, len(stream.answer))
        client.end()
        assert client.shown == [case.picture(part) for part in case.heard(stream.parts, {cut})]


@pytest.mark.parametrize("name", CASES)
async def test_one_byte_at_a_time(portal: Portal, name: str) -> None:
    """Byte by byte, each frame is shown as soon as its client can; Mainsail never sees FF D8 and shows none."""
    case = CASES[name]
    stream = await record_two_parts(portal.port, small_jpegs())
    cuts = range(len(stream.answer))
    client = case.make()
    for offset in cuts:
        client.feed(stream.answer[offset : offset + 1])
        check_shown(case, client.shown, stream, cuts, offset + 1)
    client.end()
    assert client.shown == [case.picture(part) for part in case.heard(stream.parts, cuts)]
    assert len(client.shown) == (0 if name == "mainsail" else 2)


async def test_a_still_of_home_assistant_cut_at_every_byte(portal: Portal) -> None:
    """The still is exactly the first frame, as soon as a read is full or the stream ends."""
    jpegs = small_jpegs()
    stream = await record_two_parts(portal.port, jpegs)
    for cut in range(1, len(stream.answer)):
        still = HomeAssistantStill()
        assert not still.feed(stream.answer[:cut])
        assert not still.feed(stream.answer[cut:])
        assert still.end() == [jpegs[0]]


async def test_full_size_frames_in_random_chunks(start_portal: StartPortal) -> None:
    """Every client shows live, repeated and placeholder frames of 1280x720, in any chunks."""
    portal = await start_portal(width=1280, height=720, fps=30, watchdog_timeout=0)
    recorder = await Recorder.get(portal.port, "/stream.mjpg?repeat=1")
    await recorder.until(lambda received: received.count(CLOSING) >= 12)
    portal.device.stall()
    await recorder.until(lambda received: received.count(b"X-Frame: notice") >= 2 and received.endswith(CLOSING))
    stream = await recorder.stream()
    parts = stream.parts
    assert {part.label for part in parts} == {"live", "repeat", "notice"}
    assert stream.longest_silence < LONGEST_SILENCE
    for part in parts:
        assert simplejpeg.decode_jpeg_header(part.jpeg)[:2] == (720, 1280)
        assert part.jpeg.count(b"\xff\xd8") == part.jpeg.count(b"\xff\xd9") == 1
    assert len(stream.answer) > 10 * FIRST_PEEK
    chance = random.Random(6)  # noqa: S311 # the same cuts each time
    for largest in (1460, 65536):
        cuts = [0]
        while cuts[-1] < len(stream.answer):
            cuts.append(cuts[-1] + chance.randint(1, largest))
        for name, case in CASES.items():
            client = case.make()
            for start, end in pairwise(cuts):
                client.feed(stream.answer[start:end])
            client.end()
            assert client.shown == [case.picture(part) for part in case.heard(parts, cuts)], name
        still = HomeAssistantStill()
        for start, end in pairwise(cuts):
            still.feed(stream.answer[start:end])
        assert still.shown == [parts[0].jpeg]


async def test_vlc_shows_frames_while_they_come(start_portal: StartPortal) -> None:
    """VLC shows frames larger than its first peek one after the other, not only at the end of the stream."""
    portal = await start_portal(width=1280, height=720, fps=30)
    recorder = await Recorder.get(portal.port, "/stream.mjpg")
    await recorder.until(lambda received: received.count(CLOSING) >= 10)
    stream = await recorder.stream()
    vlc = Vlc()
    delays = []
    for offset in range(0, len(stream.answer), 1000):
        for picture in vlc.feed(stream.answer[offset : offset + 1000]):
            part = next(part for part in stream.parts if picture == part.jpeg + b"\r\n")
            delays.append(offset + 1000 - part.end)
    largest = max(len(part.jpeg) for part in stream.parts)
    assert len(delays) >= len(stream.parts) - 2
    assert min(delays) >= BOUNDARY_AFTER
    assert max(delays) < largest


@pytest.mark.parametrize("quality", [6, 18])
async def test_no_quality_misleads_clients_that_look_for_markers(start_portal: StartPortal, quality: int) -> None:
    """Mainsail and Home Assistant's still show whole frames with every quality setting."""
    portal = await start_portal(quality=quality)
    recorder = await Recorder.get(portal.port, "/stream.mjpg")
    await recorder.until(lambda received: received.count(CLOSING) >= 3)
    stream = await recorder.stream()
    mainsail, still = Mainsail(), HomeAssistantStill()
    mainsail.feed(stream.answer)
    still.feed(stream.answer)
    still.end()
    assert mainsail.shown == [part.jpeg for part in stream.parts]
    assert still.shown == [stream.parts[0].jpeg]
