"""Settings that the camera or the disk refuses: the former ones are in effect again, and the camera works."""

# ruff: noqa: ASYNC240 # the files of a test are small

import asyncio
import errno
import json
import os
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from soft_stream.cameras.base import CameraError, Negotiated, NoFrame
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.capture.status import State
from soft_stream.config import kept_controls
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import RawFrame
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, running

ID = "0 (test-pattern)"
REFUSED, SILENT, BROKEN = 640, 642, 644
"""Widths that the camera cannot be opened with, that give no frame, and that make the driver fail."""


class PickyCamera(SyntheticCamera):
    """A camera that has only some sizes."""

    def __init__(self, settings: Settings, device: SyntheticDevice) -> None:
        super().__init__(settings, device)
        self._width = settings.width

    def open(self) -> Negotiated:
        """Refuse some widths."""
        if self._width == REFUSED:
            time.sleep(self._device.open_seconds)
            raise CameraError("Invalid argument")
        if self._width == BROKEN:
            raise MemoryError
        return super().open()

    def capture(self, timeout: float) -> RawFrame:
        """Give no frame of one width."""
        if self._width == SILENT:
            with self._device.changed:
                self._device.changed.wait(timeout)
            raise NoFrame(f"no frame within {timeout:g} s")
        return super().capture(timeout)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file of the camera."""
    return tmp_path / "camera.env"


@pytest.fixture
async def portal(file: Path) -> AsyncIterator[Portal]:
    """Start a server with a camera that refuses some widths."""
    settings = replace(QUICK, controls_file=file, close_after=0.0, start_timeout=2.0)
    async with running(settings, new_camera=PickyCamera) as portal:
        yield portal


def codes_of(message: Any) -> Iterator[str]:
    """Yield the codes of a message and of those among its values."""
    yield message["code"]
    for value in message["values"].values():
        if isinstance(value, dict):
            yield from codes_of(value)


async def post(portal: Portal, body: dict[str, Any]) -> tuple[int, str]:
    """Change settings; return the status and the text."""
    async with portal.http.post("/settings", json=body) as answer:
        return answer.status, await answer.text()


async def snapshot_size(portal: Portal) -> str:
    """Return the size of a snapshot of the stream."""
    async with portal.http.get("/snapshot.jpg?size=stream&deadline_ms=30000") as answer:
        assert answer.status == 200, await answer.text()
        return answer.headers["X-Frame-Size"]


@pytest.mark.parametrize(
    ("width", "reason"), [(REFUSED, "Invalid argument"), (SILENT, "no frames for "), (BROKEN, "MemoryError: ")]
)
@pytest.mark.parametrize("is_open", [True, False])
async def test_a_size_that_the_camera_refuses(
    portal: Portal, file: Path, width: int, reason: str, *, is_open: bool
) -> None:
    """The answer is 422 with the reason; a stream stays connected and goes on with the former size."""
    reader = await StreamReader.get(portal.port) if is_open else None
    for _ in range(4):  # more than the sessions without a frame that end the process
        status, text = await post(portal, {"width": width, "name": "Nest box"})
        assert status == 422
        assert "The camera gives no frame with these settings, so the former ones are in effect again: " in text
        assert reason in text
    assert (portal.supervisor.settings.title, file.exists()) == ("Camera 0", False)
    assert await snapshot_size(portal) == "160x120"
    if reader:
        await reader.opening()
        seen = portal.supervisor.status.counters.captured
        while (await reader.until("live")) and portal.supervisor.status.counters.captured < seen + 5:
            pass
        await reader.close()
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert not portal.life.done()
    assert (await post(portal, {"width": 320}))[0] == 200
    assert await snapshot_size(portal) == "320x120"


async def test_a_snapshot_outlasts_a_refused_size(portal: Portal) -> None:
    """A request that waits meanwhile gets a frame of the former settings, not the fault of the new ones."""
    portal.device.slow_open(0.2)
    changing = asyncio.create_task(post(portal, {"width": REFUSED}))
    await portal.until(lambda: portal.supervisor.status.state is not State.IDLE)
    assert await snapshot_size(portal) == "160x120"
    assert (await changing)[0] == 422


async def test_a_camera_that_fails_anyway(portal: Portal) -> None:
    """A camera that is not connected is 503, whatever the settings are; nothing is changed."""
    portal.device.unplug()
    status, text = await post(portal, {"width": 320})
    assert (status, "test camera 0 is unplugged" in text) == (503, True)
    assert portal.supervisor.settings.width == 160
    portal.device.plug()
    assert await snapshot_size(portal) == "160x120"


async def test_other_settings_help_a_camera_that_fails(file: Path) -> None:
    """A size of the settings file that gives no frame is mended on the page."""
    async with running(replace(QUICK, controls_file=file, width=REFUSED), new_camera=PickyCamera) as portal:
        async with portal.http.get("/snapshot.jpg?size=stream") as answer:
            assert answer.status == 503
        assert (await post(portal, {"width": 320}))[0] == 200
        assert await snapshot_size(portal) == "320x120"


async def test_a_change_does_not_wait_for_the_next_try(file: Path) -> None:
    """A camera that is about to be tried again is tried at once, and the stream goes on."""
    settings = replace(QUICK, controls_file=file, retry_pause=3600.0)
    async with running(settings, new_camera=PickyCamera) as portal:
        reader = await StreamReader.get(portal.port)
        portal.device.unplug()
        await portal.until(lambda: portal.supervisor.status.state is State.RETRYING)
        await portal.until(lambda: portal.device.closed)
        portal.device.plug()
        assert (await post(portal, {"width": 320}))[0] == 200
        assert await snapshot_size(portal) == "320x120"
        await reader.close()


async def test_a_pause_begins_meanwhile(portal: Portal) -> None:
    """The other program gets the camera, and the settings are the former ones."""
    portal.device.slow_open(0.5)
    changing = asyncio.create_task(portal.http.post("/settings", json={"width": 320}))
    await portal.until(lambda: portal.supervisor.status.state is State.STARTING)
    async with portal.http.post("/pause", params={"client": "Octolapse"}) as answer:
        assert answer.status == 200
    refused = await changing
    assert (refused.status, "paused by Octolapse" in await refused.text()) == (503, True)
    assert [*codes_of(json.loads(refused.headers["X-Message"]))] == ["settings_refused", "paused_by"]
    assert portal.supervisor.settings.width == 160


@pytest.mark.parametrize("call", ["fsync", "open", "replace"])
@pytest.mark.parametrize(
    ("number", "expected"), [(errno.ENOSPC, 507), (errno.EIO, 507), (errno.EROFS, 409), (errno.EACCES, 409)]
)
async def test_every_step_of_writing_may_fail(
    portal: Portal, file: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, expected: int
) -> None:
    """A full or broken disk is 507, a file that may not be written 409; the file and the settings are as before."""
    assert (await post(portal, {"fps": 25, "quality": 50}))[0] == 200
    reader = await StreamReader.get(portal.port)
    before, text_before = portal.supervisor.settings, file.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        status, said = await post(portal, {"width": 320, "quality": 30})
    assert (status, os.strerror(number) in said) == (expected, True)
    assert said.startswith("The settings cannot be kept, so the former ones are in effect again: ")
    assert (portal.supervisor.settings, file.read_bytes(), list(file.parent.iterdir())) == (before, text_before, [file])
    assert await snapshot_size(portal) == "160x120"
    await reader.close()


async def test_a_damaged_file_is_replaced(portal: Portal, file: Path) -> None:
    """What cannot be read is not kept; the new values are."""
    file.write_bytes(b"\xff")
    assert (await post(portal, {"quality": 30}))[0] == 200
    found = await asyncio.to_thread(kept_controls.read, file, ID)
    assert found
    assert (found.settings, found.warnings) == ((("quality", "30"),), ())
