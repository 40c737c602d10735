"""Renditions: scaled, rotated or compressed frames, encoded once for all clients of a rendition."""

import asyncio
import subprocess
import sys
import threading
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from soft_stream.frames.jpeg import encode
from soft_stream.frames.raw import Orientation, RawFrame
from soft_stream.frames.rendition import Rendition
from tests.support.corners import CORNERS, corners, seen
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, StartPortal, running
from tests.support.webcam import Webcam


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return (width, height) as a decoder reads it."""
    size: tuple[int, int] = Image.open(BytesIO(jpeg)).size
    return size


async def first_picture(portal: Portal, query: str) -> bytes:
    """Return the first live frame of a stream."""
    stream = await StreamReader.get(portal.port, f"/stream.mjpg?{query}")
    await stream.opening()
    part = await stream.until("live")
    await stream.close()
    return part.jpeg


@pytest.mark.parametrize(
    ("query", "size"),
    [
        ("width=80", (80, 60)),
        ("width=81", (81, 61)),
        ("rotate=90", (120, 160)),
        ("rotate=180", (160, 120)),
        ("rotate=270&width=60", (60, 80)),
        ("width=160", (160, 120)),
        ("width=16384", (160, 120)),
        ("quality=10", (160, 120)),
        ("width=16&quality=1&rotate=0", (16, 12)),
    ],
)
async def test_sizes(portal: Portal, query: str, size: tuple[int, int]) -> None:
    """The returned image has the requested width, but at most the camera's own, and keeps the aspect ratio."""
    assert size_of(await first_picture(portal, query)) == size
    async with portal.http.get(f"/snapshot.jpg?size=stream&{query}") as answer:
        assert size_of(await answer.read()) == size
        assert answer.headers["X-Frame-Size"] == f"{size[0]}x{size[1]}"


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("width=0", "width=0: must be a whole number from 16 to 16384."),
        ("width=15", "width=15: must be a whole number from 16 to 16384."),
        ("width=16385", "width=16385: must be a whole number from 16 to 16384."),
        ("width=80.5", "width=80.5: must be a whole number from 16 to 16384."),
        ("width=", "width=: must be a whole number from 16 to 16384."),
        ("width=nan", "width=nan: must be a whole number from 16 to 16384."),
        ("width=80.", "width=80.: must be a whole number from 16 to 16384."),
        ("width=1_6", "width=1_6: must be a whole number from 16 to 16384."),
        ("width=%2B80", "width=+80: must be a whole number from 16 to 16384."),
        (f"width={'9' * 5000}", f"width={'9' * 60}: must be a whole number from 16 to 16384."),
        ("quality=0", "quality=0: must be a whole number from 1 to 100."),
        ("quality=101", "quality=101: must be a whole number from 1 to 100."),
        ("rotate=45", "rotate=45: must be one of: 0, 90, 180, 270."),
        ("rotate=-90", "rotate=-90: must be one of: 0, 90, 180, 270."),
    ],
)
async def test_wrong_values_are_refused(portal: Portal, query: str, complaint: str) -> None:
    """The response names the wrong value, and no camera is opened."""
    for url in ("/stream.mjpg", "/snapshot.jpg"):
        async with portal.http.get(f"{url}?{query}") as answer:
            assert (answer.status, await answer.text()) == (400, complaint + "\n")
    assert portal.device.opened == 0


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize(("rotation", "first"), [(0, "top left"), (90, "bottom left"), (270, "top right")])
def test_planes_and_jpegs_are_scaled_and_rotated_alike(own: bool, rotation: int, first: str) -> None:
    """Planes and a camera's own JPEG give the same image in the same rendition."""
    raw = RawFrame((800, 608), 0.0, jpeg=encode(corners(), 95)) if own else corners()
    jpeg = encode(raw, 95, rendition=Rendition(width=200, rotation=rotation))
    assert size_of(jpeg) == ((200, 263) if rotation else (200, 152))
    assert seen(jpeg)[0] == first
    assert set(seen(jpeg)) == set(CORNERS)


def test_a_cameras_own_jpeg_is_recompressed_on_request_only() -> None:
    """A rendition that changes nothing returns the camera's own JPEG, unless it has a quality."""
    raw = RawFrame((800, 608), 0.0, jpeg=encode(corners(), 95))
    assert encode(raw, 80, rendition=Rendition(width=800)) is raw.jpeg
    assert len(encode(raw, 20, rendition=Rendition(quality=20))) < len(raw.jpeg)


