"""A server that gets its picture from another one of its kind, as its clients and the other server see it."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import pytest

from soft_stream.cameras.http.camera import HttpCamera
from soft_stream.config.relays import MOST_RELAYS, make_relay_name
from tests.support.mjpeg_server import BOUNDARY, HEAD, MjpegServer, jpeg, part, serving
from tests.support.multipart_reader import StreamReader
from tests.support.processes import free_port
from tests.support.server import QUICK, Portal, StartPortal, running

StartRelay = Callable[..., Awaitable[Portal]]
CLIENTS = 5


@pytest.fixture
async def start_relay() -> AsyncIterator[StartRelay]:
    """Return a function that starts a server with the stream of a port; all stop when the test ends."""
    async with AsyncExitStack() as relays:

        async def start(upstream: int, *, port: int = 0, **changes: Any) -> Portal:
            settings = replace(QUICK, source="http", url=f"http://127.0.0.1:{upstream}/stream.mjpg", **changes)
            return await relays.enter_async_context(
                running(settings, new_camera=lambda each, _: HttpCamera(each), port=port)
            )

        yield start


def has_no_client(portal: Portal) -> bool:
    """Return whether no client waits for a frame."""
    return not portal.supervisor.subscribers.clients


async def open_stream(portal: Portal) -> StreamReader:
    """Connect a client to the stream."""
    client = await StreamReader.get(portal.port)
    assert client.head.startswith(b"HTTP/1.1 200"), client.head
    await client.opening()
    return client


async def test_many_clients_are_one(portal: Portal, start_relay: StartRelay) -> None:
    """The other server has one client while there are any, and none before and after."""
    relay = await start_relay(portal.port)
    assert portal.supervisor.status.counters.opened == 0
    clients = [await open_stream(relay) for _ in range(CLIENTS)]
    for client in clients:
        assert (await client.part()).label == "live"
    assert len(relay.supervisor.subscribers.clients) == CLIENTS
    assert len(portal.supervisor.subscribers.clients) == 1
    for client in clients:
        await client.close()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    assert relay.supervisor.status.counters.opened == 1


async def test_the_bytes_and_the_times_are_the_same(portal: Portal, start_relay: StartRelay) -> None:
    """A picture that passes through is not encoded again, and its age is that since its capture."""
    relay = await start_relay(portal.port)
    direct, relayed = await open_stream(portal), await open_stream(relay)
    first = {(await direct.part()).jpeg: None for _ in range(3)}
    seen = {}
    for _ in range(20):
        one, other = await direct.part(), await relayed.part()
        first[one.jpeg] = None
        seen[other.jpeg] = float(other.headers["x-timestamp"])
    assert len(first.keys() & seen.keys()) > 5
    times = [*seen.values()]
    assert times == sorted(times)
    await direct.close()
    await relayed.close()


async def test_a_placeholder_stays_a_placeholder(portal: Portal, start_relay: StartRelay) -> None:
    """It says what is wrong with the other server's camera; the connection stays, and is live when that is."""
    relay = await start_relay(portal.port, watchdog_timeout=0.0)
    client = await open_stream(relay)
    assert (await client.part()).label == "live"
    portal.device.unplug()
    await relay.until(lambda: "has no live picture" in relay.supervisor.health.problem)
    while "has no live picture: test camera 0 is unplugged" not in (await client.part()).headers.get("x-reason", ""):
        pass
    captured = relay.supervisor.status.counters.captured
    assert (await client.part()).label == "notice"
    assert relay.supervisor.status.counters.captured == captured
    assert relay.supervisor.status.state == "retrying"
    portal.device.plug()
    await client.until("live")
    await relay.until(lambda: relay.supervisor.status.state == "streaming")
    assert relay.supervisor.health.problem == ""
    assert relay.supervisor.status.counters.opened == 1
    assert len(portal.supervisor.subscribers.clients) == 1
    await client.close()


