"""The thumbnail: what it shows, how old it says it is, and what keeps it over restarts."""

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Any

import pytest
import simplejpeg
from PIL import Image

from soft_stream.capture import thumbnail, thumbnail_file
from soft_stream.capture.status import CameraStatus, State
from soft_stream.capture.subscribers import Subscribers
from soft_stream.capture.thumbnail import Thumbnails
from soft_stream.config.settings import Settings
from soft_stream.frames import jpeg
from soft_stream.frames.frame import Frame
from soft_stream.frames.rendition import ORIGINAL, Rendition
from tests.support.jpegs import save

LARGE = (1280, 720)


def jpeg_of(size: tuple[int, int], brightness: int) -> bytes:
    """Return a JPEG of one grey."""
    return save(Image.new("RGB", size, (brightness,) * 3))


def frame(number: int, *, size: tuple[int, int] = LARGE, age: float = 0.0, **changes: bytes) -> Frame:
    """Return a frame of some age, whose brightness is its number."""
    captured = time.monotonic() - age
    return Frame(changes.get("content", jpeg_of(size, number)), number, size, captured, captured)


class Camera:
    """The thumbnails of a camera, with what they depend on."""

    def __init__(self, folder: Path | None = None, *, keep: bool = False) -> None:
        settings = Settings(source="test-pattern", state_directory=folder, thumbnail_keep=keep)
        self.status, self.subscribers = CameraStatus(settings), Subscribers()
        self.thumbnails = Thumbnails(settings, self.status, self.subscribers)

    @classmethod
    async def of_new_process(cls, folder: Path, *, keep: bool = True) -> "Camera":
        """Return the camera of a process that has looked for the file of an earlier one."""
        camera = cls(folder, keep=keep)
        camera.thumbnails.begin()
        await camera.thumbnails.newest()
        return camera

    async def close(self) -> None:
        """End a session, and wait until its thumbnail is made."""
        self.thumbnails.keep()
        self.subscribers.clear_frames()
        await self.thumbnails.newest()

    async def close_and_write(self) -> None:
        """End a session, and wait until the task that writes its thumbnail, if there is one, has ended."""
        await self.close()
        await asyncio.gather(*(each for each in asyncio.all_tasks() if each.get_name() == "thumbnail file"))


def files(folder: Path) -> list[os.stat_result]:
    """List the files of a folder."""
    return [each.stat() for each in folder.iterdir()]


def brightness(small: bytes) -> int:
    """Return the mean brightness of a JPEG, which is the number of its frame."""
    return round(float(simplejpeg.decode_jpeg(small, "GRAY").mean()))


@pytest.mark.parametrize(
    ("size", "small"),
    [
        ((1280, 720), (480, 270)),
        ((4608, 2592), (576, 324)),
        ((720, 1280), (270, 480)),
        ((640, 480), (480, 360)),
        ((320, 240), (320, 240)),
    ],
)
async def test_the_last_frame_is_kept_small(size: tuple[int, int], small: tuple[int, int]) -> None:
    """The last frame stays when the camera closes, with its aspect ratio and less than 40 kB."""
    camera = Camera()
    for number in (50, 90):
        camera.subscribers.note(frame(number, size=size), ORIGINAL)
    await camera.close()
    last = camera.thumbnails.last
    assert last
    assert last.size == simplejpeg.decode_jpeg_header(last.jpeg)[1::-1] == small
    assert brightness(last.jpeg) == pytest.approx(90, abs=2)
    assert len(last.jpeg) < 40_000


async def test_a_turned_rendition_is_no_thumbnail() -> None:
    """A frame that was turned for one client is not shown to others; a narrower one, or a still, may be."""
    camera = Camera()
    camera.subscribers.note(frame(50), Rendition(width=640))
    camera.subscribers.note(frame(90), Rendition(rotation=90))
    await camera.close()
    assert camera.thumbnails.last
    assert brightness(camera.thumbnails.last.jpeg) == pytest.approx(50, abs=2)
    camera.subscribers.newest_stills = {ORIGINAL: frame(130), Rendition(rotation=180): frame(170)}
    await camera.close()
    assert brightness(camera.thumbnails.last.jpeg) == pytest.approx(130, abs=2)


async def test_the_age_is_that_of_the_capture() -> None:
    """The age is not counted from when the thumbnail was made or asked for."""
    camera = Camera()
    camera.subscribers.note(frame(50, age=3000), ORIGINAL)
    await camera.close()
    last = await camera.thumbnails.newest()
    assert last
    assert 3000 <= last.age < 3100
    assert last.timestamp == pytest.approx(time.time() - last.age, abs=1)


async def test_a_damaged_frame_leaves_the_thumbnail_before(caplog: pytest.LogCaptureFixture) -> None:
    """A webcam's damaged last frame replaces nothing, and is counted."""
    camera = Camera()
    camera.subscribers.note(frame(50), ORIGINAL)
    await camera.close()
    camera.subscribers.note(frame(90, content=jpeg_of(LARGE, 90)[:400]), ORIGINAL)
    await camera.close()
    assert camera.thumbnails.last
    assert brightness(camera.thumbnails.last.jpeg) == pytest.approx(50, abs=2)
    assert camera.status.counters.damaged == 1


