"""The re-implemented ffmpeg against the real one, with the framing of the server and of others."""

import asyncio

import pytest

from soft_stream.frames.multipart import BOUNDARY, CLOSING
from tests.end_to_end.clients.framing import Framing, small_jpegs
from tests.end_to_end.clients.parsers.client import GaveUp
from tests.end_to_end.clients.parsers.ffmpeg_mpjpeg import FfmpegMpjpeg
from tests.end_to_end.clients.programs import needs_program, run

LENGTH = "Content-Length: {length}"
TYPE = "Content-Type: image/jpeg"
PARTS = 4

FRAMINGS = {
    "portal": Framing(f"boundary={BOUNDARY}", CLOSING.decode().strip(), headers=(TYPE, LENGTH, "X-Timestamp: 1.5")),
    "mjpg-streamer": Framing(),
    "no length": Framing(headers=(TYPE,)),
    "no type": Framing(headers=(LENGTH,)),
    "small letters": Framing(headers=(TYPE.lower(), LENGTH.lower())),
    "too short": Framing(wrong_by=-3),
    "too long": Framing(wrong_by=3),
    "a parameter of the type": Framing(headers=(f"{TYPE}; charset=binary", LENGTH)),
    "a line without colon": Framing(headers=(TYPE, "nonsense", LENGTH)),
    "a long line": Framing(headers=(TYPE, f"X-Long: {'y' * 300}", LENGTH)),
    "bare line feeds": Framing(newline="\n"),
    "bare line feeds without length": Framing(newline="\n", headers=(TYPE,)),
    "late boundary": Framing(is_eager=False),
    "dashes in the boundary": Framing("boundary=--frame"),
    "quotes around the boundary": Framing('boundary="frame"'),
    "a parameter after the boundary": Framing("boundary=frame; charset=binary"),
}
READ_BY_BOTH = {"portal", "mjpg-streamer", "quotes around the boundary"}


async def what_ffmpeg_takes(answer: bytes, *options: str) -> bytes:
    """Serve an answer to ffmpeg; return the frames that it finds, joined."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        supervisor = ("-f", "mpjpeg", *options, "-i", f"http://127.0.0.1:{port}/")
        return (await run("ffmpeg", "-v", "error", *supervisor, "-c", "copy", "-f", "image2pipe", "-")).out


@needs_program("ffmpeg")
@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", FRAMINGS)
async def test_both_take_the_same(name: str, strict: bool) -> None:
    """Both find the same bytes, and give up at the same place."""
    pictures = small_jpegs() * (PARTS // 2)
    answer = FRAMINGS[name].answer(*pictures)
    client = FfmpegMpjpeg(strict=strict)
    try:
        client.feed(answer)
        client.end()
    except GaveUp:
        assert len(client.shown) < PARTS
    taken = await what_ffmpeg_takes(answer, "-strict_mime_boundary", str(int(strict)))
    assert b"".join(client.shown) == taken
    if name in READ_BY_BOTH:
        assert taken == b"".join(pictures)
