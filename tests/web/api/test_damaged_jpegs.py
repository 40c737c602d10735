"""JPEGs of a camera that are not whole: no frame, no snapshot, but counted, with a reason."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import simplejpeg
from PIL import Image

from soft_stream.cameras.folder.camera import FolderCamera
from soft_stream.frames import jpeg
from tests.support import jpegs
from tests.support.jpegs import BASE, EOI, FLAT, OTHER
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, running
from tests.support.webcam import Webcam

HALF = BASE[: len(BASE) // 2]
NEARLY = BASE[: len(BASE) * 95 // 100] + EOI
"""Cut off so late that only decoding shows it."""
AVI1 = jpegs.insert(jpegs.without(BASE, jpegs.APP0, jpegs.DHT), jpegs.APP0, b"AVI1" + bytes(10))


@asynccontextmanager
async def folder_of(tmp_path: Path, *files: bytes, **changes: Any) -> AsyncIterator[Portal]:
    """Run a server with a folder of these files."""
    for number, content in enumerate(files):
        (tmp_path / f"{number}.jpg").write_bytes(content)
    settings = replace(QUICK, source="folder", folder=str(tmp_path), close_after=60.0, **changes)
    async with running(settings, new_camera=lambda each, _: FolderCamera(each)) as portal:
        yield portal


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (jpegs.without(BASE, jpegs.DHT), BASE),
        (AVI1, BASE),
        (BASE[:-2], BASE),
        (BASE[:-2] + bytes(500), BASE),
        (BASE + bytes(500), BASE),
        (HALF + OTHER, OTHER),
        (BASE + OTHER, OTHER),
        (FLAT, FLAT),
    ],
    ids=[
        "no-huffman-tables",
        "webcam",
        "no-eoi",
        "no-eoi-padded",
        "eoi-padded",
        "two-glued",
        "two-whole",
        "one-colour",
    ],
)
async def test_incomplete_jpegs_are_completed(tmp_path: Path, sent: bytes, shown: bytes) -> None:
    """Streams and snapshots have whole JPEGs that end with EOI and that a strict decoder reads."""
    async with folder_of(tmp_path, sent) as portal:
        stream = await StreamReader.get(portal.port)
        await stream.opening()
        seen = [(await stream.until("live")).jpeg]
        for query in ("size=stream", "size=full"):
            async with portal.http.get(f"/snapshot.jpg?{query}") as answer:
                assert answer.status == 200
                seen.append(await answer.read())
        for each in seen:
            assert each.endswith(EOI)
            assert (simplejpeg.decode_jpeg(each, strict=True) == simplejpeg.decode_jpeg(shown)).all()
        assert (await portal.status())["counters"]["damaged"] == 0
        await stream.close()


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (HALF, "cut off"),
        (jpegs.with_thumbnail(BASE)[: -len(BASE) // 2], "cut off"),
        (BASE[: jpegs.data_begin(BASE) + 6] + EOI, "no image data"),
        (b"\xff\xd8\xff\xd9", "no image data"),
        (b"", "empty"),
        (b"<html>404</html>", "not a JPEG"),
        (HALF + EOI, "cut off"),
        (NEARLY, "cut off"),
    ],
    ids=[
        "half",
        "half-with-thumbnail",
        "headers-only",
        "soi-eoi-only",
        "empty",
        "html",
        "half-with-end",
        "nearly-whole",
    ],
)
async def test_damaged_jpegs_are_refused(tmp_path: Path, sent: bytes, reason: str) -> None:
    """They are no snapshot and no frame of the stream; the answer has the reason, and the status counts them."""
    async with folder_of(tmp_path, sent) as portal:
        for path in ("/snapshot.jpg?deadline_ms=400", "/stream.mjpg", "/?action=snapshot"):
            async with portal.http.get(path) as answer:
                assert answer.status == 503
                assert reason in await answer.text()
        status = await portal.status()
        assert status["counters"]["damaged"] > 0
        assert reason in status["fault"]
        assert not portal.life.done()


async def test_a_broken_first_file_does_not_stop_a_folder(tmp_path: Path) -> None:
    """The second one is served, and the first one is counted."""
    async with folder_of(tmp_path, b"", OTHER) as portal:
        async with portal.http.get("/snapshot.jpg") as answer:
            assert (answer.status, (await answer.read())[-1000:]) == (200, OTHER[-1000:])
        assert (await portal.status())["counters"]["damaged"] > 0


async def test_frames_of_several_sizes(tmp_path: Path) -> None:
    """X-Frame-Size is the size of that very JPEG, and renditions keep its aspect ratio."""
    sizes = ((640, 480), (1280, 720), (320, 600))
    async with folder_of(tmp_path, *(jpegs.save(jpegs.picture(size)) for size in sizes)) as portal:
        seen = set[tuple[int, int]]()
        while len(seen) < 3:
            async with portal.http.get("/snapshot.jpg?size=stream") as answer:
                width, height = Image.open(BytesIO(await answer.read())).size
                assert answer.headers["X-Frame-Size"] == f"{width}x{height}"
            async with portal.http.get("/snapshot.jpg?size=stream&width=160") as answer:
                small = Image.open(BytesIO(await answer.read())).size
                assert answer.headers["X-Frame-Size"] == f"{small[0]}x{small[1]}"
                assert small in {(160, 120), (160, 90), (160, 300)}
            seen.add((width, height))
        assert seen == set(sizes)
        lines = [entry.text for entry in portal.supervisor.status.recent_log if "as negotiated" in entry.text]
        assert len(lines) == 1


async def test_a_snapshot_is_the_next_whole_frame() -> None:
    """A frame that only decoding shows to be damaged is not answered; the next good one within the deadline is."""
    is_broken = threading.Event()
    camera = partial(Webcam, is_broken=is_broken, own=BASE, broken=NEARLY)
    async with running(replace(QUICK, watchdog_timeout=0.0), new_camera=camera) as portal:
        stream = await StreamReader.get(portal.port)
        await stream.opening()
        for _ in range(10):
            await stream.until("live")
        is_broken.set()
        while (await stream.until("live")).jpeg != NEARLY:  # the stream costs no decoding
            pass
        damaged = portal.supervisor.status.counters.damaged
        taking = asyncio.create_task(portal.http.get("/snapshot.jpg?size=stream"))
        await portal.until(lambda: taking.done() or portal.supervisor.status.counters.damaged > damaged + 2)
        assert not taking.done()
        is_broken.clear()
        async with await taking as answer:
            assert (answer.status, await answer.read()) == (200, BASE)
        await stream.close()


async def test_a_camera_without_a_whole_frame_says_why() -> None:
    """From the first opening on, the answers and the log name what is wrong with the data, in one line a change."""
    is_broken = threading.Event()
    is_broken.set()
    camera = partial(Webcam, is_broken=is_broken, own=BASE, broken=HALF)
    async with running(replace(QUICK, watchdog_timeout=3.0), new_camera=camera) as portal:
        for path in ("/snapshot.jpg?size=stream&deadline_ms=1500", "/snapshot.jpg?deadline_ms=1500"):
            async with portal.http.get(path) as answer:
                assert answer.status == 503
                assert "frames were damaged: cut off" in await answer.text()
        stream = asyncio.create_task(StreamReader.get(portal.port))
        await portal.until(lambda: portal.supervisor.status.counters.restarts == 1)
        status = await portal.status()
        assert status["last_restart"]["why"].startswith("no whole frame for 3 s: ")
        assert status["counters"]["damaged"] > 100
        is_broken.clear()
        reader = await stream
        await reader.until("live")
        await reader.close()
    log = [entry.text for entry in portal.supervisor.status.recent_log]
    assert len([line for line in log if line.startswith("Damaged frames are not shown: ")]) == 1
    retries = [line for line in log if line.startswith("RETRYING: ") and "frames were damaged: cut off" in line]
    assert len(retries) == portal.supervisor.status.counters.restarts  # more than one on a busy machine


async def test_an_existing_frame_is_decoded_once_for_all_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `max_age_ms` a frame of the stream is the answer only if it is whole; many requests share one decoding."""
    is_broken = threading.Event()
    camera = partial(Webcam, is_broken=is_broken, own=BASE, broken=NEARLY)
    threads, check = [], jpeg.check

    def noted(data: bytes, **options: Any) -> None:
        threads.append(threading.current_thread())
        check(data, **options)

    async with running(replace(QUICK, watchdog_timeout=0.0), new_camera=camera) as portal:
        stream = await StreamReader.get(portal.port, "/stream.mjpg?repeat=1")
        await stream.opening()
        for _ in range(10):
            await stream.until("live")

        async def old(query: str = "") -> tuple[int, bytes]:
            async with portal.http.get(f"/snapshot.jpg?size=stream&max_age_ms=60000{query}") as answer:
                return answer.status, await answer.read()

        portal.device.stall()
        await stream.until("repeat")
        monkeypatch.setattr(jpeg, "check", noted)
        assert await asyncio.gather(*(old() for _ in range(8))) == [(200, BASE)] * 8
        assert len(threads) == 1
        assert threads[0] is not threading.main_thread()
        is_broken.set()
        portal.device.resume()
        while (await stream.until("live")).jpeg != NEARLY:
            pass
        portal.device.stall()
        await stream.until("repeat")
        assert {status for status, _ in await asyncio.gather(*(old("&deadline_ms=300") for _ in range(4)))} == {503}
        assert len(threads) == 2
        await stream.close()


