"""The file of a snapshot: whole or not there, and never instead of something that is no file."""

import os
import socket
import stat
import time
from pathlib import Path

import pytest

from soft_stream.cli import image_file
from soft_stream.cli.image_file import CannotWrite, check, write, write_dated


def names(folder: Path) -> list[str]:
    """List a folder, with what is hidden."""
    return sorted(each.name for each in folder.iterdir())


def test_a_new_file(tmp_path: Path) -> None:
    """It has the mode that the umask gives, and nothing is left beside it."""
    mask = os.umask(0o027)
    try:
        write(tmp_path / "bed.jpg", b"new")
    finally:
        os.umask(mask)
    assert (tmp_path / "bed.jpg").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "bed.jpg").stat().st_mode) == 0o640
    assert names(tmp_path) == ["bed.jpg"]


def test_a_file_is_replaced(tmp_path: Path) -> None:
    """It keeps its mode; who has opened it before still reads the old one."""
    file = tmp_path / "bed.jpg"
    file.write_bytes(b"old")
    file.chmod(0o604)
    with file.open("rb") as before:
        write(file, b"new")
        assert before.read() == b"old"
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", 0o604)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")
def test_root_keeps_the_owner(tmp_path: Path) -> None:
    """Otherwise the owner could not change the file any more."""
    file = tmp_path / "bed.jpg"
    file.write_bytes(b"old")
    os.chown(file, 1234, 2345)
    write(file, b"new")
    assert (file.stat().st_uid, file.stat().st_gid) == (1234, 2345)


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    """A folder, a pipe, a socket, a device, and a link, wherever it leads to."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "precious").write_bytes(b"precious")
    (tmp_path / "link").symlink_to("precious")
    (tmp_path / "dangling").symlink_to("nothing")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        before = names(tmp_path)
        for name in ("folder", "pipe", "socket", "link", "dangling", "/dev/null"):
            with pytest.raises(CannotWrite, match="not a regular file"):
                check(tmp_path / name)
            with pytest.raises(CannotWrite, match="not a regular file"):
                write(tmp_path / name, b"new")
    assert names(tmp_path) == before
    assert (tmp_path / "precious").read_bytes() == b"precious"


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    """The sentence names it; a file in place of the folder is none either."""
    (tmp_path / "file").touch()
    with pytest.raises(CannotWrite, match=f"there is no folder {tmp_path}/none"):
        check(tmp_path / "none" / "bed.jpg")
    with pytest.raises(CannotWrite, match="Not a directory"):
        check(tmp_path / "file" / "bed.jpg")
    with pytest.raises(CannotWrite, match="File name too long"):
        check(tmp_path / ("x" * 300))


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written beside it is removed."""

    def full(_: int) -> None:
        raise OSError(28, os.strerror(28))

    file = tmp_path / "bed.jpg"
    file.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space left on device"):
        write(file, b"new")
    assert (names(tmp_path), file.read_bytes()) == (["bed.jpg"], b"old")


def test_an_interruption_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while it is written."""

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "bed.jpg", b"new")
    assert names(tmp_path) == []


@pytest.mark.parametrize("has_links", [True, False])
def test_dated_files_never_replace_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, has_links: bool) -> None:
    """Three of one second have three names, also where the file system has no hard links."""

    def link(*_: object) -> None:
        raise PermissionError(1, os.strerror(1))

    if not has_links:
        monkeypatch.setattr(os, "link", link)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda _: "20261130-160000")
    (tmp_path / "cam0-20261130-160000-2.jpg").symlink_to("nothing")
    files = [write_dated("cam0", content) for content in (b"1", b"2", b"3")]
    assert [str(file) for file in files] == [
        "cam0-20261130-160000.jpg",
        "cam0-20261130-160000-3.jpg",
        "cam0-20261130-160000-4.jpg",
    ]
    assert [file.read_bytes() for file in files] == [b"1", b"2", b"3"]
    assert len(names(tmp_path)) == 4


def test_the_name_of_a_dated_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the local time, so that names are in the order of time."""
    monkeypatch.chdir(tmp_path)
    before = time.strftime("cam7-%Y%m%d-%H%M%S")
    name = image_file.write_dated("cam7", b"").stem
    assert before <= name <= time.strftime("cam7-%Y%m%d-%H%M%S")
