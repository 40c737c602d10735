"""The cameras of this machine, for options that name them by a device file or by an index."""

from pathlib import Path

import pytest

from soft_stream.cameras import discovery, video_node
from soft_stream.cameras.base import CameraInfo, CameraUnsupported
from soft_stream.migration.machine import Machine

IDS = [
    "/base/axi/pcie@1000120000/rp1/i2c@80000/imx219@10",
    "/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a",
    "/base/axi/pcie@1000120000/rp1/usb@300000-1:1.0-046d:0825",
]


def test_places_are_those_of_picamera2(monkeypatch: pytest.MonkeyPatch) -> None:
    """CSI cameras are before webcams, the highest id first; the cameras are listed once."""
    asked = []

    def list_cameras() -> list[CameraInfo]:
        asked.append("asked")
        return [CameraInfo(each, "model") for each in IDS]

    monkeypatch.setattr(discovery, "list_cameras", list_cameras)
    machine = Machine()
    assert [machine.id_at(index) for index in range(-1, 4)] == [None, IDS[1], IDS[0], IDS[2], None]
    assert asked == ["asked"]


def test_without_libcamera_there_is_no_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which libcamera does not work has no camera at any place."""

    def list_cameras() -> list[CameraInfo]:
        raise CameraUnsupported("Picamera2 is not installed")

    monkeypatch.setattr(discovery, "list_cameras", list_cameras)
    assert Machine().id_at(0) is None


def test_a_device_file_is_looked_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The id of a device file is that of `cameras.video_node`; a path that is no device has none."""
    monkeypatch.setattr(video_node, "id_of_node", lambda path: IDS[2] if path == Path("/dev/video8") else None)
    assert Machine().id_of_node("/dev/video8") == IDS[2]
    monkeypatch.undo()
    for path in (str(tmp_path), "/none", "video0", "", "a\0b"):
        assert Machine().id_of_node(path) is None
