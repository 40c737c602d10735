"""The fake libcamera lists cameras, configures them and delivers frames as libcamera does, used by Picamera2 directly.

The other test modules here cover faults, autofocus, webcams and processes.
"""

import os

import pytest

from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.controls import AeStateEnum
from tests.support.fake_libcamera.plain import (
    MARKS,
    PURE,
    QUICK,
    SOON,
    WHOLE,
    corners,
    frame,
    metadata_until,
    opened,
    picamera2,
    red_share,
    refused,
    rgb,
    streaming,
    video,
)
from tests.support.fake_libcamera.streaming import SENSOR_DELAY

pytestmark = MARKS


# The list of cameras.


def test_picamera2_sorts_the_cameras_and_num_is_not_the_position() -> None:
    """CSI comes before USB and ids descend; Num is libcamera's own count, which opens the other camera of a Pi 5."""
    enable("pi5+usb")
    infos = picamera2().global_camera_info()
    assert [(info["Num"], info["Id"].split("/rp1/")[1]) for info in infos] == [
        (1, "i2c@88000/imx708@1a"),
        (0, "i2c@80000/imx708@1a"),
        (2, "usb@300000-1:1.0-046d:0825"),
    ]
    assert ["Rotation" in info for info in infos] == [True, True, False]
    with opened(infos[0]["Num"]) as picam2:
        assert picam2.camera.id == infos[1]["Id"]


@pytest.mark.parametrize(
    ("boards", "first"),
    [
        ("pi5", "/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a"),
        ("pi5-old", "/base/axi/pcie@120000/rp1/i2c@88000/imx708@1a"),
        ("pi4", "/base/soc/i2c0mux/i2c@1/imx708@1a"),
        ("fixed", "/base/soc/i2c0mux/i2c@1/imx219@10"),
        ("usb", "/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.1:1.0-046d:0825"),
    ],
)
def test_boards_have_the_ids_that_libcamera_makes(boards: str, first: str) -> None:
    """The ids follow the device tree of the board; libcamera reports the numbers of the device files."""
    enable(boards)
    with opened() as picam2:
        assert picam2.camera.id == first
        assert [os.major(number) for number in picam2.camera_properties["SystemDevices"][:1]] == [81]


def test_without_cameras_the_list_is_empty() -> None:
    """No error is raised until a camera is opened."""
    enable("none")
    assert picamera2().global_camera_info() == []
    with refused() as reason:
        assert "No camera number 0 found" in str(reason.value)


def test_webcams_are_updated_while_the_manager_lives() -> None:
    """The list is updated for webcams; CSI cameras are listed only once."""
    world = enable("pi4+usb")
    assert len(picamera2().global_camera_info()) == 2
    world.camera("usb").unplug()
    world.camera("cam0").unplug()
    assert [info["Model"] for info in picamera2().global_camera_info()] == ["imx708_wide"]
    world.camera("usb").plug()
    assert len(picamera2().global_camera_info()) == 2


def test_the_reason_of_a_busy_camera_is_only_in_the_cause() -> None:
    """The error is the same for a camera of another program and for one that is open in this process."""
    world = enable("pi4")
    world.camera().seize("rpicam-still")
    with refused() as busy:
        assert str(busy.value) == "Camera __init__ sequence did not complete."
        assert str(busy.value.__cause__) == "Failed to acquire camera: Device or resource busy"
    world.camera().free()
    with opened(), refused() as open_here:
        assert "busy" in str(open_here.value.__cause__)
    assert not world.camera().acquired


# Configurations.


@pytest.mark.parametrize(("boards", "stride"), [("pi5", 896), ("pi4", 832)])
def test_lines_are_padded_as_the_isp_wants_them(boards: str, stride: int) -> None:
    """800 pixels have a stride of 896 bytes on a Pi 5 and of 832 on others; the padding is visible."""
    enable(boards)
    with streaming(size=(800, 600), sensor=WHOLE) as picam2:
        assert picam2.camera_configuration()["main"]["stride"] == stride
        lines = frame(picam2)
        assert lines.shape == (900, stride)
        assert (lines[:600, 800:] == 0xA5).all()
        assert corners(rgb(picam2)) == list(PURE)


