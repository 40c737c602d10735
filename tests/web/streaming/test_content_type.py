"""`?content_type=octet-stream`: the same stream for programs that must not see that it is multipart."""

import pytest

from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal

OCTETS = {
    "Content-Type": "application/octet-stream",
    "Cache-Control": "no-store, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
}
PATHS = ("/stream.mjpg?", "/webcam/stream.mjpg?", "/stream?", "/?action=stream&", "/?stream&")
MAINSAIL = "http://mainsail.local"


@pytest.mark.parametrize("path", PATHS)
async def test_only_the_headers_change(portal: Portal, path: str) -> None:
    """GET and HEAD have the type; the body is that of every other stream, without chunks."""
    async with portal.http.head(f"{path}content_type=octet-stream") as answer:
        assert OCTETS.items() <= dict(answer.headers).items()
    assert portal.device.opened == 0
    reader = await StreamReader.get(portal.port, f"{path}content_type=octet-stream")
    head = reader.head.decode()
    assert {f"{name}: {value}" for name, value in OCTETS.items()} <= set(head.split("\r\n"))
    assert "Transfer-Encoding" not in head
    assert await reader.opening() == b"--softstreamframe\r\n"
    for _ in range(3):
        part = await reader.part()
        assert list(part.headers) == ["content-type", "content-length", "x-timestamp", "x-monotonic"]
    await reader.close()


@pytest.mark.parametrize("query", ["", "content_type=multipart", "type=.mjpg", "type=octet-stream"])
async def test_the_default_is_multipart(portal: Portal, query: str) -> None:
    """The key has a name of its own: mjpg-streamer's users append `type=.mjpg` for programs that want an extension."""
    for path in PATHS:
        async with portal.http.head(path + query) as answer:
            assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=softstreamframe"
            assert answer.headers["Cache-Control"] == "no-store"


async def test_another_type_is_refused(portal: Portal) -> None:
    """The error names the key, the value and the choices, as plain text."""
    async with portal.http.get("/stream.mjpg?content_type=video/mp4") as answer:
        assert (answer.status, answer.content_type) == (400, "text/plain")
        assert await answer.text() == "content_type=video/mp4: must be one of: multipart, octet-stream.\n"
    assert portal.device.opened == 0


async def test_an_error_and_a_placeholder(start_portal: StartPortal) -> None:
    """A camera without frames is a 503 with its reason as text; one that stops delivering has placeholders."""
    portal = await start_portal(watchdog_timeout=0, start_timeout=0.5)
    portal.device.unplug()
    async with portal.http.get("/stream.mjpg?content_type=octet-stream") as answer:
        assert (answer.status, answer.content_type) == (503, "text/plain")
        assert "unplugged" in await answer.text()
    portal.device.plug()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    reader = await StreamReader.get(portal.port, "/stream.mjpg?content_type=octet-stream")
    await reader.opening()
    await reader.until("live")
    portal.device.stall()
    assert (await reader.until("notice")).jpeg.startswith(b"\xff\xd8")
    await reader.close()


async def test_a_listed_origin_may_read_it(start_portal: StartPortal) -> None:
    """The CORS headers are those of every other answer."""
    portal = await start_portal(cors_origins=(MAINSAIL,))
    async with portal.http.get("/stream.mjpg?content_type=octet-stream", headers={"Origin": MAINSAIL}) as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == MAINSAIL
        assert OCTETS.items() <= dict(answer.headers).items()
