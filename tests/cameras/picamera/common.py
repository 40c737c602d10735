"""What the tests of real cameras share: settings, one opening, the life of a camera, and looks at its pictures."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy
import pytest
import simplejpeg
from numpy.typing import NDArray

from soft_stream.cameras.base import Negotiated
from soft_stream.cameras.picamera.camera import PicameraCamera
from soft_stream.cameras.picamera.sensor_modes import SensorModes
from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize
from soft_stream.capture.snapshots import take
from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.settings import Settings
from soft_stream.frames import jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import Orientation, RawFrame
from tests.support.fake_libcamera import installed
from tests.support.fake_libcamera.plain import PURE

MARKS = [
    pytest.mark.skipif(not installed(), reason="Picamera2 is not in .venv/picamera2; scripts/test.sh puts it there"),
    pytest.mark.filterwarnings("ignore:setDaemon"),
]
SOON = 30.0
"""Long enough for whatever does come."""
NEVER = 0.3
"""Long enough to believe that nothing comes."""
MANY = 500
"""More frames than anything takes to show."""
QUICK = Settings(
    width=320,
    height=180,
    fps=50.0,
    still_method="switch",
    close_after=0.0,
    retry_pause=0.1,
    start_timeout=SOON,
    close_timeout=SOON,
)
"""Small and quick; stills switch modes."""
DUAL = replace(QUICK, still_method="dual", snapshot_width=1280, snapshot_height=720)
ALL_CORNERS = list(PURE)
"""Left top, right top, left bottom, right bottom of a picture that is upright and whole."""

UPRIGHT = Orientation()

Array = NDArray[numpy.uint8]


@contextmanager
def opened(
    settings: Settings = QUICK, sensor_modes: SensorModes | None = None, /, **changes: Any
) -> Iterator[tuple[PicameraCamera, Negotiated]]:
    """Open a camera for one session; the supervisor would pass the sensor modes that an earlier session has read."""
    camera = PicameraCamera(replace(settings, **changes), sensor_modes)
    try:
        yield camera, camera.open()
    finally:
        camera.close()


def captured(camera: PicameraCamera, times: int = 1) -> RawFrame:
    """Capture some frames, and keep a copy of the last."""
    for _ in range(times):
        with camera.capture(SOON) as raw:
            copy = raw.copy()
    return copy


def captured_until(camera: PicameraCamera, happened: Callable[[RawFrame], object]) -> list[RawFrame]:
    """Capture until a frame is as wanted; return copies of all of them without their pictures."""
    seen: list[RawFrame] = []
    while not (seen and happened(seen[-1])):
        assert len(seen) < MANY
        with camera.capture(SOON) as raw:
            seen.append(replace(raw, planes=None, release=lambda: None))
    return seen


def still_of(camera: PicameraCamera) -> RawFrame:
    """Take a still, and keep a copy."""
    with camera.still(SOON) as raw:
        return raw.copy()


def picture_of(raw: RawFrame, orientation: Orientation = UPRIGHT) -> Array:
    """Return the picture of a frame as a browser would show it."""
    decoded: Array = simplejpeg.decode_jpeg(jpeg.encode(raw, 95, orientation))
    return decoded


def threads() -> list[str]:
    """Name the threads that a camera leaves running, if it does."""
    return sorted(thread.name for thread in threading.enumerate())


@asynccontextmanager
async def living(settings: Settings = QUICK, /, **changes: Any) -> AsyncIterator[CameraSupervisor]:
    """Let a camera live as in the portal; it sleeps in the end, unless its life has ended."""
    source = CameraSupervisor(replace(settings, **changes), partial(PicameraCamera, sensor_modes=SensorModes()))
    task = asyncio.create_task(source.run(), name="life")
    try:
        yield source
    finally:
        while not (task.done() or source.status.state is State.IDLE):  # noqa: ASYNC110 # there is no event for it
            await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])


def life() -> "asyncio.Task[None]":
    """Find the task that a camera's life is."""
    return next(task for task in asyncio.all_tasks() if task.get_name() == "life")


async def until(happened: Callable[[], object]) -> None:
    """Wait until something is true."""
    async with asyncio.timeout(2 * SOON):
        while not happened():  # noqa: ASYNC110 # the program has no event for everything that a test looks at
            await asyncio.sleep(0.005)


@contextmanager
def watching(source: CameraSupervisor) -> Iterator[Client]:
    """Be a client of the stream, who takes no frames by itself."""
    with source.subscribers.connected(Client("test", "/stream.mjpg", "", streams=True)) as client:
        yield client


async def in_state(source: CameraSupervisor, state: State) -> None:
    """Wait for a state of the camera."""
    await until(lambda: source.status.state is state)


async def next_frame(source: CameraSupervisor, than: Frame | None = None) -> Frame:
    """Wait for a frame of the stream."""
    async with asyncio.timeout(2 * SOON):
        return await source.subscribers.feed.wait_newer(than or source.subscribers.feed.newest)


async def snapshot(source: CameraSupervisor, focus: FocusPolicy = FocusPolicy.NEVER, seconds: float = SOON) -> Frame:
    """Request a full-size snapshot."""
    return await take(source.subscribers, SnapshotRequest(seconds, SnapshotSize.FULL, focus))
