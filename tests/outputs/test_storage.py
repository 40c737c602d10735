"""The ring of numbered files in a folder."""

import errno
import os
from pathlib import Path

import pytest

from soft_stream.outputs import storage
from soft_stream.outputs.storage import Limits, Storage

AT = 1_780_000_000.0


def names(folder: Path) -> list[str]:
    """Return the names in a folder, the numbers of files of a ring only."""
    return sorted(
        each.name[5:15].lstrip("0") if each.name.startswith("cam0-") else each.name for each in folder.iterdir()
    )


def ring(folder: Path, **limits: int) -> Storage:
    """Return the files of camera 0."""
    return Storage(folder, "cam0", Limits(**limits, setting="cam0_save"))


def test_a_ring_by_number(tmp_path: Path) -> None:
    """The oldest files are deleted above the number of files."""
    files = ring(tmp_path, files=3)
    for number in range(5):
        files.add(b"%d" % number, "jpg", AT)
    assert names(tmp_path) == ["3", "4", "5"]
    assert [each.read_bytes() for each in sorted(tmp_path.iterdir())] == [b"2", b"3", b"4"]


def test_a_ring_by_size(tmp_path: Path) -> None:
    """The oldest files are deleted above the size of all files."""
    files = ring(tmp_path, size=1000)
    for _ in range(5):
        files.add(b"x" * 400, "jpg", AT)
    assert names(tmp_path) == ["4", "5"]


@pytest.mark.parametrize("is_restarted", [False, True])
def test_a_ring_by_size_of_files_that_grow(tmp_path: Path, is_restarted: bool) -> None:
    """No more files are deleted than necessary, also if they have grown since they were begun."""
    files, current = ring(tmp_path, size=1000), None
    for number in range(200):
        if number % 5 == 0:
            current = None
        if is_restarted and number == 52:
            files = ring(tmp_path, size=1000)
        current = files.append(current, b"x" * 20, "mjpeg", AT)
        if number >= 50:
            assert 900 < sum(each.stat().st_size for each in tmp_path.iterdir()) <= 1000


def test_a_ring_goes_on_after_a_restart_and_a_wrong_clock(tmp_path: Path) -> None:
    """Existing files count, and the order of the numbers decides, not that of the dates."""
    ring(tmp_path, files=3).add(b"a", "jpg", AT)
    ring(tmp_path, files=3).add(b"b", "jpg", 0.0)  # a Raspberry Pi without a network
    files = ring(tmp_path, files=3)
    files.add(b"c", "mjpeg", AT)
    files.add(b"d", "jpg", AT)
    assert names(tmp_path) == ["2", "3", "4"]


def test_only_our_own_files_are_deleted(tmp_path: Path) -> None:
    """Files with other names, files of other cameras, folders and links stay, and do not count."""
    others = ["holiday.jpg", "cam1-0000000001-20260101-000000.jpg", "cam0-1-20260101-000000.jpg", ".hidden"]
    for name in others:
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "cam0-0000000001-20260101-000000.jpg").mkdir()
    (tmp_path / "cam0-0000000002-20260101-000000.jpg").symlink_to("holiday.jpg")
    before = set(tmp_path.iterdir())
    files = ring(tmp_path, files=1)
    for _ in range(3):
        files.add(b"y", "jpg", AT)
    assert len(set(tmp_path.iterdir()) - before) == 1
    assert before < set(tmp_path.iterdir())


def test_more_files_than_names_that_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ring that is larger than the list of the oldest files keeps exactly its newest ones."""
    monkeypatch.setattr(storage, "KNOWN_FILES", 4)
    files = ring(tmp_path, files=10)
    for _ in range(50):
        files.add(b"x", "jpg", AT)
    assert sorted(map(int, names(tmp_path))) == [*range(41, 51)]


def test_files_that_the_owner_deletes(tmp_path: Path) -> None:
    """Files that somebody else has deleted make room for new ones."""
    files = ring(tmp_path, files=4)
    for _ in range(4):
        files.add(b"x", "jpg", AT)
    for each in sorted(tmp_path.iterdir())[:3]:
        each.unlink()
    for _ in range(3):
        files.add(b"x", "jpg", AT)
    assert names(tmp_path) == ["4", "5", "6", "7"]


def test_a_file_is_complete_when_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a file is written it has another name, and an error leaves nothing behind."""
    files, seen, write = ring(tmp_path), list[list[str]](), os.write

    def half_full(descriptor: int, content: bytes) -> int:
        seen.append(names(tmp_path))
        if len(seen) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, content[:1])

    monkeypatch.setattr(os, "write", half_full)
    with pytest.raises(OSError, match="No space left"):
        files.add(b"xyz", "jpg", AT)
    assert seen == [[f".cam0.{os.getpid()}.new"]] * 2
    assert names(tmp_path) == []
    monkeypatch.undo()
    assert files.add(b"xyz", "jpg", AT).read_bytes() == b"xyz"


