"""Statistics and settings in the formats of webcamd, ustreamer, camera-streamer and mjpg-streamer."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector

from soft_stream.capture.status import State
from soft_stream.config import value_types
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import SETTINGS
from soft_stream.web.compat.webcamd import PRIVATE_SETTINGS, build_config
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, StartPortal

FILES = ["/?info", "/info.json", "/state", "/status", "/output.json", "/output_0.json", "/program.json",
         "/program_0.json", "/clients.json"]  # fmt: skip


async def get_json(portal: Portal, path: str, **headers: str) -> Any:
    """Return the content of one of the files."""
    async with portal.http.get(path, headers=headers) as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")
        assert answer.headers["Cache-Control"] == "no-store"
        return await answer.json()


@pytest.fixture
async def streaming(portal: Portal) -> AsyncIterator[tuple[Portal, list[StreamReader]]]:
    """Start a server with two clients that have received 30 live frames each."""
    readers = [await StreamReader.get(portal.port, f"/?stream&client=c{number}") for number in range(2)]
    for reader in readers:
        await reader.opening()
    for _ in range(30):
        await asyncio.gather(*(reader.until("live") for reader in readers))
    yield portal, readers
    await asyncio.gather(*(reader.close() for reader in readers))


async def test_nothing_opens_the_camera(portal: Portal) -> None:
    """None of the files opens the camera or counts as a client, with GET and HEAD."""
    for path in FILES:
        await get_json(portal, path)
        async with portal.http.head(path) as answer:
            assert answer.status == 200
    assert (portal.device.opened, portal.supervisor.status.state) == (0, State.IDLE)


async def test_webcamds_statistics(streaming: tuple[Portal, list[StreamReader]]) -> None:
    """Each session has its address, port and rate; the average and the number of snapshots are included."""
    portal, readers = streaming
    async with portal.http.get("/?snapshot") as answer:
        assert answer.status == 200
    for path in ("/?info", "/?INFO&1712345", "/webcam/info.json"):
        stats = (await get_json(portal, path))["stats"]
        assert stats["server"] == f"127.0.0.1:{portal.port}"
        ports = {reader.writer.get_extra_info("sockname")[1] for reader in readers}
        assert set(stats["sessions"]) == {f"127.0.0.1:{port}" for port in ports}
        assert all(fps > 0 for fps in stats["sessions"].values())
        assert stats["avgStreamFps"] == pytest.approx(sum(stats["sessions"].values()) / 2, abs=0.02)
        assert stats["encodeFps"] == max(stats["sessions"].values())
        assert (stats["sessionCount"], stats["snapshots"]) == (2, 1)


async def test_webcamds_statistics_without_streams(portal: Portal) -> None:
    """Without streams there are no rates."""
    stats = {"encodeFps": 0, "sessionCount": 0, "avgStreamFps": 0, "sessions": {}, "snapshots": 0}
    assert (await get_json(portal, "/?info"))["stats"] == stats | {"server": f"127.0.0.1:{portal.port}"}


async def test_a_session_behind_a_proxy(portal: Portal) -> None:
    """The address is that in X-Forwarded-For; the port of the proxy's connection distinguishes sessions."""
    headers = {"X-Forwarded-For": "fd00::7"}
    async with portal.http.get("/stream.mjpg", headers=headers), portal.http.get("/?stream", headers=headers):
        sessions = (await get_json(portal, "/?info"))["stats"]["sessions"]
    assert len(sessions) == 2
    assert all(session.startswith("[fd00::7]:") for session in sessions)


async def test_sessions_over_a_unix_socket(start_portal: StartPortal, tmp_path: Path) -> None:
    """On a unix socket, streams of one address are still separate sessions."""
    path = tmp_path / "socket"
    portal = await start_portal(listen=(Endpoint("unix", path=str(path)),))
    connector, headers = UnixConnector(str(path)), {"X-Forwarded-For": "192.0.2.7"}
    async with (
        ClientSession("http://localhost", connector=connector, headers=headers) as proxy,
        proxy.get("/stream.mjpg"),
        proxy.get("/?stream"),
    ):
        stats = (await get_json(portal, "/?info"))["stats"]
        assert (stats["sessionCount"], len(stats["sessions"])) == (2, 2)
        assert all(session.startswith("192.0.2.7:") for session in stats["sessions"])
        assert (await get_json(portal, "/?info"))["stats"]["sessions"].keys() == stats["sessions"].keys()


