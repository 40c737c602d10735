"""What a process tells of all cameras, and whose pictures its page of them may show."""

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
from tests.conftest import QUICK, Portal, StartPortal
from tests.support.processes import free_port

OURS: dict[str, Any] = {
    "camera": 1, "state": "idle", "state_since": 0, "fault": "", "pause": None,
    "captured_fps": 0, "frame": None, "clients": [],
}  # fmt: skip
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
StartNeighbour = Callable[[Answer], Awaitable[int]]


def camera(number: int, port: int, **changes: Any) -> Settings:
    """Return the settings of a camera whose process listens on that port of this machine."""
    return replace(QUICK, camera=number, port=port, name=f"Cam {number}", **changes)


async def told(portal: Portal, query: str = "", **headers: str) -> list[dict[str, Any]]:
    """Ask a process what all cameras do."""
    async with portal.http.get(f"/cameras.json{query}", headers=headers) as answer:
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        facts: list[dict[str, Any]] = await answer.json()
        return facts


def gets_frames(portal: Portal) -> bool:
    """Whether every client of a portal has got some frames."""
    return all(client.sent > 2 for client in portal.supervisor.subscribers.clients)


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[int]:
    """Answer all requests to a port in one way."""
    server = web.ServerRunner(web.Server(answer), shutdown_timeout=0.1)
    await server.setup()
    port = free_port()
    await web.TCPSite(server, "127.0.0.1", port).start()
    yield port
    await server.cleanup()


@pytest.fixture
async def start_neighbour() -> AsyncIterator[StartNeighbour]:
    """Start what answers on a port in one way; it ends with the test."""
    async with AsyncExitStack() as neighbours:

        async def start(answer: Answer) -> int:
            return await neighbours.enter_async_context(answering(answer))

        yield start


async def test_all_cameras_are_told(start_portal: StartPortal) -> None:
    """One answer has the state of each camera, and where this browser finds it; none is opened."""
    others = [await start_portal(camera=number) for number in (1, 2)]
    cameras = {0: camera(0, 1), 1: camera(1, others[0].port), 2: camera(2, others[1].port, renditions_max=0)}
    portal = await start_portal(camera=0, cameras=cameras)
    facts = await told(portal, **{"X-Forwarded-Prefix": "/"})
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
    """What the clients of one name get is told for that name only, at this camera and at the others."""
    other = await start_portal(camera=1)
    portal = await start_portal(camera=0, cameras={0: camera(0, 1), 1: camera(1, other.port)})
    for index, each in enumerate((portal, other)):
        async with each.http.get("/stream.mjpg?client=grid-1"), each.http.get("/stream.mjpg?client=another"):
            await each.until(partial(gets_frames, each))
            await asyncio.sleep(0.6)  # what was asked before is told for half a second
            facts = await told(portal, "?client=grid-1")
            assert facts[index]["clients"] == 2
            assert facts[index]["state"] == "streaming"
            assert facts[index]["frame"]["width"] == 160
            (mine,) = facts[index]["own"]
            assert mine["sent"] > 2
            assert mine["age"] < 60
            assert facts[1 - index]["own"] == []
            assert (await told(portal))[index]["own"] == []


async def test_a_process_that_is_not_there_and_comes(start_portal: StartPortal) -> None:
    """A camera whose process is down is told as unreachable, with the address, and is there when it is."""
    port = free_port()
    portal = await start_portal(camera=0, cameras={0: camera(0, 1), 1: camera(1, port)})
    own, other = await told(portal)
    assert own["state"] == "idle"
    assert (other["state"], other["fault"]) == ("unreachable", f"no answer from http://127.0.0.1:{port}")
    await start_portal(camera=1, listen=(Endpoint("http", "127.0.0.1", port),))
    while (await told(portal))[1]["state"] != "idle":
        pass


async def test_a_process_that_hangs_holds_nobody_up(start_portal: StartPortal, start_neighbour: StartNeighbour) -> None:
    """One that takes the question and is silent is told as unreachable, while the others are told as they are."""

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    other = await start_portal(camera=2)
    cameras = {0: camera(0, 1), 1: camera(1, await start_neighbour(hang)), 2: camera(2, other.port)}
    portal = await start_portal(camera=0, cameras=cameras)
    assert [each["state"] for each in await told(portal)] == ["idle", "unreachable", "idle"]


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
async def test_what_is_no_neighbour_is_not_believed(
    start_portal: StartPortal, start_neighbour: StartNeighbour, answer: web.Response
) -> None:
    """Another camera, an older release, or another program on the port is none, whatever it says."""

    async def say(_: web.BaseRequest) -> web.StreamResponse:
        return answer

    port = await start_neighbour(say)
    portal = await start_portal(camera=0, cameras={0: camera(0, 1), 1: camera(1, port)})
    assert (await told(portal, "?client=x"))[1]["state"] == "unreachable"


async def test_many_pages_are_one_question(start_portal: StartPortal, start_neighbour: StartNeighbour) -> None:
    """Those who ask together share what was asked, also with one who leaves; it is never cameras.json that is asked."""
    questions: list[str] = []
    may_answer = asyncio.Event()

    async def note(request: web.BaseRequest) -> web.StreamResponse:
        questions.append(request.path_qs)
        await may_answer.wait()
        raise web.HTTPServiceUnavailable

    port = await start_neighbour(note)
    portal = await start_portal(camera=0, cameras={0: camera(0, 1), 1: camera(1, port)})
    impatient = asyncio.create_task(told(portal))
    await portal.until(lambda: questions)
    rest = [asyncio.create_task(told(portal, f"?client={number}")) for number in range(20)]
    impatient.cancel()
    await asyncio.wait([impatient])
    may_answer.set()
    for facts in await asyncio.gather(*rest):
        assert facts[1]["state"] == "unreachable"
    assert questions == ["/status.json"]
    await asyncio.sleep(0.6)
    await told(portal)
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
async def test_pictures_of_the_others_are_allowed(
    start_portal: StartPortal, headers: dict[str, str], sources: list[str]
) -> None:
    """The page of all cameras may show pictures from where they are, and no other page may."""
    portal = await start_portal(camera=0, cameras={number: camera(number, 18081 + number) for number in range(2)})
    for path, named in (("/cameras", sources), ("/", [])):
        async with portal.http.get(path, headers=headers) as answer:
            policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
        assert policy["img-src"].split() == ["'self'", "blob:", *named]
        assert policy["script-src"].split()[0] == "'self'"
        assert "unsafe" not in policy["script-src"]


@pytest.mark.parametrize("host", ["pi;script-src *", "pi *", "'unsafe-inline'", "[::1"])
async def test_a_host_writes_no_policy(start_portal: StartPortal, host: str) -> None:
    """What is no host gets no page."""
    portal = await start_portal(camera=0, cameras={number: camera(number, 18081 + number) for number in range(2)})
    async with portal.http.get("/cameras", headers={"Host": host}) as answer:
        assert answer.status == 400
        assert await answer.text() == f"Host: {host} is not a host.\n"
