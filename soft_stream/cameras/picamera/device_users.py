"""Which other program has a camera, read from /proc and /sys.

Nothing of the camera is opened here: closing its media device would give up the lock that libcamera has on it for this
process (man fcntl, "Advisory record locking").
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path("/")
UNREADABLE = (FileNotFoundError, ProcessLookupError, PermissionError)  # the process has ended, or is somebody else's

# "4: POSIX  ADVISORY  WRITE 699 00:16:28457 0 EOF" (man proc_locks); who waits ("4: -> POSIX ...") does not match, nor
# who has no pid here (0, -1)
_LOCK = re.compile(r"^\d+: POSIX +\S+ +\S+ +([1-9]\d*) ([0-9a-f]+:[0-9a-f]+:\d+) ", re.MULTILINE)


def name_device_users(device_numbers: Sequence[int], root: Path = ROOT) -> str:
    """Name the programs that have a camera, as in "rpicam-still (pid 1234)"; "" where that cannot be read."""
    media = find_media_devices(device_numbers, root)
    ourselves = {os.getpid()}
    pids = (
        _lock_owners(media, root) - ourselves or _openers(_video_nodes(device_numbers, root), media, root) - ourselves
    )
    return ", ".join(filter(None, (_name(pid, root) for pid in sorted(pids))))


def find_media_devices(device_numbers: Sequence[int], root: Path = ROOT) -> list[Path]:
    """List the media devices of a camera, given the numbers of its video nodes (libcamera's SystemDevices)."""
    parents = {(node / "device").resolve() for node in _in_sysfs(device_numbers, root)}
    children = [list(parent.glob("media[0-9]*")) for parent in parents]
    # Several are the ISP of a Raspberry Pi, one for each camera, and sysfs does not tell whose is which. That of the
    # receiver is enough: libcamera locks both (PipelineHandler::acquire(), src/libcamera/pipeline_handler.cpp).
    return sorted(root / "dev" / media[0].name for media in children if len(media) == 1)


def _video_nodes(device_numbers: Sequence[int], root: Path) -> list[Path]:
    """List the video nodes with these numbers; sysfs calls them as /dev does."""
    return [root / "dev" / node.resolve().name for node in _in_sysfs(device_numbers, root)]


def _in_sysfs(device_numbers: Sequence[int], root: Path) -> list[Path]:
    """Find devices by their numbers (man sysfs)."""
    return [root / "sys/dev/char" / f"{os.major(number)}:{os.minor(number)}" for number in device_numbers]


def _lock_owners(media: Sequence[Path], root: Path) -> set[int]:
    """Find who has locked a media device, as libcamera does (MediaDevice::lock(), src/libcamera/media_device.cpp)."""
    places = set()
    for device in media:
        with suppress(*UNREADABLE):
            status = device.stat()
            places.add(f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}")
    return {int(pid) for pid, place in _LOCK.findall(_read_text(root / "proc/locks")) if place in places}


def _openers(nodes: Sequence[Path], media: Sequence[Path], root: Path) -> set[int]:
    """Find who has a video node open without libcamera."""
    # libcamera opens them as soon as it lists cameras, also those that it never uses, but then it has the media device
    # open too (MediaDevice::acquire(), src/libcamera/media_device.cpp), and would have locked it to use the camera
    used, shared = ({str(path) for path in paths} for paths in (nodes, media))
    return {pid for pid, paths in _open_files(root) if paths & used and not paths & shared}


def _open_files(root: Path) -> Iterator[tuple[int, set[str]]]:
    """Yield each process that may be looked into, with the paths of its open files (man proc_pid_fd)."""
    for process in (root / "proc").glob("[0-9]*"):
        paths = set()
        with suppress(*UNREADABLE):
            for descriptor in (process / "fd").iterdir():
                with suppress(*UNREADABLE):
                    paths.add(os.readlink(descriptor))
        yield int(process.name), paths


def _name(pid: int, root: Path) -> str:
    """Name a process; "" when it has ended. Any program may choose its name, so control characters go."""
    name = "".join(filter(str.isprintable, _read_text(root / "proc" / str(pid) / "comm")))
    return f"{name} (pid {pid})" if name else ""


def _read_text(path: Path) -> str:
    """Read a file of /proc; "" where that is not possible."""
    with suppress(*UNREADABLE):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
