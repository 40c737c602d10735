"""JPEGs of a camera with Exif data: turned and of the right size everywhere, and never turned twice."""

import logging
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial

import pytest

from soft_stream.config.settings import Settings
from tests.support.corners import CORNERS, seen
from tests.support.jpeg_camera import JpegCamera, Roll, opened, saved
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, running

UPRIGHT = ["top left", "top right", "bottom left", "bottom right"]
CLOCKWISE = ["bottom left", "top left", "bottom right", "top right"]
FULL_WIDTH = 320
TURNED = "The camera's JPEGs have an Exif orientation: they are turned, so each is decoded and encoded again"


def jpeg_portal(roll: Roll, settings: Settings = QUICK) -> AbstractAsyncContextManager[Portal]:
    """Run a server with a camera that delivers these JPEGs."""
    return running(settings, new_camera=partial(JpegCamera, roll=roll))


def look(jpeg: bytes) -> tuple[tuple[int, int], list[str]]:
    """Return the size and the corners of a JPEG that has neither an orientation nor a thumbnail."""
    assert jpeg.count(b"\xff\xd8") == jpeg.count(b"\xff\xd9") == 1
    with opened(jpeg) as image:
        assert 0x0112 not in image.getexif()
        return image.size, seen(jpeg)


def look_at_notice(jpeg: bytes) -> tuple[tuple[int, int], list[str]]:
    """Return the size and the corners of a placeholder, which is dark."""
    with opened(jpeg) as image:
        size, names = image.size, []
        for place in ((8, 8), (size[0] - 8, 8), (8, size[1] - 8), (size[0] - 8, size[1] - 8)):
            pixel = image.getpixel(place)
            assert isinstance(pixel, tuple)
            far = {
                name: sum(abs(a / 0.35 - b) for a, b in zip(pixel, CORNERS[name][1], strict=True)) for name in CORNERS
            }
            names.append(min(far, key=lambda name: far[name]))
        return size, names


async def snapshot(portal: Portal, query: str) -> tuple[tuple[int, int], list[str]]:
    """Take a snapshot whose header has the size of the very picture."""
    async with portal.http.get(f"/snapshot.jpg?{query}") as answer:
        assert answer.status == 200
        shown = look(await answer.read())
        assert answer.headers["X-Frame-Size"] == "{}x{}".format(*shown[0])
        return shown


async def stream_size(portal: Portal) -> tuple[int, int]:
    """Return the size of the stream that ustreamer's status has."""
    async with portal.http.get("/state") as answer:
        resolution = (await answer.json())["result"]["source"]["resolution"]
        return resolution["width"], resolution["height"]


async def test_clients_of_a_rendition_only() -> None:
    """The size of the stream is right also while no client takes the original."""
    async with jpeg_portal(Roll([saved(6, (240, 320))])) as portal:
        narrow = await StreamReader.get(portal.port, "/stream.mjpg?width=60")
        await narrow.opening()
        assert await stream_size(portal) == (240, 320)
        await narrow.close()


async def test_a_rendition_that_changes_nothing_shares_the_encoding() -> None:
    """The configured quality and a width that is not smaller give the original, which is encoded once."""
    async with jpeg_portal(Roll([saved(6)])) as portal:
        paths = ("/stream.mjpg", f"/stream.mjpg?quality={QUICK.quality}", f"/stream.mjpg?width={FULL_WIDTH}")
        readers = [await StreamReader.get(portal.port, path) for path in paths]
        shown = []
        for reader in readers:
            await reader.opening()
            parts = [await reader.until("live") for _ in range(20)]
            shown.append({part.headers["x-monotonic"]: part.jpeg for part in parts})
        shared = shown[0].keys() & shown[1].keys() & shown[2].keys()
        assert shared
        assert all(shown[0][time] == shown[1][time] == shown[2][time] for time in shared)
        counters = portal.supervisor.status.counters
        assert counters.encoded <= counters.captured
        for reader in readers:
            await reader.close()


