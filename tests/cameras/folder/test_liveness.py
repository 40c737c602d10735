"""What clients see of a folder into which a program writes: live frames, or that there are none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from soft_stream.cameras.folder.camera import FolderCamera
from soft_stream.capture.failure_policy import FRUITLESS_SESSIONS
from soft_stream.capture.status import State
from soft_stream.frames.clock import unix_time
from tests.cameras.folder.test_new_files import age, write
from tests.support.jpegs import BASE, FLAT, OTHER
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, running


@asynccontextmanager
async def portal_of(folder: Path, mode: str = "new", **changes: Any) -> AsyncIterator[tuple[Portal, StreamReader]]:
    """Run a server for a folder; yield it and a stream."""
    settings = replace(QUICK, source="folder", folder=str(folder), folder_mode=mode, **changes)
    async with running(settings, new_camera=lambda each, _: FolderCamera(each)) as portal:
        stream = await StreamReader.get(portal.port)
        await stream.opening()
        yield portal, stream
        await stream.close()


async def test_a_program_that_stops_writing(tmp_path: Path) -> None:
    """The stream says so instead of showing the old picture, the process stays, and the next file is live again."""
    write(tmp_path / "a.jpg", BASE)
    async with portal_of(tmp_path) as (portal, stream):
        assert (await stream.until("live")).jpeg == BASE
        counters = portal.supervisor.status.counters
        await stream.until("notice")
        age(tmp_path / "a.jpg", 60)
        restarts = counters.restarts + 2 * FRUITLESS_SESSIONS
        while counters.restarts < restarts:
            assert (await stream.part()).label != "live"
        assert not portal.life.done()
        assert "no new .jpg in the folder" in portal.supervisor.health.summary
        write(tmp_path / "b.jpg", FLAT)
        assert (await stream.until("live")).jpeg == FLAT
        assert portal.supervisor.health.problem == ""


async def test_a_picture_a_minute(tmp_path: Path) -> None:
    """With `folder_interval` a client gets the last picture at once, with its real time, and it stays live."""
    write(tmp_path / "a.jpg", BASE)
    age(tmp_path / "a.jpg", 20)
    async with portal_of(tmp_path, folder_interval=60.0) as (portal, stream):
        part = await stream.until("live")
        assert abs(float(part.headers["x-timestamp"]) - (tmp_path / "a.jpg").stat().st_mtime) < 1
        loop = asyncio.get_running_loop()
        silent_until = loop.time() + 4 * QUICK.watchdog_timeout
        while loop.time() < silent_until:
            await asyncio.sleep(0.05)
            assert portal.supervisor.status.state is not State.RETRYING
        assert portal.supervisor.health.problem == ""
        async with portal.http.get("/snapshot.jpg?size=stream&max_age_ms=60000") as answer:
            assert answer.status == 200
            assert float(answer.headers["X-Age-Ms"]) >= 20_000
        write(tmp_path / "a.jpg", OTHER)
        while (part := await stream.part()).jpeg != OTHER:
            assert part.label in ("live", "repeat")
        assert abs(float(part.headers["x-timestamp"]) - unix_time(loop.time())) < 10


async def test_a_snapshot_of_the_last_picture(tmp_path: Path) -> None:
    """The request says how old it may be, also if nobody watches and the folder is opened for it."""
    write(tmp_path / "a.jpg", BASE)
    age(tmp_path / "a.jpg", 20)
    async with portal_of(tmp_path, folder_interval=60.0) as (portal, stream):
        await stream.close()
        await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
        async with portal.http.get("/snapshot.jpg?max_age_ms=60000") as answer:
            assert answer.status == 200
            assert float(answer.headers["X-Age-Ms"]) >= 20_000
        async with portal.http.get("/snapshot.jpg?size=stream&max_age_ms=1000&deadline_ms=500") as answer:
            assert answer.status == 503


async def test_the_end_of_once(tmp_path: Path) -> None:
    """The last picture does not look live: stream, state, health and snapshots say that all was shown."""
    write(tmp_path / "a.jpg", BASE)
    write(tmp_path / "b.jpg", OTHER)
    async with portal_of(tmp_path, "once", fps=5.0) as (portal, stream):
        while (await stream.until("live")).jpeg != OTHER:
            pass
        part = await stream.until("notice")
        assert "have been shown" in part.headers["x-reason"]
        assert portal.supervisor.status.state is State.RETRYING
        for _ in range(3):
            assert (await stream.part()).label == "notice"
        counters = portal.supervisor.status.counters
        assert (counters.opened, counters.captured) == (1, 2)
        for path in ("/healthz", "/snapshot.jpg?deadline_ms=500"):
            async with portal.http.get(path) as answer:
                assert answer.status == 503
                assert "have been shown" in await answer.text()
