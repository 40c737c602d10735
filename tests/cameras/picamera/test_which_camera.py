"""The configured camera is opened, or the error has the reason."""

import os
from contextlib import suppress
from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraAmbiguous, CameraBusy, CameraError, CameraMissing, CameraUnsupported, NoFrame
from soft_stream.cameras.identity import select_camera
from soft_stream.cameras.picamera import library
from soft_stream.cameras.picamera.library import TUNING_FILE, connected_cameras, reset_camera_manager
from tests.cameras.picamera.common import MARKS, captured, opened
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.facts import leftovers
from tests.support.fake_libcamera.models import IMX708_WIDE
from tests.support.fake_libcamera.world import PI4, PI4_USB, PI5, PI5_OLD

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


def test_a_webcam_that_goes_on_a_board_that_is_taken_for_an_older_one_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The board is no reason why a webcam is not there; its warning appears once at each opening."""
    world = enable("usb")
    monkeypatch.setattr(library, "has_pisp_devices", lambda _: True)
    with opened() as (camera, _):
        captured(camera)
        world.camera().stall()
        for _ in range(8):
            with suppress(NoFrame):
                camera.capture(0.01).release()
        world.camera().unplug()
        with pytest.raises(CameraMissing, match="is not connected any more"):
            camera.capture(0.1).release()
    assert caplog.text.count("takes this Raspberry Pi 5 for an older one") == 1


def test_a_busy_camera_says_so_and_is_there_later() -> None:
    """The reason is in the cause of Picamera2's exception; the other program cannot be found here."""
    world = enable("pi5")
    world.camera("cam0").seize("rpicam-still")
    with pytest.raises(CameraBusy, match="cannot be opened: it is in use by another program"), opened():
        pass
    world.camera("cam0").free()
    with opened() as (camera, _):
        captured(camera)


@pytest.mark.parametrize(
    ("board", "cameras", "error"),
    [
        ("Pi 5", "csi", CameraUnsupported),
        ("Pi 5", "csi without rp1", CameraUnsupported),
        ("Pi 5", "none", CameraError),
        ("Pi 5", "usb", None),
        ("Pi 5 without PiSP driver", "csi", CameraUnsupported),
        ("Pi 5 without PiSP driver", "none", None),
        ("Pi 5 without PiSP driver", "usb", None),
        ("Pi 4", "csi", None),
        ("Pi 4", "csi without rp1", None),
        ("no device tree", "csi", None),
        ("no device tree", "none", None),
    ],
)
def test_a_raspberry_pi_5_is_recognised_by_its_devices_and_its_chip(
    board: str, cameras: str, error: type[CameraError] | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where Picamera2 takes it for an older one, an error has advice; a USB camera works, and an id is no evidence."""
    chips = {"Pi 5": "raspberrypi,500\0brcm,bcm2712\0", "Pi 4": "raspberrypi,4-model-b\0brcm,bcm2711\0"}
    if chip := chips.get(board.partition(" without")[0]):
        tree = tmp_path / "sys/firmware/devicetree/base"
        tree.mkdir(parents=True)
        (tree / "compatible").write_text(chip)
    for number, name in enumerate(["rp1-cfe-csi2_ch0", "pispbe-input"] if board == "Pi 5" else ["unicam-image"]):
        node = tmp_path / f"sys/class/video4linux/video{number}"
        node.mkdir(parents=True)
        (node / "name").write_text(f"{name}\n")
    world = enable("usb" if cameras == "usb" else "none")  # these have the older platform
    if "csi" in cameras:
        world.add("cam0", f"{PI4 if 'without' in cameras else PI5}/i2c@88000/imx708@1a", IMX708_WIDE)
    if error is None:
        assert [found.id for found in connected_cameras(tmp_path)] == [device.id for device in world.devices]
        assert ("until then no CSI camera" in caplog.text) == (board == "Pi 5")
    else:
        with pytest.raises(CameraError, match="DeviceAllow=char-video4linux rw") as raised:
            connected_cameras(tmp_path)
        assert raised.type is error
    world = enable("pi5")  # Picamera2 is right
    assert len(connected_cameras(tmp_path)) == 2
    reset_camera_manager()


def test_an_id_is_no_evidence_of_the_board() -> None:
    """A camera whose bus is below rp1 is opened on a board without any sign of a Raspberry Pi 5."""
    world = enable("none")  # it has the older platform
    world.add("cam0", f"{PI5}/i2c@88000/imx708@1a", IMX708_WIDE)
    with opened() as (camera, _):
        captured(camera)


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
