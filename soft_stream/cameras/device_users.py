"""The programs that use a camera, from /proc and /sys.

This module opens no device of the camera: closing the media device would release the lock that libcamera holds on it
for this process (man fcntl, "Advisory record locking").
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")
UNREADABLE = (
    FileNotFoundError,
    ProcessLookupError,
    PermissionError,
)  # the process has ended or belongs to another user

# "4: POSIX  ADVISORY  WRITE 699 00:16:28457 0 EOF" (man proc_locks); does not match a process that waits for the lock
# ("4: -> POSIX ...") or that has no pid here (0, -1)
_LOCK = re.compile(r"^\d+: POSIX +\S+ +\S+ +([1-9]\d*) ([0-9a-f]+:[0-9a-f]+:\d+) ", re.MULTILINE)


def name_device_users(device_numbers: Sequence[int], root: Path = ROOT) -> str:
    """Return the other programs that use a camera, as in "rpicam-still (pid 1234)"; "" if that cannot be read."""
    media = find_media_devices(device_numbers, root)
    ourselves = {os.getpid()}
    pids = (
        _lock_owners(media, root) - ourselves
        or _video_node_users(_video_nodes(device_numbers, root), media, root) - ourselves
    )
    return ", ".join(filter(None, (_name(pid, root) for pid in sorted(pids))))


def find_media_devices(device_numbers: Sequence[int], root: Path = ROOT) -> list[Path]:
    """Return the media devices of a camera, given the numbers of its video nodes (libcamera's SystemDevices)."""
    parents = {(node / "device").resolve() for node in _in_sysfs(device_numbers, root)}
    children = [list(parent.glob("media[0-9]*")) for parent in parents]
    # A parent with several is the ISP of a Raspberry Pi, with one media device per camera, and sysfs does not say which
    # is whose. The receiver's is enough: libcamera locks both (PipelineHandler::acquire(), pipeline_handler.cpp).
    return sorted(root / "dev" / media[0].name for media in children if len(media) == 1)


def _video_nodes(device_numbers: Sequence[int], root: Path) -> list[Path]:
    """Return the video nodes with these numbers; their names in sysfs and /dev are the same."""
    return [root / "dev" / node.resolve().name for node in _in_sysfs(device_numbers, root)]


def _in_sysfs(device_numbers: Sequence[int], root: Path) -> list[Path]:
    """Return the folders of devices in sysfs (man sysfs)."""
    return [root / "sys/dev/char" / f"{os.major(number)}:{os.minor(number)}" for number in device_numbers]


def _lock_owners(media: Sequence[Path], root: Path) -> set[int]:
    """Return the pids that hold the lock that libcamera uses (MediaDevice::lock(), src/libcamera/media_device.cpp)."""
    places = set()
    for device in media:
        with suppress(*UNREADABLE):
            status = device.stat()
            places.add(f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}")
    return {int(pid) for pid, place in _LOCK.findall(_read_text(root / "proc/locks")) if place in places}


def _video_node_users(nodes: Sequence[Path], media: Sequence[Path], root: Path) -> set[int]:
    """Return the pids that have a video node open but do not use libcamera."""
    # libcamera opens all video nodes when it lists the cameras. It then has the media device open too
    # (MediaDevice::acquire(), src/libcamera/media_device.cpp), and locks it only to use the camera.
    used, shared = ({str(path) for path in paths} for paths in (nodes, media))
    return {pid for pid, paths in _open_files(root) if paths & used and not paths & shared}


def _open_files(root: Path) -> Iterator[tuple[int, set[str]]]:
    """Yield each readable process with the paths of its open files (man proc_pid_fd)."""
    for process in (root / "proc").glob("[0-9]*"):
        paths = set()
        with suppress(*UNREADABLE):
            for descriptor in (process / "fd").iterdir():
                with suppress(*UNREADABLE):
                    paths.add(os.readlink(descriptor))
        yield int(process.name), paths


def _name(pid: int, root: Path) -> str:
    """Return the name and pid of a process, without control characters; "" if it has ended."""
    name = "".join(filter(str.isprintable, _read_text(root / "proc" / str(pid) / "comm")))
    return f"{name} (pid {pid})" if name else ""


def _read_text(path: Path) -> str:
    """Return the content of a file of /proc; "" if it cannot be read."""
    with suppress(*UNREADABLE):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
