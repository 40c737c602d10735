"""The configured camera is opened, or the error has the reason."""

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
    """On a Raspberry Pi 5 libcamera numbers the cameras in the reverse order of Picamera2's list."""
    world = enable("pi5+usb")
    device = world.camera(name)
    with opened(id=device.id) as (_, negotiated):
        assert [each.name for each in world.devices if each.acquired] == [name]
        assert negotiated.model == "imx708_wide"
    assert device.openings == 1


def test_without_an_id_cameras_count_in_the_order_of_the_ports() -> None:
    """The order is CAM/DISP 0, CAM/DISP 1, then the webcam."""
    world = enable("pi5+usb")
    for number, name in enumerate(("cam0", "cam1", "usb")):
        with opened(camera=number):
            assert [each.name for each in world.devices if each.acquired] == [name]


@pytest.mark.parametrize(("boards", "before", "now"), [("pi5", PI5_OLD, PI5), ("pi5-old", PI5, PI5_OLD)])
def test_an_id_from_before_a_new_kernel_still_finds_its_camera(boards: str, before: str, now: str) -> None:
    """After a renamed bus the last parts of the id still match, and the advice names the change."""
    world = enable(boards)
    found, sentence = select_camera(connected_cameras(), f"{before}/i2c@80000/imx708@1a", 0)
    assert found.id == f"{now}/i2c@80000/imx708@1a"
    assert sentence == f"The first part of the id {before}/i2c@80000/imx708@1a has changed"
    with opened(id=f"{before}/i2c@80000/imx708@1a"):
        assert world.camera("cam1").acquired


def test_an_end_that_two_cameras_have_is_refused_with_the_list() -> None:
    """No camera is better than the wrong one."""
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
    """The message lists the connected cameras; no constructor is called, as it would leave a pipe open."""
    world = enable(boards)
    there = ", ".join(device.id for device in world.devices) or "none"
    with pytest.raises(CameraMissing) as missing, opened(id="/base/nowhere"):
        pass
    assert str(missing.value) == f"camera /base/nowhere is not connected; connected: {there}"


def test_a_webcam_that_goes_while_it_is_opened_is_missing() -> None:
    """The camera was still in the list a moment ago."""
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
    """The reason is in the cause of Picamera2's exception; the other program cannot be found here."""
    world = enable("pi5")
    world.camera("cam0").seize("rpicam-still")
    with pytest.raises(CameraBusy, match="cannot be opened: it is in use by another program"), opened():
        pass
    world.camera("cam0").free()
    with opened() as (camera, _):
        captured(camera)


def test_a_raspberry_pi_5_that_picamera2_takes_for_an_older_one() -> None:
    """The stride would be wrong, so an error with advice is raised."""
    world = enable("none")  # it has the older platform
    world.add("cam0", f"{PI5}/i2c@88000/imx708@1a", IMX708_WIDE)
    with pytest.raises(CameraUnsupported, match="DeviceAllow=char-video4linux rw"), opened():
        pass


# from the incomplete allocator of Picamera2
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_openings_that_fail_leave_nothing_behind() -> None:
    """A failed `open` leaves no descriptor, CameraManager or thread, and releases the camera."""
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


def test_a_missing_tuning_file_is_an_error() -> None:
    """The message lists the paths that were tried."""
    enable("pi5")
    with (
        pytest.raises(CameraUnsupported, match=r"there is no .*/ipa/rpi/pisp/none\.json and no"),
        opened(tuning_file="none.json"),
    ):
        pass


def test_the_environments_tuning_file_is_left_alone() -> None:
    """Picamera2 deletes the variable unless it gets the path; libcamera reads it whenever its CameraManager starts."""
    enable("pi5")
    os.environ[TUNING_FILE] = "/tuning.json"
    try:
        for _ in range(2):
            with opened():
                pass
            assert os.environ[TUNING_FILE] == "/tuning.json"
    finally:
        del os.environ[TUNING_FILE]
