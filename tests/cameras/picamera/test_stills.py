"""Full-size stills: by switching modes or beside the stream, and the state of the stream afterwards."""

import io
import logging
from itertools import pairwise

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from soft_stream.cameras.base import NoStill
from soft_stream.cameras.picamera.sensor_modes import SensorModes
from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from tests.cameras.picamera.common import (
    DUAL,
    MARKS,
    QUICK,
    captured,
    in_state,
    living,
    next_frame,
    opened,
    snapshot,
    still_of,
    until,
    watching,
)
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.device import Device

pytestmark = MARKS
FULL = (4608, 2592)
ZOOM = (1152, 648, 2304, 1296)


def sizes_of(device: Device) -> list[tuple[int, int]]:
    """Return the sizes of main without repetitions, apart from the reading of the sensor modes."""
    sizes = [configured.size for configured in device.configurations if configured.raw is None]
    return [size for size, before in zip(sizes, [None, *sizes], strict=False) if size != before]


@pytest.mark.parametrize("boards", ["pi5", "pi4"])
def test_a_still_switches_modes_and_back(boards: str) -> None:
    """A still has full size and few buffers; then the stream has its size, controls, zoom and frame rate again."""
    device = enable(boards).camera("cam0")
    with opened(min_fps=5.0) as (camera, negotiated):
        camera.set_controls({"ScalerCrop": ZOOM, "Brightness": 0.5})
        captured(camera, 12)
        device.applied.clear()
        assert negotiated.still_method == "switch"
        assert still_of(camera).size == FULL
        full = device.configuration
        assert (full.size, full.sensor_mode, full.buffer_count, full.raw) == (FULL, FULL, 2, None)
        # set for stills too, with longer frames if the sensor is that slow
        assert [str(crop) for crop in device.values_of("ScalerCrop")] == ["(1152, 648)/2304x1296"]
        assert device.values_of("Brightness") == [0.5]
        assert device.values_of("FrameDurationLimits") == [(20_000, 200_000)]
        device.applied.clear()
        assert captured(camera).size == (320, 180)
        assert device.configuration.sensor_mode == (2304, 1296)
        assert [str(crop) for crop in device.values_of("ScalerCrop")] == ["(1152, 648)/2304x1296"]
        assert device.values_of("Brightness") == [0.5]
        assert device.values_of("FrameDurationLimits") == [(20_000, 200_000)]
    assert sizes_of(device) == [(320, 180), FULL, (320, 180)]


def test_several_stills_in_a_row_switch_once() -> None:
    """The mode stays until the next frame of the stream is requested."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        for _ in range(3):
            still_of(camera)
        captured(camera)
    assert sizes_of(device) == [(320, 180), FULL, (320, 180)]


def test_a_still_beside_the_stream_changes_no_mode() -> None:
    """The camera is configured for both, and started once."""
    device = enable("pi5").camera("cam0")
    with opened(DUAL) as (camera, _):
        for _ in range(3):
            assert captured(camera).size == (320, 180)
            assert still_of(camera).size == (1280, 720)
        assert device.starts == 1


@pytest.mark.parametrize("at", ["allocate", "start"])
def test_no_memory_for_a_still_leaves_the_stream(at: str) -> None:
    """The camera has no configuration then, and Picamera2 would make one up; that of the stream is restored."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        device.run_out_of_memory(at=at)
        with pytest.raises(NoStill, match="Cannot allocate memory"):
            camera.still(1.0)
        assert captured(camera).size == (320, 180)
        assert (device.configuration.size, device.configuration.pixel_format) == ((320, 180), "YUV420")
        assert still_of(camera).size == FULL  # there is memory again; `Stills` decides when to try again


@pytest.mark.parametrize("at", ["allocate", "start"])
def test_no_memory_for_stills_beside_the_stream_settles_for_switching(at: str) -> None:
    """The stream starts nevertheless, and the difference is listed."""
    device = enable("pi5").camera("cam0")
    sensor_modes = SensorModes()
    with opened(QUICK, sensor_modes):
        pass  # reads the sensor modes, which takes the same memory
    device.run_out_of_memory(at=at)
    with opened(QUICK, sensor_modes, still_method="dual") as (camera, negotiated):
        assert negotiated.still_method == "switch"
        assert negotiated.differences[0].startswith("No full-size frames beside the stream; stills switch modes")
        assert captured(camera).size == (320, 180)
        assert still_of(camera).size == FULL


