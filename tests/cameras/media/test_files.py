"""Video files as a source: their rate, their repetition, and files that are no video or a hostile one."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import pytest

from soft_stream.cameras.base import CameraError, CameraMissing, CameraUnsupported
from soft_stream.cameras.media.camera import MediaCamera
from soft_stream.config.settings import Settings
from tests.support.server import QUICK
from tests.support.videos import damage_packet, write_sound, write_video


def settings_for(url: Path | str, **changes: Any) -> Settings:
    """Return settings for a URL."""
    return replace(QUICK, source="media", url=str(url), **changes)


@contextmanager
def opened(url: Path | str, **changes: Any) -> Iterator[MediaCamera]:
    """Open a driver for the block."""
    camera = MediaCamera(settings_for(url, **changes))
    try:
        camera.open()
        yield camera
    finally:
        camera.close()


def brightness(camera: MediaCamera) -> float:
    """Return the mean of Y of the next frame."""
    with camera.capture(20) as raw:
        assert raw.planes
        return float(raw.planes[0].mean())


def drain(camera: MediaCamera, timeout: float = 20) -> NoReturn:
    """Capture until that fails."""
    while True:
        camera.capture(timeout).release()


def test_a_file_repeats_at_its_own_rate(tmp_path: Path) -> None:
    """Ten frames at 25 a second take 0.4 s, and then begin again; they are never shown faster."""
    file = write_video(tmp_path / "ten.mp4", frames=10, fps=25)
    with opened(file) as camera:
        began, seen = time.monotonic(), [brightness(camera) for _ in range(30)]
        assert time.monotonic() - began > 29 / 25 - 0.1
    falls = [after < before for before, after in pairwise(seen)]
    assert sum(falls) >= 2, "the file did not begin again"
    assert not any(both == (True, True) for both in pairwise(falls))


def test_fps_limits_the_rate(tmp_path: Path) -> None:
    """With a lower `fps` frames are left out, and the video is not slower."""
    file = write_video(tmp_path / "video.mp4", frames=50, fps=25)
    with opened(file, fps=5.0) as camera:
        seen = [brightness(camera) for _ in range(6)]
    # each frame is 3 levels brighter than the last one, until the file begins again: of five frames one is shown
    assert all(after - before > 6 or after < before for before, after in pairwise(seen)), seen


def test_a_file_with_one_picture_does_not_spin(tmp_path: Path) -> None:
    """A file with one frame is repeated, with a pause."""
    with opened(write_video(tmp_path / "one.mp4", frames=1)) as camera:
        began = time.monotonic()
        for _ in range(5):
            brightness(camera)
        assert time.monotonic() - began > 4 * 0.03


def test_limited_range_becomes_full(tmp_path: Path) -> None:
    """Black and white of video, 16 and 235, become 0 and 255."""
    with opened(write_video(tmp_path / "black.mp4", frames=2, levels=(0, 255))) as camera:
        seen = [brightness(camera) for _ in range(6)]
    assert min(seen) < 4
    assert max(seen) > 251


@pytest.mark.parametrize(
    ("size", "limits", "expected"),
    [((64, 48), (32, 32), (32, 24)), ((64, 48), (640, 480), (64, 48)), ((66, 48), (64, 64), (64, 46))],
)
def test_size(tmp_path: Path, size: tuple[int, int], limits: tuple[int, int], expected: tuple[int, int]) -> None:
    """The stream is scaled down to the size of the settings with its aspect, not up; a still has the file's size."""
    with opened(write_video(tmp_path / "video.mp4", size), width=limits[0], height=limits[1]) as camera:
        assert camera.capture(20).size == expected
        assert camera.still(20).size == size


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("empty.mp4", b"", "Invalid data"),
        ("text.mp4", b"root:x:0:0:root:/root:/bin/bash\n" * 100, "Invalid data"),
        ("list.mp4", b"ffconcat version 1.0\nfile '/etc/passwd'\n", "Invalid data|formats"),
        (
            "list.m3u8",
            b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n",
            "formats|Invalid",
        ),
        ("session.sdp", b"v=0\nc=IN IP4 127.0.0.1\nm=video 5000 RTP/AVP 26\n", "formats|Invalid"),
    ],
)
def test_files_that_are_no_video(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    """Other files fail with a reason; FFmpeg reads no further file that one of them names."""
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(CameraMissing, match=sentence):
        MediaCamera(settings_for(file)).open()


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    """A folder, a missing file and a pipe are refused at once."""
    os.mkfifo(tmp_path / "pipe")
    for path, sentence in [
        (tmp_path, "is not a file"),
        (tmp_path / "none.mp4", "No such file"),
        (tmp_path / "pipe", "is not a file"),
    ]:
        with pytest.raises(CameraMissing, match=sentence):
            MediaCamera(settings_for(path)).open()


@pytest.mark.parametrize("url", ["concat:/etc/passwd", "subfile,,start,0,end,9,,:/etc/passwd", "data:x", "udp://@:1"])
def test_other_protocols_are_refused(url: str) -> None:
    """Only protocols that are needed are opened."""
    with pytest.raises(CameraUnsupported, match="the protocol must be one of file, http, https, rtsp, rtsps"):
        MediaCamera(settings_for(url)).open()


def test_only_sound(tmp_path: Path) -> None:
    """A file without video says so."""
    with pytest.raises(CameraUnsupported, match="has no video"):
        MediaCamera(settings_for(write_sound(tmp_path / "sound.mka"))).open()


def test_a_picture_that_is_too_large(tmp_path: Path) -> None:
    """A picture of more pixels than allowed is not decoded."""
    file = write_video(tmp_path / "huge.avi", (8192, 4096), frames=1, codec="mjpeg", pixel_format="yuvj420p")
    with pytest.raises(CameraError):
        MediaCamera(settings_for(file)).open()


def test_a_file_that_is_cut_off(tmp_path: Path) -> None:
    """The part that is there is repeated."""
    file = write_video(tmp_path / "video.ts", frames=20)
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3 + 7])
    with opened(file) as camera:
        for _ in range(40):
            brightness(camera)


