"""The URLs of older programs for streams and snapshots."""

import io
import logging
import time
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from soft_stream.capture.status import State
from soft_stream.web.compat.routes import Action, parse_action
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal

STREAMS = ["/stream", "/stream?key=k&extra_headers=1&advance_headers=1&dual_final_frames=1&zero_data=1",
           "/stream/", "/?action=stream", "/?action=stream_0", "/webcam/?action=stream&1712345678901",
           "/webcam?action=stream", "/?stream", "/?STREAM&1712345"]  # fmt: skip
SNAPSHOTS = ["/snapshot", "/snapshot/", "/?action=snapshot", "/?action=snapshot_0&_=17", "/webcam?action=snapshot",
             "/?action=snapshot?timestamp=17", "/?action%3Dsnapshot", "/webcam/?action%3dsnapshot_0%26t%3D17",
             "/?snapshot", "/?snapshot&bypassCache=17"]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "action"),
    [
        ("", None),
        ("1712345678901", None),
        ("client=page-1&t=17", None),
        ("foo=stream", None),
        ("frame", None),
        ("action=stream", Action.STREAM),
        ("ACTION=Stream", Action.STREAM),
        ("action=stream_0", Action.STREAM),
        ("action=stream_00&_=1", Action.STREAM),
        ("action=stream&1712345678901", Action.STREAM),
        ("action=stream&_=17123", Action.STREAM),
        ("action=stream&_1=2", Action.STREAM),
        ("action=stream/", Action.STREAM),
        ("t=17&action=stream", Action.STREAM),
        ("action=snapshot", Action.SNAPSHOT),
        ("action=snapshot_0&bypassCache=1712345678901", Action.SNAPSHOT),
        ("action=snapshot&cacheBust=17", Action.SNAPSHOT),
        ("action=snapshot?timestamp=17", Action.SNAPSHOT),
        ("action=snapshot?_=17", Action.SNAPSHOT),
        ("action=snapshot&timestamp=17&t=1", Action.SNAPSHOT),
        ("action=snapshot&action=stream", Action.SNAPSHOT),
        ("action%3Dsnapshot", Action.SNAPSHOT),
        ("Action%3dSnapshot_0&t=17", Action.SNAPSHOT),
        ("t=17&action%3Dsnapshot%26width%3D320", Action.SNAPSHOT),
        ("action=snapshot%26t=17", Action.SNAPSHOT),
        ("action%3Dstream%3Ft%3D17", Action.STREAM),
        ("t=x%26action%3Dsnapshot", None),
        ("action=command&dest=0&plugin=0&id=9963776&group=1&value=3", Action.COMMAND),
        ("stream", Action.WEBCAMD_STREAM),
        ("Stream&rotate=1", Action.WEBCAMD_STREAM),
        ("stream&1712345", Action.WEBCAMD_STREAM),
        ("stream=&action=snapshot", Action.WEBCAMD_STREAM),
        ("snapshot&1712345", Action.WEBCAMD_SNAPSHOT),
        ("info", Action.WEBCAMD_INFO),
        ("INFO&1712345", Action.WEBCAMD_INFO),
    ],
)
def test_the_action_of_a_query(query: str, action: Action | None) -> None:
    """Actions of older programs are found despite cache busters; all other queries are the page."""
    assert parse_action(query) is action


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("action=stream_1", 404, "There is no plugin 1, only 0."),
        ("action=snapshot_10&_=1", 404, "There is no plugin 10, only 0."),
        ("action=take&filename=x", 404, "There is no action=take, only stream, snapshot and command."),
        ("action%3Dtake", 404, "There is no action=take, only stream, snapshot and command."),
        ("action%3Dsnapshot_1", 404, "There is no plugin 1, only 0."),
        ("action=", 404, "There is no action=, only stream, snapshot and command."),
        ("shutdown", 403, "No request stops this process; use its service manager."),
        ("ShutDown&1", 403, "No request stops this process; use its service manager."),
    ],
)
async def test_actions_that_are_not_supported(portal: Portal, query: str, status: int, said: str) -> None:
    """Other plugins and actions and webcamd's shutdown are errors with a sentence, never the page."""
    with pytest.raises(web.HTTPException) as refused:
        parse_action(query)
    assert refused.value.status == status
    for path in ("/?", "/webcam/?", "/webcam?"):
        async with portal.http.get(path + query) as answer:
            assert (answer.status, await answer.text()) == (status, f"{said}\n")
    assert portal.device.opened == 0


