"""scripts/measure_fps.py, run as from any laptop."""

import asyncio
import re
import socket
import sys

import pytest
from aiohttp import web

from soft_stream.frames import multipart
from tests.support.checkout import ROOT
from tests.support.server import Portal, StartPortal

SCRIPT = ROOT / "scripts" / "measure_fps.py"


async def measure(url: str, *arguments: str) -> tuple[int, str, str]:
    """Run the probe; return its exit status, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), url, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def served(
    body: bytes, status: int = 200, content_type: str = multipart.CONTENT_TYPE
) -> tuple[web.AppRunner, str]:
    """Serve one fixed answer."""

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers={"Content-Type": content_type})

    app = web.Application()
    app.router.add_get("/stream.mjpg", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/stream.mjpg"


async def test_it_measures_a_stream(portal: Portal) -> None:
    """The output has rate, intervals and size of the live frames."""
    status, out, err = await measure(f"http://127.0.0.1:{portal.port}/stream.mjpg", "--frames", "30")
    assert (status, err) == (0, "")
    rate = re.search(r"^observed FPS +([\d.]+)  \(30 live frames\)$", out, re.MULTILINE)
    assert rate
    assert 0 < float(rate[1]) < 60  # a busy machine misses frames
    assert re.search(r"^frame interval  p50 [\d.]+ ms, p95 [\d.]+ ms, max [\d.]+ ms$", out, re.MULTILINE)
    assert re.search(r"^mean size       [\d.]+ kB$", out, re.MULTILINE)


async def test_repeats_and_placeholders_are_counted_separately() -> None:
    """Only live frames are measured."""
    parts = [multipart.make_part(b"x" * 1000, 0, label) for label in ("", "repeat", "notice", "notice", "", "")]
    runner, url = await served(multipart.OPENING + b"".join(parts))
    status, out, _ = await measure(url, "--frames", "3")
    assert status == 0
    assert "(3 live frames)" in out
    assert "mean size       1.0 kB" in out
    assert "not counted     1 repeat, 2 notice" in out
    await runner.cleanup()


@pytest.mark.parametrize(
    ("body", "status", "content_type", "sentence"),
    [
        (b"", 401, "text/plain", "401 Unauthorized: a login is needed"),
        (b"No frame: unplugged.", 503, "text/plain", "503 Service Unavailable: No frame: unplugged."),
        (b"<html>", 200, "text/html", "not a multipart stream but text/html"),
        (multipart.OPENING + multipart.make_part(b"x", 0), 200, multipart.CONTENT_TYPE, "the stream ended early"),
        (multipart.OPENING + b"Content-Length: 9\r\n\r\nx", 200, multipart.CONTENT_TYPE, "the stream ended early"),
        (multipart.OPENING + b"Content-Length: -5\r\n\r\n", 200, multipart.CONTENT_TYPE, "a part has no usable"),
        (multipart.OPENING + b"X: y\r\n\r\n", 200, multipart.CONTENT_TYPE, "a part has no usable Content-Length"),
    ],
)
async def test_a_response_that_is_not_a_stream(body: bytes, status: int, content_type: str, sentence: str) -> None:
    """It ends the program with one line on stderr and a non-zero exit status."""
    runner, url = await served(body, status, content_type)
    exit_status, out, err = await measure(url)
    assert (exit_status, out) == (1, "")
    assert err.startswith(f"measure_fps: {sentence}")
    assert err.count("\n") == 1
    await runner.cleanup()


@pytest.mark.parametrize("url", ["ftp://a/b", "http://", "http://[::1/", "http://a:b/", "http://127.0.0.1/a b"])
async def test_a_wrong_address(url: str) -> None:
    """The error message has the address."""
    assert await measure(url) == (1, "", f"measure_fps: {url}: not an http or https address\n")


async def test_a_refused_connection() -> None:
    """The error message says so."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    status, _, err = await measure(f"http://127.0.0.1:{port}/stream.mjpg")
    assert status == 1
    assert "Connection refused" in err


async def test_a_stream_without_live_frames(start_portal: StartPortal) -> None:
    """A stream that has only placeholders ends the program after the time limit."""
    portal = await start_portal(watchdog_timeout=0)
    probe = asyncio.create_task(
        measure(f"http://127.0.0.1:{portal.port}/stream.mjpg", "--frames", "100000", "--patience", "3")
    )
    await portal.until(lambda: any(client.sent > 5 for client in portal.supervisor.subscribers.clients))
    portal.device.stall()
    status, _, err = await probe
    assert status == 1
    assert "no live frame for 3 s" in err
