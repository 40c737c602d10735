"""/cameras.json, and the images that the page of all cameras may load."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import Settings
from tests.support.processes import free_port
from tests.support.server import QUICK, Portal, StartPortal

OURS: dict[str, Any] = {
    "camera": 1, "state": "idle", "state_since": 0, "fault": "", "pause": None,
    "captured_fps": 0, "frame": None, "clients": [],
}  # fmt: skip
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
StartProcess = Callable[[Answer], Awaitable[int]]


def camera(number: int, port: int, **changes: Any) -> Settings:
    """Return the settings of a camera whose process listens on a port of this machine."""
    return replace(QUICK, camera=number, port=port, name=f"Cam {number}", **changes)


async def get_cameras(portal: Portal, query: str = "", **headers: str) -> list[dict[str, Any]]:
    """Return the content of /cameras.json."""
    async with portal.http.get(f"/cameras.json{query}", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        facts: list[dict[str, Any]] = await answer.json()
        return facts


def gets_frames(portal: Portal) -> bool:
    """Return whether every client of a server has received some frames."""
    return all(client.sent > 2 for client in portal.supervisor.subscribers.clients)


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[int]:
    """Run a server that gives all requests to a port the same answer."""
    server = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await server.setup()
    port = free_port()
    await web.TCPSite(server, "127.0.0.1", port).start()
    try:
        yield port
    finally:
        await server.cleanup()


@pytest.fixture
async def start_process() -> AsyncIterator[StartProcess]:
    """Start servers that give one answer each; they stop with the test."""
    async with AsyncExitStack() as stack:

        async def start(answer: Answer) -> int:
            return await stack.enter_async_context(answering(answer))

        yield start


async def test_status_of_all_cameras(start_portal: StartPortal) -> None:
    """One response has the status and URL of each camera; none is opened."""
    others = [await start_portal(camera=number) for number in (1, 2)]
    cameras = {0: camera(0, 1), 1: camera(1, others[0].port), 2: camera(2, others[1].port, renditions_max=0)}
    portal = await start_portal(camera=0, cameras=cameras)
    facts = await get_cameras(portal, **{"X-Forwarded-Prefix": "/"})
    assert [(each["number"], each["title"], each["url"]) for each in facts] == [
        (number, f"Cam {number}", f"cam{number}/") for number in range(3)
    ]
    assert [(each["renditions"], each["close_after"]) for each in facts] == [(True, 0.2), (True, 0.2), (False, 0.2)]
    for each in facts:
        assert (each["state"], each["fault"], each["pause"], each["frame"], each["clients"]) == (
            "idle",
            "",
            None,
            None,
            0,
        )
    assert [each.device.opened for each in (portal, *others)] == [0, 0, 0]


async def test_a_page_finds_its_own_streams(start_portal: StartPortal) -> None:
    """Statistics of clients are returned only for the requested name, from this camera and from the others."""
    other = await start_portal(camera=1)
    portal = await start_portal(camera=0, cameras={0: camera(0, 1), 1: camera(1, other.port)})
    for index, each in enumerate((portal, other)):
        async with each.http.get("/stream.mjpg?client=grid-1"), each.http.get("/stream.mjpg?client=another"):
            await each.until(partial(gets_frames, each))
            await asyncio.sleep(0.6)  # statuses are shared for half a second
            facts = await get_cameras(portal, "?client=grid-1")
            assert facts[index]["clients"] == 2
            assert facts[index]["state"] == "streaming"
            assert facts[index]["frame"]["width"] == 160
            (mine,) = facts[index]["own"]
            assert mine["sent"] > 2
            assert mine["age"] < 60
            assert facts[1 - index]["own"] == []
            assert (await get_cameras(portal))[index]["own"] == []


async def test_a_process_that_starts_later(start_portal: StartPortal) -> None:
    """A camera without a running process is unreachable, with the address, until the process runs."""
    port = free_port()
    portal = await start_portal(camera=0, cameras={0: camera(0, 1), 1: camera(1, port)})
    own, other = await get_cameras(portal)
    assert own["state"] == "idle"
    assert (other["state"], other["fault"]) == ("unreachable", f"no answer from http://127.0.0.1:{port}")
    await start_portal(camera=1, listen=(Endpoint("http", "127.0.0.1", port),))
    while (await get_cameras(portal))[1]["state"] != "idle":
        pass


async def test_a_process_that_hangs_delays_no_response(start_portal: StartPortal, start_process: StartProcess) -> None:
    """A process that accepts the request and does not answer is unreachable; the others are not delayed."""

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    other = await start_portal(camera=2)
    cameras = {0: camera(0, 1), 1: camera(1, await start_process(hang)), 2: camera(2, other.port)}
    portal = await start_portal(camera=0, cameras=cameras)
    assert [each["state"] for each in await get_cameras(portal)] == ["idle", "unreachable", "idle"]


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({"camera": 7, "state": "idle"}),
        web.json_response({"camera": 1, "state": "idle"}),
        web.json_response(OURS | {"state": "armed"}),
        web.json_response(OURS | {"clients": 5}),
        web.json_response(OURS | {"clients": [{}]}),
        web.json_response(OURS | {"clients": [{"client": "x"}]}),
        web.json_response(OURS | {"frame": {"width": 1}}),
        web.json_response([1]),
        web.Response(text="<html>", content_type="text/html"),
        web.Response(text="{", content_type="application/json"),
        web.Response(status=500),
        web.Response(status=302, headers={"Location": "/elsewhere"}),
    ],
)
async def test_answers_of_other_programs_are_ignored(
    start_portal: StartPortal, start_process: StartProcess, answer: web.Response
) -> None:
    """Answers of another camera, an older release or another program are ignored."""

    async def say(_: web.BaseRequest) -> web.StreamResponse:
        return answer

    port = await start_process(say)
    portal = await start_portal(camera=0, cameras={0: camera(0, 1), 1: camera(1, port)})
    assert (await get_cameras(portal, "?client=x"))[1]["state"] == "unreachable"


async def test_many_pages_share_one_request(start_portal: StartPortal, start_process: StartProcess) -> None:
    """Concurrent requests share those to the other processes, also if one disconnects; none is for cameras.json."""
    questions: list[str] = []
    may_answer = asyncio.Event()

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        questions.append(request.path_qs)
        await may_answer.wait()
        raise web.HTTPServiceUnavailable

    port = await start_process(note)
    portal = await start_portal(camera=0, cameras={0: camera(0, 1), 1: camera(1, port)})
    impatient = asyncio.create_task(get_cameras(portal))
    await portal.until(lambda: questions)
    rest = [asyncio.create_task(get_cameras(portal, f"?client={number}")) for number in range(20)]
    impatient.cancel()
    await asyncio.wait([impatient])
    may_answer.set()
    for facts in await asyncio.gather(*rest):
        assert facts[1]["state"] == "unreachable"
    assert questions == ["/status.json"]
    await asyncio.sleep(0.6)
    await get_cameras(portal)
    assert len(questions) == 2


@pytest.mark.parametrize(
    ("headers", "sources"),
    [
        ({"Host": "pi.local:8081"}, ["pi.local:8082"]),
        ({"Host": "127.0.0.1:18081"}, ["127.0.0.1:18082"]),
        ({"Host": "[fd00::1]:8081"}, ["*:8082"]),
        ({"Host": "pi.local:8080", "X-Forwarded-Prefix": "/"}, []),
        ({"Host": "pi.local:8080", "X-Forwarded-Prefix": "/cam0"}, []),
    ],
)
async def test_the_policy_allows_images_of_other_cameras(
    start_portal: StartPortal, headers: dict[str, str], sources: list[str]
) -> None:
    """The page of all cameras may load images from their URLs; no other page may."""
    portal = await start_portal(camera=0, cameras={number: camera(number, 18081 + number) for number in range(2)})
    for path, named in (("/cameras", sources), ("/", [])):
        async with portal.http.get(path, headers=headers) as answer:
            policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["img-src"].split() == ["'self'", "blob:", *named]
        assert policy["script-src"].split()[0] == "'self'"
        assert "unsafe" not in policy["script-src"]


@pytest.mark.parametrize("host", ["pi;script-src *", "pi *", "'unsafe-inline'", "[::1"])
async def test_an_invalid_host_is_rejected(start_portal: StartPortal, host: str) -> None:
    """A Host header that is not a host is rejected."""
    portal = await start_portal(camera=0, cameras={number: camera(number, 18081 + number) for number in range(2)})
    async with portal.http.get("/cameras", headers={"Host": host}) as answer:
        assert answer.status == 400
        assert await answer.text() == f"Host: {host} is not a host.\n"