@pytest.mark.parametrize("path", STREAMS)
async def test_streams(portal: Portal, path: str) -> None:
    """Frames flow; the camera stays open, and closes after the client disconnects."""
    reader = await StreamReader.get(portal.port, path)
    assert reader.head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nContent-Type: multipart/x-mixed-replace; boundary=softstreamframe\r\n" in reader.head
    await reader.opening()
    for _ in range(3):
        assert (await reader.part()).jpeg.startswith(b"\xff\xd8")
    assert len(portal.supervisor.subscribers.clients) == 1
    await reader.close()
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert (portal.supervisor.subscribers.clients, portal.device.opened) == ({}, 1)


async def test_mjpg_streamers_post(portal: Portal) -> None:
    """`POST /stream` is a stream too, except for pages of other sites."""
    async with portal.http.post("/webcam/stream") as answer:
        assert answer.content_type == "multipart/x-mixed-replace"
        assert await answer.content.readline() == b"--softstreamframe\r\n"
    async with portal.http.post("/stream", headers={"Origin": "http://example.org"}) as answer:
        assert answer.status == 403
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


@pytest.mark.parametrize("path", SNAPSHOTS)
async def test_snapshots(portal: Portal, path: str) -> None:
    """A snapshot is a stream frame, also without a stream, since dashboards poll many times a second."""
    async with portal.http.get(path) as answer:
        assert (answer.status, answer.content_type, answer.headers["X-Frame-Size"]) == (200, "image/jpeg", "160x120")
        assert int(answer.headers["Content-Length"]) == len(await answer.read())
    assert portal.supervisor.status.counters.stills == 0


@pytest.mark.parametrize("path", ["/snapshot", "/?action=snapshot", "/?snapshot"])
async def test_snapshots_in_full_size(start_portal: StartPortal, path: str) -> None:
    """The query or the settings may request full size."""
    for portal, query in ((await start_portal(), "&size=full"), (await start_portal(snapshot_size="full"), "&")):
        async with portal.http.get(f"{path}{query if '?' in path else '?' + query}") as answer:
            assert answer.headers["X-Frame-Size"] == "320x240"


async def test_camera_streamers_delay(portal: Portal) -> None:
    """`max_delay` is the maximum age of the frame at the time of the request."""
    reader = await StreamReader.get(portal.port)
    asked_at = time.time()
    async with portal.http.get("/snapshot?max_delay=3600000") as answer:
        assert float(answer.headers["X-Timestamp"]) < asked_at
    async with portal.http.get("/snapshot?max_delay=0") as answer:
        assert float(answer.headers["X-Timestamp"]) > asked_at
    for query in ("max_delay=soon", "MAX_DELAY=soon", "max_delay=soon&max_age_ms=0"):
        async with portal.http.get(f"/snapshot?{query}") as answer:
            assert await answer.text() == "max_delay=soon: must be a number from 0 to 3600000.\n"
            assert answer.status == 400
    await reader.close()


@pytest.mark.parametrize("path", [*STREAMS, *SNAPSHOTS])
async def test_head(portal: Portal, path: str) -> None:
    """HEAD has the headers of GET and does not open the camera."""
    async with portal.http.head(path) as answer:
        kind = "multipart/x-mixed-replace" if "stream" in path.lower() else "image/jpeg"
        assert (answer.status, answer.content_type) == (200, kind)
    assert portal.device.opened == 0


@pytest.mark.parametrize(
    ("word", "size"),
    [("-1", (160, 120)), ("0", (120, 160)), ("1", (160, 120)), ("2", (120, 160)), ("90", (120, 160)),
     ("180", (160, 120)), ("270", (120, 160))],
)  # fmt: skip
async def test_webcamds_rotation(portal: Portal, word: str, size: tuple[int, int]) -> None:
    """OpenCV's constants and degrees rotate the frames of webcamd's URLs."""
    async with portal.http.get(f"/?snapshot&rotate={word}") as answer:
        assert Image.open(io.BytesIO(await answer.read())).size == size
    reader = await StreamReader.get(portal.port, f"/?stream&rotate={word}")
    await reader.opening()
    assert Image.open(io.BytesIO((await reader.part()).jpeg)).size == size
    await reader.close()