def test_damage_in_a_file_is_reported(tmp_path: Path) -> None:
    """Packets that cannot be decoded are counted as damaged; the others are shown."""
    file = write_video(tmp_path / "video.avi", frames=20, codec="mjpeg", pixel_format="yuvj420p")
    damage_packet(file, 10)
    with opened(file) as camera:
        reasons = list[str]()
        while not reasons:
            brightness(camera)
            reasons += camera.take_damaged()
    assert "cannot be decoded" in reasons[0]


def test_a_file_that_changes_its_size(tmp_path: Path) -> None:
    """Frames of both sizes are shown when the size changes in the middle."""
    parts = [write_video(tmp_path / f"{width}.mpg", (width, 48), codec="mpeg1video") for width in (64, 96)]
    both = tmp_path / "both.mpg"
    both.write_bytes(b"".join(part.read_bytes() for part in parts))
    sizes = set[tuple[int, int]]()
    with opened(both) as camera:
        while len(sizes) < 2:
            sizes.add(camera.capture(20).size)
    assert sizes == {(64, 48), (96, 48)}


def test_a_file_that_grows_is_read_to_its_new_end(tmp_path: Path) -> None:
    """A file to which another program appends is shown with what was added at the next repetition."""
    grey, bright = (write_video(tmp_path / f"{level}.ts", levels=(level,)) for level in (60, 200))
    with opened(grey) as camera:
        assert brightness(camera) < 100
        with grey.open("ab") as file:
            file.write(bright.read_bytes())
        while brightness(camera) < 150:
            pass


def test_a_file_that_vanishes(tmp_path: Path) -> None:
    """A file that was deleted ends with an error that names it."""
    file = write_video(tmp_path / "video.mp4")
    with opened(file) as camera:
        brightness(camera)
        file.unlink()
        with pytest.raises(CameraMissing, match=r"video\.mp4"):
            drain(camera)


def test_close_ends_the_threads(tmp_path: Path) -> None:
    """No thread is left, whether the driver is waiting for the next frame or for the end of the file."""
    file = write_video(tmp_path / "slow.mp4", frames=3, fps=1)
    before = threading.active_count()
    with opened(file, fps=1.0):
        assert threading.active_count() > before
    assert threading.active_count() == before
