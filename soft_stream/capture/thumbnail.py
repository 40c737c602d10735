"""The thumbnail: the last frame as a small JPEG, which stays in memory when the camera closes.

Nothing happens per frame: the JPEG is made when the camera closes, and at a request while it is open, from a frame that
exists anyway. It is made in another thread, once for all that ask.
"""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path

from soft_stream.cameras.base import CameraError
from soft_stream.capture import thumbnail_file
from soft_stream.capture.status import CameraStatus, State
from soft_stream.capture.subscribers import Subscribers
from soft_stream.config.settings import Settings
from soft_stream.frames import jpeg
from soft_stream.frames.clock import Moment, unix_time
from soft_stream.frames.frame import Frame

# Pixels: the longer side is at least this long, if that of the frame is; the decoder knows only eighths of the frame.
LEAST_SIDE = 480
QUALITY = 75
# Seconds: while the camera is open, a thumbnail of this age is still served, and a new frame is waited for this long.
FRESH = 1.0
LONGEST_WAIT = 3.0
# Seconds between two writes of the file while the process runs: an SD card wears out.
WRITE_INTERVAL = 600.0


@dataclass(frozen=True)
class Thumbnail:
    """A small JPEG of a frame, and when that frame was captured."""

    jpeg: bytes
    size: tuple[int, int]
    captured_at: float
    """Monotonic seconds; with `kept_since` only when the process read it."""
    kept_since: float | None = None
    """When an earlier process captured it, in Unix seconds."""

    @property
    def age(self) -> float:
        """Seconds since the capture; at least those that this process knows of, since the wall clock may be wrong."""
        now = time.monotonic()
        age = now - self.captured_at
        return age if self.kept_since is None else max(age, unix_time(now) - self.kept_since)

    @property
    def timestamp(self) -> float:
        """When it was captured, in Unix seconds."""
        return self._captured.unix if self.kept_since is None else self.kept_since

    @cached_property
    def _captured(self) -> Moment:
        return Moment(self.captured_at)

    @cached_property
    def tag(self) -> str:
        """What identifies the content."""
        return sha256(self.jpeg).hexdigest()[:16]


class Thumbnails:
    """Makes the thumbnail of the camera, and keeps the last one."""

    def __init__(self, settings: Settings, status: CameraStatus, subscribers: Subscribers) -> None:
        self._status = status
        self._subscribers = subscribers
        self.last: Thumbnail | None = None
        """The last one that was made."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._save: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._written_at = float("-inf")
        self._written: Thumbnail | None = None
        self._file = thumbnail_file.file_of(settings)
        self._keeps = settings.thumbnail_keep and self._file is not None

    def begin(self) -> None:
        """Read the file of an earlier process, or remove it if thumbnails are not kept any more."""
        if self._file:
            self._begin(self._load(self._file), "kept thumbnail")

    async def newest(self) -> Thumbnail | None:
        """Return the thumbnail of the last frame; None if there has been no frame.

        While the camera is open, it is of a frame that is about a second old at most, if there is one. This neither
        opens the camera nor keeps it open.
        """
        is_old = self.last is None or self.last.age > FRESH
        if is_old and not self._tasks and self._status.state in (State.FOCUSING, State.STREAMING):
            self._begin(self._refresh(), "thumbnail")
        await self._wait()
        return self.last

    def keep(self) -> None:
        """Make the thumbnail of the last frame in the background, because the camera has been closed."""
        if frame := self._subscribers.last_frame:
            self._begin(self._keep(frame), "last thumbnail")

    async def end(self) -> None:
        """Wait until the last one is made and, if it is kept over restarts, written."""
        await self._wait()
        if self._file and self._keeps:
            await self._write(self._file)

    async def _wait(self) -> None:
        if self._tasks:
            await asyncio.wait(set(self._tasks))  # a client that leaves does not end them for the others

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _refresh(self) -> None:
        """Make the thumbnail of a frame that is not old, if one arrives in time."""
        frame, feed = self._subscribers.last_frame, self._subscribers.feed
        if frame is None or frame.age > FRESH:
            seconds = min(max(FRESH, 1.5 * self._status.timer.interval), LONGEST_WAIT)
            with suppress(TimeoutError, CameraError):  # the age says that it is old
                async with asyncio.timeout(seconds):
                    await feed.wait_newer(feed.newest)
        if frame := self._subscribers.last_frame:
            await self._make(frame)

    async def _keep(self, frame: Frame) -> None:
        await self._make(frame)
        if self._file and self._keeps and time.monotonic() - self._written_at > WRITE_INTERVAL:
            self._save = asyncio.create_task(self._write(self._file), name="thumbnail file")  # no request waits for it

    async def _make(self, frame: Frame) -> None:
        if self._has(frame):
            return
        try:
            small, size = await asyncio.to_thread(jpeg.make_small, frame.jpeg, frame.size, LEAST_SIDE, QUALITY)
        except jpeg.DamagedJpeg as fault:  # of a webcam; the one before stays
            self._status.record_damaged([str(fault)])
            return
        if not self._has(frame):  # another task may have made that of a later frame
            self.last = Thumbnail(small, size, frame.captured_at)

    def _has(self, frame: Frame) -> bool:
        """Return whether the thumbnail is of this frame or of a later one."""
        return self.last is not None and self.last.kept_since is None and self.last.captured_at >= frame.captured_at

    async def _load(self, file: Path) -> None:
        if not self._keeps:
            await asyncio.to_thread(thumbnail_file.remove, file)
        elif found := await asyncio.to_thread(thumbnail_file.read, file):
            self.last = self._written = Thumbnail(found.jpeg, found.size, time.monotonic(), found.captured)

    async def _write(self, file: Path) -> None:
        async with self._writing:
            thumbnail = self.last
            if thumbnail is None or thumbnail is self._written:
                return
            self._written_at = time.monotonic()
            captured = unix_time(thumbnail.captured_at)
            if await asyncio.to_thread(thumbnail_file.write, file, thumbnail.jpeg, captured):
                self._written = thumbnail