@pytest.mark.parametrize("rendition", ["", "&width=100"])
async def test_stills_are_whole(rendition: str) -> None:
    """A full-size still of a webcam is decoded, too; damaged ones do not stop the stream."""
    is_broken = threading.Event()
    camera = partial(Stiller, is_broken=is_broken, own=BASE, broken=NEARLY)
    async with running(replace(QUICK, watchdog_timeout=0.0), new_camera=camera) as portal:
        stream = await StreamReader.get(portal.port)
        await stream.opening()
        for _ in range(10):
            await stream.until("live")
        url = f"/snapshot.jpg?size=full{rendition}"
        async with portal.http.get(url) as answer:
            assert (answer.status, answer.headers["X-Snapshot-Size"]) == (200, "full")
        is_broken.set()
        async with portal.http.get(f"{url}&deadline_ms=2500") as answer:
            assert answer.status == 503
            assert "frames were damaged: cut off" in await answer.text()
        is_broken.clear()
        async with portal.http.get(url) as answer:
            assert answer.status == 200
        await stream.until("live")
        assert portal.supervisor.status.counters.restarts == 0
        await stream.close()


class Stiller(Webcam):
    """A webcam whose stills are frames of the stream."""

    def still(self, timeout: float) -> Any:
        """Capture the next whole frame; see `Camera.still`."""
        return self.capture(timeout)
