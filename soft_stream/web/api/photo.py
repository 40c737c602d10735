"""`/snap.jpg`: the JPEG that another program saved; clients that get it at the same time share one copy."""

import asyncio
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakValueDictionary

from aiohttp import web

from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.request import SUPERVISOR

MAX_BYTES = 64 * 1024 * 1024
JPEG_START = b"\xff\xd8\xff"

Version = tuple[int, int, int, int]
"""What changes when a file is replaced or written to: device, inode, size, time of the last change."""


@dataclass(frozen=True, eq=False)
class Photo:
    """The content of the file."""

    version: Version
    taken_at: float
    """When it was modified, in Unix seconds."""
    content: bytes


class PhotoAnswer(web.Response):
    """An answer that keeps its photo: others can get the same one until it is sent."""

    def __init__(self, photo: Photo) -> None:
        headers = NO_STORE | {"X-Timestamp": f"{photo.taken_at:.6f}"}
        super().__init__(body=photo.content, content_type="image/jpeg", headers=headers)
        self.photo = photo


class SharedPhotos:
    """Reads the file, unless its content is just being sent to another client."""

    def __init__(self) -> None:
        self._sent = WeakValueDictionary[Version, Photo]()
        self._is_free = asyncio.Lock()

    async def read(self, file: Path) -> Photo:
        """Return the content as it is now; raise OSError if it is not a regular file or cannot be read.

        There is one read at a time, also when a client leaves during it: each takes the memory of a photo.
        """
        await self._is_free.acquire()
        reading = asyncio.create_task(asyncio.to_thread(_read, file, self._sent.get), name="photo")
        reading.add_done_callback(lambda _: self._is_free.release())
        photo = await asyncio.shield(reading)
        self._sent[photo.version] = photo
        return photo


PHOTOS = web.AppKey("photos", SharedPhotos)


async def photo(request: web.Request) -> web.Response:
    """Answer with the JPEG that another program saved as `pause_snapshot`, for Octolapse."""
    settings = request.app[SUPERVISOR].settings
    if not settings.pause_snapshot:
        raise web.HTTPNotFound
    try:
        photo = await request.app[PHOTOS].read(Path(settings.pause_snapshot))
    except OSError:
        raise web.HTTPNotFound from None
    if not photo.content.startswith(JPEG_START):  # another program owns the folder; serve only JPEGs from it
        raise web.HTTPNotFound
    return PhotoAnswer(photo)


def _read(file: Path, find: Callable[[Version], Photo | None]) -> Photo:
    """Return the content of a file, or what `find` has of it; do not wait for a pipe or follow a link.

    Raises:
        OSError: it is not a regular file, is too large or cannot be read.
    """
    with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb", buffering=0) as opened:
        status = os.fstat(opened.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{file} is not a regular file")
        if status.st_size > MAX_BYTES:
            raise OSError(f"{file} has more than {MAX_BYTES} bytes")
        version = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
        return find(version) or Photo(version, status.st_mtime, opened.read(status.st_size))
