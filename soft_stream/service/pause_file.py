"""The pause file: while it exists another program has the camera; a file beside it says when the camera is free."""

import asyncio
import errno
import logging
import os
import pwd
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from asyncinotify import Inotify, Mask

from soft_stream.capture.pause import Pause

T = TypeVar("T")

log = logging.getLogger(__name__)

WAY = "file"
EVENTS = Mask.CREATE | Mask.CLOSE_WRITE | Mask.ATTRIB | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE
# Who creates a file writes its pid right afterwards.
WRITE_TIME = 0.05
# What the errors of inotify(7) mean to people.
ADVICE = {
    errno.EMFILE: "; too many files are open, or `sysctl fs.inotify.max_user_instances` is too low",
    errno.ENOSPC: "; `sysctl fs.inotify.max_user_watches` is too low",
}


@dataclass(frozen=True)
class Found:
    """The pause file as it stands there."""

    mark: tuple[int, int]
    """Tells this file from the next one, and from itself after it was touched."""
    text: str
    owner: str
    seconds_left: float


class PauseFile:
    """Watches for the file that pauses the camera.

    Its text is the pid of its owner, or anything else that tells people who it is; the acknowledgement repeats it, so
    that nobody takes another's for his own. Removing the file gives the camera back; one that stays longer than
    `seconds` is not obeyed any more until it is touched or made anew. The acknowledgement goes before the camera does.
    """

    def __init__(self, file: Path, pause: Pause, seconds: float) -> None:
        self._file = file
        self._acknowledgement = file.with_name(f"{file.name}.ack")
        self._pause = pause
        self._seconds = seconds
        self.looked = asyncio.Event()
        """Set once it is known whether the file is there."""
        self._changed = asyncio.Event()
        self._is_over = False
        self._acknowledging: asyncio.Task[None] | None = None
        # one thread: what is done to the files is done in order, even when who asked for it is cancelled
        self._files = ThreadPoolExecutor(1, thread_name_prefix="pause file")

    async def watch(self) -> None:
        """Watch until cancelled; the kernel tells of changes, nothing is polled."""
        try:
            with Inotify() as inotify:
                inotify.add_watch(self._file.parent, EVENTS)
                telling = asyncio.create_task(self._tell(inotify), name="inotify")
                try:
                    await self._obey()
                finally:
                    telling.cancel()
                    await asyncio.wait([telling])
        except OSError as error:
            advice = ADVICE.get(error.errno or 0, "")
            log.error("%s cannot be watched, so no file pauses the camera: %s%s", self._file, error.strerror, advice)  # noqa: TRY400 # the sentence says it all
        finally:
            self.looked.set()
            self._files.shutdown(wait=False)

    async def _tell(self, inotify: Inotify) -> None:
        """Set `_changed` whenever something may have happened to the file."""
        async for event in inotify:
            if event.name in (None, Path(self._file.name)):  # None: of the folder, or events were lost
                if event.mask & Mask.CREATE:
                    await asyncio.sleep(WRITE_TIME)
                self._changed.set()
            if event.mask & Mask.IGNORED:
                log.error("The folder %s is gone: no file pauses the camera until a restart", self._file.parent)

    async def _obey(self) -> None:
        """Begin, prolong and end the pause; a file that was seen before, and was not touched, says nothing new."""
        seen = None
        try:
            await self._give_back()  # a process before us may have left an acknowledgement
            while True:
                self._changed.clear()
                found = await self._do(self._read)
                if found and found.mark != seen:
                    await self._begin(found)
                elif found is None or self._is_over:
                    await self._give_back()
                seen = found and found.mark
                self.looked.set()
                await self._changed.wait()
        finally:
            await self._give_back()

    async def _begin(self, found: Found) -> None:
        if found.seconds_left <= 0:  # left by somebody before we began
            log.warning("%s is older than %g s and not obeyed", self._file, self._seconds)
            return
        self._is_over = False
        self._pause.begin(WAY, found.owner, found.seconds_left, self._end_by_time)
        if self._acknowledging:
            self._acknowledging.cancel()
        self._acknowledging = asyncio.create_task(self._acknowledge(found), name="acknowledge")

    def _end_by_time(self) -> None:
        self._is_over = True
        self._changed.set()

    async def _acknowledge(self, found: Found) -> None:
        """Tell when the camera is free."""
        await self._pause.released.wait()
        try:
            await self._do(lambda: self._write(f"{found.text or found.owner}\n"))
        except OSError as error:
            log.warning("The pause file is obeyed, but %s cannot be written: %s", error.filename, error.strerror)

    async def _give_back(self) -> None:
        """End the pause, if there is one; before the camera can be opened the acknowledgement is gone."""
        if self._acknowledging:
            self._acknowledging.cancel()
            self._acknowledging = None
        self._is_over = False
        try:
            await self._do(lambda: self._acknowledgement.unlink(missing_ok=True))
        except OSError as error:
            log.warning("%s cannot be removed: %s", error.filename, error.strerror)
        finally:
            self._pause.end(WAY)

    async def _do(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._files, call)

    def _write(self, text: str) -> None:
        """Write the acknowledgement at one stroke; in a folder for several users, so no link is followed."""
        new = self._acknowledgement.with_name(f"{self._acknowledgement.name}.new")
        new.unlink(missing_ok=True)
        with new.open("x") as file:
            file.write(text)
        new.replace(self._acknowledgement)

    def _read(self) -> Found | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        text = "".join(char for char in _text(self._file).strip() if char.isprintable())
        # the time that the file came here, also of one that was written long ago and moved
        left = min(self._seconds, self._seconds - (time.time() - status.st_ctime))
        return Found((status.st_ino, status.st_ctime_ns), text, _owner(text, status.st_uid), left)


def _text(file: Path) -> str:
    """Read what a file says of its owner; that it exists is enough, and a pipe is not waited for."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError:
        return ""
    try:
        return os.read(descriptor, 200).decode(errors="replace")
    except OSError:
        return ""
    finally:
        os.close(descriptor)


def _owner(text: str, uid: int) -> str:
    """Name the owner: the program of a pid, else what the file says, else the user who made it."""
    if text.isdecimal():
        try:
            name = Path(f"/proc/{text}/comm").read_text(errors="replace").strip()
        except OSError:
            return f"pid {text}"
        return f"{''.join(char for char in name if char.isprintable())} (pid {text})"
    if text:
        return text
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
