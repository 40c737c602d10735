"""Snapshots of real cameras: bright, although a webcam begins dark, and sharp, although the lens moves."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace

import pytest
import simplejpeg

from soft_stream.capture import exposure, whole_stills
from soft_stream.capture.pause import Borrower
from soft_stream.capture.requests import FocusPolicy, SnapshotRequest, SnapshotSize
from soft_stream.capture.snapshots import find_existing, take
from soft_stream.capture.status import State, TakenStill
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.settings import Settings
from soft_stream.frames.frame import Frame
from soft_stream.frames.raw import FocusState
from tests.cameras.picamera.common import MARKS, QUICK, in_state, living, next_frame, opened, still_of, until, watching
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.controls import AfModeEnum, AfStateEnum
from tests.support.fake_libcamera.device import Device

pytestmark = MARKS
SMALL, LARGE = (320, 240), (640, 480)
WEB = replace(QUICK, width=320, height=240, fps=30.0)
SAME = replace(WEB, width=640, height=480)
FULL, STREAM = SnapshotSize
AUTO, NEVER = FocusPolicy.AUTO, FocusPolicy.NEVER
RAMP = [number / 20 for number in range(1, 20)]
STEPS = [0.1 * (1 + number // 2) for number in range(18)]
LATE = [0.05] * 6
PATIENCE = 1.5
"""Seconds that a snapshot waits at most for the exposure."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let snapshots wait for longer: a slow machine needs it to deliver the frames of a slow camera."""
    monkeypatch.setattr(exposure, "BLIND_PATIENCE", 20.0)
    monkeypatch.setattr(whole_stills, "BLIND_PATIENCE", 20.0)


def webcam() -> Device:
    """Connect a webcam whose frames take little time to draw."""
    device = enable("usb").camera()
    device.model = replace(device.model, sizes=(SMALL, LARGE), pixel_array=LARGE)
    return device


def brightness_of(frame: Frame) -> float:
    """Return the mean brightness of a snapshot; with the right exposure it is about 112."""
    return float(simplejpeg.decode_jpeg(frame.jpeg, "GRAY").mean())


async def snapshot(source: CameraSupervisor, size: SnapshotSize, focus: FocusPolicy = AUTO, wait: float = 20) -> Frame:
    """Take a snapshot as a client that does not stream."""
    with source.subscribers.connected(Client("test", "/snapshot.jpg", "", streams=False)):
        return await take(source.subscribers, SnapshotRequest(wait, size, focus))


@asynccontextmanager
async def reading(source: CameraSupervisor) -> AsyncIterator[None]:
    """Be a client that streams, and takes all frames."""

    async def read() -> None:
        frame = None
        while True:
            frame = await next_frame(source, frame)

    with watching(source):
        task = asyncio.create_task(read())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


# The brightness of webcams.


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("pixel_format", ["mjpeg", "yuyv"])
@pytest.mark.parametrize(("settings", "size"), [(WEB, STREAM), (WEB, FULL), (SAME, FULL)])
async def test_a_snapshot_of_an_idle_webcam(settings: Settings, size: SnapshotSize, pixel_format: str) -> None:
    """It is not the first, dark frame, in any size and format."""
    webcam().expose(RAMP)
    async with living(settings, pixel_format=pixel_format) as source:
        frame = await snapshot(source, size)
        assert frame.size == (SMALL if size is STREAM else LARGE)
        assert brightness_of(frame) > 105


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("first", [RAMP, STEPS, LATE])
async def test_a_snapshot_beside_a_stream_that_has_just_begun(first: list[float]) -> None:
    """It waits for the last change of the exposure, whatever the first frames look like."""
    webcam().expose(first)
    async with living(WEB) as source, reading(source):
        await until(lambda: source.subscribers.newest)
        assert brightness_of(await snapshot(source, STREAM)) > 105


async def test_a_snapshot_beside_a_stream_that_has_been_running() -> None:
    """It is the next frame, and no frame is decoded for it: the exposure has settled long ago."""
    webcam().expose(RAMP)
    async with living(WEB) as source, reading(source):
        await until(lambda: source.subscribers.newest)
        await asyncio.sleep(PATIENCE)
        for _ in range(5):
            before = source.status.counters.captured
            frame = await snapshot(source, STREAM)
            assert brightness_of(frame) > 105
            assert frame.number <= before + 3


