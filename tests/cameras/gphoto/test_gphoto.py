"""The driver of photo cameras: which camera it takes, what it does with the files, and what its errors say."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraBusy, CameraMissing, NoFrame, NoStill
from soft_stream.cameras.gphoto.camera import GphotoCamera
from tests.support.fake_gphoto2 import MODEL, PORT
from tests.support.sources.gphoto import STILL_SIZE, GphotoSource, new_source


@pytest.fixture
def source(tmp_path: Path) -> Iterator[GphotoSource]:
    """Connect a camera."""
    with new_source(tmp_path) as source:
        yield source


@pytest.fixture
def camera(source: GphotoSource) -> Iterator[GphotoCamera]:
    """Return an open driver."""
    camera = source.new_camera()
    camera.open()
    yield camera
    camera.close()


@pytest.mark.parametrize("device", ["", PORT, MODEL])
def test_device_is_a_port_or_a_model(source: GphotoSource, device: str) -> None:
    """`device` selects the camera by its port or model; without it the first one is taken."""
    camera = GphotoCamera(replace(source.settings, device=device))
    assert camera.open().model == "Fake DSC-1 A"
    camera.close()


def test_another_camera_is_connected(source: GphotoSource) -> None:
    """The error names the device that is missing, and those that are there."""
    with pytest.raises(CameraMissing, match=f"usb:001,009 is not connected; there is {MODEL} .usb:001,004"):
        GphotoCamera(replace(source.settings, device="usb:001,009")).open()


def test_busy_names_the_remedy(source: GphotoSource) -> None:
    """A camera that the desktop has taken is reported with the command that gives it back."""
    with source.take(), pytest.raises(CameraBusy, match="mask --now gvfs-gphoto2-volume-monitor"):
        source.new_camera().open()


@pytest.mark.parametrize("suffixes", [[".JPG"], [".JPG", ".NEF"], [".CR3", ".jpg"]])
@pytest.mark.parametrize("keeps", [False, True])
def test_a_still_is_the_jpeg(source: GphotoSource, suffixes: list[str], keeps: bool) -> None:
    """A still is the JPEG, not the raw file beside it; all its files are deleted unless they are to stay."""
    source.device.suffixes = suffixes
    source.device.files["DSC_0001.JPG"] = b"the owner's"
    camera = GphotoCamera(replace(source.settings, gphoto_keep=keeps))
    camera.open()
    assert camera.still(5).size == STILL_SIZE
    camera.close()
    assert len(source.device.files) == 1 + keeps * len(suffixes)
    assert source.device.files["DSC_0001.JPG"] == b"the owner's"


def test_only_raw_files(source: GphotoSource, camera: GphotoCamera) -> None:
    """Without a JPEG the still fails with what to set; the stream goes on, and the raw file is deleted."""
    source.device.suffixes = [".NEF"]
    with pytest.raises(NoStill, match=r"saved no JPEG, only FAK_\d+.NEF: set its image quality"):
        camera.still(0.5)
    assert not source.device.files
    assert camera.capture(5).jpeg


def test_a_damaged_still(source: GphotoSource, camera: GphotoCamera) -> None:
    """A file that is cut off is no still."""
    source.device.still = source.device.still[:1000]
    with pytest.raises(NoStill):
        camera.still(5)


def test_recording_mode(source: GphotoSource) -> None:
    """Compact cameras are switched to recording at the opening, and back at the end."""
    camera = source.new_camera()
    camera.open()
    assert source.device.is_recording
    camera.close()
    assert not source.device.is_recording


def test_unplugged_during_a_still(source: GphotoSource, camera: GphotoCamera, caplog: pytest.LogCaptureFixture) -> None:
    """A cable that is pulled makes the still fail, then the stream; closing works."""
    source.unplug()
    with pytest.raises(NoStill):
        camera.still(1)
    with pytest.raises(CameraMissing, match="Could not find the requested device"):
        camera.capture(1)
    camera.close()
    assert not [each for each in caplog.records if each.levelno > logging.WARNING]


def test_the_rate_of_the_live_view(source: GphotoSource) -> None:
    """`fps` limits how often the camera is asked; a frame that is due later is no frame now."""
    camera = GphotoCamera(replace(source.settings, fps=0.1))
    camera.open()
    camera.capture(5)
    with pytest.raises(NoFrame):
        camera.capture(0.01)
    camera.close()