@pytest.mark.parametrize(("value", "rotation"), [(1, 0), (3, 0), (6, 0), (7, 90)])
async def test_all_pictures_look_alike(value: int, rotation: int, caplog: pytest.LogCaptureFixture) -> None:
    """Stream, snapshot, full size, rendition, placeholder and status show the same picture, turned as configured."""
    settings = replace(QUICK, rotation=rotation, watchdog_timeout=0.0)
    caplog.set_level(logging.INFO)
    size, small, corners = ((240, 320), (60, 80), CLOCKWISE) if rotation else ((320, 240), (60, 45), UPRIGHT)
    async with jpeg_portal(Roll([saved(value)]), settings) as portal:
        assert await snapshot(portal, "size=full") == (size, corners)
        stream = await StreamReader.get(portal.port)
        narrow = await StreamReader.get(portal.port, "/stream.mjpg?width=60")
        for reader in (stream, narrow):
            await reader.opening()
        assert look((await stream.until("live")).jpeg) == (size, corners)
        assert look((await narrow.until("live")).jpeg)[0] == small
        assert await snapshot(portal, "size=stream") == (size, corners)
        assert (await snapshot(portal, "size=full&width=60"))[0] == small
        assert (await snapshot(portal, "size=full&rotate=270"))[0] == size[::-1]
        frame = (await portal.status())["frame"]
        assert (frame["width"], frame["height"]) in (size, small)
        assert await stream_size(portal) == size
        portal.device.stall()
        assert look_at_notice((await stream.until("notice")).jpeg) == (size, corners)
        assert look_at_notice((await narrow.until("notice")).jpeg)[0] == small
        for reader in (stream, narrow):
            await reader.close()
    assert caplog.messages.count(TURNED) == (value != 1)


def has_closed_since(portal: Portal, closed: int) -> bool:
    """Return whether the camera has been closed again."""
    return portal.device.closed > closed


async def test_the_reason_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A camera that is opened again and again does not repeat why its JPEGs are encoded."""
    caplog.set_level(logging.INFO)
    async with jpeg_portal(Roll([saved(6)])) as portal:
        for _ in range(2):
            closed = portal.device.closed
            await snapshot(portal, "size=stream")
            await portal.until(partial(has_closed_since, portal, closed))
    assert caplog.messages.count(TURNED) == 1


async def test_files_of_a_folder_may_differ_in_orientation() -> None:
    """Each frame is turned by its own Exif data, whatever the one before it had."""
    async with jpeg_portal(Roll([saved(1), saved(6), saved(1), saved(3), saved(5)])) as portal:
        stream = await StreamReader.get(portal.port)
        await stream.opening()
        shown = [look((await stream.until("live")).jpeg) for _ in range(10)]
        await stream.close()
    assert shown == [((320, 240), UPRIGHT)] * 10


@pytest.mark.parametrize("rotation", [0, 90])
async def test_a_source_that_changes_its_size(rotation: int) -> None:
    """Each picture has its own size in X-Frame-Size, a rendition keeps its aspect ratio, and so does a placeholder."""
    settings = replace(QUICK, rotation=rotation, watchdog_timeout=0.0)
    roll = Roll([saved(1)])
    async with jpeg_portal(roll, settings) as portal:
        stream = await StreamReader.get(portal.port)
        narrow = await StreamReader.get(portal.port, "/stream.mjpg?width=60")
        for reader in (stream, narrow):
            await reader.opening()
        for value, (width, height) in (
            (1, (640, 480)),
            (1, (1280, 720)),
            (6, (320, 600)),
            (1, (56, 100)),
            (8, (640, 480)),
        ):
            roll.jpegs = [saved(value, (width, height))]
            seen_size = (height, width) if rotation else (width, height)
            scaled = min(60, seen_size[0])
            small = scaled, round(seen_size[1] * scaled / seen_size[0])
            while look((await stream.until("live")).jpeg)[0] != seen_size:
                pass  # frames that were captured before
            while look((await narrow.until("live")).jpeg)[0] != small:
                pass
            for size in ("stream", "full"):
                assert (await snapshot(portal, f"size={size}"))[0] == seen_size
                assert (await snapshot(portal, f"size={size}&width=60"))[0] == small
            frame = (await portal.status())["frame"]
            assert (frame["width"], frame["height"]) in (seen_size, small)
        portal.device.stall()
        assert look_at_notice((await stream.until("notice")).jpeg)[0] == seen_size
        assert look_at_notice((await narrow.until("notice")).jpeg)[0] == small
        for reader in (stream, narrow):
            await reader.close()
