"""POST /zoom: the sensor enlarges a part of the frame for all clients, as long as a page that asked for it is there."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from soft_stream.cameras.base import Control
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.capture import shared_zoom
from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, StartPortal, running

HALF = {"x": 0.25, "y": 0.25, "size": 0.5}


class FixedCamera(SyntheticCamera):
    """A camera without controls."""

    def controls(self) -> list[Control]:
        """Return no controls."""
        return []


@pytest.fixture
async def live(portal: Portal) -> AsyncIterator[Portal]:
    """A server whose camera is open for a client that has asked for nothing."""
    with page(portal, "another"):
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        yield portal


def page(portal: Portal, name: str, login: str = "") -> AbstractContextManager[Client]:
    """Take the stream as a page does."""
    client = Client("10.0.0.7", "/stream.mjpg", name, streams=True, login=login)
    return portal.supervisor.subscribers.connected(client)


async def zoom(portal: Portal, query: str) -> tuple[int, Any]:
    """Ask for a part; return the status, and the part that all see or the sentence."""
    async with portal.http.post(f"/zoom?{query}") as answer:
        return answer.status, (await answer.json())["shared"] if answer.status == 200 else await answer.text()


async def shared(portal: Portal) -> Any:
    """Return the part that all clients see, as the status has it."""
    facts = (await portal.status())["zoom"]["shared"]
    return facts and {name: facts[name] for name in HALF}


async def zoom_of_frames(portal: Portal) -> str:
    """Return the header of a new frame."""
    async with portal.http.get("/snapshot.jpg?size=stream&focus=never") as answer:
        assert answer.status == 200
        return answer.headers.get("X-Zoom", "")


async def test_all_clients_see_it_and_one_request_undoes_it(live: Portal) -> None:
    """Status, frames of the stream and snapshots say what is shown; a full-size still shows all."""
    assert (await live.status())["zoom"] == {"max": 10.0, "shared": None}
    with page(live, "page-1"):
        status, facts = await zoom(live, "x=0.25&y=0.25&size=0.5&client=page-1")
        assert (status, facts["client"], facts["peer"]) == (200, "page-1", "127.0.0.1")
        assert await shared(live) == HALF
        assert await zoom_of_frames(live) == "0.2500,0.2500,0.5000"
        reader = await StreamReader.get(live.port)
        assert (await reader.part()).headers["x-zoom"] == "0.2500,0.2500,0.5000"
        await reader.close()
        async with live.http.get("/snapshot.jpg?size=full") as answer:
            assert answer.headers["X-Frame-Size"] == "320x240"
            assert "X-Zoom" not in answer.headers
        assert (await live.status())["controls"] == {}
        assert await zoom(live, "client=another") == (200, None)
        assert await zoom_of_frames(live) == ""


async def test_it_ends_with_the_last_page_that_asked(live: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest zoom wins; when its page is gone that of the other page is back, then the whole frame."""
    monkeypatch.setattr(shared_zoom, "GRACE", 0.2)
    with page(live, "page-1"):
        assert (await zoom(live, "size=0.5&client=page-1"))[0] == 200
        with page(live, "page-2"):
            assert (await zoom(live, "x=0&y=0&size=0.25&client=page-2"))[1]["client"] == "page-2"
            assert await zoom_of_frames(live) == "0.0000,0.0000,0.2500"
        await live.until(lambda: live.supervisor.shared_zoom.current.client.name == "page-1")  # type: ignore[union-attr]
        assert await shared(live) == HALF
        assert await zoom_of_frames(live) == "0.2500,0.2500,0.5000"
    await live.until(lambda: live.supervisor.shared_zoom.current is None)
    assert await zoom_of_frames(live) == ""
    assert live.device.closed == 0


