"""The headers of every response: `nosniff` and the name of the server."""

import asyncio

import pytest
from aiohttp.http import SERVER_SOFTWARE

from soft_stream.web.app import build_app
from tests.support.server import Portal, StartPortal

MAINSAIL = {"Origin": "http://mainsail.local"}


def check(headers: "dict[str, str]", what: str) -> None:
    """Check the headers of one response."""
    assert headers.get("X-Content-Type-Options") == "nosniff", what
    assert headers["Server"].endswith(("camera-soft-stream", "(camera-soft-stream)")), what
    assert SERVER_SOFTWARE not in str(headers), what


async def test_every_route(start_portal: StartPortal) -> None:
    """Pages, files, JSON, snapshots, streams and their errors have them, whatever the method is."""
    portal = await start_portal(cors_origins=(MAINSAIL["Origin"],), close_after=60)
    seen = set()
    for route in build_app(portal.supervisor, {}).router.routes():
        assert route.resource
        path = route.resource.canonical.format(name="shared/style.css", prefix="")
        for method in {route.method, "HEAD", "OPTIONS", "DELETE"}:
            async with portal.http.request(method, path, headers=MAINSAIL) as answer:
                check(dict(answer.headers), f"{method} {path}")
                seen.add(answer.status)
    assert {200, 404, 405} <= seen


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/static/shared/style.css", {"If-None-Match": "*"}, 304),
        ("OPTIONS", "/controls", MAINSAIL | {"Access-Control-Request-Method": "POST"}, 204),
        ("OPTIONS", "/controls", {"Origin": "http://a", "Access-Control-Request-Method": "POST"}, 403),
        ("POST", "/focus", {"Origin": "http://a"}, 403),
        ("GET", "/nothing", {}, 404),
        ("GET", "/static/nothing.css", {}, 404),
        ("GET", "/snapshot.jpg?width=1", {}, 400),
        ("GET", "/?action=command", {}, 501),
        ("GET", "/?shutdown", {}, 403),
        ("GET", "/webcam?action=snapshot", {}, 200),
        ("GET", "/stream.mjpg?content_type=octet-stream", {}, 200),
        ("GET", "/snapshot.jpg?wake=0", {}, 503),
    ],
)
async def test_other_answers(
    start_portal: StartPortal, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """Answers of each kind have them."""
    portal = await start_portal(cors_origins=(MAINSAIL["Origin"],))
    async with portal.http.request(method, path, headers=headers) as answer:
        assert answer.status == status
        check(dict(answer.headers), path)


async def test_an_error_of_the_program(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A 500 has them too; the client learns nothing else."""
    monkeypatch.setattr("soft_stream.web.api.status.build_status", None)
    async with portal.http.get("/status.json") as answer:
        assert (answer.status, await answer.text()) == (500, "Internal error; see the log for details.\n")
        check(dict(answer.headers), "500")


async def test_an_error_in_aiohttp(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception that no middleware sees has the same form, and its traceback is in the log."""

    def fail(*_: object) -> None:
        raise RuntimeError("planted")

    monkeypatch.setattr("aiohttp.web_urldispatcher.UrlDispatcher.resolve", fail)
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert head.startswith("HTTP/1.1 500 ")
    check(dict(line.split(": ") for line in head.split("\r\n")[1:-2]), "500")
    assert "Cache-Control: no-store\r\n" in head
    assert await reader.readline() == b"Internal error; see the log for details.\n"
    assert [record.exc_text or str(record.exc_info) for record in caplog.records if "A request of" in record.message]
    writer.close()


async def test_an_error_is_one_line(portal: Portal) -> None:
    """Control characters of the request are escaped in it."""
    async with portal.http.get("/a%0D%0Ab%1B[31m%C2%9B") as answer:
        text = await answer.text()
    assert (
        text == r"Not found: /a\r\nb\x1b[31m\x9b. Try /, /stream.mjpg, /snapshot.jpg, /status.json or /healthz." + "\n"
    )
