"""A folder of JPEGs as a camera."""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from soft_stream.cameras.base import CameraMissing, NoFrame
from soft_stream.cameras.folder import frame_files
from soft_stream.cameras.folder.camera import FolderCamera
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.config.loader import SettingsError, load
from soft_stream.frames import jpeg
from soft_stream.frames.jpeg import encode
from tests.support.jpegs import BASE, EOI, FLAT, OTHER, picture, save, with_zeros
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


def test_the_model_is_no_path(camera: FolderCamera) -> None:
    """The model, which is in the Exif data of snapshots and in the status, names no folder of the disk."""
    assert camera.open().model == "image folder"


def test_the_times_of_frames_are_monotonic(camera: FolderCamera) -> None:
    """The wall clock may be set while frames flow."""
    began = time.monotonic()
    camera.open()
    with camera.capture(5) as raw:
        assert began <= raw.captured_at <= time.monotonic()


def test_frames_arrive_at_the_configured_rate(camera: FolderCamera) -> None:
    """No frame is early: the tenth one arrives ten intervals after the camera was opened, or later."""
    began = time.monotonic()
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


def folder_of(tmp_path: Path, *files: bytes) -> FolderCamera:
    """Return a camera for a folder with these files, not open yet."""
    for number, content in enumerate(files):
        (tmp_path / f"{number}.jpg").write_bytes(content)
    return FolderCamera(replace(QUICK, source="folder", folder=str(tmp_path), fps=200))


def take(camera: FolderCamera, count: int) -> list[bytes]:
    """Return the JPEGs of the next frames."""
    frames = []
    for _ in range(count):
        with camera.capture(5) as raw:
            frames.append(raw.jpeg)
    return frames


