"""The pause file: while it exists another program may use the camera; a second file acknowledges that it is free."""

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

from soft_stream.capture.pause import Borrower, BorrowerKind, Pause

T = TypeVar("T")

log = logging.getLogger(__name__)

KEY = "file"
EVENTS = Mask.CREATE | Mask.CLOSE_WRITE | Mask.ATTRIB | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE
# seconds that a program has to write its pid into the file that it has created
WRITE_TIME = 0.05
ADVICE = {
    errno.EMFILE: "; too many files are open, or `sysctl fs.inotify.max_user_instances` is too low",
    errno.ENOSPC: "; `sysctl fs.inotify.max_user_watches` is too low",
}


@dataclass(frozen=True)
class PauseRequest:
    """What was read from the pause file."""

    version: tuple[int, int]
    """Inode and change time: another value means that the file was replaced or touched."""
    text: str
    borrower: Borrower
    seconds_left: float


class PauseFile:
    """Watches the file that pauses the camera.

    Its text is the pid of its owner, or any other name of it. The acknowledgement repeats the text, so that no program
    mistakes the acknowledgement of another one for its own. Removing the file ends the pause. A file that stays longer
    than `seconds` is ignored until it is touched or replaced. The acknowledgement is removed before the camera is
    opened again.

    The acknowledgement is beside the file. If this process cannot write that folder, such as /run, it is `elsewhere`.
    """

    def __init__(self, file: Path, pause: Pause, seconds: float, elsewhere: Path | None = None) -> None:
        self._file = file
        beside = file.with_name(f"{file.name}.ack")
        self._acknowledgement = beside if elsewhere is None or os.access(file.parent, os.W_OK) else elsewhere
        self._pause = pause
        self._seconds = seconds
        self.checked = asyncio.Event()
        """Set once it is known whether the file exists."""
        self._changed = asyncio.Event()
        self._is_expired = False
        self._acknowledging: asyncio.Task[None] | None = None
        # one thread keeps the file operations in order, even when the task that requested one is cancelled
        self._files = ThreadPoolExecutor(1, thread_name_prefix="pause file")

    async def watch(self) -> None:
        """Watch until cancelled; the kernel reports changes, so nothing is polled."""
        try:
            with Inotify() as inotify:
                inotify.add_watch(self._file.parent, EVENTS)
                receiving = asyncio.create_task(self._receive_events(inotify), name="inotify")
                try:
                    await self._follow_file()
                finally:
                    receiving.cancel()
                    await asyncio.wait([receiving])
        except OSError as error:
            advice = ADVICE.get(error.errno or 0, "")
            log.error("%s cannot be watched, so no file pauses the camera: %s%s", self._file, error.strerror, advice)  # noqa: TRY400 # the sentence says it all
        finally:
            self.checked.set()
            self._files.shutdown(wait=False)

    async def _receive_events(self, inotify: Inotify) -> None:
        """Set `_changed` whenever the file may have changed."""
        async for event in inotify:
            if event.name in (None, Path(self._file.name)):  # None: about the folder, or events were lost
                if event.mask & Mask.CREATE:
                    await asyncio.sleep(WRITE_TIME)
                self._changed.set()
            if event.mask & Mask.IGNORED:
                log.error("The folder %s is gone: no file pauses the camera until a restart", self._file.parent)

    async def _follow_file(self) -> None:
        """Begin, prolong and end the pause; a file that has not changed since the last look has no effect."""
        seen = None
        try:
            await self._end()  # an earlier process may have left an acknowledgement
            while True:
                self._changed.clear()
                found = await self._run(self._read)
                if found and found.version != seen:
                    await self._begin(found)
                elif found is None or self._is_expired:
                    await self._end()
                seen = found.version if found else None
                self.checked.set()
                await self._changed.wait()
        finally:
            await self._end()

    async def _begin(self, found: PauseRequest) -> None:
        if found.seconds_left <= 0:  # left there before this process started
            log.warning("%s is older than %g s and ignored", self._file, self._seconds)
            return
        self._is_expired = False
        self._pause.acquire(KEY, found.borrower, found.seconds_left, self._expire)
        if self._acknowledging:
            self._acknowledging.cancel()
        self._acknowledging = asyncio.create_task(self._acknowledge(found), name="acknowledge")

    def _expire(self) -> None:
        self._is_expired = True
        self._changed.set()

    async def _acknowledge(self, found: PauseRequest) -> None:
        """Write the acknowledgement once the camera is free."""
        await self._pause.released.wait()
        try:
            await self._run(lambda: self._write(f"{found.text or found.borrower.owner}\n"))
        except OSError as error:
            log.warning("The pause file is in effect, but %s cannot be written: %s", error.filename, error.strerror)

    async def _end(self) -> None:
        """End the pause, if any; the acknowledgement is removed before the camera can be opened."""
        if self._acknowledging:
            self._acknowledging.cancel()
            self._acknowledging = None
        self._is_expired = False
        try:
            await self._run(self._remove_acknowledgement)
        except OSError as error:
            log.warning("%s cannot be removed: %s", error.filename, error.strerror)
        finally:
            self._pause.release(KEY)

    async def _run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._files, call)

    def _write(self, text: str) -> None:
        """Write the acknowledgement atomically; several users can write to its folder, so no link is followed."""
        new = self._acknowledgement.with_name(f"{self._acknowledgement.name}.new")
        new.unlink(missing_ok=True)
        with new.open("x") as file:
            file.write(text)
        new.replace(self._acknowledgement)

    def _remove_acknowledgement(self) -> None:
        if os.path.lexists(self._acknowledgement):  # else a read-only file system would give an error
            self._acknowledgement.unlink(missing_ok=True)

    def _read(self) -> PauseRequest | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        text = "".join(char for char in _text(self._file).strip() if char.isprintable())
        # a file that changes while this process watches is new
        left = self._seconds if self.checked.is_set() else self._seconds - _age(status)
        return PauseRequest((status.st_ino, status.st_ctime_ns), text, _borrower(text, status.st_uid), left)


def _age(status: os.stat_result) -> float:
    """Return the seconds since a file was changed, or moved to its place, by the wall clock, which files use.

    A file system in memory (device number 0:N), such as /run, is empty at boot. A file there that seems to be older was
    written before the clock was set.
    """
    age = max(0.0, time.time() - status.st_ctime)  # noqa: TID251 # files have no other clock
    return min(age, time.clock_gettime(time.CLOCK_BOOTTIME)) if os.major(status.st_dev) == 0 else age


def _text(file: Path) -> str:
    """Return the text of a file, or "" if it cannot be read: its existence is enough; a pipe is not waited for."""
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


def _borrower(text: str, uid: int) -> Borrower:
    """Return the borrower: the program of a pid, else the text of the file, else the user who created it."""
    if text.isdecimal():
        try:
            name = Path(f"/proc/{text}/comm").read_text(errors="replace").strip()
        except OSError:
            return Borrower(f"pid {text}", BorrowerKind.FILE)
        name = "".join(char for char in name if char.isprintable())
        return Borrower(f"{name} (pid {text})", BorrowerKind.FILE, name)
    if text:
        return Borrower(text, BorrowerKind.FILE, text)
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    return Borrower(f"user {user}", BorrowerKind.FILE, user=user)
