"""scripts/measure_fps.py, run as from any laptop."""

import asyncio
import json
import re
import socket
import sys

import pytest
from aiohttp import web

from soft_stream.frames import multipart
from tests.support.checkout import ROOT
from tests.support.server import Portal, StartPortal

RECORDINGS = ROOT / "benchmarks/recordings"
END = b"\xff\xd9"
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
    parts = [multipart.make_part(b"x" * 1000, 0, 0, label) for label in ("", "repeat", "notice", "notice", "", "")]
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
        (multipart.OPENING + multipart.make_part(b"x", 0, 0), 200, multipart.CONTENT_TYPE, "the stream ended early"),
        (multipart.OPENING + b"Content-Length: 9\r\n\r\nx", 200, multipart.CONTENT_TYPE, "the stream ended early"),
        (multipart.OPENING + b"Content-Length: -5\r\n\r\n", 200, multipart.CONTENT_TYPE, "the stream ended early"),
        (multipart.OPENING + b"X: y\r\n\r\n", 200, multipart.CONTENT_TYPE, "the stream ended early"),
        (b"x" * 100_000, 200, multipart.CONTENT_TYPE, "it is not a multipart stream"),
        (multipart.OPENING + b"X: y\r\n" * 9000, 200, multipart.CONTENT_TYPE, "a part has more than 100 headers"),
        (b"\x1b[31m\n\tred", 503, "text/plain", "503 Service Unavailable:  [31m  red"),
        (b"no dashes\r\nX: y\r\n\r\n", 200, "multipart/x-mixed-replace", "the stream has no boundary"),
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


def parts_of(name: str) -> tuple[str, bytes, list[bytes]]:
    """Return the Content-Type of a recorded stream, its beginning, and its two frames with the delimiter after each."""
    exchanges = json.loads((RECORDINGS / f"{name}.json").read_text())["exchanges"]
    data = "".join(text for _, text in exchanges["stream"]["answer"]).encode("latin-1")
    head, _, body = data.partition(b"\r\n\r\n")
    kind = re.search(rb"content-type: (.+)", head, re.IGNORECASE)
    assert kind
    opening, *parts = re.split(rb"(?=content-type: )", body, flags=re.IGNORECASE)
    return kind[1].decode().strip(), opening, parts[:2]


@pytest.mark.parametrize(
    ("name", "is_sized"),
    [
        ("mjpg-streamer", True), ("ustreamer", True), ("ustreamer-advance-headers", False), ("spyglass", True),
        ("picamera2", True), ("webcamd-synman", True), ("webcamd-mcguckin", False), ("mjpgstreamer", False),
    ],
)  # fmt: skip
async def test_streams_of_other_programs(name: str, *, is_sized: bool) -> None:
    """The frames of each recorded program are counted, also where their Content-Length is missing or wrong."""
    content_type, opening, parts = parts_of(name)
    # some delimiters are sent with the next frame, so the recording has only the first one
    parts[1] = parts[1][: parts[1].rindex(END)] + parts[0][parts[0].rindex(END) :]
    jpegs = [part[part.index(b"\xff\xd8") : part.rindex(END) + 2] for part in parts]
    runner, url = await served(opening + b"".join(parts * 5), content_type=content_type)
    status, out, err = await measure(url, "--frames", "10")
    assert (status, err) == (0, "")
    assert "(10 live frames)" in out
    assert f"mean size       {sum(map(len, jpegs)) / 2000:.1f} kB" in out
    assert ("Content-Length  missing or wrong" not in out) == is_sized
    await runner.cleanup()


@pytest.mark.parametrize(
    ("content_type", "delimiter"),
    [
        ("multipart/x-mixed-replace; boundary=frame", b"--frame"),
        ('multipart/x-mixed-replace; charset=x; boundary="a frame:"', b"--a frame:"),
        ("multipart/x-mixed-replace;boundary=--frame", b"--frame"),
        ("multipart/x-mixed-replace;boundary=--frame", b"----frame"),
        ("multipart/x-mixed-replace;boundary=frame", b"frame"),
        ("multipart/x-mixed-replace;boundary=frame", b"--other--"),
        ("multipart/x-mixed-replace", b"--frame"),
        ("multipart/x-mixed-replace;boundary=f.*", b"--f.*"),
    ],
)
async def test_boundaries(content_type: str, delimiter: bytes) -> None:
    """Parts without a right Content-Length end at the delimiter, however it is written; frames may contain the word."""
    jpeg = b"\xff\xd8" + b"frame --frames\n--f x-- other-- f.*" * 20 + b"\xff\xd9"
    for line_end, headers in (
        (b"\r\n", b"Content-Type: image/jpeg\r\n"),
        (b"\n", b"Content-Length: 2000\nX: y\n"),
        (b"\r\n", b"content-length: 9\r\n"),
        (b"\n", b""),
    ):
        part = delimiter + line_end + headers + line_end + jpeg + line_end
        runner, url = await served(part * 4 + delimiter + line_end, content_type=content_type)
        status, out, err = await measure(url, "--frames", "4")
        await runner.cleanup()
        assert (status, err) == (0, ""), headers
        assert f"mean size       {len(jpeg) / 1000:.1f} kB" in out
        assert "not counted     none\nContent-Length  missing or wrong; frames end at the next boundary\n" in out


