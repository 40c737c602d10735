"""The ids of cameras in the first settings, and the check of new ids."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from rollout import camera_ids
from rollout.camera_ids import check_ids, with_ids
from rollout.system import RolloutError

from soft_stream.cameras.base import CameraError, CameraInfo
from soft_stream.config.loader import load
from soft_stream.config.settings import Settings
from soft_stream.config.settings_values import Values
from soft_stream.service.exit_status import ExitStatus
from tests.support.checkout import ROOT

SHIPPED = (ROOT / "camera-soft-stream.env").read_text()
PI5 = "/base/axi/pcie@1000120000/rp1/i2c@{}/{}"
LEFT = CameraInfo(PI5.format("88000", "imx219@10"), "imx219")  # the port CAM/DISP 0
RIGHT = CameraInfo(PI5.format("80000", "imx708@1a"), "imx708")
USB = CameraInfo(r"\_SB_.PCI0-1.2:1.0-046d:0825", "C270", usb=True)


def ids(text: str, connected: Sequence[CameraInfo]) -> Mapping[int, str]:
    """Return the id of each camera in first settings."""
    first, notes = with_ids(text, lambda: connected)
    assert not notes
    values = Values(first)
    return {camera: values.text(camera, "id") for camera in sorted(values.cameras)}


def no_list() -> Sequence[CameraInfo]:
    """Fail as on a machine without Picamera2."""
    raise CameraError("No module named 'picamera2'")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_first_settings_have_the_connected_cameras(tmp_path: Path, count: int) -> None:
    """The shipped file gets an entry with an id for each connected camera in the order of the ports, and no other."""
    connected = [LEFT, RIGHT, USB][:count]
    text, _ = with_ids(SHIPPED, lambda: connected[::-1])
    file = tmp_path / "first.env"
    file.write_text(text)
    cameras = load({}, file=file).cameras
    assert {number: each.id for number, each in cameras.items()} == {at: each.id for at, each in enumerate(connected)}
    assert [each.port for each in cameras.values()] == [18081, 18082, 18083][:count]


def test_ids_of_the_file_are_used() -> None:
    """An id of the file stays with its camera; the others get the other cameras, further ones are added."""
    swapped = f"cam0_id={RIGHT.id}\ncam1_id={LEFT.id}\n"
    assert ids(swapped, [LEFT, RIGHT]) == {0: RIGHT.id, 1: LEFT.id}
    assert ids(f"cam0_id={RIGHT.id}\ncam1_name=Bed\n", [LEFT, RIGHT, USB]) == {0: RIGHT.id, 1: LEFT.id, 2: USB.id}
    assert ids(f"cam1_id={LEFT.id}\n", [LEFT, RIGHT]) == {0: RIGHT.id, 1: LEFT.id}
    assert ids(f"cam0_name=Camera 0\ncam1_id={LEFT.id}\n", [LEFT]) == {1: LEFT.id}


def test_an_id_with_another_bus_is_the_same_camera() -> None:
    """The camera whose bus has a new name is not added a second time; an unknown id is kept for check_ids."""
    renamed = "/base/soc/i2c0mux/i2c@80000/imx708@1a"
    assert ids(f"cam0_id={renamed}\n", [LEFT, RIGHT]) == {0: renamed, 1: LEFT.id}
    assert ids("cam0_id=/base/nothing\ncam1_name=Bed\n", [LEFT]) == {0: "/base/nothing", 1: LEFT.id}


def test_a_camera_that_is_configured_stays() -> None:
    """A camera with settings of its own stays without an id, unless it would use the camera of another number."""
    assert ids("cam0_name=Nozzle\ncam1_name=Bed\n", [LEFT]) == {0: LEFT.id, 1: ""}
    with pytest.raises(RolloutError, match=r"(?s)camera 0: cam0_id is not set, .*imx219") as raised:
        with_ids(f"cam0_name=Nozzle\ncam1_id={LEFT.id}\n", lambda: [LEFT])
    assert raised.value.status == ExitStatus.CONFIG_ERROR


def test_other_sources_need_no_id() -> None:
    """Test cameras get no id, and no camera is added to them."""
    assert ids(f"cam_source=test-pattern\n{SHIPPED.replace('cam_source=', '#')}", [LEFT, RIGHT]) == {0: ""}
    assert ids("cam0_source=test-pattern\ncam1_name=Bed\n", [LEFT]) == {0: "", 1: LEFT.id}


def test_without_a_list_the_file_is_used_as_it_is() -> None:
    """Without Picamera2, or without a camera, nothing is assigned; a missing Picamera2 is reported."""
    assert with_ids(SHIPPED, list) == (SHIPPED, [])
    text, notes = with_ids(SHIPPED, no_list)
    assert (text, len(notes), "picamera2" in notes[0]) == (SHIPPED, 1, True)


def test_an_unknown_id_is_an_error_with_the_list() -> None:
    """The message has each wrong id and each connected camera."""
    cameras = {0: Settings(id="/base/x"), 1: Settings(camera=1, id=LEFT.id), 2: Settings(camera=2, id="/base/y")}
    with pytest.raises(RolloutError) as raised:
        check_ids(cameras, [], lambda: [RIGHT, LEFT])
    assert str(raised.value).splitlines() == [
        "Wrong ids in the settings:",
        "  cam0_id=/base/x: no connected camera has this id",
        "  cam2_id=/base/y: no connected camera has this id",
        "Connected cameras:",
        f"  {LEFT.id} (imx219)",
        f"  {RIGHT.id} (imx708)",
    ]
    assert raised.value.status == ExitStatus.CONFIG_ERROR
    with pytest.raises(RolloutError, match="Connected cameras: none"):
        check_ids(cameras, [], list)


def test_two_ids_of_one_camera_are_an_error() -> None:
    """Two ids that only differ in the bus mean the same camera."""
    cameras = {0: Settings(id=RIGHT.id), 1: Settings(camera=1, id="/base/soc/i2c@80000/imx708@1a")}
    with pytest.raises(RolloutError, match="this is the camera of cam0_id"):
        check_ids(cameras, [], lambda: [RIGHT, LEFT])


def test_some_ids_are_not_checked() -> None:
    """Known ids, ids of other sources and missing ids are accepted; if the cameras cannot be listed, a note says so."""
    cameras = {0: Settings(id="/base/x"), 1: Settings(camera=1), 2: Settings(camera=2, id="/y", source="test-pattern")}
    assert check_ids(cameras, ["/base/x"], no_list) == []
    assert check_ids({0: Settings(id=RIGHT.id)}, [], lambda: [RIGHT]) == []
    assert "not checked" in check_ids(cameras, [], no_list)[0]


def test_first_settings_of_other_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a camera of libcamera they serve the webcams of V4L2, or a test camera; a Raspberry Pi waits."""
    webcam = CameraInfo("/dev/v4l/by-id/usb-Webcam-video-index0", "Webcam", usb=True)
    monkeypatch.setattr("soft_stream.cameras.v4l2.nodes.list_devices", lambda: [webcam])
    monkeypatch.setattr(camera_ids, "is_raspberry_pi", lambda: False)
    text, notes = camera_ids.with_a_camera("", [])
    values = Values(text)
    assert (values.value(0, "source"), values.value(0, "device")) == ("v4l2", webcam.id)
    assert notes == [camera_ids.WEBCAMS]
    monkeypatch.setattr("soft_stream.cameras.v4l2.nodes.list_devices", list)
    assert Values(camera_ids.with_a_camera("", [])[0]).value(0, "source") == "test-pattern"
    monkeypatch.setattr(camera_ids, "is_raspberry_pi", lambda: True)
    assert Values(camera_ids.with_a_camera("", [])[0]).value(0, "source") == "picamera"