def test_a_still_may_be_exposed_longer_than_the_stream() -> None:
    """In the dark, at 50 fps, the stream is exposed for 20 ms and a still for 100 ms."""
    device = enable("pi4").camera()
    device.darken(500_000)
    with opened() as (camera, _):
        assert captured(camera).metadata.exposure_time == 0.02
        assert still_of(camera).metadata.exposure_time == 0.1
        assert captured(camera).metadata.exposure_time == 0.02


# With a supervisor.


async def test_a_stream_goes_on_beside_its_stills(caplog: pytest.LogCaptureFixture) -> None:
    """With `dual` the stream continues during a still: gaps are a few frames at most."""
    caplog.set_level(logging.INFO)
    device = enable("pi5").camera("cam0")
    async with living(DUAL, autofocus="off") as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            times: list[float] = []
            for _ in range(5):
                still = await snapshot(source)
                assert (still.size, still.is_still) == ((1280, 720), True)
                frame = source.subscribers.feed.newest
                for _ in range(5):
                    frame = await next_frame(source, frame)
                    times.append(frame.captured_at)
            assert max(later - earlier for earlier, later in pairwise(times)) < 1.0
            assert source.status.counters.stills == 5
        await in_state(source, State.IDLE)
    assert device.starts == 1
    assert device.frames >= 30


async def test_a_stream_continues_after_a_switch() -> None:
    """Clients get the next frame afterwards; the watchdog does not restart the camera because of the gap."""
    device = enable("pi4").camera()
    async with living(autofocus="off", watchdog_timeout=2.0) as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            before = await next_frame(source)
            still = await snapshot(source)
            after = await next_frame(source)
            assert (before.size, still.size, after.size) == ((320, 180), FULL, (320, 180))
            assert after.captured_at > still.captured_at > before.captured_at
            assert source.status.counters.restarts == 0
        await in_state(source, State.IDLE)
    assert sizes_of(device) == [(320, 180), FULL, (320, 180)]


async def test_a_still_that_cannot_be_had_is_a_frame_of_the_stream() -> None:
    """Without memory for the switch, the client gets a frame of the stream, which continues."""
    device = enable("pi4").camera()
    async with living(autofocus="off") as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            await next_frame(source)
            device.run_out_of_memory()
            picture = await snapshot(source)
            assert (picture.size, picture.is_still) == ((320, 180), False)
            await next_frame(source)
            assert source.status.counters.restarts == 0
        await in_state(source, State.IDLE)


@pytest.mark.parametrize("boards", ["pi4", "usb"])
async def test_a_still_has_exif_data(boards: str) -> None:
    """The Exif data has time, exposure, gain, lens and model if known, and never a thumbnail."""
    device = enable(boards).camera()
    device.subject = 4.0
    async with living(width=640, height=480) as source:
        with source.subscribers.connected(Client("test", "/snapshot.jpg", "", streams=False)):
            await until(lambda: source.status.state is State.STREAMING)
            still = await snapshot(source)
        await in_state(source, State.IDLE)
    with Image.open(io.BytesIO(still.jpeg)) as picture:
        exif = picture.getexif()
        details = exif.get_ifd(IFD.Exif)
        assert picture.size == device.model.pixel_array
        assert exif[Base.Model] == device.model.name
        assert not exif.get_ifd(IFD.IFD1)
    assert still.jpeg.count(b"\xff\xd8\xff") == 1
    assert details[Base.DateTimeOriginal] == exif[Base.DateTime]
    if boards == "pi4":
        assert details[Base.ExposureTime] == pytest.approx(0.008)
        assert details[Base.ISOSpeedRatings] == 150
        assert details[Base.SubjectDistance] == pytest.approx(0.25)
    else:
        assert Base.ExposureTime not in details
