"""/cameras.json, and the images that the page of all cameras may load."""

import asyncio
import gzip
import json
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import Settings
from soft_stream.web.api import all_cameras
from tests.support.processes import free_port
from tests.support.server import QUICK, Portal, StartPortal

OURS: dict[str, Any] = {
    "camera": 1, "state": "idle", "state_since": 0, "fault": "", "pause": None,
    "captured_fps": 0, "frame": None, "clients": [],
}  # fmt: skip
CLIENT: dict[str, Any] = {"client": "x", "sent": 1, "sent_fps": 1.5, "fps_max": 0, "age": None}
Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
StartProcess = Callable[[Answer], Awaitable[int]]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes that are slow on a busy machine are no subject of these tests."""
    monkeypatch.setattr(all_cameras, "TIMEOUT", 60)


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


async def test_a_process_that_hangs_delays_no_response(
    start_portal: StartPortal, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that accepts the request and does not answer is unreachable; the others are not delayed."""

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(3600)
        raise AssertionError

    monkeypatch.setattr(all_cameras, "TIMEOUT", 3)
    other = await start_portal(camera=2)
    cameras = {0: camera(0, 1), 1: camera(1, await start_process(hang)), 2: camera(2, other.port)}
    portal = await start_portal(camera=0, cameras=cameras)
    assert [each["state"] for each in await get_cameras(portal)] == ["idle", "unreachable", "idle"]