async def test_a_proxy_that_does_not_name_the_client(portal: Portal) -> None:
    """An empty X-Forwarded-For is ignored."""
    async with portal.http.get("/stream.mjpg", headers={"X-Forwarded-For": ","}):
        (session,) = (await get_json(portal, "/?info"))["stats"]["sessions"]
    assert session.startswith("127.0.0.1:")


@pytest.mark.parametrize(
    ("settings", "config"),
    [
        ({}, {"width": 160, "height": 120, "rotate": -1, "encodewait": 0.02, "streamwait": 0, "showfps": False}),
        ({"rotation": 90, "loghttp": True}, {"rotate": 0, "loghttp": True}),
        ({"rotation": 180, "showfps": True}, {"rotate": 1, "showfps": True}),
        ({"rotation": 270, "client_fps_max": 10.0}, {"rotate": 2, "streamwait": 0.1}),
        ({}, {"index": 0, "ipv": 4, "v4bindaddress": "127.0.0.1", "v6bindaddress": "::1", "port": 18081}),
        ({"bind": ("::",), "camera": 2}, {"index": 2, "ipv": 6, "v4bindaddress": "", "v6bindaddress": "::"}),
        ({"bind": ("::1", "10.0.0.1")}, {"ipv": 4, "v4bindaddress": "10.0.0.1", "v6bindaddress": "::1"}),
        (
            {"controls": (("Brightness", "0.1"), ("Contrast", "1")), "name": "Bed", "autofocus": "off"},
            {"controls": "Brightness=0.1 Contrast=1", "name": "Bed", "autofocus": "off"},
        ),
        (
            {"webcamd_flags": (("encodewait", 0.01), ("index", 4), ("v6bindaddress", "::"))},
            {"encodewait": 0.01, "streamwait": 0, "index": 4, "v4bindaddress": "127.0.0.1", "v6bindaddress": "::"},
        ),
    ],
)
def test_webcamds_configuration(settings: dict[str, Any], config: dict[str, Any]) -> None:
    """The keys of webcamd are added to the settings: as its flags were given, else derived from the settings."""
    found = build_config(replace(QUICK, **settings))
    assert found | config == found
    assert set(SETTINGS) - PRIVATE_SETTINGS <= set(found)


async def test_the_configuration_in_force(start_portal: StartPortal) -> None:
    """The effective settings are returned beside the statistics."""
    portal = await start_portal(rotation=90)
    assert (await get_json(portal, "/?info"))["config"] == build_config(portal.supervisor.settings)


async def test_no_secrets(start_portal: StartPortal, tmp_path: Path) -> None:
    """No file has the path of a key, a socket or another file."""
    # camera-streamer's status has the device of the camera
    paths = {name: str(tmp_path / name) for name in PRIVATE_SETTINGS - {"listen", "device"}}
    portal = await start_portal(**paths, listen=(Endpoint("unix", path=str(tmp_path / "socket")),))
    for path in FILES:
        assert str(tmp_path) not in json.dumps(await get_json(portal, path))


def test_every_path_is_a_secret() -> None:
    """Every setting that names a file or a command is private, including new ones."""
    types = (value_types.path(), value_types.path(or_stdout=True), value_types.file_name(), value_types.command())
    kinds = {each.expected for each in types}
    assert {name for name, each in SETTINGS.items() if each.metadata["type"].expected in kinds} | {
        "device",
        "folder_file",
        "listen",
        "save_link",
        "url",
        "zmq",
    } == PRIVATE_SETTINGS


