"""A folder in which the newest file is shown as soon as it is complete."""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asyncinotify import Inotify, Mask

from soft_stream.cameras.base import CameraMissing, NoFrame
from soft_stream.cameras.folder import completed
from soft_stream.cameras.folder.camera import FolderCamera
from soft_stream.frames.raw import RawFrame
from tests.support.jpegs import BASE, FLAT, OTHER
from tests.support.server import QUICK

SOON = 20.0
NEVER = 0.2
OLD = 3600


def write(file: Path, data: bytes) -> None:
    """Write a file as a program that takes care: complete, and then moved to its name."""
    fresh = file.with_name("part")
    fresh.write_bytes(data)
    fresh.rename(file)


def age(file: Path, seconds: float) -> None:
    """Make a file older."""
    then = file.stat().st_mtime - seconds
    os.utime(file, (then, then))


def opened(folder: Path, **changes: Any) -> FolderCamera:
    """Open a driver for a folder with one new file."""
    write(folder / changes.get("folder_file", "first.jpg"), BASE)
    settings = replace(QUICK, source="folder", folder=str(folder), folder_mode="new", fps=100.0)
    camera = FolderCamera(replace(settings, **changes))
    camera.open()
    assert take(camera).jpeg == BASE
    return camera


def take(camera: FolderCamera, timeout: float = SOON) -> RawFrame:
    """Capture a frame."""
    with camera.capture(timeout) as raw:
        return raw.copy()


def test_each_new_file_is_shown(tmp_path: Path) -> None:
    """Whether it is written, moved or linked to its name; the bytes are those of the file."""
    camera = opened(tmp_path)
    (tmp_path / "a.jpg").write_bytes(OTHER)
    assert take(camera).jpeg == OTHER
    write(tmp_path / "b.JPEG", FLAT)
    assert take(camera).jpeg == FLAT
    age(tmp_path / "a.jpg", 5)
    (tmp_path / "c.jpg").symlink_to(tmp_path / "a.jpg")
    with pytest.raises(NoFrame):  # what it leads to is older than what was shown
        camera.capture(NEVER)
    (tmp_path / "d").write_bytes(BASE)
    (tmp_path / "d.jpg").hardlink_to(tmp_path / "d")
    assert take(camera).jpeg == BASE
    for name in ("notes.txt", ".hidden.jpg"):
        (tmp_path / name).write_bytes(OTHER)
    with pytest.raises(NoFrame):
        camera.capture(NEVER)
    assert camera.take_damaged() == ()


def test_of_several_new_files_the_newest_is_shown(tmp_path: Path) -> None:
    """Those before it are left out."""
    camera = opened(tmp_path)
    for name, data in (("1.jpg", OTHER), ("2.jpg", BASE), ("3.jpg", FLAT)):
        write(tmp_path / name, data)
    assert take(camera).jpeg == FLAT
    with pytest.raises(NoFrame):
        camera.capture(NEVER)


