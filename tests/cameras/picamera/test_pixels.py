"""The pixels that a camera delivers: sizes, colours, field of view, frame rate."""

import numpy
import pytest

from soft_stream.cameras.picamera.sensor_modes import SensorModes
from tests.cameras.picamera.common import ALL_CORNERS, DUAL, MARKS, QUICK, Array, captured, opened, picture_of, still_of
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.device import Device
from tests.support.fake_libcamera.plain import PURE, corners, red_share

pytestmark = MARKS

WHOLE, CROPPED = 1 / 4, 1 / 8
"""The red fraction of the width with the whole field of view of the imx708, and in its fastest mode."""


def colours_are_right(picture: Array) -> bool:
    """Return whether the corners have the right colours, up to the last column and line, and white is 255."""
    height, width, _ = picture.shape
    for (bottom, right), (_, colour) in zip(((0, 0), (0, 1), (1, 0), (1, 1)), PURE.items(), strict=True):
        rows, columns = slice(-9, None) if bottom else slice(9), slice(-9, None) if right else slice(9)
        if abs(picture[rows, columns].astype(int) - colour).max() > 5:
            return False
    edge = abs(picture[:, width - 1].astype(int) - picture[:, width - 9]).max()
    return bool(edge <= 5 and picture[height - 1, width - 1].min() >= 250)


def limits_of(device: Device) -> tuple[int, int]:
    """Return the FrameDurationLimits that were set last."""
    shortest, longest = device.values_of("FrameDurationLimits")[-1]
    return shortest, longest


@pytest.mark.parametrize("size", [(800, 600), (1640, 1232), (2592, 1944), (1280, 720)])
@pytest.mark.parametrize("boards", ["pi5", "pi4"])
def test_frames_are_right_at_sizes_with_padding(boards: str, size: tuple[int, int]) -> None:
    """White is not 235 (limited range), lines are not skewed (stride), and no padding (0xA5) is visible."""
    world = enable(boards)
    with opened(width=size[0], height=size[1], fps=10.0) as (camera, negotiated):
        raw = captured(camera)
        assert (negotiated.size, negotiated.pixel_format, negotiated.colour_space) == (size, "YUV420", "sYCC")
        assert negotiated.stride == world.camera("cam0").configuration.stride
        assert negotiated.differences == ()
    picture = picture_of(raw)
    assert picture.shape == (size[1], size[0], 3)
    assert colours_are_right(picture)


def test_a_sensor_without_autofocus_and_with_another_shape_is_right_too() -> None:
    """A 16:9 stream of the 4:3 sensor imx219 shows its centre in full width."""
    enable("fixed")
    with opened(width=1280, height=720, fps=30.0) as (camera, negotiated):
        assert negotiated.sensor_mode == "1640x1232"
        assert negotiated.has_autofocus is False
        picture = picture_of(captured(camera))
    assert red_share(picture) == pytest.approx(WHOLE, abs=0.01)
    assert numpy.unique(picture[-9:, -9:]).min() >= 250


@pytest.mark.parametrize(
    ("sensor_mode", "mode", "share"),
    [
        ("auto", (2304, 1296), WHOLE),
        ("driver", (1536, 864), CROPPED),
        ("4608x2592", (4608, 2592), WHOLE),
        ("1536x864", (1536, 864), CROPPED),
    ],
)
def test_the_sensor_mode_decides_how_much_is_seen(sensor_mode: str, mode: tuple[int, int], share: float) -> None:
    """Libcamera selects the cropped mode for 1280x720; `auto` keeps the whole field of view."""
    world = enable("pi5")
    with opened(width=1280, height=720, sensor_mode=sensor_mode, fps=10.0) as (camera, negotiated):
        picture = picture_of(captured(camera))
        assert negotiated.sensor_mode == f"{mode[0]}x{mode[1]}"
        assert world.camera("cam0").configuration.sensor_mode == mode
        assert negotiated.differences == ()
    assert red_share(picture) == pytest.approx(share, abs=0.01)
    assert corners(picture) == ALL_CORNERS


def test_a_missing_sensor_mode_is_a_difference() -> None:
    """The available modes are listed; libcamera selects the mode of the stream."""
    enable("pi5")
    with opened(sensor_mode="1332x990") as (camera, negotiated):
        assert negotiated.differences == (
            "Asked for sensor mode 1332x990, the sensor has: "
            "1536x864:10 (120.1 fps), 2304x1296:10 (56.03 fps), 4608x2592:10 (14.35 fps)",
        )
        captured(camera)


def test_a_mode_without_memory_to_read_it_is_left_out_of_one_session() -> None:
    """Reading a mode needs a buffer of its size; the other modes are used, and the next session tries again."""
    device = enable("pi5").camera("cam0")
    sensor_modes = SensorModes()
    device.run_out_of_memory()
    with opened(QUICK, sensor_modes) as (camera, negotiated):
        reason = "there is no memory for it: [Errno 12] Cannot allocate memory"
        assert negotiated.differences == (f"The sensor mode 4608x2592 SBGGR10_CSI2P is ignored: {reason}",)
        assert negotiated.sensor_mode == "2304x1296"
        captured(camera)
    with opened(QUICK, sensor_modes) as (_, negotiated):
        assert negotiated.sensor_mode == "2304x1296"
        assert negotiated.differences == ()


