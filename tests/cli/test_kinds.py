"""Which cameras `soft-stream serve --all` serves, and as what."""

from collections.abc import Sequence

import pytest

from soft_stream.cameras import discovery
from soft_stream.cameras.base import CameraError, CameraInfo
from soft_stream.cameras.v4l2 import nodes
from soft_stream.cli import serve_all
from soft_stream.config.settings import Settings

CSI = CameraInfo("/base/i2c@1/imx708@1a", "imx708")
TEST = {"cam0_source": "test-pattern", "cam1_source": "test-pattern"}


def kinds(
    monkeypatch: pytest.MonkeyPatch,
    connected: Sequence[CameraInfo] | None,
    *settings: Settings,
    pi: bool = False,
    is_chosen: bool = False,
    webcams: Sequence[CameraInfo] = (),
) -> tuple[dict[int, str], dict[str, str]]:
    """Return the kinds and the changed variables on a machine with these cameras; None: they cannot be listed."""

    def list_cameras() -> Sequence[CameraInfo]:
        if connected is None:
            raise CameraError("no Picamera2")
        return connected

    monkeypatch.setattr(discovery, "list_cameras", list_cameras)
    monkeypatch.setattr(discovery, "is_raspberry_pi", lambda: pi)
    monkeypatch.setattr(nodes, "list_devices", lambda: list(webcams))
    return serve_all.find_kinds(dict(enumerate(settings)), is_chosen=is_chosen)


def test_connected_cameras(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A camera that is not connected beside another one is skipped, and never replaced."""
    missing = Settings(camera=1, id="/base/i2c@2/imx219@10")
    assert kinds(monkeypatch, [CSI], Settings(), missing) == ({0: "imx708"}, {})
    assert capsys.readouterr().out.startswith("Camera 1: skipped, camera /base/i2c@2/imx219@10 is not connected; ")


def test_other_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    """Their cameras need no libcamera."""
    folder = Settings(source="folder", folder="/srv/jpegs")
    assert kinds(monkeypatch, [CSI], folder, Settings(camera=1, source="test-pattern")) == (
        {0: "the images of /srv/jpegs", 1: "a test camera"},
        {},
    )


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (Settings(source="http", url="http://anna:word@10.0.0.5/s?key=word"), "http://***@10.0.0.5/s?key=***"),
        (Settings(source="media", url="/srv/a.mp4"), "/srv/a.mp4"),
        (Settings(source="media", url="rtsp://anna:word@10.0.0.5/s"), "rtsp://***@10.0.0.5/s"),
        (Settings(source="v4l2", device="/dev/video9"), "/dev/video9"),
        (Settings(source="gphoto"), "the first photo camera"),
    ],
)
def test_sources_that_nothing_replaces(monkeypatch: pytest.MonkeyPatch, settings: Settings, kind: str) -> None:
    """Another server, a video, a webcam and a photo camera are no test cameras, and no password is shown."""
    assert kinds(monkeypatch, [], settings) == ({0: kind}, {})


@pytest.mark.parametrize("connected", [[], None])
def test_no_camera_elsewhere(monkeypatch: pytest.MonkeyPatch, connected: Sequence[CameraInfo] | None) -> None:
    """On a laptop the settings of a Raspberry Pi are tried with test cameras."""
    cameras = Settings(id=CSI.id), Settings(camera=1)
    assert kinds(monkeypatch, connected, *cameras) == ({0: "a test camera", 1: "a test camera"}, TEST)


WEBCAM = CameraInfo("/dev/v4l/by-id/usb-Webcam-video-index0", "Webcam", usb=True)


@pytest.mark.parametrize("connected", [[], None])
def test_webcams_elsewhere(monkeypatch: pytest.MonkeyPatch, connected: Sequence[CameraInfo] | None) -> None:
    """On a desktop without libcamera a webcam serves the first camera, and a test camera each further one."""
    cameras = Settings(id=CSI.id), Settings(camera=1)
    found, changes = kinds(monkeypatch, connected, *cameras, webcams=[WEBCAM])
    assert found == {0: "Webcam", 1: "a test camera"}
    assert changes == {"cam0_source": "v4l2", "cam0_device": WEBCAM.id, "cam1_source": "test-pattern"}


def test_a_webcam_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not given to another camera."""
    cameras = Settings(), Settings(camera=1, source="v4l2", device=WEBCAM.id)
    found, changes = kinds(monkeypatch, [], *cameras, webcams=[WEBCAM])
    assert found == {0: "a test camera", 1: WEBCAM.id}
    assert changes == {"cam0_source": "test-pattern"}


def test_webcams_do_not_replace_chosen_cameras(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Raspberry Pi waits for its camera, and `--source picamera` means picamera."""
    assert kinds(monkeypatch, [], Settings(id=CSI.id), pi=True, webcams=[WEBCAM]) == ({}, {})
    assert kinds(monkeypatch, [], Settings(), is_chosen=True, webcams=[WEBCAM]) == ({}, {})


def test_no_camera_on_a_raspberry_pi(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A test camera must not hide that a configured camera is gone; one without an id is a first try."""
    cameras = Settings(id=CSI.id), Settings(camera=1)
    found, changes = kinds(monkeypatch, [], *cameras, pi=True)
    assert (found, changes) == ({1: "a test camera"}, {"cam1_source": "test-pattern"})
    assert "Camera 0: skipped, " in capsys.readouterr().out


def test_a_source_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --source picamera there are no test cameras."""
    assert kinds(monkeypatch, [], Settings(), is_chosen=True) == ({}, {})
