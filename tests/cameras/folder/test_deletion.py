"""Files that are deleted after they were read, and the ends of `once` and of a folder whose files are used up."""

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from soft_stream.cameras.base import CameraMissing, NoFrame, NotLive
from soft_stream.cameras.folder.camera import FolderCamera
from soft_stream.cameras.folder.directory import Directory
from soft_stream.frames.raw import RawFrame
from tests.cameras.folder.test_new_files import NEVER, take, write
from tests.support.jpegs import BASE, FLAT, OTHER
from tests.support.server import QUICK


def opened(folder: Path, *files: bytes, **changes: Any) -> FolderCamera:
    """Open a driver for a folder with these files, which deletes."""
    for number, content in enumerate(files):
        (folder / f"{number}.jpg").write_bytes(content)
    settings = replace(QUICK, source="folder", folder=str(folder), folder_delete=True, fps=100.0)
    camera = FolderCamera(replace(settings, **changes))
    camera.open()
    return camera


@pytest.mark.parametrize("mode", ["loop", "once"])
def test_each_file_is_shown_and_then_deleted(tmp_path: Path, mode: str) -> None:
    """None is skipped, however late the reader is; nothing is deleted before it was read."""
    camera = opened(tmp_path, BASE, OTHER, FLAT, folder_mode=mode)
    assert len(os.listdir(tmp_path)) == 3
    for left, data in ((2, BASE), (1, OTHER), (0, FLAT)):
        assert take(camera).jpeg == data
        assert len(os.listdir(tmp_path)) == left
        time.sleep(0.05)  # five intervals


def test_a_folder_whose_files_are_used_up(tmp_path: Path) -> None:
    """There is no frame until a new file appears; to open it again is an error until then."""
    camera = opened(tmp_path, BASE, OTHER)
    assert [take(camera).jpeg for _ in range(2)] == [BASE, OTHER]
    with pytest.raises(NoFrame):
        camera.capture(NEVER)
    (tmp_path / "a.jpg").write_bytes(FLAT)
    assert take(camera).jpeg == FLAT
    with pytest.raises(CameraMissing, match=r"has no \.jpg"):
        camera.restart()


def test_a_file_that_is_still_written_waits_for_its_turn(tmp_path: Path) -> None:
    """It is neither shown nor deleted nor reported before it is whole."""
    camera = opened(tmp_path, BASE)
    take(camera)
    (tmp_path / "a.jpg").write_bytes(OTHER[:900])
    with pytest.raises(NoFrame):
        camera.capture(NEVER)
    assert camera.take_damaged() == ()
    (tmp_path / "a.jpg").write_bytes(OTHER)
    assert take(camera).jpeg == OTHER
    assert os.listdir(tmp_path) == []


def test_once_ends_with_the_last_file(tmp_path: Path) -> None:
    """Then the driver says why there is no live frame, each time; nothing begins again."""
    camera = opened(tmp_path, BASE, OTHER, folder_mode="once", folder_delete=False)
    assert [take(camera).jpeg for _ in range(2)] == [BASE, OTHER]
    for _ in range(2):
        with pytest.raises(NotLive, match=f"all files of the folder {tmp_path} have been shown"):
            camera.capture(0.05)
    assert sorted(os.listdir(tmp_path)) == ["0.jpg", "1.jpg"]


def test_new_files_are_deleted_too(tmp_path: Path) -> None:
    """The one that was shown, and those that it has overtaken; files from before the opening stay."""
    (tmp_path / "old.jpg").write_bytes(FLAT)
    os.utime(tmp_path / "old.jpg", (0, 0))
    camera = opened(tmp_path, BASE, folder_mode="new")
    assert take(camera).jpeg == BASE
    assert os.listdir(tmp_path) == ["old.jpg"]
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        write(tmp_path / name, OTHER)
    (tmp_path / "notes.txt").write_text("not a picture")
    assert take(camera).jpeg == OTHER
    assert sorted(os.listdir(tmp_path)) == ["notes.txt", "old.jpg"]


@pytest.mark.parametrize("mode", ["loop", "new"])
def test_nothing_outside_the_folder_is_deleted(tmp_path: Path, mode: str) -> None:
    """A link is shown, and stays; so does what it leads to."""
    folder, other = tmp_path / "folder", tmp_path / "other.jpg"
    folder.mkdir()
    other.write_bytes(OTHER)
    (folder / "link.jpg").symlink_to(other)
    camera = opened(folder, folder_mode=mode)
    assert take(camera).jpeg == OTHER
    assert other.read_bytes() == OTHER
    assert (folder / "link.jpg").is_symlink()


def test_a_folder_that_was_exchanged_for_a_link(tmp_path: Path) -> None:
    """Its files are not read, and not deleted."""
    folder, other = tmp_path / "folder", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    camera = opened(folder, BASE, OTHER)
    take(camera)
    (other / "1.jpg").write_bytes(FLAT)
    folder.rename(tmp_path / "moved")
    folder.symlink_to(other)
    with pytest.raises(CameraMissing, match="moved"):
        camera.capture(5)
    assert os.listdir(other) == ["1.jpg"]
    assert os.listdir(tmp_path / "moved") == ["1.jpg"]


def test_a_file_that_was_replaced_after_it_was_read_stays(tmp_path: Path) -> None:
    """Only what was read is deleted."""
    write(tmp_path / "a.jpg", BASE)
    directory = Directory(tmp_path)
    _, stamp = directory.read("a.jpg")
    write(tmp_path / "a.jpg", OTHER)
    directory.delete("a.jpg", stamp)
    assert (tmp_path / "a.jpg").read_bytes() == OTHER
    _, stamp = directory.read("a.jpg")
    directory.delete("a.jpg", stamp)
    directory.delete("a.jpg", stamp)  # somebody else may have done it
    directory.close()
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One line says so; the files are shown again and again."""

    def refuse(path: str, *, dir_fd: int) -> None:
        raise OSError(30, "Read-only file system", path)

    monkeypatch.setattr(os, "unlink", refuse)
    camera = opened(tmp_path, BASE, OTHER)
    assert [take(camera).jpeg for _ in range(5)] == [BASE, OTHER, BASE, OTHER, BASE]
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"{tmp_path / '0.jpg'} cannot be deleted after it was read: Read-only file system"


def test_thousands_of_files(tmp_path: Path) -> None:
    """All are shown in the order of their numbers."""
    for number in range(3000):
        (tmp_path / f"{number}.jpg").write_bytes(BASE)
    camera = opened(tmp_path, fps=240.0, folder_delete=False, folder_mode="once")
    assert isinstance(take(camera), RawFrame)
    (tmp_path / "1.jpg").write_bytes(OTHER)
    assert take(camera).jpeg == OTHER
