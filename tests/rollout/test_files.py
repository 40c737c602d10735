"""The rollout's handling of files, units of the previous program, and nginx sites."""

import grp
import os
from pathlib import Path

import pytest
from rollout.system import RolloutError, changed_files, let_group_read, read, write


def test_only_what_differs_is_written(tmp_path: Path) -> None:
    """An unchanged file is left alone, and so is a missing file that must not exist."""
    same, other, gone = tmp_path / "same", tmp_path / "other", tmp_path / "gone"
    same.write_text("a")
    other.write_text("b")
    assert changed_files({same: "a", other: "c", gone: None}) == {other: "c"}


def test_files_are_written_whole_and_removed(tmp_path: Path) -> None:
    """A script is executable, other files are readable by all; None removes a file and its folder."""
    unit, script = tmp_path / "camera-soft-cam@.service.d/a.conf", tmp_path / "bin/run"
    write({unit: "text", script: "#!/bin/sh\n"})
    assert (unit.read_text(), unit.stat().st_mode & 0o777, script.stat().st_mode & 0o777) == ("text", 0o644, 0o755)
    assert list(unit.parent.iterdir()) == [unit]
    write({unit: None, script: None})
    assert not unit.parent.exists()
    assert (tmp_path / "bin").exists()


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    """A file that is rewritten keeps its mode, and a symbolic link keeps its target."""
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_text("a")
    file.chmod(0o640)
    link.symlink_to(file)
    write({link: "b"})
    assert (link.is_symlink(), file.read_text(), file.stat().st_mode & 0o777) == (True, "b", 0o640)


@pytest.mark.parametrize(("mode", "readable"), [(0o600, 0o640), (0o640, 0o640), (0o644, 0o644)])
def test_the_service_can_read_the_settings(tmp_path: Path, mode: int, readable: int) -> None:
    """A settings file that only root may read gets the group of the service, and no further rights."""
    file = tmp_path / "settings"
    file.touch()
    file.chmod(mode)
    let_group_read(file, grp.getgrgid(os.getegid()).gr_name)
    assert (file.stat().st_mode & 0o777, file.stat().st_gid) == (readable, os.getegid())


def test_the_settings_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    """The mark of a Windows editor is not part of the first key; a file that is not text is an error."""
    file = tmp_path / "settings"
    file.write_bytes("\ufeffcam0_name=Garten\r\n".encode())
    assert read(file) == "cam0_name=Garten\n"
    file.write_bytes(b"cam0_name=\xe4")
    with pytest.raises(RolloutError, match="not UTF-8 text"):
        read(file)
