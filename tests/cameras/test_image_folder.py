"""A folder of JPEGs as a camera."""

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraError, CameraMissing, NoFrame
from soft_stream.cameras.image_folder import FolderCamera
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.config.loader import SettingsError, load
from soft_stream.frames.jpeg import encode
from tests.support.server import QUICK


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Create a folder with three JPEGs, another file, and a subfolder."""
    camera = SyntheticCamera(replace(QUICK, width=64, height=48), SyntheticDevice())
    camera.open()
    for name in ("2.jpg", "10.JPEG", "1.jpg"):
        with camera.capture(5) as raw:
            (tmp_path / name).write_bytes(encode(raw, 80))
    (tmp_path / "readme.txt").write_text("no picture")
    (tmp_path / "old.jpg").mkdir()
    return tmp_path


@pytest.fixture
def camera(folder: Path) -> Iterator[FolderCamera]:
    """Return a camera for the folder, not open yet."""
    camera = FolderCamera(replace(QUICK, source="folder", folder=str(folder), fps=100))
    yield camera
    camera.close()


def test_files_are_delivered_unchanged_in_the_order_of_their_names(folder: Path) -> None:
    """Each frame has the bytes of a file; after the last file the first one follows."""
    camera = FolderCamera(replace(QUICK, source="folder", folder=str(folder), fps=10))
    assert camera.open().size == (64, 48)
    files = [(folder / name).read_bytes() for name in ("1.jpg", "2.jpg", "10.JPEG")]
    seen: list[tuple[float, int]] = []
    for _ in range(8):
        with camera.capture(5) as raw:
            assert raw.size == (64, 48)
            seen.append((raw.captured_at, files.index(raw.jpeg)))
    # on a busy machine some are skipped
    steps = {(number - before) % 3 for (then, before), (now, number) in pairwise(seen) if 0.08 < now - then < 0.12}
    assert steps == {1}


def test_frames_arrive_at_the_configured_rate(camera: FolderCamera) -> None:
    """No frame is early: the tenth one arrives ten intervals after the camera was opened, or later."""
    began = time.time()
    camera.open()
    for _ in range(10):
        with camera.capture(5) as raw:
            captured_at = raw.captured_at
    assert captured_at - began > 0.095  # at 100 frames per second


def test_a_rate_that_is_slower_than_the_patience_gives_no_frame(folder: Path) -> None:
    """`capture` keeps its timeout, and the frame arrives at its own time."""
    camera = FolderCamera(replace(QUICK, source="folder", folder=str(folder), fps=2))
    camera.open()
    with pytest.raises(NoFrame):
        camera.capture(0.05)
    with camera.capture(5) as raw:
        assert raw.jpeg


def test_a_folder_without_jpegs_is_a_missing_camera(tmp_path: Path) -> None:
    """The message names the folder and the problem."""
    for path, sentence in ((tmp_path, "has no .jpg"), (tmp_path / "none", "No such file or directory")):
        with pytest.raises(CameraMissing, match=sentence):
            FolderCamera(replace(QUICK, source="folder", folder=str(path))).open()


def test_a_file_that_is_not_a_jpeg_is_an_error(tmp_path: Path) -> None:
    """If the first file is not a JPEG, the camera does not open."""
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(CameraError, match="not a JPEG"):
        FolderCamera(replace(QUICK, source="folder", folder=str(tmp_path))).open()


def test_the_setting_is_needed() -> None:
    """`cam0_source=folder` without a folder is an error in the settings."""
    with pytest.raises(SettingsError, match="cam0_folder must name the folder"):
        load({"cam0_source": "folder"}, file=Path("/dev/null"))