@pytest.mark.parametrize(("size", "space"), [((1280, 720), "Rec709"), ((640, 480), "SMPTE170M")])
def test_video_has_limited_range_unless_asked_otherwise(size: tuple[int, int], space: str) -> None:
    """Picamera2's default for video gives a JPEG of low contrast: white is 235."""
    enable("pi4")
    with streaming(size=size, colour_space=None, sensor=WHOLE) as picam2:
        assert str(picam2.camera_configuration()["colour_space"]) == f"<libcamera.ColorSpace '{space}'>"
        assert abs(rgb(picam2)[-4, -4].astype(int) - 235).max() <= 3


def test_sycc_gives_the_colours_of_jpeg() -> None:
    """Full-range BT.601 keeps the colours."""
    enable("pi4")
    with streaming(size=(640, 360)) as picam2:
        picture = rgb(picam2).astype(int)
        for (row, column), colour in zip(((4, 4), (4, -4), (-4, 4), (-4, -4)), PURE.values(), strict=True):
            assert abs(picture[row, column] - colour).max() <= 4


def test_without_a_sensor_mode_720p_shows_less_of_the_scene() -> None:
    """The score selects the cropped mode of the imx708, where red is half as wide; a requested mode overrides it."""
    world = enable("pi5")
    with streaming(size=(1280, 720)) as picam2:
        assert picam2.camera_configuration()["sensor"]["output_size"] == (1536, 864)
        assert red_share(rgb(picam2)) == pytest.approx(1 / 8, abs=0.01)
    with streaming(size=(1280, 720), sensor=WHOLE) as picam2:
        assert red_share(rgb(picam2)) == pytest.approx(1 / 4, abs=0.01)
    assert [each.sensor_mode for each in world.camera().configurations] == [(1536, 864), (2304, 1296)]


def test_sensor_modes_have_frame_rates_and_crops() -> None:
    """Picamera2 configures the camera once per mode; a webcam only has formats."""
    enable("pi5+usb")
    with opened() as picam2:
        modes = [(mode["size"], mode["fps"], mode["crop_limits"]) for mode in picam2.sensor_modes]
    assert modes == [
        ((1536, 864), 120.13, (768, 432, 3072, 1728)),
        ((2304, 1296), 56.03, (0, 0, 4608, 2592)),
        ((4608, 2592), 14.35, (0, 0, 4608, 2592)),
    ]
    with opened(2) as picam2:
        assert picam2.sensor_modes == [{"format": "MJPEG"}, {"format": "YUYV"}]


@pytest.mark.parametrize(
    ("flips", "seen"),
    [
        ({"hflip": True}, ["green", "red", "white", "blue"]),
        ({"vflip": True}, ["blue", "white", "red", "green"]),
        ({"hflip": True, "vflip": True}, ["white", "blue", "green", "red"]),
        ({"transpose": True}, ["red", "green", "blue", "white"]),
    ],
)
def test_the_sensor_flips_and_does_not_transpose(flips: dict[str, bool], seen: list[str]) -> None:
    """Unsupported flips are removed silently, which the configuration shows."""
    enable("pi4")
    from libcamera import Transform

    with streaming(transform=Transform(**flips)) as picam2:
        assert corners(rgb(picam2)) == seen
        assert picam2.camera_configuration()["transform"].transpose is False


def test_a_crop_zooms_and_a_new_configuration_forgets_it() -> None:
    """ScalerCrop is in sensor pixels, limited to the sensor mode, and reported in the metadata."""
    enable("fixed")
    with streaming(size=(640, 480), sensor={"output_size": (1640, 1232), "bit_depth": 10}) as picam2:
        picam2.set_controls({"ScalerCrop": (-100, 0, 1640, 1232)})
        metadata_until(picam2, lambda facts: facts["ScalerCrop"] == (0, 0, 1640, 1232))
        assert red_share(rgb(picam2)) == pytest.approx(1 / 2, abs=0.01)
        picam2.switch_mode(picam2.camera_configuration(), wait=SOON)
        assert picam2.capture_metadata(wait=SOON)["ScalerCrop"] != (0, 0, 1640, 1232)