@pytest.mark.parametrize("broken", [b"", b"no JPEG", BASE[: len(BASE) // 2], BASE[: len(BASE) // 2] + EOI])
def test_a_broken_first_file_is_skipped(tmp_path: Path, broken: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The other files are delivered; the broken one is counted each time, and logged once."""
    camera = folder_of(tmp_path, broken, BASE, OTHER)
    assert camera.open().size == (320, 240)
    assert set(take(camera, 20)) == {BASE, OTHER}
    assert len(camera.take_damaged()) > 2
    assert camera.take_damaged() == ()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"{tmp_path / '0.jpg'} is skipped: ")


def test_a_file_without_end_among_others_is_damaged(tmp_path: Path) -> None:
    """Whether files end with EOI is learnt from the first ten frames, of however few files."""
    camera = folder_of(tmp_path, BASE, OTHER[:-2], FLAT)
    camera.open()
    take(camera, 12)
    camera.take_damaged()
    assert set(take(camera, 8)) == {BASE, FLAT}
    assert set(camera.take_damaged()) == {"cut off before the end marker (EOI)"}


def test_files_that_cannot_be_read_are_skipped(tmp_path: Path) -> None:
    """A named pipe does not block the camera thread, and a huge file is not read."""
    camera = folder_of(tmp_path, BASE, OTHER, FLAT)
    camera.open()
    (tmp_path / "0.jpg").unlink()
    os.mkfifo(tmp_path / "0.jpg")
    os.truncate(tmp_path / "2.jpg", 2**31)
    assert set(take(camera, 6)) == {OTHER}
    assert set(camera.take_damaged()) == {"is no file", "has 2048 MB, and 64 MB are the limit"}


def test_files_that_come_and_go_during_the_session(tmp_path: Path) -> None:
    """Removed files are left out without a word, and new ones are shown in the next round."""
    camera = folder_of(tmp_path, BASE, OTHER)
    camera.open()
    take(camera, 4)
    (tmp_path / "0.jpg").unlink()
    assert set(take(camera, 6)) == {OTHER}
    (tmp_path / "5.jpg").write_bytes(FLAT)
    take(camera, 2)
    assert set(take(camera, 6)) == {OTHER, FLAT}
    assert camera.take_damaged() == ()


def test_a_folder_without_a_whole_jpeg_is_an_error(tmp_path: Path) -> None:
    """The message names the first file and what is wrong with it; all are counted."""
    camera = folder_of(tmp_path, b"no picture", b"", BASE[:-500])
    with pytest.raises(CameraMissing, match=r"no \.jpg of the folder .* is whole, 0\.jpg: not a JPEG"):
        camera.open()
    assert camera.take_damaged() == ["not a JPEG", "empty", "cut off"]


def test_a_folder_without_a_whole_jpeg_does_not_fill_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The folder is tried again every few seconds; the error has what is wrong, so the files have no line each."""
    camera = folder_of(tmp_path, b"", b"no picture")
    for _ in range(2):
        with pytest.raises(CameraMissing):
            camera.open()
        camera.close()
    assert caplog.records == []


def test_any_file_name_can_be_read_in_messages(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A name may have bytes that are no UTF-8, or line ends; other letters than English ones stay as they are."""
    name = os.fsencode(tmp_path) + b"/\xc3\xbc\xff\n.jpg"
    Path(os.fsdecode(name)).write_bytes(b"")
    camera = folder_of(tmp_path)
    with pytest.raises(CameraMissing, match=re.escape(r"is whole, ü\udcff\n.jpg: empty")):
        camera.open()
    camera.close()
    camera = folder_of(tmp_path, BASE)
    camera.open()
    take(camera, 4)
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == rf"{tmp_path}/ü\udcff\n.jpg is skipped: empty"


def test_damaged_files_do_not_block_a_capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`capture` keeps its timeout while all files are damaged."""
    monkeypatch.setattr(frame_files, "CACHE_BYTES", 0)
    camera = folder_of(tmp_path, BASE)
    camera.open()
    (tmp_path / "0.jpg").write_bytes(b"damaged since then")
    with pytest.raises(NoFrame):
        camera.capture(0.05)
    assert set(camera.take_damaged()) == {"not a JPEG"}


def test_each_frame_has_the_size_of_its_file(tmp_path: Path) -> None:
    """The negotiated size is that of the first file."""
    sizes = ((64, 48), (48, 64), (80, 80))
    camera = folder_of(tmp_path, *(save(picture(size)) for size in sizes))
    assert camera.open().size == sizes[0]
    seen = set()
    for _ in range(12):
        with camera.capture(5) as raw:
            seen.add(raw.size)
            assert Image.open(BytesIO(raw.jpeg)).size == raw.size
    assert seen == set(sizes)


def test_a_file_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Later rounds only walk over the markers."""
    decoded = []
    check = jpeg.check

    def noted(data: bytes, *, tolerant: bool = True) -> None:
        decoded.append(data)
        check(data, tolerant=tolerant)

    monkeypatch.setattr(jpeg, "check", noted)
    camera = folder_of(tmp_path, BASE, OTHER, FLAT)
    camera.open()
    take(camera, 20)
    assert decoded == [BASE, OTHER, FLAT]


def test_a_file_that_changes_is_decoded_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if its length stays the same, as that of a file that is being written over."""
    monkeypatch.setattr(frame_files, "CACHE_BYTES", 0)
    camera = folder_of(tmp_path, BASE, OTHER)
    camera.open()
    assert set(take(camera, 6)) == {BASE, OTHER}
    damaged = OTHER[: len(OTHER) // 2] + EOI
    (tmp_path / "1.jpg").write_bytes(damaged + bytes(len(OTHER) - len(damaged)))
    assert set(take(camera, 6)) == {BASE}
    assert set(camera.take_damaged()) == {"cut off"}


@pytest.mark.parametrize("zeros", [1, 2])
def test_files_without_end_stay_whole_in_each_round(tmp_path: Path, zeros: int) -> None:
    """Whether zeros at the end are padding is found out each time."""
    whole = with_zeros(zeros)
    camera = folder_of(tmp_path, whole[:-2] + bytes(50))
    camera.open()
    assert take(camera, 12) == [whole] * 12
    assert camera.take_damaged() == ()


def test_the_setting_is_needed() -> None:
    """`cam0_source=folder` without a folder is an error in the settings."""
    with pytest.raises(SettingsError, match="cam0_folder must name the folder"):
        load({"cam0_source": "folder"}, file=Path("/dev/null"))
