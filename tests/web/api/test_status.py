"""/status.json and /healthz."""

import asyncio

from soft_stream.capture.status import State
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal


async def test_an_idle_camera_is_healthy(portal: Portal) -> None:
    """An idle camera is healthy, and requests for its status do not open it."""
    status = await portal.status()
    assert (status["state"], status["negotiated"], status["clients"], status["fault"]) == ("idle", None, [], "")
    assert status["now"] - 5 < status["started"] <= status["now"]
    async with portal.http.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "Camera 0: idle\n")
    assert portal.device.opened == 0


async def test_a_stream_in_figures(start_portal: StartPortal) -> None:
    """During a stream the status has the negotiated format, the rates, and the statistics of every client."""
    portal = await start_portal(name="Nozzle")
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    for _ in range(60):
        await reader.until("live")
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    status = await portal.status()
    assert (status["name"], status["state"], status["source"]) == ("Nozzle", "streaming", "test-pattern")
    assert status["negotiated"]["size"] == [160, 120]
    assert status["negotiated"]["pixel_format"] == "YUV420"
    assert 0 < status["captured_fps"] < 55  # a busy machine misses frames
    (client,) = status["clients"]
    assert (client["peer"], client["path"]) == ("127.0.0.1", "/stream.mjpg")
    assert client["sent"] >= 60
    assert 0 < client["sent_fps"] <= status["captured_fps"] * 1.1
    assert client["dropped"] >= 0
    assert 0 <= client["age"] < 60
    assert status["last_focus"]["result"] == "focused"
    opening = status["last_opening"]
    assert set(opening) == {"import", "open", "first_frame", "focus"}
    assert all(0 < seconds < 60 for seconds in opening.values())
    assert opening["focus"] == round(status["last_focus"]["seconds"], 4)
    assert status["last_restart"] is None
    assert status["counters"]["opened"] == 1
    assert status["counters"]["captured"] >= status["counters"]["encoded"] >= 60
    await reader.close()


async def test_an_opening_without_autofocus_or_frames(start_portal: StartPortal) -> None:
    """Values are null without an opening, a lens or a frame."""
    portal = await start_portal(autofocus="off")
    assert (await portal.status())["last_opening"] is None
    portal.device.stall(survives_reopening=True)
    getting = asyncio.create_task(StreamReader.get(portal.port))
    await portal.until(lambda: portal.supervisor.status.negotiated)
    opening = (await portal.status())["last_opening"]
    assert opening["open"] > 0
    assert (opening["first_frame"], opening["focus"]) == (None, None)
    portal.device.resume()
    reader = await getting
    opening = (await portal.status())["last_opening"]
    assert opening["first_frame"] > 0
    assert opening["focus"] is None
    await reader.close()


async def test_the_client_behind_a_proxy_on_this_machine(portal: Portal) -> None:
    """Behind nginx the client is shown with its own address."""
    async with portal.http.get("/stream.mjpg", headers={"X-Forwarded-For": "10.0.0.1, 192.168.1.7"}) as answer:
        assert answer.status == 200
        assert (await portal.status())["clients"][0]["peer"] == "192.168.1.7"


async def test_a_camera_without_frames_is_not_healthy(start_portal: StartPortal) -> None:
    """A stalled camera and one that cannot be opened are 503 with the reason."""
    portal = await start_portal(watchdog_timeout=3, retry_pause=30)
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    portal.device.stall(survives_reopening=True)
    await portal.until(lambda: portal.supervisor.health.problem)
    async with portal.http.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (503, "Camera 0: no frames for 2 s.\n")
    await portal.until(lambda: portal.supervisor.status.state is State.RETRYING)
    async with portal.http.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (503, "Camera 0: no frames for 3 s; trying again.\n")
        assert answer.headers["Retry-After"] == "30"
    await reader.close()