@pytest.mark.parametrize(
    ("boards", "own_aspect", "share"), [("pi5", True, 0), ("pi5", False, 1 / 8), ("pi4", False, 1 / 8)]
)
def test_lores_is_in_the_request_of_main(boards: str, own_aspect: bool, share: float) -> None:
    """A request has both streams; a Pi 5 can crop lores to its own aspect ratio, other boards use the view of main."""
    enable(boards)
    lores = {"size": (320, 320), "preserve_ar": own_aspect}
    with streaming(size=(1280, 720), lores=lores) as picam2:
        assert picam2.camera_configuration()["lores"]["size"] == (320, 320)
        assert red_share(rgb(picam2)) == pytest.approx(1 / 8, abs=0.01)
        assert ("ScalerCrops" in picam2.camera_controls) == (boards == "pi5")
        assert red_share(rgb(picam2, "lores")) == pytest.approx(share, abs=0.01)


def test_sizes_must_be_even() -> None:
    """Picamera2 rounds the sizes of its own configurations, and rejects odd ones set afterwards."""
    enable("pi4")
    with opened() as picam2:
        configuration = video(picam2)
        configuration["main"]["size"] = (321, 180)
        with pytest.raises(RuntimeError, match="width and height should be even"):
            picam2.configure(configuration)


def test_no_memory_leaves_the_camera_unconfigured() -> None:
    """Allocating full-size buffers fails the requested number of times, then works."""
    world = enable("pi4")
    world.camera().run_out_of_memory()
    with opened() as picam2:
        picam2.configure(video(picam2))
        with pytest.raises(OSError, match="Cannot allocate memory"):
            picam2.configure(video(picam2, (4608, 2592)))
        assert picam2.camera_configuration() == {}
        picam2.configure(video(picam2, (4608, 2592)))
        world.camera().run_out_of_memory(at="start")
        with pytest.raises(RuntimeError, match="Failed to start camera: Cannot allocate memory"):
            picam2.start()


def test_frames_take_as_long_as_the_light_and_the_limits_want() -> None:
    """In the dark exposures are long, within FrameDurationLimits; each sensor mode has a shortest frame duration."""
    world = enable("pi4")
    with streaming(controls={"FrameDurationLimits": (100, 40_000)}) as picam2:
        assert picam2.capture_metadata(wait=SOON)["FrameDuration"] == 8_324
        world.camera().darken()
        metadata_until(picam2, lambda facts: facts["FrameDuration"] == facts["ExposureTime"] == 40_000)
        world.camera().brighten()
        picam2.set_controls({"ExposureTime": 20_000, "AnalogueGain": 4.0})
        seen = metadata_until(picam2, lambda facts: facts["FrameDuration"] == 20_000)
        assert seen[-1]["AnalogueGain"] == 4.0


def test_after_a_cold_start_the_first_frames_are_no_good() -> None:
    """Picamera2 drops startup frames by their status; after a warm start there are none."""
    camera = enable("pi4").camera()
    camera.startup_frames = 5
    with streaming() as picam2:
        assert picam2.capture_metadata(wait=SOON)["AeState"] == AeStateEnum.Converged
        assert camera.startup_frames_given == 5
        picam2.stop()
        picam2.start()
        assert picam2.capture_metadata(wait=SOON)["AeState"] == AeStateEnum.Converged
        assert camera.startup_frames_given == 5


def test_an_exposure_takes_effect_some_frames_after_its_request() -> None:
    """Queued requests are filled first, then the sensor has its own delay; controls of `start` apply at once."""
    device = enable("pi4").camera()
    with streaming(controls=QUICK | {"ExposureTime": 9_000}) as picam2:
        assert picam2.capture_metadata(wait=SOON)["ExposureTime"] == 9_000
        picam2.set_controls({"ExposureTime": 5_000})
        exposure = 0
        while exposure != 5_000:
            with picam2.captured_request(wait=SOON) as request:
                exposure, sequence = request.get_metadata()["ExposureTime"], request.request.sequence
        filled = next(frame for frame, name, value in device.applied if (name, value) == ("ExposureTime", 5_000))
        assert sequence - filled >= SENSOR_DELAY
