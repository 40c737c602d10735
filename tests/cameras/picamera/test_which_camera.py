"""The camera that is meant is the one that opens, or the reason is told."""

import os

import pytest

from soft_stream.cameras.base import CameraAmbiguous, CameraBusy, CameraError, CameraMissing, CameraUnsupported
from soft_stream.cameras.identity import select_camera
from soft_stream.cameras.picamera.library import TUNING_FILE, connected_cameras
from tests.cameras.picamera.common import MARKS, captured, opened
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.facts import leftovers
from tests.support.fake_libcamera.models import IMX708_WIDE
from tests.support.fake_libcamera.world import PI4_USB, PI5, PI5_OLD

pytestmark = MARKS


@pytest.mark.parametrize("name", ["cam0", "cam1"])
def test_a_camera_is_opened_by_its_id_though_num_is_not_its_place(name: str) -> None:
    """On a Raspberry Pi 5 libcamera counts the cameras the other way round than Picamera2 lists them."""
    world = enable("pi5+usb")
    device = world.camera(name)
    with opened(id=device.id) as (_, negotiated):
        assert [each.name for each in world.devices if each.acquired] == [name]
        assert negotiated.model == "imx708_wide"
    assert device.openings == 1


def test_without_an_id_cameras_count_in_the_order_of_the_ports() -> None:
    """CAM/DISP 0, CAM/DISP 1, then the webcam."""
    world = enable("pi5+usb")
    for number, name in enumerate(("cam0", "cam1", "usb")):
        with opened(camera=number):
            assert [each.name for each in world.devices if each.acquired] == [name]


@pytest.mark.parametrize(("boards", "before", "now"), [("pi5", PI5_OLD, PI5), ("pi5-old", PI5, PI5_OLD)])
def test_an_id_from_before_a_new_kernel_still_finds_its_camera(boards: str, before: str, now: str) -> None:
    """The bus was renamed, both ways: bus and sensor at the end still match, and what to change is told."""
    world = enable(boards)
    found, sentence = select_camera(connected_cameras(), f"{before}/i2c@80000/imx708@1a", 0)
    assert found.id == f"{now}/i2c@80000/imx708@1a"
    assert sentence == f"The first part of the id {before}/i2c@80000/imx708@1a has changed"
    with opened(id=f"{before}/i2c@80000/imx708@1a"):
        assert world.camera("cam1").acquired


def test_an_end_that_two_cameras_have_is_refused_with_the_list() -> None:
    """Rather no picture than the wrong one."""
    world = enable("pi5")
    twin = world.add("twin", "/base/axi/pcie@2000000000/rp1/i2c@88000/imx708@1a", IMX708_WIDE)
    with (
        pytest.raises(CameraAmbiguous, match="several ids end like it") as refused,
        opened(id=f"{PI5_OLD}/i2c@88000/imx708@1a"),
    ):
        pass
    assert twin.id in str(refused.value)
    assert f"{PI5}/i2c@88000/imx708@1a" in str(refused.value)


@pytest.mark.parametrize("boards", ["none", "pi4", "usb"])
def test_a_camera_that_is_not_there_is_missing(boards: str) -> None:
    """The message lists those that are; no constructor is tried, which would leave a pipe behind."""
    world = enable(boards)
    there = ", ".join(device.id for device in world.devices) or "none"
    with pytest.raises(CameraMissing) as missing, opened(id="/base/nowhere"):
        pass
    assert str(missing.value) == f"camera /base/nowhere is not connected; connected: {there}"


def test_a_webcam_that_goes_while_it_is_opened_is_missing() -> None:
    """It was in the list a moment ago."""
    world = enable("usb")
    world.camera().slow_open(0.5)
    before = connected_cameras()
    world.camera().unplug()
    with (
        pytest.raises(CameraMissing, match=f"{PI4_USB}.* is not connected; connected: none"),
        opened(id=before[0].id),
    ):
        pass


def test_a_busy_camera_says_so_and_is_there_later() -> None:
    """The reason is in the cause of Picamera2's exception; who has it cannot be read here."""
    world = enable("pi5")
    world.camera("cam0").seize("rpicam-still")
    with pytest.raises(CameraBusy, match="cannot be opened: it is in use by another program"), opened():
        pass
    world.camera("cam0").free()
    with opened() as (camera, _):
        captured(camera)


def test_a_raspberry_pi_5_that_picamera2_takes_for_an_older_one() -> None:
    """Its alignment would be wrong: what to do is told instead."""
    world = enable("none")  # the platform of this one is the older
    world.add("cam0", f"{PI5}/i2c@88000/imx708@1a", IMX708_WIDE)
    with pytest.raises(CameraUnsupported, match="DeviceAllow=char-video4linux rw"), opened():
        pass


# that of Picamera2's half-made allocator
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_openings_that_fail_leave_nothing_behind() -> None:
    """Neither a descriptor nor a CameraManager nor a thread nor the camera, however far it came."""
    world = enable("pi5")
    device = world.camera("cam0")
    with opened():
        pass
    before = leftovers()
    for _ in range(5):
        device.deny_memory()
        with pytest.raises(CameraError, match="Permission denied"), opened():
            pass
        assert not device.acquired
        assert leftovers() == before
        device.seize()
        with pytest.raises(CameraBusy), opened():
            pass
        device.free()
        assert leftovers() == before
    with opened() as (camera, _):
        captured(camera)


def test_a_tuning_file_that_is_not_there_is_told() -> None:
    """With the places that were looked at."""
    enable("pi5")
    with (
        pytest.raises(CameraUnsupported, match=r"there is no .*/ipa/rpi/pisp/none\.json and no"),
        opened(tuning_file="none.json"),
    ):
        pass


def test_the_environments_tuning_file_is_left_alone() -> None:
    """Picamera2 deletes the variable unless it gets the file, and libcamera reads it whenever its manager starts."""
    enable("pi5")
    os.environ[TUNING_FILE] = "/tuning.json"
    try:
        for _ in range(2):
            with opened():
                pass
            assert os.environ[TUNING_FILE] == "/tuning.json"
    finally:
        del os.environ[TUNING_FILE]
