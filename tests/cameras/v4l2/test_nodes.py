"""Which device nodes are cameras, and their stable paths."""

from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraInfo, CameraMissing
from soft_stream.cameras.v4l2 import nodes
from soft_stream.cameras.v4l2.kernel import Cap
from tests.cameras.v4l2.fake_kernel import WEBCAM, Node, install


def link(root: Path, name: str, number: int) -> Path:
    """Make a link of udev to a device node."""
    path = root / "dev/v4l" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(f"../../video{number}")
    return path


@pytest.mark.parametrize(
    "other",
    [
        Node(capabilities=Cap.META_CAPTURE | Cap.STREAMING),
        Node(capabilities=WEBCAM | Cap.VIDEO_M2M),
        Node(capabilities=Cap.VIDEO_M2M_MPLANE | Cap.STREAMING),
        Node(capabilities=WEBCAM | Cap.IO_MC, driver="rp1-cfe"),
        Node(driver="unicam"),
        Node(driver="bcm2835-isp"),
        Node(capabilities=Cap.VIDEO_CAPTURE),
        Node(formats={"H264": {(640, 480): [(1, 30)]}}),
    ],
    ids=[
        "metadata",
        "codec",
        "codec with planes",
        "receiver",
        "older receiver",
        "processor",
        "no stream",
        "H.264 only",
    ],
)
def test_other_nodes_are_no_webcam(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, other: Node) -> None:
    """The first device is the first one that gives frames that can be read."""
    install(monkeypatch, tmp_path, {0: other, 10: Node(card="Second"), 2: Node(card="First")})
    assert nodes.first_device(tmp_path) == tmp_path / "dev/video2"
    assert [found.model for found in nodes.list_devices(tmp_path)] == ["First", "Second"]


def test_stable_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A camera is named by its id, without one by its port, and without udev by its number."""
    install(monkeypatch, tmp_path, {0: Node(), 2: Node(bus="platform:vivid"), 4: Node()})
    by_id = link(tmp_path, "by-id/usb-Webcam-video-index0", 0)
    link(tmp_path, "by-path/pci-0000:00:14.0-usb-0:1:1.0-video-index0", 0)
    by_path = link(tmp_path, "by-path/platform-vivid.0-video-index0", 2)
    assert nodes.list_devices(tmp_path) == [
        CameraInfo(str(by_id), "Webcam", usb=True),
        CameraInfo(str(by_path), "Webcam", usb=False),
        CameraInfo(str(tmp_path / "dev/video4"), "Webcam", usb=True),
    ]


def test_no_camera(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without devices has none, and the first one is missing."""
    assert nodes.list_devices(tmp_path) == []
    install(monkeypatch, tmp_path, {0: Node(capabilities=Cap.META_CAPTURE)})
    with pytest.raises(CameraMissing, match="no V4L2 camera is connected"):
        nodes.first_device(tmp_path)