async def test_a_process_that_hangs_is_waited_for_once(
    start_portal: StartPortal, start_process: StartProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a process did not answer in time, it delays no further response; when it answers again, it is shown."""
    monkeypatch.setattr(all_cameras, "TIMEOUT", 3)
    monkeypatch.setattr(all_cameras, "CACHE_TIME", 0)
    hangs = asyncio.Event()

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await hangs.wait()
        return web.json_response(OURS)

    cameras = {0: camera(0, 1), 1: camera(1, await start_process(hang))}
    portal = await start_portal(camera=0, cameras=cameras)
    assert (await get_cameras(portal))[1]["state"] == "unreachable"
    for _ in range(3):
        began = time.monotonic()
        assert (await get_cameras(portal))[1]["state"] == "unreachable"
        assert time.monotonic() - began < 2
    hangs.set()
    while (await get_cameras(portal))[1]["state"] != "idle":
        pass


async def test_a_process_of_an_older_release(start_portal: StartPortal, start_process: StartProcess) -> None:
    """Its status has no thumbnail, which the page must know, and only the owner of a pause."""

    async def say(_: web.BaseRequest) -> web.StreamResponse:
        return web.json_response(OURS | {"pause": {"owner": "timelapse", "since": 1, "until": 2}})

    facts = await get_neighbour(start_portal, await start_process(say))
    assert facts["state"] == "idle"
    assert "thumbnail" not in facts
    assert facts["fault_message"] is None
    assert (facts["pause"]["owner"], facts["pause"]["kind"]) == ("timelapse", "")


async def test_what_newer_releases_say_is_copied(start_portal: StartPortal, start_process: StartProcess) -> None:
    """The age of the thumbnail, the code of the fault with nested values, and who has the camera."""
    message = {"code": "a", "values": {"n": 1, "why": {"code": "b", "values": {"text": "x"}}}}
    pause = {"owner": "o", "since": 1, "until": 2, "kind": "program", "name": "n", "address": "1.2.3.4", "user": ""}

    async def say(_: web.BaseRequest) -> web.StreamResponse:
        thumbnail = {"age": 7.5, "width": 480, "height": 270}
        return web.json_response(OURS | {"thumbnail": thumbnail, "fault_message": message, "pause": pause})

    facts = await get_neighbour(start_portal, await start_process(say))
    assert (facts["thumbnail"], facts["fault_message"], facts["pause"]) == ({"age": 7.5}, message, pause)


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
        web.json_response(OURS, status=404),
        web.json_response(OURS | {"state": []}),
        web.json_response(OURS | {"camera": True}),
        web.json_response(OURS | {"state_since": "now"}),
        web.json_response(OURS | {"state_since": True}),
        web.json_response(OURS | {"captured_fps": math.nan}),
        web.json_response(OURS | {"captured_fps": None}),
        web.Response(text=json.dumps(OURS).replace('"captured_fps": 0', '"captured_fps": 1e999')),
        web.Response(text=json.dumps(OURS).replace('"captured_fps": 0', f'"captured_fps": {"9" * 400}')),
        web.Response(text=json.dumps(OURS).replace('"captured_fps": 0', f'"captured_fps": {"9" * 5000}')),
        web.json_response(OURS | {"fault": {"a": "b"}}),
        web.json_response(OURS | {"pause": "paused"}),
        web.json_response(OURS | {"pause": {"owner": 1, "since": 0, "until": 0}}),
        web.json_response(OURS | {"pause": {"owner": "x", "since": 0, "until": 0, "kind": []}}),
        web.json_response(OURS | {"thumbnail": {"age": "old"}}),
        web.json_response(OURS | {"thumbnail": 1}),
        web.json_response(OURS | {"fault_message": {"code": "x", "values": []}}),
        web.json_response(OURS | {"fault_message": {"code": "x", "values": {"a": None}}}),
        web.json_response(OURS | {"fault_message": {"code": "x", "values": dict.fromkeys(map(str, range(11)), 1)}}),
        web.json_response(OURS | {"frame": [1]}),
        web.json_response(OURS | {"frame": {"width": 1.5, "height": 1, "age": 0}}),
        web.json_response(OURS | {"clients": {"a": 1}}),
        web.json_response(OURS | {"clients": [CLIENT | {"client": None}]}),
        web.json_response(OURS | {"clients": [CLIENT | {"age": "old"}]}),
        web.json_response(OURS | {"clients": ["client"]}),
        web.Response(text=json.dumps(OURS | {"more": "x"}).replace('"x"', "[" * 100_000 + "]" * 100_000)),
        web.json_response(OURS | {"more": "x" * 256 * 1024}),
        web.Response(body=gzip.compress(json.dumps(OURS).encode()), headers={"Content-Encoding": "gzip"}),
        web.Response(body=b"\xff" + json.dumps(OURS).encode()),
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


async def get_neighbour(start_portal: StartPortal, port: int) -> dict[str, Any]:
    """Return what /cameras.json has about camera 1, whose process listens on a port."""
    portal = await start_portal(camera=0, cameras={0: camera(0, 1), 1: camera(1, port)})
    return (await get_cameras(portal, "?client=x"))[1]


async def test_an_answer_up_to_the_limit_is_read(start_portal: StartPortal, start_process: StartProcess) -> None:
    """Also in pieces; only the expected keys are copied, and of a long text the beginning."""
    status = OURS | {
        "clients": [CLIENT] * 1000,
        "fault": "\ud800" * 1000,
        "url": "http://elsewhere",
        "more": "x" * 90_000,
    }

    async def say(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        answer.enable_chunked_encoding()
        await answer.prepare(request)
        text = json.dumps(status).encode()
        assert len(text) < 256 * 1024
        for start in range(0, len(text), 10_000):
            await answer.write(text[start : start + 10_000])
        return answer

    port = await start_process(say)
    facts = await get_neighbour(start_portal, port)
    assert (facts["state"], facts["clients"], facts["url"]) == ("idle", 1000, f"//127.0.0.1:{port}/")
    assert facts["own"][0] == {"sent": 1, "sent_fps": 1.5, "fps_max": 0, "age": None}
    assert facts["fault"] == "?" * 500
    assert not {"more", "camera"} & facts.keys()


@pytest.mark.parametrize("headers", [{}, {"Content-Length": "1000000000000"}])
async def test_an_answer_without_an_end_is_not_read(
    start_portal: StartPortal, start_process: StartProcess, headers: dict[str, str]
) -> None:
    """After 256 kB the connection is closed, long before the time limit."""
    sent = 0
    closed = asyncio.Event()

    async def send(request: web.BaseRequest) -> web.StreamResponse:
        nonlocal sent
        answer = web.StreamResponse(headers=headers)
        await answer.prepare(request)
        try:
            while True:
                await answer.write(b" " * 4096)
                sent += 4096
        finally:
            closed.set()

    port = await start_process(send)
    assert (await get_neighbour(start_portal, port))["state"] == "unreachable"
    await closed.wait()
    assert 256 * 1024 < sent < 16_000_000  # the kernel buffers some of it


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
