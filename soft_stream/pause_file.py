"""The pause file: while it exists another program has the camera; a file beside it says when the camera is free."""

import asyncio
import logging
import pwd
from pathlib import Path

from asyncinotify import Inotify, Mask

from soft_stream.pause import Pause

log = logging.getLogger(__name__)

WAY = "file"
EVENTS = Mask.CREATE | Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE
# Who creates a file writes its pid right afterwards.
WRITE_TIME = 0.05


class PauseFile:
    """Watches for the file that pauses the camera.

    Its text is the pid of its owner, or anything else that tells people who it is. Removing it gives the camera back;
    one that stays longer than `seconds` is not obeyed any more until it is made anew.
    """

    def __init__(self, file: Path, pause: Pause, seconds: float) -> None:
        self._file = file
        self._acknowledgement = file.with_name(f"{file.name}.ack")
        self._pause = pause
        self._seconds = seconds
        self._seen: tuple[int, int] | None = None
        self._acknowledging: asyncio.Task[None] | None = None

    async def watch(self) -> None:
        """Watch until cancelled; the kernel tells of changes, nothing is polled."""
        if not await asyncio.to_thread(self._file.parent.is_dir):
            log.warning("There is no folder %s, so no pause file is watched", self._file.parent)
            return
        with Inotify() as inotify:
            inotify.add_watch(self._file.parent, EVENTS)
            await self._look()
            async for event in inotify:
                if event.name == Path(self._file.name):
                    if event.mask & Mask.CREATE:
                        await asyncio.sleep(WRITE_TIME)
                    await self._look()

    async def _look(self) -> None:
        """Begin, prolong or end the pause; a file that was seen before, and has not been touched, says nothing new."""
        found = await asyncio.to_thread(self._read)
        if found is None:
            self._seen = None
            self._pause.end(WAY)
        elif found[0] != self._seen:
            self._seen, owner = found
            self._pause.begin(WAY, owner, self._seconds)
            if self._acknowledging is None or self._acknowledging.done():
                self._acknowledging = asyncio.create_task(self._acknowledge(owner), name="acknowledge")

    async def _acknowledge(self, owner: str) -> None:
        """Tell that the camera is free, for as long as it is."""
        try:
            await self._pause.released.wait()
            await asyncio.to_thread(self._acknowledgement.write_text, f"released for {owner}\n")
            await self._pause.taken_back.wait()
        except OSError as error:
            log.warning("The pause file is obeyed, but %s cannot be written: %s", error.filename, error.strerror)
        finally:
            await asyncio.to_thread(self._acknowledgement.unlink, missing_ok=True)

    def _read(self) -> tuple[tuple[int, int], str] | None:
        """Return what tells this file from the next one, and its owner's name."""
        try:
            status = self._file.stat()
        except OSError:
            return None
        try:
            with self._file.open(errors="replace") as file:
                text = "".join(char for char in file.read(200).strip() if char.isprintable())
        except OSError:  # that it exists is enough
            text = ""
        return (status.st_ino, status.st_mtime_ns), _owner(text, status.st_uid)


def _owner(text: str, uid: int) -> str:
    """Name the owner: the program of a pid, else what the file says, else the user who made it."""
    if text.isdecimal():
        try:
            name = Path(f"/proc/{int(text)}/comm").read_text().strip()
        except OSError:
            return f"pid {text}"
        return f"{name} (pid {text})"
    if text:
        return text
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