async def test_a_page_that_requests_its_stream_again_keeps_it(live: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that only gets snapshots; and only the same login can keep it."""
    monkeypatch.setattr(shared_zoom, "GRACE", 0.3)
    with page(live, "page-1"):
        await zoom(live, "size=0.5&client=page-1")
    for _ in range(5):
        await asyncio.sleep(0.1)
        with page(live, "page-1"):
            assert await shared(live) == HALF
    with page(live, "page-1", login="user vera"):
        await live.until(lambda: live.supervisor.shared_zoom.current is None)


async def test_it_ends_when_the_camera_closes(live: Portal) -> None:
    """Another program gets the camera without it, and it is not back afterwards, although its page is."""
    with page(live, "page-1"):
        await zoom(live, "size=0.5&client=page-1")
        async with live.http.post("/pause?seconds=30") as answer:
            assert answer.status == 200
        assert (await live.status())["zoom"] == {"max": 1.0, "shared": None}
        status, sentence = await zoom(live, "size=0.5&client=page-1")
        assert (status, sentence) == (503, "No zoom for everybody: the camera is closed.\n")
        async with live.http.post("/resume") as answer:
            assert answer.status == 200
        await live.until(lambda: live.supervisor.status.state is State.STREAMING)
        assert await shared(live) is None
        assert await zoom_of_frames(live) == ""


async def test_a_restart_of_the_stream_keeps_it(live: Portal) -> None:
    """The watchdog restarts a stream with the camera open; the status and the frames still agree."""
    with page(live, "page-1"):
        await zoom(live, "size=0.5&client=page-1")
        live.device.stall()
        await live.until(lambda: live.device.restarted and live.supervisor.status.state is State.STREAMING)
        assert await shared(live) == HALF
        assert await zoom_of_frames(live) == "0.2500,0.2500,0.5000"


async def test_a_reopening_ends_it(live: Portal) -> None:
    """A camera that is closed and opened after a fault shows the whole frame, and the status says so."""
    with page(live, "page-1"):
        await zoom(live, "size=0.5&client=page-1")
        live.device.stall(survives_restart=True)
        await live.until(lambda: live.supervisor.status.state is State.STREAMING and live.device.opened > 1)
        assert await shared(live) is None
        assert await zoom_of_frames(live) == ""


async def test_a_crop_by_post_controls_ends_it_and_is_the_new_whole(live: Portal) -> None:
    """A zoom is a part of the crop that is set, and returns to it."""
    with page(live, "page-1"):
        await zoom(live, "size=0.5&client=page-1")
        async with live.http.post("/controls", json={"ScalerCrop": [0, 0, 1152, 648]}) as answer:
            assert answer.status == 200
        assert await shared(live) is None
        await zoom(live, "x=0&y=0&size=0.5&client=page-1")
        assert await zoom_of_frames(live) == "0.0000,0.0000,0.5000"
        async with live.http.post("/controls", json={"Brightness": 0.5}) as answer:
            assert (await answer.json())["ScalerCrop"]["value"] == [0, 0, 1152, 648]
        assert await zoom_of_frames(live) == "0.0000,0.0000,0.5000"
        async with live.http.post("/controls", json={"ScalerCrop": None}) as answer:
            assert answer.status == 200
        assert await zoom_of_frames(live) == ""


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ("size=0.5", (0.25, 0.25, 0.5)),
        ("x=0.9&y=0.9&size=0.5", (0.5, 0.5, 0.5)),
        ("x=0.5&y=0.5&size=0.001", (0.4505, 0.4505, 0.1)),
    ],
)
async def test_a_part_is_moved_into_the_frame_and_not_too_small(
    live: Portal, query: str, part: tuple[float, float, float]
) -> None:
    """The middle of the picture is the default."""
    assert (await zoom(live, query))[0] == 200
    assert await shared(live) == dict(zip(HALF, part, strict=True))


@pytest.mark.parametrize("query", ["size=0", "size=2", "size=x", "size=0.5&x=-1", "size=0.5&y=1.5", "size=nan"])
async def test_wrong_values(live: Portal, query: str) -> None:
    """They are refused with what is expected, and nothing is changed."""
    status, sentence = await zoom(live, query)
    assert status == 400
    assert "must be a number from " in sentence
    assert await shared(live) is None


async def test_a_camera_without_a_crop() -> None:
    """It is refused in a sentence, and the status says that the largest zoom is 1."""
    async with running(QUICK, new_camera=FixedCamera) as portal:
        with page(portal, "page-1"):
            await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
            assert (await portal.status())["zoom"] == {"max": 1.0, "shared": None}
            said = "No zoom for everybody: this camera cannot enlarge a part of the frame.\n"
            assert await zoom(portal, "size=0.5") == (409, said)
            assert await zoom(portal, "") == (200, None)


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({}, "0.1000,0.2000,0.5000"),
        ({"hflip": True}, "0.1000,0.2000,0.5000"),
        ({"vflip": True, "rotation": 90}, "0.1000,0.2000,0.5000"),
        ({"rotation": 180}, "0.1000,0.2000,0.5000"),
        ({"hflip": True, "rotation": 270}, "0.1000,0.2000,0.5000"),
    ],
)
async def test_the_part_is_one_of_the_frame_as_clients_see_it(
    start_portal: StartPortal, settings: dict[str, Any], part: str
) -> None:
    """However the server turns the frame of the camera, the frames say that they show the requested part."""
    portal = await start_portal(**settings)
    with page(portal, "page-1"):
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        assert (await zoom(portal, "x=0.1&y=0.2&size=0.5"))[0] == 200
        shown = [float(each) for each in (await zoom_of_frames(portal)).split(",")]
        assert shown == pytest.approx([float(each) for each in part.split(",")], abs=0.001)


async def test_the_log_says_who_and_why(live: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """Each change is one line."""
    caplog.set_level(logging.INFO)
    with page(live, "page-1"):
        await zoom(live, "size=0.4&client=page-1")
        await zoom(live, "")
    assert caplog.messages == [
        "The frame is enlarged 2.5 times for all clients by 127.0.0.1",
        "The whole frame is shown again: requested by 127.0.0.1",
    ]