def test_what_a_killed_process_leaves(tmp_path: Path) -> None:
    """The temporary file of a process that was killed is removed, and so are empty files of a power cut."""
    (tmp_path / ".cam0.1.new").write_bytes(b"half")
    os.utime(tmp_path / ".cam0.1.new", (AT, AT))
    (tmp_path / "cam0-0000000007-20260101-000000.jpg").touch()
    ring(tmp_path).add(b"x", "jpg", AT)
    assert names(tmp_path) == ["1"]


def test_what_another_process_writes(tmp_path: Path) -> None:
    """A file that another process of the camera is writing now stays as it is."""
    (tmp_path / ".cam0.1.new").write_bytes(b"half")
    ring(tmp_path).add(b"x", "jpg", AT)
    assert names(tmp_path) == [".cam0.1.new", "1"]


def test_a_half_written_part_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An append that fails leaves the file as it was; a new file that fails is removed."""
    files, write = ring(tmp_path), os.write
    file = files.append(None, b"first", "mjpeg", AT)

    def full(descriptor: int, content: bytes) -> int:
        if len(content) == 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, content[:-1])

    monkeypatch.setattr(os, "write", full)
    for target in (file, None):
        with pytest.raises(OSError, match="No space left"):
            files.append(target, b"second", "mjpeg", AT)
        assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"first"]
    monkeypatch.undo()
    files.append(file, b"third", "mjpeg", AT)
    assert file.read_bytes() == b"firstthird"


def test_the_newest_file_has_a_second_name(tmp_path: Path) -> None:
    """The name moves to each new file at once, and outlives a file of the ring."""
    files = ring(tmp_path, files=1)
    (tmp_path / "newest.jpg").write_bytes(b"of another program")
    for content in (b"a", b"b"):
        files.link(files.add(content, "jpg", AT), "newest.jpg", content)
        assert (tmp_path / "newest.jpg").read_bytes() == content
    assert names(tmp_path) == ["2", "newest.jpg"]


def test_a_second_name_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system without hard links, such as FAT, the newest file is written twice."""
    files = ring(tmp_path)
    file = files.add(b"a", "jpg", AT)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    files.link(file, "newest.jpg", b"a")
    assert (tmp_path / "newest.jpg").read_bytes() == b"a"
    assert (tmp_path / "newest.jpg").stat().st_nlink == 1


def test_space_stays_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written while the disk has less free space than the reserve, at most a tenth of the disk."""
    real = os.statvfs(tmp_path)

    def disk(blocks: int, free: int) -> None:
        fields = list(real)
        fields[1], fields[2], fields[4] = 1000, blocks, free  # f_frsize, f_blocks, f_bavail
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))

    files = ring(tmp_path, reserve=200_000_000)
    disk(blocks=10_000_000, free=199_999)
    sentence = "only 200 MB are free on its disk, and cam0_save_reserve keeps 200 MB free"
    with pytest.raises(OSError, match=sentence):
        files.add(b"x", "jpg", AT)
    assert names(tmp_path) == []
    disk(blocks=100_000, free=10_001)
    files.add(b"x", "jpg", AT)
    assert names(tmp_path) == ["1"]


def test_a_frame_that_is_larger_than_the_ring(tmp_path: Path) -> None:
    """A file that alone is above the limit deletes nothing, and the error names the setting."""
    files = ring(tmp_path, size=10)
    files.add(b"x", "jpg", AT)
    with pytest.raises(OSError, match="a frame has 11 bytes, and cam0_save_size allows 10"):
        files.add(b"x" * 11, "jpg", AT)
    assert names(tmp_path) == ["1"]


def test_a_folder_that_is_missing_and_returns(tmp_path: Path) -> None:
    """A folder is never created: it may be one that is not mounted. When it is there again the numbers go on."""
    folder = tmp_path / "frames"
    files = ring(folder, files=2)
    with pytest.raises(OSError, match="the folder does not exist"):
        files.add(b"x", "jpg", AT)
    assert not folder.exists()
    folder.mkdir()
    files.add(b"x", "jpg", AT)
    folder.rename(tmp_path / "moved")
    with pytest.raises(OSError, match="the folder does not exist"):
        files.add(b"x", "jpg", AT)
    folder.mkdir()
    files.add(b"x", "jpg", AT)
    assert names(folder) == ["2"]