async def test_ustreamers_state(streaming: tuple[Portal, list[StreamReader]]) -> None:
    """The format is ustreamer's, with integers; each client has its rate and name."""
    portal, _ = streaming
    state = await get_json(portal, "/state")
    assert state["ok"] is True
    result = state["result"]
    assert result["encoder"] == {"type": "CPU", "quality": 80}
    assert result["source"] == {
        "resolution": {"width": 160, "height": 120},
        "online": True,
        "desired_fps": 50,
        "captured_fps": round(portal.supervisor.status.timer.fps),
    }
    stream = result["stream"]
    assert stream["clients"] == len(stream["clients_stat"]) == 2
    assert stream["queued_fps"] == max(each["fps"] for each in stream["clients_stat"].values())
    assert sorted(each["key"] for each in stream["clients_stat"].values()) == ["c0", "c1"]
    flags = {"extra_headers", "advance_headers", "dual_final_frames", "zero_data"}
    for number, each in stream["clients_stat"].items():
        assert int(number, 16)
        assert set(each) == {"fps", "key"} | flags
        assert not any(each[flag] for flag in flags)
    assert set((await get_json(portal, "/state"))["result"]["stream"]["clients_stat"]) == set(stream["clients_stat"])


async def test_ustreamers_online(start_portal: StartPortal) -> None:
    """An idle camera is online; a paused or failed one is not."""
    portal = await start_portal(retry_pause=30)

    async def is_online() -> bool:
        online: bool = (await get_json(portal, "/state"))["result"]["source"]["online"]
        return online

    assert await is_online()
    async with portal.http.post("/pause?seconds=60") as answer:
        assert answer.status == 200
    assert not await is_online()
    async with portal.http.post("/resume") as answer:
        assert answer.status == 200
    assert await is_online()
    portal.device.unplug()
    async with portal.http.get("/snapshot") as answer:
        assert answer.status == 503
    assert not await is_online()


async def test_the_size_before_the_first_frame(start_portal: StartPortal) -> None:
    """Before the camera was open, the size is that of the settings, rotated."""
    for rotation, size in ((0, (160, 120)), (90, (120, 160))):
        portal = await start_portal(rotation=rotation)
        for _ in range(2):
            resolution = (await get_json(portal, "/state"))["result"]["source"]["resolution"]
            assert (resolution["width"], resolution["height"]) == size
            async with portal.http.get("/snapshot") as answer:  # now there was one
                assert answer.headers["X-Frame-Size"] == f"{size[0]}x{size[1]}"


async def test_the_size_while_only_renditions_stream(start_portal: StartPortal) -> None:
    """The size is that of the frames of the camera, rotated, not that of renditions."""
    portal = await start_portal(width=162, rotation=90)
    reader = await StreamReader.get(portal.port, "/stream.mjpg?width=60")
    await reader.opening()
    assert portal.supervisor.subscribers.feed.newest is None
    resolution = (await get_json(portal, "/state"))["result"]["source"]["resolution"]
    assert resolution == {"width": 120, "height": 162}
    await reader.close()


@pytest.mark.parametrize(
    ("headers", "here"),
    [
        ({}, "http://pi.local:8081/x/"),
        ({"X-Forwarded-Prefix": "/"}, "http://pi.local:8081/x/"),
        ({"X-Forwarded-Prefix": "/cam1", "X-Forwarded-Proto": "https"}, "https://pi.local:8081/cam1/x/"),
        ({"X-Forwarded-Proto": "javascript"}, "http://pi.local:8081/x/"),
    ],
)
async def test_where_camera_streamers_outputs_are_behind_a_proxy(
    portal: Portal, headers: dict[str, str], here: str
) -> None:
    """The scheme and the prefix that a proxy on this machine removed are part of the URLs."""
    endpoints = (await get_json(portal, "/x/status", Host="pi.local:8081", **headers))["endpoints"]
    assert [endpoints[name]["uri"] for name in ("stream", "snapshot")] == [f"{here}stream", f"{here}snapshot"]


async def test_a_client_without_a_host_header(portal: Portal) -> None:
    """Without a Host header, which HTTP/1.0 allows, the URLs have the local address and port."""
    for path in ("/status", "/?info", "/cameras"):
        reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
        writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.0 200 ")
        assert path == "/cameras" or f"127.0.0.1:{portal.port}".encode() in body
        writer.close()


