"""The units with the names of the previous program's units, and the files of that program."""

from pathlib import Path

import pytest
from rollout import names

from tests.support.checkout import ROOT

WANTS = "camera-soft-cam.target.wants"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """Return a folder for the units of the owner."""
    folder = tmp_path / "etc"
    folder.mkdir()
    return folder


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """Return a folder with the units of camera 0 and 12, as a rollout installs them."""
    folder = tmp_path / "units"
    for path, text in names.files(ROOT, [0, 12], folder).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text or "")
    return folder


def put(path: Path, text: str = "[Service]\nExecStart=/usr/bin/python3 /srv/soft-stream.py\n") -> Path:
    """Write a file in a new folder."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


def link(path: Path, target: str) -> Path:
    """Create a link in a new folder."""
    path.parent.mkdir(exist_ok=True)
    path.symlink_to(target)
    return path


def test_each_camera_has_a_name(units: Path) -> None:
    """A camera has a unit with its older name and a drop-in; a camera that is not configured has neither."""
    expected = {units / "camera-soft-cam0.service", units / "camera-soft-cam@0.service.d/name.conf"}
    files = names.files(ROOT, [0], units)
    assert {path for path, text in files.items() if text} == expected
    assert {path.name for path, text in files.items() if text is None} == {"camera-soft-cam12.service", "name.conf"}
    texts = [text for text in files.values() if text]
    assert all("camera-soft-cam" in text and "NUMBER" not in text for text in texts)
    assert "Wants=camera-soft-cam@12.service" in (units / "camera-soft-cam12.service").read_text()


def test_our_unit_is_not_the_previous_program(etc: Path, units: Path) -> None:
    """A unit belongs to the previous program unless it controls our unit; the first folder of systemd decides."""
    searched = (etc, units)
    assert names.is_ours(0, searched)
    assert not names.is_ours(7, searched)
    edited = (units / "camera-soft-cam0.service").read_text() + "[Service]\nTimeoutStopSec=60\n"
    put(etc / "camera-soft-cam0.service", edited)
    assert names.is_ours(0, searched)
    (etc / "camera-soft-cam0.service").write_bytes(b"[Unit]\nDescription=K\xfcche\n")
    assert not names.is_ours(0, searched)


def test_a_masked_name_is_not_the_previous_program(etc: Path, units: Path) -> None:
    """A mask hides the unit of its owner; without a unit there is nothing of ours."""
    for number in (0, 7):
        link(etc / f"camera-soft-cam{number}.service", "/dev/null")
    assert names.is_ours(0, (etc, units))
    assert not names.is_ours(7, (etc, units))


def test_the_files_of_the_previous_program_are_moved(etc: Path, tmp_path: Path) -> None:
    """The unit, its drop-ins and the links to it are moved; masks, our links, and units of other cameras are not."""
    unit = put(etc / "camera-soft-cam0.service")
    drop_ins = put(etc / "camera-soft-cam0.service.d/local.conf").parent
    enabled = link(etc / "multi-user.target.wants/camera-soft-cam0.service", str(unit))
    alias = link(etc / "printer-camera.service", str(unit))
    link(etc / WANTS / "camera-soft-cam0.service", "/usr/local/lib/systemd/system/camera-soft-cam0.service")
    put(etc / "camera-soft-cam10.service")
    put(etc / "camera-soft-cam@0.service.d/mine.conf")
    link(etc / "camera-soft-cam1.service", "/dev/null")
    kept = tmp_path / "kept"
    moved = names.moves({0, 1}, etc, kept)
    assert {source for source, _ in moved} == {unit, drop_ins, enabled, alias}
    assert all(place == kept / "1" / source.relative_to(etc) for source, place in moved)
    (kept / "1").mkdir(parents=True)
    assert {place.relative_to(kept).parts[0] for _, place in names.moves({0}, etc, kept)} == {"2"}


def test_a_name_is_enabled_as_its_camera_is(etc: Path, units: Path) -> None:
    """Names of enabled cameras become enabled, others disabled; a name without a unit is no longer wanted."""
    wants = etc / WANTS
    link(wants / "camera-soft-cam@0.service", "/usr/local/lib/systemd/system/camera-soft-cam@.service")
    link(wants / "camera-soft-cam@3.service", "/usr/local/lib/systemd/system/camera-soft-cam@.service")
    for number in (3, 12):
        link(
            wants / f"camera-soft-cam{number}.service", f"/usr/local/lib/systemd/system/camera-soft-cam{number}.service"
        )
    for _ in range(2):
        names.keep_enabled_in_step(etc, [units])
        found = {path.name for path in wants.iterdir()}
        assert found == {"camera-soft-cam0.service", "camera-soft-cam@0.service", "camera-soft-cam@3.service"}
    assert (wants / "camera-soft-cam0.service").readlink() == units / "camera-soft-cam0.service"
    for name in ("camera-soft-cam@0.service", "camera-soft-cam@3.service"):
        (wants / name).unlink()
    names.keep_enabled_in_step(etc, [units])
    assert not wants.exists()


def test_empty_folders_are_removed(tmp_path: Path) -> None:
    """Empty folders are removed up to the top one; a folder with files stays, and so do those above."""
    top = tmp_path / "replaced-units"
    inner = top / "1/multi-user.target.wants"
    inner.mkdir(parents=True)
    put(top / "1/file")
    names.remove_empty(inner, top)
    assert [path.name for path in top.rglob("*")] == ["1", "file"]
    (top / "1/file").unlink()
    names.remove_empty(top / "1", top)
    assert not top.exists()
    names.remove_empty(tmp_path, top)
    assert tmp_path.exists()