@pytest.mark.usefixtures("patient")
async def test_an_existing_frame_that_is_dark() -> None:
    """With max_age_ms a frame counts only if it was captured after the exposure had settled."""
    device = webcam()
    device.expose([0.1] * 1000)
    async with living(WEB) as source, reading(source):
        request = SnapshotRequest(20, STREAM, max_age=60.0)
        await until(lambda: source.subscribers.newest)
        assert await find_existing(source.subscribers, source.status, request) is None
        device.expose()
        frame = await snapshot(source, STREAM)
        assert brightness_of(frame) > 105
        existing = await find_existing(source.subscribers, source.status, request)
        assert existing
        assert existing.number >= frame.number


@pytest.mark.parametrize("size", [STREAM, FULL])
async def test_brightness_that_never_settles(size: SnapshotSize) -> None:
    """A flicker is waited for as long as allowed, and then the newest frame is the answer."""
    webcam().expose(later=[0.5, 1.0])
    async with living(WEB) as source, reading(source):
        await until(lambda: source.subscribers.newest)
        began = time.monotonic()
        frame = await snapshot(source, size)
        took = time.monotonic() - began
        assert frame.is_still is (size is FULL)
        assert PATIENCE - 0.4 < took < 10  # of the 20 s that it might take
        assert frame.captured_at > began + PATIENCE - 0.4


@pytest.mark.parametrize("size", [STREAM, FULL])
@pytest.mark.usefixtures("patient")
async def test_a_deadline_before_the_exposure_has_settled(size: SnapshotSize) -> None:
    """The deadline holds; the answer is the newest frame or still that there is."""
    webcam().expose(later=[0.5, 1.0])
    async with living(WEB) as source:
        await snapshot(source, STREAM, wait=5)  # imports what the first opening needs
    async with living(WEB) as source:
        source.status.last_still = TakenStill(0.2, time.monotonic())
        began = time.monotonic()
        frame = await snapshot(source, size, wait=2)
        assert time.monotonic() - began < 10  # of the 20 s that it might wait for the exposure
        assert frame.is_still is (size is FULL)


async def test_a_room_that_is_dark() -> None:
    """Black frames that stay black do not cost the whole time."""
    webcam().expose(later=[0.0])
    async with living(WEB) as source, reading(source):
        await until(lambda: source.subscribers.newest)
        before = source.status.counters.captured
        frame = await snapshot(source, STREAM)
        assert frame.number - before < 30 * PATIENCE - 10


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("fps", [5.0, 1.0])
async def test_a_slow_webcam(fps: float) -> None:
    """At a few frames a second, a snapshot needs a few frames, not many."""
    device = webcam()
    device.model = replace(device.model, fps=fps)
    device.expose([0.1])
    async with living(WEB, fps=fps) as source:
        frame = await snapshot(source, STREAM)
        assert frame.number <= 2 + 0.5 * fps + 1


@pytest.mark.usefixtures("patient")
async def test_full_size_stills_during_a_stream() -> None:
    """The change of the mode darkens the first frames of the still, and of the stream after it."""
    device = webcam()
    device.expose(RAMP)
    async with living(WEB) as source:
        async with reading(source):
            await until(lambda: source.subscribers.newest)
            for _ in range(2):
                still = await snapshot(source, FULL)
                assert (still.size, still.is_still) == (LARGE, True)
                assert brightness_of(still) > 105
                assert brightness_of(await snapshot(source, STREAM)) > 105
        assert source.status.counters.restarts == 0
    assert device.starts >= 5


@pytest.mark.parametrize(
    ("size", "snapshot_size"),
    [
        ((1920, 1080), (0, 0)),
        ((1920, 1200), (0, 0)),  # the camera has 1920x1080
        ((1920, 1080), (4000, 3000)),
        ((1280, 720), (1300, 800)),
        ((640, 480), (0, 0)),
    ],
)
def test_a_still_that_the_stream_has(size: tuple[int, int], snapshot_size: tuple[int, int]) -> None:
    """The mode changes only if the camera has a size for stills that differs from the size of its stream."""
    device = enable("usb").camera()
    changes = dict(zip(("width", "height", "snapshot_width", "snapshot_height"), size + snapshot_size, strict=True))
    with opened(QUICK, **changes) as (camera, negotiated):
        has_same_size = size != (640, 480)
        starts = device.starts
        still = still_of(camera)
        assert negotiated.still_method == ("" if has_same_size else "switch")
        assert device.starts == starts + (not has_same_size)
        assert (still.size == negotiated.size) is has_same_size


# The state of the exposure and of the lens of CSI cameras.