async def test_requests_share_one_thumbnail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many requests at once make one JPEG, and a client that leaves takes it from no other."""
    made = list[int]()
    original = jpeg.make_small

    def make_small(*facts: Any) -> Any:
        made.append(1)
        time.sleep(0.05)
        return original(*facts)

    monkeypatch.setattr(jpeg, "make_small", make_small)
    camera = Camera()
    camera.status.set_state(State.STREAMING, "test")
    camera.subscribers.note(frame(50), ORIGINAL)
    requests = [asyncio.create_task(camera.thumbnails.newest()) for _ in range(20)]
    await asyncio.sleep(0.01)
    requests[0].cancel()
    answers = await asyncio.gather(*requests[1:])
    assert len({id(each) for each in answers}) == len(made) == 1
    assert answers[0] is camera.thumbnails.last is not None


async def test_an_open_camera_without_frames_leaves_the_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request to a camera that hangs is answered after a moment, with the old frame and its age."""
    monkeypatch.setattr(thumbnail, "LONGEST_WAIT", 0.05)
    camera = Camera()
    camera.status.set_state(State.STREAMING, "test")
    camera.subscribers.note(frame(50, age=30), ORIGINAL)
    last = await camera.thumbnails.newest()
    assert last
    assert last.age >= 30


async def test_nothing_is_written_by_default(tmp_path: Path) -> None:
    """Without thumbnail_keep the thumbnail is only in memory."""
    camera = Camera(tmp_path)
    camera.subscribers.note(frame(50), ORIGINAL)
    await camera.close_and_write()
    await camera.thumbnails.end()
    assert files(tmp_path) == []


async def test_it_is_kept_over_restarts(tmp_path: Path) -> None:
    """With thumbnail_keep a new process has the thumbnail and its time; only this user can read the file."""
    camera = Camera(tmp_path, keep=True)
    camera.subscribers.note(frame(50, age=100), ORIGINAL)
    await camera.close_and_write()
    assert [each.st_mode & 0o777 for each in files(tmp_path)] == [0o600]
    kept = (await Camera.of_new_process(tmp_path)).thumbnails.last
    assert kept
    assert camera.thumbnails.last
    assert kept.jpeg == camera.thumbnails.last.jpeg
    assert kept.size == (480, 270)
    assert 100 <= kept.age < 200
    assert kept.timestamp == pytest.approx(camera.thumbnails.last.timestamp, abs=0.5)


async def test_a_wrong_wall_clock_makes_no_thumbnail_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a wall clock behind the time of capture, the age is at least that of the process."""
    camera = Camera(tmp_path, keep=True)
    camera.subscribers.note(frame(50), ORIGINAL)
    await camera.close_and_write()
    again = (await Camera.of_new_process(tmp_path)).thumbnails.last
    assert again
    monkeypatch.setattr(thumbnail, "unix_time", lambda _: 0.0)
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 50)
    assert again.age >= 50


async def test_an_sd_card_is_spared(tmp_path: Path) -> None:
    """A camera that closes often is written at its first close and at the end, not each time."""
    camera = Camera(tmp_path, keep=True)
    written = list[int]()
    for number in (50, 90, 130):
        camera.subscribers.note(frame(number), ORIGINAL)
        await camera.close_and_write()
        written += [each.st_ino for each in files(tmp_path)]
    assert len(written) == 3
    assert len(set(written)) == 1
    await camera.thumbnails.end()
    kept = (await Camera.of_new_process(tmp_path)).thumbnails.last
    assert kept
    assert brightness(kept.jpeg) == pytest.approx(130, abs=2)


async def test_the_file_goes_when_it_is_not_wanted_any_more(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A process without thumbnail_keep removes the file of an earlier one, and says so."""
    caplog.set_level(logging.INFO)
    camera = Camera(tmp_path, keep=True)
    camera.subscribers.note(frame(50), ORIGINAL)
    await camera.close_and_write()
    assert (await Camera.of_new_process(tmp_path, keep=False)).thumbnails.last is None
    assert files(tmp_path) == []
    assert "is removed: cam_thumbnail_keep=0" in caplog.text


@pytest.mark.parametrize("damage", ["empty", "cut", "foreign", "folder", "link", "pipe", "more"])
async def test_a_damaged_file_is_a_warning(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    """A file that is no thumbnail of ours is ignored with a warning, and the process starts."""
    file = await asyncio.to_thread(write_damaged, tmp_path, damage)
    assert (await Camera.of_new_process(tmp_path)).thumbnails.last is None
    assert f"The thumbnail in {file} is ignored: " in caplog.text


def write_damaged(folder: Path, damage: str) -> Path:
    """Write a file with a kind of damage, and return it."""
    file = thumbnail_file.file_of(Settings(source="test-pattern", state_directory=folder, thumbnail_keep=True))
    assert file
    thumbnail_file.write(file, jpeg_of((480, 270), 50), 1e9)
    content = file.read_bytes()
    file.unlink()
    match damage:
        case "folder":
            file.mkdir()
        case "link":
            (folder / "secret").write_bytes(content)
            file.symlink_to(folder / "secret")
        case "pipe":
            os.mkfifo(file)
        case _:
            wrong = {"empty": b"", "cut": content[:-200], "foreign": jpeg_of((480, 270), 50), "more": content + b"x"}
            file.write_bytes(wrong[damage])
    return file


async def test_a_folder_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The thumbnail is still in memory when its file cannot be written."""
    await asyncio.to_thread((tmp_path / "state").write_text, "no folder")
    camera = Camera(tmp_path / "state", keep=True)
    camera.subscribers.note(frame(50), ORIGINAL)
    await camera.close_and_write()
    assert camera.thumbnails.last
    assert "cannot be kept in" in caplog.text
