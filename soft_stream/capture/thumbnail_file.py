"""The file that keeps the thumbnail over restarts (`thumbnail_keep`): one for each camera, found by the camera's id.

It is a JPEG with a comment in front that has the time of capture. Only the user of the service can read it. A file that
cannot be read or written is a warning, never an error: a camera without a thumbnail is better than none.
"""

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path

from soft_stream.access.files import open_regular, replace_file
from soft_stream.config.kept_controls import camera_id_of, file_of_kind
from soft_stream.config.settings import Settings
from soft_stream.frames.jpeg_markers import SOI, DamagedJpeg, find_jpeg

log = logging.getLogger(__name__)

MAX_BYTES = 1024 * 1024
# SOI and a comment (COM): the Unix seconds of the capture
_HEADER = re.compile(rb"\xff\xd8\xff\xfe..captured at ([0-9]{1,12}(?:\.[0-9]{1,6})?)(?=\xff)", re.DOTALL)


@dataclass(frozen=True)
class KeptThumbnail:
    """What was read from a file."""

    jpeg: bytes
    size: tuple[int, int]
    captured: float
    """Unix seconds."""


def file_of(settings: Settings) -> Path | None:
    """Return the file of a camera; None as long as the camera or the folder is unknown."""
    folder, camera_id = settings.state_directory, camera_id_of(settings)
    return file_of_kind(folder, camera_id, "thumbnail", ".jpg") if folder and camera_id else None


def read(file: Path) -> KeptThumbnail | None:
    """Return the content of a file; None, and a warning, if it is no thumbnail that a process has written."""
    try:
        with open_regular(file, os.O_NOFOLLOW) as opened:
            return _parse(opened.read(MAX_BYTES + 1))
    except FileNotFoundError:
        return None
    except (OSError, DamagedJpeg) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        log.warning("The thumbnail in %s is ignored: %s", file, reason)
        return None


def _parse(content: bytes) -> KeptThumbnail:
    header = _HEADER.match(content)
    if not header or len(content) > MAX_BYTES:
        raise DamagedJpeg("it was not written by camera-soft-stream")
    jpeg = SOI + content[header.end() :]
    found = find_jpeg(jpeg)
    if (found.begin, found.end) != (0, len(jpeg)):
        raise DamagedJpeg("it is cut off, or has more than a JPEG")
    return KeptThumbnail(jpeg, found.size, float(header[1]))


def write(file: Path, jpeg: bytes, captured: float) -> bool:
    """Replace the file as a whole; return whether that succeeded. `captured` is in Unix seconds."""
    text = f"captured at {captured:.3f}".encode()
    comment = b"\xff\xfe" + (len(text) + 2).to_bytes(2, "big") + text
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, SOI + comment + jpeg[len(SOI) :], 0o600, None)
    except OSError as error:
        log.warning("The thumbnail cannot be kept in %s: %s", file, error.strerror)
        return False
    return True


def remove(file: Path) -> None:
    """Remove the file that a process has written while thumbnails were kept."""
    if not os.path.lexists(file):  # else a read-only file system would give an error
        return
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s cannot be removed although cam_thumbnail_keep=0: %s", file, error.strerror)
    else:
        log.info("%s is removed: cam_thumbnail_keep=0", file)