async def test_a_countdown_is_logged_once(start_relay: StartRelay, caplog: pytest.LogCaptureFixture) -> None:
    """The reason of a pause has the seconds that are left; the status has the newest one."""

    def paused(server: MjpegServer, connection: socket.socket) -> None:
        connection.sendall(HEAD + BOUNDARY + part(jpeg(0)))
        for seconds in count():
            time.sleep(0.02)
            connection.sendall(part(jpeg(1), "X-Frame: notice", f"X-Reason: paused for {seconds} s"))

    with serving(paused) as server:
        relay = await start_relay(server.port, watchdog_timeout=0.0)
        client = await open_stream(relay)
        await relay.until(lambda: "paused for" in relay.supervisor.health.problem)
        first = relay.supervisor.health.problem
        await relay.until(lambda: relay.supervisor.health.problem not in (first, ""))
        assert "paused for" in relay.supervisor.health.problem
        assert len([each for each in caplog.records if "paused for" in each.getMessage()]) == 1
        await client.close()


async def test_three_in_a_row(portal: Portal, start_relay: StartRelay) -> None:
    """The reason goes through all of them, and each has one client."""
    relays = [portal]
    for _ in range(3):
        relays.append(await start_relay(relays[-1].port, watchdog_timeout=0.0))
    client = await open_stream(relays[-1])
    assert (await client.part()).label == "live"
    assert [len(each.supervisor.subscribers.clients) for each in relays] == [1] * 4
    portal.device.stall(survives_restart=True, survives_reopening=True)
    last = relays[-1].supervisor.health
    await portal.until(lambda: "has no live picture" in last.problem)
    await client.until("notice")
    portal.device.resume()
    await client.until("live")
    await client.close()


async def test_a_server_that_gets_its_picture_from_itself(start_relay: StartRelay) -> None:
    """It says so, and does not keep its camera open for ever."""
    port = free_port()
    relay = await start_relay(port, port=port, start_timeout=1.0)
    async with relay.http.get("/snapshot.jpg") as answer:
        assert answer.status == 503
        assert "gets its picture from this server" in await answer.text()
    await relay.until(lambda: not relay.supervisor.subscribers.clients)


async def test_two_that_wait_for_each_other(start_relay: StartRelay) -> None:
    """The one that is asked second finds its own name in the request."""
    ports = free_port(), free_port()
    one, other = (
        await start_relay(ports[1], port=ports[0], start_timeout=1.0),
        await start_relay(ports[0], port=ports[1], start_timeout=1.0),
    )
    async with one.http.get("/snapshot.jpg") as answer:
        assert answer.status == 503
    for each in (one, other):
        await each.until(partial(has_no_client, each))
    assert "gets its picture from this server" in str(other.supervisor.status.last_restart)


async def test_requests_of_other_proxies(portal: Portal) -> None:
    """A request is refused only if it has this server's name, or those of very many others of its kind."""
    own, others = portal.supervisor.relay_name, [make_relay_name() for _ in range(MOST_RELAYS + 1)]
    for via, status in (
        ("1.1 varnish (Varnish/7.1), 2 cdn", 200),
        (f"1.1 {others[0]}", 200),
        (", ".join(f"1.1 {each}" for each in others[1:]), 200),
        (", ".join(f"1.1 {each}" for each in others), 508),
        (f"1.1 {own}", 508),
        (f"1.0 a, 1.1 {own} (comment), 1.1 b", 508),
    ):
        async with portal.http.get("/healthz", headers={"Via": via}) as answer:
            assert answer.status == status, via


async def test_a_server_that_is_not_there(start_relay: StartRelay) -> None:
    """The answer says so; the process has no reason to end."""
    relay = await start_relay(free_port(), start_timeout=1.0, retry_pause=0.1)
    for _ in range(5):
        async with relay.http.get("/snapshot.jpg") as answer:
            assert answer.status == 503
            assert "cannot be reached: Connection refused" in await answer.text()
    assert not relay.life.done()


async def test_a_server_that_restarts(start_portal: StartPortal, start_relay: StartRelay) -> None:
    """Clients stay, see a placeholder with the reason, and are live again."""
    port = free_port()
    async with running(QUICK, port=port):
        relay = await start_relay(port)
        client = await open_stream(relay)
        assert (await client.part()).label == "live"
    await relay.until(lambda: "cannot be reached" in relay.supervisor.health.problem)
    await client.until("notice")
    await start_portal(port=port)
    async with asyncio.timeout(5):
        await client.until("live")
    await client.close()
