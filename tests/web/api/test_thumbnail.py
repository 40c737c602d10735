"""`/thumbnail.jpg`, and what `/status.json` and `/cameras.json` say about it."""

import asyncio
import signal
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import simplejpeg

from soft_stream.capture.status import State
from tests.support.multipart_reader import StreamReader
from tests.support.processes import free_ports, serving
from tests.support.server import Portal, StartPortal


async def take(portal: Portal) -> None:
    """Open the camera for a snapshot, and wait until it is closed."""
    async with portal.http.get("/snapshot.jpg?size=stream") as answer:
        assert answer.status == 200
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    await portal.supervisor.thumbnails.newest()  # when it is made


async def test_no_picture_yet_is_404(portal: Portal) -> None:
    """Without a frame since the start the answer is a sentence, and the camera stays closed."""
    async with portal.http.get("/thumbnail.jpg") as answer:
        assert answer.status == 404
        assert (await answer.text()).startswith("No picture of Camera 0 yet: ")
    assert (await portal.status())["thumbnail"] is None
    assert portal.device.opened == 0


async def test_the_last_frame_of_a_closed_camera(portal: Portal) -> None:
    """A closed camera has its last frame with the age, which grows; no request opens it."""
    await take(portal)
    ages = []
    for _ in range(2):
        async with portal.http.get("/thumbnail.jpg") as answer:
            assert answer.status == 200
            assert answer.content_type == "image/jpeg"
            assert answer.headers["Cache-Control"] == "private, no-cache"
            height, width = simplejpeg.decode_jpeg_header(await answer.read())[:2]
            assert answer.headers["X-Frame-Size"] == f"{width}x{height}"
            ages.append(int(answer.headers["X-Age-Ms"]))
        await asyncio.sleep(0.05)
    assert 0 < ages[0] < ages[1]
    assert (await portal.status())["thumbnail"]["age"] * 1000 >= ages[1]
    assert portal.device.opened == 1


async def test_an_open_camera_has_a_new_one(start_portal: StartPortal) -> None:
    """A camera that is open has a frame of about now, also without a client, and is not kept open by that."""
    portal = await start_portal(close_after=60)
    async with portal.http.get("/snapshot.jpg?size=stream"):
        pass
    await asyncio.sleep(1.2)  # no frame is encoded meanwhile
    async with portal.http.get("/thumbnail.jpg") as answer:
        assert int(answer.headers["X-Age-Ms"]) < 1000
    assert not portal.supervisor.subscribers.clients


async def test_requests_do_not_keep_a_camera_open(start_portal: StartPortal) -> None:
    """The camera closes while thumbnails are asked for without a pause."""
    portal = await start_portal(close_after=0.3)
    async with portal.http.get("/snapshot.jpg?size=stream"):
        pass
    while portal.supervisor.status.state is not State.IDLE:
        async with portal.http.get("/thumbnail.jpg") as answer:
            assert answer.status == 200
    assert (portal.device.opened, portal.device.closed) == (1, 1)


async def test_a_stalled_camera_has_an_old_one(start_portal: StartPortal) -> None:
    """A camera that delivers no more frames keeps its thumbnail, whose age grows."""
    portal = await start_portal(watchdog_timeout=0)
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    portal.device.stall()
    await asyncio.sleep(1.1)
    async with portal.http.get("/thumbnail.jpg") as answer:
        assert int(answer.headers["X-Age-Ms"]) > 1000
    await reader.close()


@pytest.mark.parametrize("rotation", [90, 180])
async def test_it_is_turned_as_the_stream(start_portal: StartPortal, rotation: int) -> None:
    """The orientation of the settings is that of the thumbnail; that of one client's rendition is not."""
    portal = await start_portal(rotation=rotation)
    async with portal.http.get("/snapshot.jpg?size=stream&rotate=90"):
        pass
    await take(portal)
    async with portal.http.get("/thumbnail.jpg") as answer:
        assert answer.headers["X-Frame-Size"] == ("120x160" if rotation == 90 else "160x120")


async def test_a_copy_that_is_current_is_not_sent_again(portal: Portal) -> None:
    """A browser that has the thumbnail gets 304, with the age of now; after a later frame it gets that."""
    await take(portal)
    async with portal.http.get("/thumbnail.jpg") as answer:
        tag, age = answer.headers["ETag"], int(answer.headers["X-Age-Ms"])
    async with portal.http.get("/thumbnail.jpg", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
        assert answer.headers["ETag"] == tag
        assert int(answer.headers["X-Age-Ms"]) >= age
    async with portal.http.get("/thumbnail.jpg", headers={"If-None-Match": '"another"'}) as answer:
        assert answer.status == 200
    async with portal.http.head("/thumbnail.jpg") as answer:
        assert (answer.status, answer.headers["ETag"]) == (200, tag)


async def test_cameras_json_has_the_age(portal: Portal) -> None:
    """The page of all cameras learns the age of pictures whose headers it cannot read."""
    async with portal.http.get("/cameras.json") as answer:
        assert [each["thumbnail"] for each in await answer.json()] == [None]
    await take(portal)
    async with portal.http.get("/cameras.json") as answer:
        (facts,) = await answer.json()
    assert facts["thumbnail"].keys() == {"age"}


def test_the_last_frame_before_the_end_is_kept(tmp_path: Path) -> None:
    """A process that a signal ends while a client streams keeps the last frame for the next one, if it is to."""
    port = free_ports(1)
    environ = {"STATE_DIRECTORY": str(tmp_path)}
    ages = []
    for keep in ("1", "1", "0"):
        with serving("--source=test-pattern", "--thumbnail-keep", keep, port=port, environ=environ) as (process, _):
            try:
                with urlopen(f"http://127.0.0.1:{port}/thumbnail.jpg") as answer:
                    ages.append(int(answer.headers["X-Age-Ms"]))
            except HTTPError as error:
                ages.append(-error.code)
            with urlopen(f"http://127.0.0.1:{port}/stream.mjpg") as stream:
                stream.read(1000)
                process.send_signal(signal.SIGTERM)
                assert process.wait() == 0
    assert ages[0] == -404
    assert 0 < ages[1] < 60_000
    assert ages[2] == -404
    assert not [*tmp_path.glob("thumbnail*")]