async def test_camera_streamers_status(streaming: tuple[Portal, list[StreamReader]]) -> None:
    """The outputs are listed with their clients and the URLs for this client."""
    portal, _ = streaming
    status = await get_json(portal, "/webcam/status", Host="pi.local:8081")
    assert set(status) == {"version", "revision", "outputs", "devices", "links", "endpoints"}
    assert (
        status["outputs"]["stream"] | {"width": 160, "height": 120, "enabled": True, "refs": 2}
        == (status["outputs"]["stream"])
    )
    assert status["outputs"]["stream"]["frames"] >= 30
    assert status["outputs"]["snapshot"]["refs"] == 0
    assert status["devices"][0]["captures"][0]["format"] == "YUV420"
    endpoints = status["endpoints"]
    assert {name for name, each in endpoints.items() if each["enabled"]} == {"stream", "snapshot"}
    assert endpoints["stream"]["uri"] == "http://pi.local:8081/webcam/stream"
    assert endpoints["snapshot"]["uri"] == "http://pi.local:8081/webcam/snapshot"


async def test_mjpg_streamers_plugins(start_portal: StartPortal) -> None:
    """There is one input, the camera, and one output without controls."""
    portal = await start_portal(name="Bed")
    program = await get_json(portal, "/program.json")
    assert [each["name"] for each in program["inputs"]] == ["Bed"]
    assert [each["plugin"] for each in program["inputs"]] == ["input_testpicture.so"]
    assert [(each["id"], each["plugin"]) for each in program["outputs"]] == [("0", "output_http.so")]
    assert await get_json(portal, "/output.json") == {"controls": []}


async def test_mjpg_streamers_clients(streaming: tuple[Portal, list[StreamReader]]) -> None:
    """Each address is listed once, with the time of its newest frame, also behind a proxy and below a prefix."""
    portal, _ = streaming
    now = time.time()
    before = portal.supervisor.status.counters.snapshots
    async with portal.http.get("/snapshot", headers={"X-Forwarded-For": "fd00::7"}) as answer:  # has left again
        assert answer.status == 200
    async with portal.http.get("/stream.mjpg", headers={"X-Forwarded-For": "192.0.2.7"}):
        for path in ("/clients.json", "/webcam/clients.json?t=17"):
            content = await get_json(portal, path)
            assert set(content) == {"clients"}
            assert [each["address"] for each in content["clients"]] == ["127.0.0.1", "192.0.2.7"]
            assert all(set(each) == {"address", "timestamp"} for each in content["clients"])
            assert all(isinstance(each["timestamp"], int) for each in content["clients"])
            assert abs(now - content["clients"][0]["timestamp"]) < 60
        peers = {each["peer"] for each in (await portal.status())["clients"]}
        assert {each["address"] for each in content["clients"]} == peers
    assert portal.supervisor.status.counters.snapshots == before + 1


async def test_a_client_without_a_frame_in_mjpg_streamers_list(start_portal: StartPortal) -> None:
    """Without clients the list is empty; a client that waits for its first frame has the time 0."""
    portal = await start_portal()
    assert await get_json(portal, "/clients.json") == {"clients": []}
    portal.device.stall()
    waiting = asyncio.create_task(portal.http.get("/stream.mjpg"))
    await portal.until(lambda: portal.supervisor.subscribers.clients)
    async with portal.http.get("/clients.json") as answer:
        assert answer.headers["Server"].startswith("MJPG-Streamer")
        assert await answer.json() == {"clients": [{"address": "127.0.0.1", "timestamp": 0}]}
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_another_camera_has_its_own_name(start_portal: StartPortal) -> None:
    """The name and number are those of the served camera."""
    cameras = {number: replace(QUICK, camera=number, name=f"Cam {number}") for number in range(2)}
    portal = await start_portal(camera=1, name="Cam 1", cameras=cameras)
    assert (await get_json(portal, "/cam1/state"))["result"]["instance_id"] == "Cam 1"
    assert (await get_json(portal, "/cam1/?info"))["config"]["index"] == 1