# Planes that end at protected memory: a process that reads beyond them is killed.
GUARDED = """
import ctypes, mmap, sys, numpy
from soft_stream.cameras.base import Orientation, RawFrame
from soft_stream.frames.jpeg import encode

libc = ctypes.CDLL(None)
libc.mprotect.argtypes = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int

def at_the_end(rows, columns):
    size = rows * columns
    room = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, room + mmap.PAGESIZE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert libc.mprotect(start + room, mmap.PAGESIZE, 0) == 0
    plane = numpy.frombuffer(memory, numpy.uint8, size, room - size).reshape(rows, columns)
    plane[:] = 128
    return plane

width, height, rotation = map(int, sys.argv[1:])
half = (height + 1) // 2, (width + 1) // 2
planes = at_the_end(height, width), at_the_end(*half), at_the_end(*half)
assert encode(RawFrame((width, height), 0.0, planes=planes), 80, Orientation(rotation=rotation).normalized)
"""


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize(("width", "height"), [(1900, 1069), (1901, 1068), (81, 61), (80, 60)])
def test_nothing_beside_a_plane_is_read(width: int, height: int, rotation: int) -> None:
    """With odd sizes the encoder reads no memory beyond a plane, so it neither crashes nor leaks data."""
    command = [sys.executable, "-c", GUARDED, *map(str, (width, height, rotation))]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize("query", ["width=160", "width=500", "quality=80", "width=160&quality=80&rotate=0"])
async def test_renditions_that_change_nothing_share_one_encoding(portal: Portal, query: str) -> None:
    """A rendition that gives the same image shares the encoding of the original."""
    plain = await StreamReader.get(portal.port)
    same = await StreamReader.get(portal.port, f"/stream.mjpg?{query}")
    for stream in (plain, same):
        await stream.opening()
        for _ in range(10):
            await stream.until("live")
    counters = portal.supervisor.status.counters
    assert counters.encoded <= counters.captured
    for stream in (plain, same):
        await stream.close()


async def test_two_half_turns_return_the_cameras_own_jpeg() -> None:
    """Two rotations by 180 degrees change nothing."""
    raw = RawFrame((800, 608), 0.0, jpeg=encode(corners(), 95))
    assert encode(raw, 80, Orientation(rotation=180).normalized, Rendition(rotation=180)) is raw.jpeg


async def test_a_slow_rendition_slows_no_other_client() -> None:
    """The original stream has every frame, while a slow rendition has as many as it can encode."""
    photo = BytesIO()
    Image.effect_noise((4000, 3000), 50).convert("RGB").save(photo, "JPEG")
    async with running(QUICK, new_camera=partial(Webcam, own=photo.getvalue())) as portal:
        streams = [await StreamReader.get(portal.port, f"/stream.mjpg{query}") for query in ("", "?width=2000")]
        reading = [asyncio.create_task(stream.rest()) for stream in streams]
        await portal.until(
            lambda: any(each.rendition.width and each.sent > 5 for each in portal.supervisor.subscribers.clients)
        )
        sent = {client.rendition.width: client.sent for client in portal.supervisor.subscribers.clients}
        assert sent[0] > 2 * sent[2000]
        for task in reading:
            task.cancel()
        for stream in streams:
            await stream.close()


async def test_a_broken_jpeg_is_shown_to_no_client() -> None:
    """While a webcam's JPEGs are broken, all clients get placeholders, and snapshots a 503 with the reason."""
    is_broken = threading.Event()
    settings = replace(QUICK, watchdog_timeout=0.0)
    async with running(settings, new_camera=partial(Webcam, is_broken=is_broken)) as portal:
        plain = await StreamReader.get(portal.port)
        small = await StreamReader.get(portal.port, "/stream.mjpg?width=80")
        for stream in (plain, small):
            await stream.opening()
            await stream.until("live")
        is_broken.set()
        assert size_of((await small.until("notice")).jpeg) == (80, 60)
        assert size_of((await plain.until("notice")).jpeg) == (160, 120)
        for query in ("size=stream&width=80", "size=stream", "size=full"):
            async with portal.http.get(f"/snapshot.jpg?{query}&deadline_ms=300") as answer:
                assert answer.status == 503
                assert "frames were damaged: headers cut off or damaged" in await answer.text()
        assert (await portal.status())["counters"]["damaged"] > 0
        is_broken.clear()
        for stream in (plain, small):
            await stream.until("live")
            await stream.close()


async def test_quality(start_portal: StartPortal) -> None:
    """A lower quality gives fewer bytes, and a higher one more."""
    portal = await start_portal(width=640, height=480)
    worse, usual, better = [len(await first_picture(portal, query)) for query in ("quality=20", "", "quality=98")]
    assert worse < 0.6 * usual
    assert better > 1.5 * usual


async def test_clients_of_one_rendition_share_its_encoding(portal: Portal) -> None:
    """Three clients of a rendition cost one encoding per frame, and the unused original is not encoded."""
    streams = [await StreamReader.get(portal.port, "/stream.mjpg?width=80") for _ in range(3)]
    for stream in streams:
        await stream.opening()
    shown = [
        {(part := await stream.until("live")).headers["x-timestamp"]: part.jpeg for _ in range(20)}
        for stream in streams
    ]
    shared = shown[0].keys() & shown[1].keys() & shown[2].keys()
    assert shared
    assert all(len({each[time] for each in shown}) == 1 for time in shared)
    counters = portal.supervisor.status.counters
    assert counters.encoded <= counters.captured
    assert portal.supervisor.subscribers.feed.newest is None
    for stream in streams:
        await stream.close()


