"""The number of open streams: of a camera, and of one client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack

import pytest
from aiohttp import ClientResponse

from tests.support.server import Portal, StartPortal

Open = Callable[..., Coroutine[None, None, ClientResponse]]


@pytest.fixture
async def open_stream() -> AsyncIterator[Open]:
    """Return a function that requests a stream, for a client behind a proxy on this machine or for this machine."""
    async with AsyncExitStack() as streams:

        async def request(portal: Portal, client: str = "", path: str = "/stream.mjpg") -> ClientResponse:
            headers = {"X-Forwarded-For": client} if client else {}
            return await streams.enter_async_context(portal.http.get(path, headers=headers))

        yield request


async def test_the_streams_of_a_camera(start_portal: StartPortal, open_stream: Open) -> None:
    """One more is 503 with Retry-After and the setting; when one has ended, the next one is served."""
    portal = await start_portal(clients_max=3)
    streams = [await open_stream(portal, f"192.0.2.{number}") for number in range(3)]
    assert [each.status for each in streams] == [200] * 3
    refused = await open_stream(portal, "192.0.2.9")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "10")
    text = "3 streams of this camera are open, and cam0_clients_max=3 allows no more.\n"
    assert await refused.text() == text
    streams[0].close()
    await portal.until(lambda: len(portal.supervisor.subscribers.clients) == 2)
    assert (await open_stream(portal, "192.0.2.9")).status == 200


async def test_the_camera_stays_closed_for_a_refused_stream(start_portal: StartPortal, open_stream: Open) -> None:
    """Streams that still wait for the camera count, and a refused one does not wait for it."""
    portal = await start_portal(clients_max=1, start_timeout=60.0)
    portal.device.slow_open(60)
    waiting = asyncio.create_task(open_stream(portal, "192.0.2.1"))
    await portal.until(lambda: portal.supervisor.subscribers.clients)
    assert (await open_stream(portal, "192.0.2.2")).status == 503
    portal.device.let_go()
    assert (await waiting).status == 200


@pytest.mark.parametrize(
    ("clients", "refused"),
    [
        (["192.0.2.7"] * 3, "192.0.2.7"),
        (["192.0.2.7", "::ffff:192.0.2.7", "[::ffff:c000:207]:80"], "192.0.2.7:999"),
        (["2001:db8::1", "2001:db8::2", "2001:db8::a:b:c:d"], "2001:db8::9"),
        (["fe80::1%eth0", "fe80::2", "fe80::3"], "fe80::9"),
        (["1.2.3.4, 192.0.2.7", "5.6.7.8, 192.0.2.7", "192.0.2.7"], "9.9.9.9, 192.0.2.7"),
    ],
)
async def test_the_streams_of_one_client(
    start_portal: StartPortal, open_stream: Open, clients: list[str], refused: str
) -> None:
    """However it writes its address, whatever name it has, and by each URL; others are served."""
    portal = await start_portal(clients_per_address=3, legacy_control=True)
    for number, client in enumerate(clients):
        assert (await open_stream(portal, client, f"/stream.mjpg?client=n{number}")).status == 200
    for path in ("/stream.mjpg?client=another", "/?action=stream", "/stream", "/?stream", "/webcam/?action=stream"):
        answer = await open_stream(portal, refused, path)
        assert answer.status == 503, path
        assert "has 3 streams of this camera, and cam0_clients_per_address=3 allows no more" in await answer.text()
    assert (await open_stream(portal, "192.0.2.8")).status == 200
    assert (await open_stream(portal, "2001:db8:0:1::1")).status == 200


async def test_this_machine_has_no_limit_of_its_own(start_portal: StartPortal, open_stream: Open) -> None:
    """Behind a proxy that forwards no address are many clients; the limit of the camera holds."""
    portal = await start_portal(clients_max=4, clients_per_address=1)
    assert [(await open_stream(portal)).status for _ in range(5)] == [200] * 4 + [503]


async def test_the_network_does_not_lock_out_this_machine(start_portal: StartPortal, open_stream: Open) -> None:
    """OctoPrint gets its stream although the network has all; the network does not get more by the reserve."""
    portal = await start_portal(clients_max=16)
    assert {(await open_stream(portal, f"192.0.2.{number}")).status for number in range(16)} == {200}
    assert [(await open_stream(portal)).status for _ in range(3)] == [200, 200, 503]
    assert (await open_stream(portal, "192.0.2.99")).status == 503


async def test_a_wall_in_three_browsers(start_portal: StartPortal, open_stream: Open) -> None:
    """One address has three streams of each camera, snapshots and states; none of them is refused."""
    portal = await start_portal()
    paths = ["/stream.mjpg?width=32", "/stream.mjpg", "/stream.mjpg?fps=2"]
    streams = [await open_stream(portal, "192.0.2.7", path) for path in paths]
    others = [
        await open_stream(portal, "192.0.2.7", path)
        for path in ("/snapshot.jpg", "/?action=snapshot", "/status.json", "/cameras.json", "/cameras")
        for _ in range(3 * 10)
    ]
    assert {each.status for each in streams + others} == {200}


async def test_requests_for_the_head_count_nothing(start_portal: StartPortal, open_stream: Open) -> None:
    """HEAD opens no stream, so it is answered although there is no room for one."""
    portal = await start_portal(clients_max=1)
    await open_stream(portal, "192.0.2.1")
    async with portal.http.head("/stream.mjpg", headers={"X-Forwarded-For": "192.0.2.2"}) as answer:
        assert answer.status == 200


async def test_the_log_names_the_limit_once(
    start_portal: StartPortal, open_stream: Open, caplog: pytest.LogCaptureFixture
) -> None:
    """A browser that tries again and again is one line in a minute."""
    portal = await start_portal(clients_max=1)
    await open_stream(portal, "192.0.2.1")
    for _ in range(5):
        assert (await open_stream(portal, "192.0.2.2")).status == 503
    lines = [each for each in caplog.messages if "Refused a stream" in each]
    sentence = "1 streams of this camera are open, and cam0_clients_max=1 allows no more."
    assert lines == [f"Refused a stream of 192.0.2.2: {sentence}"]