def test_a_half_written_file_is_not_shown(tmp_path: Path) -> None:
    """It is shown when the rest is there, also after a pause in which it was closed; it does not count as damaged."""
    camera = opened(tmp_path)
    with (tmp_path / "a.jpg").open("wb", buffering=0) as file:
        file.write(OTHER[: len(OTHER) // 2])
        with pytest.raises(NoFrame):
            camera.capture(NEVER)
    with pytest.raises(NoFrame):
        camera.capture(NEVER)
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(OTHER[len(OTHER) // 2 :])
    assert take(camera).jpeg == OTHER
    assert camera.take_damaged() == ()


def test_a_damaged_file_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that stays cut off is damaged, and logged once; one that was moved to its name is so at once."""
    camera = opened(tmp_path, folder_delete=True)
    write(tmp_path / "moved.jpg", OTHER[:-900])
    with pytest.raises(NoFrame):
        camera.capture(NEVER)
    assert camera.take_damaged() == ["cut off"]
    (tmp_path / "a.jpg").write_bytes(OTHER[:-900])
    damaged: list[str] = []
    while not damaged:
        with pytest.raises(NoFrame):
            camera.capture(NEVER)
        damaged += camera.take_damaged()
    assert damaged == ["cut off"]
    assert len([record for record in caplog.records if "a.jpg is skipped" in record.getMessage()]) == 1
    assert sorted(os.listdir(tmp_path)) == ["a.jpg", "moved.jpg"]  # so that somebody can look at them
    write(tmp_path / "b.jpg", FLAT)
    assert take(camera).jpeg == FLAT


def test_a_file_that_is_replaced_again_and_again(tmp_path: Path) -> None:
    """Each frame is whole while a program writes over the file, in place or by moving."""
    camera = opened(tmp_path, folder_file="newest")
    ended = threading.Event()

    def program() -> None:
        for number in range(10_000):
            if ended.wait(0.002):
                return
            (write if number % 2 else Path.write_bytes)(tmp_path / "newest", (BASE, OTHER, FLAT)[number % 3])

    writer = threading.Thread(target=program)
    writer.start()
    try:
        seen = [take(camera).jpeg for _ in range(100)]
    finally:
        ended.set()
        writer.join()
    assert set(seen) == {BASE, OTHER, FLAT}


def test_only_the_file_of_the_setting_is_shown(tmp_path: Path) -> None:
    """`folder_file` without another mode means each time that it is written, whatever its name is."""
    (tmp_path / "snap").write_bytes(OTHER)
    settings = replace(QUICK, source="folder", folder=str(tmp_path), folder_file="snap")
    camera = FolderCamera(settings)
    camera.open()
    assert take(camera).jpeg == OTHER
    write(tmp_path / "other.jpg", BASE)
    with pytest.raises(NoFrame):
        camera.capture(NEVER)
    write(tmp_path / "snap", FLAT)
    assert take(camera).jpeg == FLAT


def test_a_frame_is_as_old_as_its_file(tmp_path: Path) -> None:
    """That is when it was written, not when it was moved or read; a wrong clock gives the time of the discovery."""
    camera = opened(tmp_path, folder_interval=60.0)
    before = time.monotonic()
    for seconds, expected in ((-90, 0), (2 * OLD, 0), (0, 0)):
        fresh = tmp_path / "part"
        fresh.write_bytes(OTHER)
        age(fresh, seconds)
        fresh.rename(tmp_path / "a.jpg")
        assert before - expected <= take(camera).captured_at <= time.monotonic()
    (tmp_path / "part").write_bytes(OTHER)
    age(tmp_path / "part", 20)
    camera.close()
    (tmp_path / "first.jpg").unlink()
    (tmp_path / "part").rename(tmp_path / "a.jpg")
    camera = FolderCamera(camera._settings)
    negotiated = camera.open()
    assert time.monotonic() - 60 < take(camera).captured_at < time.monotonic() - 19
    assert negotiated.longest_interval == 60


def test_a_folder_without_a_new_file_is_a_missing_camera(tmp_path: Path) -> None:
    """The picture of a program that does not write any more is never live; the message says since when."""
    with pytest.raises(CameraMissing, match=r"has no \.jpg"):
        FolderCamera(replace(QUICK, source="folder", folder=str(tmp_path), folder_mode="new")).open()
    camera = opened(tmp_path)
    with pytest.raises(CameraMissing, match=r"no new \.jpg in the folder .* for \d s"):
        camera.restart()  # the file that was shown already does not count
    age(tmp_path / "first.jpg", OLD)
    again = FolderCamera(camera._settings)
    with pytest.raises(CameraMissing, match=r"no new \.jpg in the folder .* for 360\d s"):
        again.open()
    write(tmp_path / "a.jpg", OTHER)
    again.open()
    assert take(again).jpeg == OTHER


@pytest.mark.parametrize(
    "vanish",
    [
        lambda folder: folder.rename(folder.with_name("elsewhere")),
        lambda folder: (folder.rename(folder.with_name("elsewhere")), folder.mkdir()),
    ],
)
def test_a_folder_that_vanishes(tmp_path: Path, vanish: Callable[[Path], object]) -> None:
    """The session ends at once, also if another folder is there instead."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    camera = opened(folder)
    vanish(folder)
    with pytest.raises(CameraMissing, match=r"moved, deleted or unmounted|No such file"):
        camera.capture(SOON)


def test_files_are_shown_at_most_at_the_rate_of_the_settings(tmp_path: Path) -> None:
    """`fps` is the delay: the newest file waits for its time, and is not lost."""
    camera = opened(tmp_path, fps=2.0)
    write(tmp_path / "a.jpg", BASE)
    take(camera)
    began = time.monotonic()
    write(tmp_path / "b.jpg", OTHER)
    with pytest.raises(NoFrame):
        camera.capture(0.1)
    write(tmp_path / "c.jpg", FLAT)
    assert take(camera).jpeg == FLAT
    assert time.monotonic() - began > 0.4


@pytest.mark.parametrize("fault", ["no inotify", "no events"])
def test_new_files_are_found_without_events(
    tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Network file systems send none, and the number of watches is limited: the folder is looked at each second."""
    monkeypatch.setattr(completed, "LOOK_AFTER", 0.05)
    if fault == "no inotify":

        def refuse(*_: object) -> None:
            raise OSError(24, "Too many open files")

        monkeypatch.setattr(Inotify, "add_watch", refuse)
    else:
        monkeypatch.setattr(completed, "EVENTS", Mask.ATTRIB)
    camera = opened(tmp_path)
    for data in (OTHER, FLAT):
        write(tmp_path / "a.jpg", data)
        assert take(camera).jpeg == data
    with (tmp_path / "b.jpg").open("wb", buffering=0) as file:
        file.write(OTHER[:1000])
        with pytest.raises(NoFrame):
            camera.capture(NEVER)
        file.write(OTHER[1000:])
        assert take(camera).jpeg == OTHER
    with pytest.raises(NoFrame):
        camera.capture(1.0)
    assert camera.take_damaged() == ()
    assert ("inotify is not available (Too many open files)" in caplog.text) == (fault == "no inotify")


def test_more_files_than_events_fit(tmp_path: Path) -> None:
    """After the queue of inotify has overflowed, the newest file is still found."""
    camera = opened(tmp_path)
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with (tmp_path / "a.jpg").open("wb"):
        pass
    for number in range(limit // 2 + 100):
        os.link(tmp_path / "a.jpg", tmp_path / "b.jpg")
        os.rename(tmp_path / "b.jpg", tmp_path / f"{number % 7}.jpg")
        (tmp_path / f"{number % 7}.jpg").unlink()
    write(tmp_path / "newest.jpg", FLAT)
    assert take(camera).jpeg == FLAT