async def test_a_rendition_ends_with_its_last_client(portal: Portal) -> None:
    """After the last client has left, a rendition is no longer encoded."""
    plain = await StreamReader.get(portal.port)
    await plain.opening()
    small = await StreamReader.get(portal.port, "/stream.mjpg?width=80&rotate=90")
    await small.opening()
    await small.until("live")
    assert len(portal.supervisor.subscribers.feeds) == 2
    (listed,) = [client for client in (await portal.status())["clients"] if client["rendition"]["width"]]
    assert listed["rendition"] == {"width": 80, "quality": 0, "rotation": 90}
    await small.close()
    await portal.until(lambda: len(portal.supervisor.subscribers.feeds) == 1)
    assert size_of((await plain.until("live")).jpeg) == (160, 120)
    await plain.close()


async def test_there_is_a_limit(start_portal: StartPortal) -> None:
    """One rendition too many is 503, also for a snapshot; renditions in use and the original still work."""
    portal = await start_portal(renditions_max=2)
    streams = [await StreamReader.get(portal.port, f"/stream.mjpg?width={width}") for width in (80, 40)]
    for url in ("/stream.mjpg", "/snapshot.jpg"):
        async with portal.http.get(f"{url}?width=60") as answer:
            assert answer.status == 503
            assert await answer.text() == "2 other renditions are being made, not width=60 too.\n"
            assert int(answer.headers["Retry-After"]) > 0
    assert size_of(await first_picture(portal, "width=40")) == (40, 30)
    assert size_of(await first_picture(portal, "")) == (160, 120)
    for stream in streams:
        await stream.close()
    await portal.until(lambda: len(portal.supervisor.subscribers.feeds) == 1)
    assert size_of(await first_picture(portal, "width=60")) == (60, 45)


async def test_renditions_can_be_switched_off(start_portal: StartPortal) -> None:
    """Without renditions only the original is served; other requests are 403."""
    portal = await start_portal(renditions_max=0)
    for url in ("/stream.mjpg", "/snapshot.jpg"):
        async with portal.http.get(f"{url}?width=80") as answer:
            assert answer.status == 403
        async with portal.http.get(f"{url}?rotate=0") as answer:
            assert answer.status == 200


async def test_a_downscaled_still(portal: Portal) -> None:
    """With size=full a snapshot is scaled from the still, up to its own width; concurrent requests share one still."""

    async def take(query: str) -> tuple[tuple[int, int], Any]:
        async with portal.http.get(f"/snapshot.jpg?size=full&{query}") as answer:
            return size_of(await answer.read()), answer.headers["X-Snapshot-Size"]

    taken = await asyncio.gather(*(take(query) for query in ("width=200", "width=200", "", "rotate=90", "width=2000")))
    assert [size for size, _ in taken] == [(200, 150), (200, 150), (320, 240), (240, 320), (320, 240)]
    assert {of for _, of in taken} == {"full"}
    assert portal.supervisor.status.counters.stills == 1


async def test_exif_has_no_orientation(portal: Portal) -> None:
    """A still is rotated in its pixels and has no orientation tag, so no client rotates it twice."""
    async with portal.http.get("/snapshot.jpg?size=full&rotate=90") as answer:
        picture = Image.open(BytesIO(await answer.read()))
    assert picture.size == (240, 320)
    assert 274 not in picture.getexif()


async def test_the_placeholder_has_the_size_of_the_rendition(start_portal: StartPortal) -> None:
    """Placeholders have the size of the rendition, since a decoder may not accept another one."""
    portal = await start_portal(watchdog_timeout=0)
    stream = await StreamReader.get(portal.port, "/stream.mjpg?width=80")
    await stream.opening()
    await stream.until("live")
    portal.device.stall()
    assert size_of((await stream.until("notice")).jpeg) == (80, 60)
    await stream.close()


async def test_a_rendition_with_a_frame_rate(start_portal: StartPortal) -> None:
    """A rendition can have a frame rate, and frames that are not due are not encoded."""
    portal = await start_portal(fps=100.0)
    stream = await StreamReader.get(portal.port, "/stream.mjpg?width=80&fps=10")
    await stream.opening()
    times = [float((await stream.until("live")).headers["x-timestamp"]) for _ in range(8)]
    assert (times[-1] - times[0]) / 7 > 0.08
    counters = portal.supervisor.status.counters
    assert counters.encoded < counters.captured / 2
    await stream.close()


async def test_rotation_is_added_to_the_setting(start_portal: StartPortal) -> None:
    """The rotation of a request is added to that of the settings."""
    portal = await start_portal(rotation=90)
    assert size_of(await first_picture(portal, "")) == (120, 160)
    assert size_of(await first_picture(portal, "rotate=90")) == (160, 120)