@contextmanager
def without_ae_state(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Remove the state of automatic exposure from the metadata, as for a sensor without the algorithm."""
    from tests.support.fake_libcamera import streaming

    facts = streaming.Streaming._facts

    def reduced(self: streaming.Streaming, timestamp: int) -> dict[str, object]:
        return {name: value for name, value in facts(self, timestamp).items() if name != "AeState"}

    with monkeypatch.context() as patch:
        patch.setattr(streaming.Streaming, "_facts", reduced)
        yield


async def test_a_sensor_without_an_ae_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The brightness decides for every camera whose frames report no state."""
    device = enable("fixed").camera()
    device.expose([*RAMP, *RAMP[-1:] * 10])
    with without_ae_state(monkeypatch):
        async with living(WEB) as source, reading(source):
            await until(lambda: source.subscribers.newest)
            assert brightness_of(await snapshot(source, STREAM)) > 100


async def test_a_snapshot_after_the_end_of_a_long_exposure(monkeypatch: pytest.MonkeyPatch) -> None:
    """The camera is restarted for it, and automatic exposure begins again; the snapshot waits for that."""
    device = enable("fixed").camera()
    with without_ae_state(monkeypatch):
        async with living(WEB) as source, reading(source):
            await in_state(source, State.STREAMING)
            await source.set_controls(source.controls.resolve({"ExposureTime": 600_000}, None))
            await until(lambda: source.subscribers.newest and source.subscribers.newest.metadata.exposure_time == 0.6)
            await asyncio.sleep(PATIENCE)
            device.expose(RAMP)
            await source.set_controls(source.controls.resolve({"ExposureTime": 0}, None))
            assert brightness_of(await snapshot(source, STREAM)) > 105
    assert device.starts == 2


async def until_focused_once(source: CameraSupervisor, device: Device) -> None:
    """Wait for the autofocus cycle that begins a stream, and for its end."""
    await in_state(source, State.FOCUSING)
    await until(lambda: device.af_state == AfStateEnum.Scanning)
    await in_state(source, State.STREAMING)


async def until_continuous_scan(device: Device) -> None:
    """Wait for a scan of continuous autofocus."""
    await until(lambda: (device.af_mode, device.af_state) == (AfModeEnum.Continuous, AfStateEnum.Scanning))


async def test_a_scan_of_continuous_autofocus() -> None:
    """A snapshot beside the stream waits for it, and begins no cycle."""
    device = enable("pi4").camera()
    async with living(WEB) as source, reading(source):
        await until_focused_once(source, device)
        device.slow_af(15)
        await until_continuous_scan(device)
        assert (await snapshot(source, STREAM)).focus is FocusState.FOCUSED
    assert len(device.values_of("AfTrigger")) == 1


async def test_a_lens_that_hunts() -> None:
    """Continuous autofocus that never ends delays only the snapshots at its beginning."""
    device = enable("pi4").camera()
    async with living(WEB) as source, reading(source):
        await until_focused_once(source, device)
        device.af_never_ends()
        await until_continuous_scan(device)
        began = time.monotonic()
        assert (await snapshot(source, STREAM)).focus is FocusState.SCANNING
        for _ in range(3):
            assert (await snapshot(source, STREAM)).focus is FocusState.SCANNING
        assert time.monotonic() - began < 15  # of the 20 s that each might wait
    assert len(device.values_of("AfTrigger")) == 1


async def test_a_scan_after_the_end_of_a_long_exposure() -> None:
    """The camera is restarted for it; the scan that begins then is waited for, however long the lens scanned before."""
    device = enable("pi4").camera()
    async with living(WEB) as source, reading(source):
        await until_focused_once(source, device)
        device.af_never_ends()
        await source.set_controls(source.controls.resolve({"ExposureTime": 600_000}, None))
        await until_continuous_scan(device)
        await until(lambda: source.subscribers.newest and source.subscribers.newest.metadata.exposure_time == 0.6)
        await asyncio.sleep(3)
        device.slow_af(15)
        await source.set_controls(source.controls.resolve({"ExposureTime": 0}, None))
        await until(lambda: device.starts == 2 and device.af_state == AfStateEnum.Scanning)
        assert (await snapshot(source, STREAM)).focus is FocusState.FOCUSED


async def test_a_snapshot_of_a_camera_that_is_opened_again() -> None:
    """After a pause, a snapshot beside the stream is sharp and well exposed, in both sizes."""
    device = enable("pi4").camera()
    device.slow_af(25)
    async with living(WEB) as source, reading(source):
        for size in (STREAM, FULL):
            await in_state(source, State.STREAMING)
            source.pause.acquire("key", Borrower("test"), 60)
            await in_state(source, State.PAUSED)
            asked = asyncio.create_task(snapshot(source, size))
            source.pause.release("key")
            assert (await asked).focus is FocusState.FOCUSED
