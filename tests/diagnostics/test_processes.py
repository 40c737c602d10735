"""Requests to the processes of the cameras: by each kind of endpoint, with the token of this machine."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web

from soft_stream.access.signing import SigningKey
from soft_stream.config.endpoints import parse
from soft_stream.config.settings import Settings
from soft_stream.diagnostics import processes
from soft_stream.diagnostics.processes import Limits, Reply, ask, get
from tests.support.certificates import make
from tests.support.processes import free_port
from tests.support.server import QUICK, StartPortal

LIMITS = Limits(5.0)
NOBODY = Settings(users_file="")


@asynccontextmanager
async def answering(handler: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Settings]:
    """Serve each GET with a handler, as another program does; yield settings with its port."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield replace(NOBODY, bind=("127.0.0.1",), port=port)
    finally:
        await runner.cleanup()


async def test_no_process_listens() -> None:
    """A process listens on all endpoints, so the others are not asked, which may take long."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        listen = (parse("unix:/none/cam0.sock"), parse(f"http://127.0.0.1:{silent.getsockname()[1]}"))
        reply = await ask(replace(NOBODY, port=free_port(), listen=listen), "/status.json", LIMITS)
    assert (reply.refused, reply.status, reply.is_connected) == (True, 0, False)


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this machine has no IPv6")
@pytest.mark.parametrize("address", ["::1", "::"])
async def test_only_ipv6(start_portal: StartPortal, address: str) -> None:
    """The address of all addresses is asked on loopback."""
    portal = await start_portal(bind=(address,))
    reply = await ask(replace(QUICK, bind=(address,), port=portal.port), "/healthz", LIMITS)
    assert (reply.status, reply.text) == (200, "Camera 0: idle\n")


async def test_a_port_that_only_a_unix_socket_leads_to(start_portal: StartPortal, tmp_path: Path) -> None:
    """The address of the settings is of a network that is down."""
    listen = (parse(f"unix:{tmp_path}/cam0.sock"),)
    await start_portal(listen=listen)
    settings = replace(QUICK, bind=("192.0.2.1",), port=free_port(), listen=listen)
    assert (await ask(settings, "/healthz", LIMITS)).status == 200


async def test_only_tls(start_portal: StartPortal, tmp_path: Path) -> None:
    """The certificate is our own, so no authority needs to know it."""
    pair, port = make(tmp_path), free_port()
    listen = (parse(f"https://127.0.0.1:{port}"),)
    await start_portal(listen=listen, tls_certificate=str(pair.certificate), tls_key=str(pair.key))
    settings = replace(QUICK, bind=("192.0.2.1",), listen=listen)
    assert (await ask(settings, "/healthz", LIMITS)).status == 200


async def test_a_login_is_needed(start_portal: StartPortal, tmp_path: Path) -> None:
    """With the key of the processes there is a token; without it, the reason is that this user may not read it."""
    await asyncio.to_thread(SigningKey.load, tmp_path)
    portal = await start_portal(auth="always", state_directory=tmp_path)
    settings = replace(QUICK, bind=("127.0.0.1",), port=portal.port, state_directory=tmp_path)
    assert (await ask(settings, "/status.json", LIMITS)).status == 200
    without = replace(settings, state_directory=tmp_path / "none")
    assert (await ask(without, "/status.json", LIMITS)).status == 401
    assert "run the command with sudo" in await asyncio.to_thread(processes.why_no_login, without)
    await asyncio.to_thread(SigningKey.load, tmp_path / "other")
    other = replace(settings, state_directory=tmp_path / "other")
    assert (await ask(other, "/status.json", LIMITS)).status == 401
    assert f"another state directory than {tmp_path}/other" in await asyncio.to_thread(processes.why_no_login, other)


async def test_the_sockets_of_the_units(
    start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are asked for the settings of the service, and for no others: a process of this user is another one."""
    monkeypatch.setattr(processes, "SOCKETS", tmp_path)
    monkeypatch.setattr(processes, "SERVICE_STATE", tmp_path / "state")
    await start_portal(listen=(parse(f"unix:{tmp_path}/cam0.sock"),))
    settings = replace(QUICK, bind=("192.0.2.1",), port=free_port(), state_directory=tmp_path / "state")
    assert (await ask(settings, "/healthz", Limits(1.0))).status == 200
    assert (await ask(replace(settings, state_directory=tmp_path), "/healthz", Limits(1.0))).status == 0


async def test_a_process_that_hangs_is_asked_once() -> None:
    """It hangs on all of its endpoints, so the time limit counts once."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as other:
        ports = [each.getsockname()[1] for each in (silent, other)]
        settings = replace(NOBODY, bind=("127.0.0.1",), port=ports[0], listen=(parse(f"http://127.0.0.1:{ports[1]}"),))
        reply = await ask(settings, "/status.json", Limits(0.3))
        assert (reply.status, reply.error, reply.refused) == (0, "no answer for 0.3 s", False)
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            other.accept()


async def test_an_image_has_bytes_and_no_text() -> None:
    """Its headers have any case."""

    async def image(_: web.Request) -> web.Response:
        return web.Response(body=b"\xff\xd8\xff\xd9", content_type="image/jpeg", headers={"X-Age-Ms": "7"})

    async with answering(image) as settings:
        reply = await get(settings.local_url, LIMITS)
    assert (reply.body, reply.text, reply.headers["x-age-ms"]) == (b"\xff\xd8\xff\xd9", "", "7")


async def test_a_body_that_is_cut_off_is_no_reply() -> None:
    """The process was killed while it sent it."""

    async def cut_off(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "100", "Content-Type": "image/jpeg"})
        await response.prepare(request)
        await response.write(b"\xff\xd8")
        assert request.transport
        request.transport.close()
        return response

    async with answering(cut_off) as settings:
        reply: Reply = await ask(settings, "/snapshot.jpg", LIMITS)
    assert (reply.status, reply.body) == (0, b"")
    assert reply.error == "the connection was closed before the end of the answer"


@pytest.mark.parametrize("answer", [b"SSH-2.0-OpenSSH_9.2\r\n\x1b[2J", b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000])
async def test_an_answer_that_is_not_http(answer: bytes) -> None:
    """The sentence has nothing of the text of another program."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            writer.write(answer)
            await writer.drain()
            writer.close()
            await writer.wait_closed()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reply = await get(f"http://127.0.0.1:{port}", LIMITS)
    assert (reply.status, reply.error) == (0, "the answer is not HTTP")