async def test_labels_and_empty_parts_without_a_length() -> None:
    """Repeats, placeholders and parts without a JPEG are not live frames."""
    labels = [b"", b"X-Frame: repeat\r\n", b"X-Frame: notice\r\n", b""]
    parts = [b"--f\r\nContent-Type: image/jpeg\r\n" + label + b"\r\n" + b"x" * 100 + b"\r\n" for label in labels]
    empty = b"--f\r\nContent-Type: image/jpeg\r\n\r\n\r\n"
    runner, url = await served(empty + b"".join(parts) + b"--f--\r\n", 200, "multipart/x-mixed-replace;boundary=f")
    status, out, _ = await measure(url, "--frames", "2")
    assert status == 0
    assert "(2 live frames)" in out
    assert "not counted     1 empty, 1 repeat, 1 notice" in out
    status, _, err = await measure(url, "--frames", "3")
    assert (status, err) == (1, "measure_fps: the stream ended early\n")
    await runner.cleanup()


async def test_a_delimiter_inside_a_frame_with_a_length() -> None:
    """A right Content-Length counts more than a delimiter inside the JPEG."""
    jpeg = b"\xff\xd8\r\n--f\r\n\xff\xd9"
    part = b"--f\r\nContent-Length: %d\r\n\r\n" % len(jpeg) + jpeg + b"\r\n"
    runner, url = await served(part * 5, 200, "multipart/x-mixed-replace;boundary=f")
    status, out, _ = await measure(url, "--frames", "5")
    assert status == 0
    assert "Content-Length" not in out
    await runner.cleanup()


async def test_memory_does_not_grow_with_the_stream() -> None:
    """A part without an end is not kept."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "multipart/x-mixed-replace;boundary=f"})
        await response.prepare(request)
        await response.write(b"--f\r\n\r\n\xff\xd8")
        for _ in range(300):
            await response.write(b"x" * 1_000_000)
        return response

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    script = (
        "import re, runpy, sys\n"
        "try: runpy.run_path(sys.argv.pop(1), run_name='__main__')\n"
        # not ru_maxrss, which also has the memory of the process that started this one
        "finally: print(re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1])"
    )
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    command = [sys.executable, "-c", script, str(SCRIPT), url]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    await runner.cleanup()
    assert err == b"measure_fps: the stream ended early\n"
    assert int(out) < 100_000  # kB


async def test_the_last_line_of_a_stream_may_have_no_end() -> None:
    """A frame without a Content-Length is complete at the last delimiter."""
    runner, url = await served(b"--f\r\nX: y\r\n\r\n\xff\xd8\r\n" * 3 + b"--f--", 200, "multipart/x-mixed-replace")
    status, out, err = await measure(url, "--frames", "3")
    assert (status, err) == (0, "")
    assert "(3 live frames)" in out
    await runner.cleanup()


async def test_labels_of_a_strange_server() -> None:
    """Control characters do not reach the terminal, and the number of labels is limited."""
    parts = [b"--f\r\nX-Frame: \x1b[%dm\r\n\r\nx\r\n" % number for number in range(50)]
    live = b"--f\r\nX: y\r\n\r\nx\r\n" * 3
    runner, url = await served(b"".join(parts) + live + b"--f\r\n", 200, "multipart/x-mixed-replace")
    status, out, _ = await measure(url, "--frames", "3")
    assert status == 0
    assert "\x1b" not in out
    assert out.count(" [") == 10
    assert "40 other" in out
    await runner.cleanup()


async def test_a_redirect_does_not_get_the_password() -> None:
    """The other host asks for a login; the message names it."""
    asked: list[web.Request] = []

    async def there(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(status=401)

    async def here(request: web.Request) -> web.Response:
        asked.append(request)
        raise web.HTTPFound(f"http://localhost:{request.url.port}/there?%C3%A4")

    app = web.Application()
    app.router.add_get("/hier/ä", here)
    app.router.add_get("/there", there)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    _, _, err = await measure(f"http://user:secret@127.0.0.1:{port}/hier/ä?ö=%20")
    assert err.startswith(f"measure_fps: http://localhost:{port}/there?%C3%A4: 401 Unauthorized: a login is needed")
    assert ["Authorization" in request.headers for request in asked] == [True, False]
    assert asked[0].rel_url.raw_query_string == "%C3%B6=%20"
    await runner.cleanup()


async def test_a_server_of_another_protocol() -> None:
    """What it sends is not printed."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x1b[31m SSH-2.0\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    assert await measure(f"http://{host}/") == (1, "", f"measure_fps: {host}: the answer is not HTTP\n")
    server.close()


async def test_a_wrong_address_with_a_password() -> None:
    """The error message does not have the password."""
    status, out, err = await measure("http://user:secret@127.0.0.1:99999/")
    assert (status, out, err) == (1, "", "measure_fps: http://127.0.0.1:99999/: not an http or https address\n")


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
