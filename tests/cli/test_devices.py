"""V4L2 devices on the command line: `soft-stream cameras`, and how `serve` and `webcamd` choose one."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraInfo, CameraUnsupported
from soft_stream.cameras.v4l2 import nodes
from soft_stream.cli import cameras, serve, webcamd
from soft_stream.cli.main import make_parser
from soft_stream.config.settings import Settings
from soft_stream.service.exit_status import ExitStatus

WEBCAMS = [
    CameraInfo("/dev/v4l/by-id/usb-Webcam-video-index0", "Webcam", usb=True),
    CameraInfo("/dev/v4l/by-path/platform-vivid.0-video-index0", "vivid"),
]
LINES = """\
# Webcam, USB
cam0_source=v4l2
cam0_device=/dev/v4l/by-id/usb-Webcam-video-index0
# vivid, not USB
cam1_source=v4l2
cam1_device=/dev/v4l/by-path/platform-vivid.0-video-index0
"""


def listed(monkeypatch: pytest.MonkeyPatch, devices: list[CameraInfo], source: str | None, *, as_json: bool) -> int:
    """Run `soft-stream cameras` on a machine without Picamera2."""

    def fail() -> list[CameraInfo]:
        raise CameraUnsupported("Picamera2 cannot be imported")

    monkeypatch.setattr("soft_stream.cameras.picamera.library.connected_cameras", fail)
    monkeypatch.setattr(nodes, "list_devices", lambda: devices)
    return cameras.list_cameras(argparse.Namespace(json=as_json, source=source))


@pytest.mark.parametrize("source", [None, "v4l2"])
def test_the_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], source: str | None) -> None:
    """Without Picamera2 the devices of V4L2 are listed as lines for the settings."""
    assert listed(monkeypatch, WEBCAMS, source, as_json=False) == ExitStatus.STOPPED
    assert capsys.readouterr().out == LINES


def test_the_list_of_one_source(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The JSON is always that of one source, because other programs read it."""
    assert listed(monkeypatch, WEBCAMS, "v4l2", as_json=True) == ExitStatus.STOPPED
    assert [each["id"] for each in json.loads(capsys.readouterr().out)] == [each.id for each in WEBCAMS]
    for source, as_json in (("picamera", False), ("picamera", True), (None, True)):
        assert listed(monkeypatch, WEBCAMS, source, as_json=as_json) == ExitStatus.CONFIG_ERROR
        assert "/dev/v4l" not in capsys.readouterr().out


def test_an_empty_list(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without devices the list says what to check; without `--source` a test camera is suggested."""
    assert listed(monkeypatch, [], "v4l2", as_json=False) == ExitStatus.STOPPED
    assert "group video" in capsys.readouterr().out
    assert listed(monkeypatch, [], None, as_json=False) == ExitStatus.CONFIG_ERROR
    assert "cam_source=test-pattern" in capsys.readouterr().out


@pytest.fixture
def device_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Return a function that returns the device that a command line serves."""
    served: list[Settings] = []

    def note(settings: Settings, *_: object) -> ExitStatus:
        served.append(settings)
        return ExitStatus.STOPPED

    (tmp_path / "env").write_text("cam0_device=/dev/v4l/by-id/from-file\n")

    def device_of(name: str, *options: str) -> str:
        module, parser = (webcamd, webcamd.make_parser()) if name == "webcamd" else (serve, make_parser())
        monkeypatch.setattr(module, "serve_camera", note)
        words = [*([] if name == "webcamd" else ["serve"]), "--env-file", str(tmp_path / "env"), *options]
        module.serve(parser.parse_args(words))
        return served[-1].device

    return device_of


@pytest.mark.parametrize("name", ["serve", "webcamd"])
@pytest.mark.parametrize(
    ("options", "device"),
    [
        ((), "/dev/v4l/by-id/from-file"),
        (("--device", "/dev/video2"), "/dev/video2"),
        (("--index", "3"), "/dev/video3"),
        (("--source-device", "/dev/video4"), "/dev/video4"),
    ],
)
def test_the_device(device_of: Callable[..., str], name: str, options: tuple[str, ...], device: str) -> None:
    """Flags of webcamd name the device of source=v4l2; without one the settings decide."""
    assert device_of(name, "--source", "v4l2", *options) == device


def test_the_device_of_another_source(device_of: Callable[..., str]) -> None:
    """With libcamera, webcamd's flag selects the camera, and the setting `device` stays as it is."""
    assert device_of("serve", "--source", "picamera", "--device", "/dev/video2") == "/dev/v4l/by-id/from-file"