@pytest.mark.parametrize(("word", "rotation"), [("-1", 0), ("0", 90), ("1", 180), ("2", 270), ("90", 90)])
async def test_the_direction_of_webcamds_rotation(portal: Portal, word: str, rotation: int) -> None:
    """The value 0 of webcamd is 90 degrees clockwise, 2 is 270: the same renditions as with degrees."""
    reader = await StreamReader.get(portal.port, f"/?stream&rotate={word}")
    (client,) = portal.supervisor.subscribers.clients
    assert client.rendition.rotation == rotation
    await reader.close()


@pytest.mark.parametrize(
    "path", ["/?snapshot&rotate=3", "/?stream&rotate=left", "/?action=stream&rotate=1", "/snapshot?rotate=2"]
)
async def test_invalid_rotations(portal: Portal, path: str) -> None:
    """Other numbers are rejected, as are webcamd's constants on the URLs of other programs."""
    async with portal.http.get(path) as answer:
        assert answer.status == 400
        assert (await answer.text()).endswith(": must be one of: 0, 90, 180, 270.\n")


async def test_our_parameters_on_old_urls(portal: Portal) -> None:
    """The URLs of older programs accept our query parameters, and reject wrong values."""
    reader = await StreamReader.get(portal.port, "/?action=stream&fps=5&client=me&width=80")
    (client,) = (await portal.status())["clients"]
    assert (client["client"], client["fps_max"], client["rendition"]["width"]) == ("me", 5, 80)
    await reader.close()
    async with portal.http.get("/?action=stream&fps=no") as answer:
        assert (answer.status, await answer.text()) == (400, "fps=no: must be a number from 0.5 to 1000.\n")


@pytest.mark.parametrize(
    "path", ["/?ACTION=snapshot&Width=abc", "/?Snapshot&WIDTH=abc", "/stream?wIdth=abc", "/?action=stream&Width=abc"]
)
async def test_capitals_in_keys(portal: Portal, path: str) -> None:
    """Names of parameters are case-insensitive on the URLs of older programs."""
    async with portal.http.get(path) as answer:
        assert (answer.status, await answer.text()) == (400, "width=abc: must be a whole number from 16 to 16384.\n")


async def test_methods_without_the_slash(portal: Portal) -> None:
    """Read-only URLs reject POST, with and without the trailing slash."""
    for path in ("/webcam/?action=snapshot", "/webcam?action=snapshot"):
        async with portal.http.post(path) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, "GET,HEAD")


async def test_the_path_in_the_log(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """The log and status.json show the path without the parameters that the client appended."""
    caplog.set_level(logging.INFO)
    for path, shown in (("/webcam/?action=stream&token=17", "/webcam/?action=stream"), ("/x/stream?t=1", "/x/stream")):
        reader = await StreamReader.get(portal.port, path)
        assert [client["path"] for client in (await portal.status())["clients"]] == [shown]
        await reader.close()
        await portal.until(lambda: not portal.supervisor.subscribers.clients)
        assert f"Client connected: 127.0.0.1 {shown}" in caplog.text
        assert f"Client disconnected: 127.0.0.1 {shown} after" in caplog.text
    assert "token" not in caplog.text


@pytest.mark.parametrize(
    "path", ["/video", "/video.mp4", "/stream.h264", "/clients_0.json", "/input_1.json", "/option?key=x"]
)
async def test_unsupported_urls(portal: Portal, path: str) -> None:
    """There is no video and no second input: 404. Only the other files of mjpg-streamer have a form with `_0`."""
    async with portal.http.get(path) as answer:
        assert answer.status == 404


async def names_of_servers(portal: Portal, paths: list[str]) -> dict[str, bool]:
    """Request paths; return which responses have the `Server` header of mjpg-streamer."""
    named: dict[str, Any] = {}
    for path in paths:
        async with portal.http.get(path) as answer:
            named[path] = answer.headers["Server"].startswith("MJPG-Streamer")
    return named


async def test_the_name_that_octolapse_looks_for(portal: Portal) -> None:
    """Snapshots, commands, files and errors of mjpg-streamer's URLs have its `Server` header; others do not."""
    its_own = ["/?action=snapshot", "/?action=snapshot&size=no", "/?action=command&id=-1", "/input.json",
               "/output.json", "/program.json", "/clients.json"]  # fmt: skip
    others = ["/", "/snapshot.jpg", "/snapshot", "/?snapshot", "/state", "/status", "/status.json", "/nothing"]
    assert await names_of_servers(portal, its_own + others) == dict.fromkeys(its_own, True) | dict.fromkeys(
        others, False
    )