def test_modes_are_read_once_for_all_sessions() -> None:
    """The first session configures the camera once per sensor mode, the second only for the stream."""
    device = enable("pi5").camera("cam0")
    sensor_modes = SensorModes()
    for configurations in (4, 1):
        device.configurations.clear()
        with opened(QUICK, sensor_modes) as (_, negotiated):
            assert negotiated.sensor_mode == "2304x1296"
        assert len(device.configurations) == configurations


@pytest.mark.parametrize(
    ("fps", "min_fps", "limits"),
    [(25.0, 0.0, (40_000, 40_000)), (50.0, 5.0, (20_000, 200_000)), (12.5, 12.5, (80_000, 80_000))],
)
def test_fps_and_min_fps_bound_the_time_of_a_frame(fps: float, min_fps: float, limits: tuple[int, int]) -> None:
    """The limits follow from fps and min_fps; the longest interval is reported for the watchdog."""
    world = enable("pi4")
    device = world.camera()
    with opened(fps=fps, min_fps=min_fps) as (camera, negotiated):
        captured(camera)
        assert limits_of(device) == limits
        assert negotiated.fps == fps
        assert negotiated.longest_interval == limits[1] / 1_000_000
        device.darken(500_000)
        captured(camera, 4)
        assert device.frame_duration == limits[1]


def test_more_frames_than_the_sensor_gives_are_a_difference() -> None:
    """The fastest mode with the whole field of view is selected."""
    enable("pi4")
    with opened(fps=100.0) as (_, negotiated):
        assert negotiated.fps == pytest.approx(56.03)
        assert negotiated.differences == ("Asked for 100 fps, the sensor delivers at most 56.03 in this mode",)


def test_full_size_beside_the_stream() -> None:
    """Main has the size of stills, lores that of the stream; both have the whole field of view and right colours."""
    world = enable("pi5")
    with opened(DUAL, width=800, height=450) as (camera, negotiated):
        configured = world.camera("cam0").configuration
        assert (configured.size, configured.lores, configured.raw) == ((1280, 720), (800, 450), None)
        assert (negotiated.size, negotiated.still_method) == ((800, 450), "dual")
        assert negotiated.stride == 896
        assert colours_are_right(picture_of(captured(camera)))
        still = still_of(camera)
        assert still.size == (1280, 720)
        assert colours_are_right(picture_of(still))


@pytest.mark.parametrize(
    ("boards", "fps", "size", "method"),
    [
        ("pi5", 10.0, (0, 0), "dual"),  # the largest mode gives 14 frames a second
        ("pi5", 30.0, (0, 0), "switch"),
        ("pi5", 30.0, (2304, 1296), "dual"),
        ("pi4", 10.0, (2304, 1296), "switch"),  # no memory for it
        ("pi5", 30.0, (320, 180), ""),  # the stream's own size
        ("pi5", 30.0, (160, 90), "switch"),  # lores cannot be larger than main
        ("usb", 30.0, (0, 0), "switch"),
    ],
)
def test_dual_is_chosen_where_it_costs_no_frame_rate(
    boards: str, fps: float, size: tuple[int, int], method: str
) -> None:
    """`still_method=auto` is `dual` only on a Raspberry Pi 5 with a sensor mode that is large and fast enough."""
    enable(boards)
    changes = {"snapshot_width": size[0], "snapshot_height": size[1], "still_method": "auto"}
    with opened(QUICK, fps=fps, **changes) as (_, negotiated):
        assert negotiated.still_method == method
        assert negotiated.fps == fps


def test_a_stream_beside_stills_of_another_shape_is_not_squeezed() -> None:
    """On a Raspberry Pi 5 lores is cropped to its own aspect ratio instead of being distorted to it."""
    enable("pi5")
    with opened(DUAL, width=640, height=480) as (camera, negotiated):
        assert negotiated.still_method == "dual"
        picture = picture_of(captured(camera))
    # 4:3 out of 16:9 is 3456 of 4608 pixels wide; red takes 1152 - 576 of them
    assert red_share(picture) == pytest.approx(1 / 6, abs=0.01)


def test_an_older_board_cannot_do_that() -> None:
    """Both outputs have the same view there: stills switch modes, which is listed as a difference."""
    enable("pi4")
    with opened(DUAL, width=640, height=480) as (camera, negotiated):
        assert negotiated.still_method == "switch"
        assert negotiated.differences == ("Asked for still_method=dual, which this camera cannot do at these sizes",)
        assert red_share(picture_of(captured(camera))) == pytest.approx(1 / 6, abs=0.01)
