"""The programs that use a camera: processes with a real lock or an open file, in a small tree of /dev and /sys."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from soft_stream.cameras.device_users import find_media_devices, name_device_users

PROGRAM = """
import fcntl, sys
name, lock, *paths = sys.argv[1:]
with open("/proc/self/comm", "w") as comm:
    comm.write(name)
files = [open(path, "r+") for path in paths]
if lock:
    fcntl.lockf(files[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
print("ready", flush=True)
sys.stdin.read()
"""


@contextmanager
def program(name: str, *paths: Path, lock: bool = False) -> Iterator[int]:
    """Run a program that has files open, and optionally locks the first one, until the block ends; yield its pid."""
    command = [sys.executable, "-c", PROGRAM, name, "lock" if lock else "", *map(str, paths)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        yield process.pid


def connect(root: Path, parent: str, minor: int, video: str, *media: str) -> int:
    """Add a video node and the media devices of its parent, as the kernel does; return the number of the node."""
    node = root / "sys/devices" / parent / "video4linux" / video
    node.mkdir(parents=True)
    (node / "device").symlink_to(f"../../../{parent}")
    for name in media:
        (root / "sys/devices" / parent / name).mkdir(exist_ok=True)
    for name in (video, *media):
        (root / "dev" / name).touch()
    (root / "sys/dev/char" / f"81:{minor}").symlink_to(f"../../devices/{parent}/video4linux/{video}")
    return os.makedev(81, minor)


@pytest.fixture
def root() -> Iterator[Path]:
    """Create /dev and /sys without devices in a tmpfs: on overlayfs, stat and /proc/locks have different devices."""
    with TemporaryDirectory(dir="/dev/shm") as folder:
        (Path(folder) / "dev").mkdir()
        (Path(folder) / "sys/dev/char").mkdir(parents=True)
        yield Path(folder)


@pytest.fixture
def real_proc(root: Path) -> None:
    """Use the real /proc."""
    (root / "proc").symlink_to("/proc")


@pytest.fixture
def webcam(root: Path) -> int:
    """Connect a USB camera."""
    return connect(root, "1-1:1.0", 3, "video0", "media0")


def process(root: Path, pid: int, name: str, *paths: Path) -> Path:
    """Create the folder of a process with open files."""
    folder = root / "proc" / str(pid)
    (folder / "fd").mkdir(parents=True)
    (folder / "comm").write_text(f"{name}\n")
    for descriptor, path in enumerate(paths):
        (folder / "fd" / str(descriptor)).symlink_to(path)
    return folder


def place(path: Path) -> str:
    """Return the device and inode of a file as in /proc/locks."""
    status = path.stat()
    return f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"


def test_media_devices_are_found_by_the_numbers_of_video_nodes(root: Path) -> None:
    """The media device of the nodes' parent is listed once, whatever the minor numbers."""
    numbers = [connect(root, "1f00110000.csi", minor, f"video{minor - 1}", "media4") for minor in (1, 2)]
    assert find_media_devices(numbers, root) == [root / "dev/media4"]


def test_media_devices_with_a_common_parent_are_left_out(root: Path) -> None:
    """The ISP of a Raspberry Pi has one media device per camera under one parent; none of them is listed."""
    numbers = [connect(root, "fe801000.csi", 0, "video0", "media5")]
    numbers.append(connect(root, "bcm2835-isp", 13, "video13", "media1", "media2"))
    assert find_media_devices(numbers, root) == [root / "dev/media5"]


@pytest.mark.usefixtures("real_proc")
def test_a_program_that_locked_the_media_device_is_named(root: Path, webcam: int) -> None:
    """A program that uses libcamera is found by its lock in the real /proc/locks."""
    assert name_device_users([webcam], root) == ""
    with program("rpicam-still", root / "dev/media0", root / "dev/video0", lock=True) as pid:
        assert name_device_users([webcam], root) == f"rpicam-still (pid {pid})"
    assert name_device_users([webcam], root) == ""


@pytest.mark.usefixtures("real_proc")
def test_a_program_that_has_the_video_node_open_is_named(root: Path, webcam: int) -> None:
    """A program that does not use libcamera is found by its open descriptor."""
    with program("ffmpeg", root / "dev/video0") as pid:
        assert name_device_users([webcam], root) == f"ffmpeg (pid {pid})"
    assert name_device_users([webcam], root) == ""


@pytest.mark.usefixtures("real_proc")
def test_a_program_that_only_listed_the_cameras_is_not_named(root: Path, webcam: int) -> None:
    """An open but unlocked media device means that libcamera has only listed the camera."""
    with program("idle", root / "dev/media0", root / "dev/video0"):
        assert name_device_users([webcam], root) == ""
        with program("motion", root / "dev/video0") as pid:
            assert name_device_users([webcam], root) == f"motion (pid {pid})"


@pytest.mark.usefixtures("real_proc")
def test_several_holders_are_all_named(root: Path, webcam: int) -> None:
    """Programs are listed with commas between them, by pid."""
    with program("one", root / "dev/video0") as one, program("two", root / "dev/video0") as two:
        expected = sorted([(one, f"one (pid {one})"), (two, f"two (pid {two})")])
        assert name_device_users([webcam], root) == ", ".join(name for _, name in expected)


@pytest.mark.usefixtures("real_proc")
def test_our_own_process_is_never_named(root: Path, webcam: int) -> None:
    """Locks and open files of this process are ignored; another program is found in spite of our lock."""
    with (root / "dev/media0").open("r+") as media, (root / "dev/video0").open("r+"):
        fcntl.lockf(media, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert name_device_users([webcam], root) == ""
        with program("ffmpeg", root / "dev/video0") as pid:
            assert name_device_users([webcam], root) == f"ffmpeg (pid {pid})"


@pytest.mark.usefixtures("real_proc")
def test_control_characters_are_removed_from_a_name(root: Path, webcam: int) -> None:
    """A program can choose any name; the log and the page get only printable characters."""
    with program("\x1b[31m\nred\x07", root / "dev/video0") as pid:
        assert name_device_users([webcam], root) == f"[31mred (pid {pid})"


@pytest.mark.parametrize(
    ("line", "holder"),
    [
        ("1: POSIX  ADVISORY  WRITE 1234 {place} 0 EOF", "rpicam-vid (pid 1234)"),
        ("12: POSIX  ADVISORY  WRITE 1234 {place} 0 0", "rpicam-vid (pid 1234)"),
        ("1: -> POSIX  ADVISORY  WRITE 1234 {place} 0 EOF", ""),
        ("1: POSIX  ADVISORY  WRITE 1234 {place}0 0 EOF", ""),
        ("1: POSIX  ADVISORY  WRITE -1 {place} 0 EOF", ""),
        ("1: POSIX  ADVISORY  WRITE 0 {place} 0 EOF", ""),
        ("1: OFDLCK ADVISORY  WRITE -1 {place} 0 EOF", ""),
        ("1: FLOCK  ADVISORY  WRITE 1234 {place} 0 EOF", ""),
        ("1: POSIX  ADVISORY  WRITE 1234 <none>:0 0 EOF", ""),
        ("1: POSIX  ADVISORY  WRITE 999 {place} 0 EOF", ""),
        ("1: POSIX  ADVISORY  WRITE", ""),
        ("{place}", ""),
        ("", ""),
    ],
)
def test_lines_of_locks(root: Path, webcam: int, line: str, holder: str) -> None:
    """Only a granted POSIX lock of a running process on the media device counts; malformed lines are ignored."""
    process(root, 1234, "rpicam-vid")
    text = line.format(place=place(root / "dev/media0"))
    (root / "proc/locks").write_text(f"1: FLOCK  ADVISORY  WRITE 7 00:01:2 0 EOF\n{text}\n")
    assert name_device_users([webcam], root) == holder


def test_processes_that_have_ended_are_skipped(root: Path, webcam: int) -> None:
    """Processes without a list of open files or without a name are skipped; others are still named."""
    video = root / "dev/video0"
    (root / "proc/21").mkdir(parents=True)
    (process(root, 22, "gone", video) / "comm").unlink()
    process(root, 23, "motion", Path("/dev/null"), Path("socket:[4711]"), video)
    assert name_device_users([webcam], root) == "motion (pid 23)"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_processes_of_other_users_are_skipped(root: Path, webcam: int) -> None:
    """Processes with unreadable files are skipped; others are still named."""
    (process(root, 21, "secret", root / "dev/video0") / "fd").chmod(0)
    process(root, 22, "motion", root / "dev/video0")
    assert name_device_users([webcam], root) == "motion (pid 22)"


def test_without_proc_and_sys_nothing_is_named(tmp_path: Path) -> None:
    """The result is empty for missing devices, for no devices, and without /proc/locks."""
    assert find_media_devices([os.makedev(81, 0)], tmp_path) == []
    assert name_device_users([os.makedev(81, 0)], tmp_path) == ""
    assert name_device_users([], tmp_path) == ""
