"""Keeps the users, the tokens and the signing key up to date: the kernel reports changes of their files."""

import asyncio
import logging
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from asyncinotify import Inotify, Mask

from soft_stream.access.accounts import Accounts, read_accounts

log = logging.getLogger(__name__)

# No MODIFY: a file that is being written has only some of its lines.
EVENTS = Mask.CREATE | Mask.CLOSE_WRITE | Mask.ATTRIB | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE
# A folder or a link on the way is watched itself: the folder that it is in may be a busy one, such as /tmp.
EVENTS_ON_THE_WAY = Mask.ATTRIB | Mask.DELETE_SELF | Mask.MOVE_SELF
# Seconds that a program has to write a file that it has created, or to change several.
WRITE_TIME = 0.05
# Seconds between two looks at files that the kernel does not report.
POLL_INTERVAL = 1.0
# Symbolic links on the way to a file; Linux follows 40.
MAX_LINKS = 40

Content = TypeVar("Content")

Place = tuple[str, str]
"""A folder and a name in it."""


class LiveFiles(Generic[Content]):
    """Reads the content of files again whenever one of them may have changed."""

    def __init__(self, files: Collection[Path], read: Callable[[], Content]) -> None:
        self._files = [file.absolute() for file in files]  # the working directory may be removed later
        self._read = read
        self._applied: Content | None = None
        self._is_blind = False
        """Whether a folder cannot be watched."""

    async def follow(self, apply: Callable[[Content], None]) -> None:
        """Apply the content after each change, until cancelled; one that changes nothing is left out."""
        while True:
            try:
                await self._follow_places(apply)
            except Exception:  # a revocation must not be missed because of an error of ours
                log.exception("Reading %s failed; it is tried again", ", ".join(map(str, self._files)))
                await asyncio.sleep(POLL_INTERVAL)

    async def _follow_places(self, apply: Callable[[Content], None]) -> None:
        """Apply the content after each change, until the files are looked up in other places."""
        with self._open() as inotify:
            places = await asyncio.to_thread(self._watch, inotify)
            while True:
                content = await asyncio.to_thread(self._read)
                if content != self._applied:
                    apply(content)
                    self._applied = content
                await self._wait_change(inotify, places)
                if self._is_blind or await asyncio.to_thread(places_of, self._files) != places:
                    return

    @contextmanager
    def _open(self) -> Iterator[Inotify | None]:
        """Open inotify; None if the system has no more of them."""
        try:
            inotify = Inotify()
        except OSError as error:
            self._be_blind(error)
            yield None
        else:
            with inotify:
                yield inotify

    def _watch(self, inotify: Inotify | None) -> set[Place]:
        """Watch the files, and the folders and links on the way to them; return what is looked up on that way."""
        while True:
            places = places_of(self._files)
            if inotify is None:
                return places
            try:
                for folder, name in sorted(places):
                    path = os.path.join(folder, name)
                    if os.path.islink(path) or os.path.isdir(path):
                        inotify.add_watch(path, EVENTS_ON_THE_WAY | Mask.DONT_FOLLOW | Mask.MASK_ADD)
                    else:  # a file, or the first name that does not exist
                        inotify.add_watch(folder, EVENTS | Mask.MASK_ADD)
                self._is_blind = False
            except FileNotFoundError:  # it was removed a moment ago
                continue
            except OSError as error:
                self._be_blind(error)
            if places_of(self._files) == places:
                return places

    def _be_blind(self, error: OSError) -> None:
        if not self._is_blind:
            self._is_blind = True
            names = ", ".join(map(str, self._files))
            log.warning("Changes of these files are looked for each second: %s; no watch: %s", names, error.strerror)

    async def _wait_change(self, inotify: Inotify | None, places: set[Place]) -> None:
        """Wait until one of the places may have changed, and a little longer."""
        if inotify is None or self._is_blind:
            await asyncio.sleep(POLL_INTERVAL)
            return
        async for event in inotify:
            # without a name: about the folder, or events were lost
            if event.name is None or event.watch is None or (str(event.watch.path), str(event.name)) in places:
                break
        await asyncio.sleep(WRITE_TIME)


def follow_accounts(users_file: str, state_directory: Path | None) -> LiveFiles[Accounts]:
    """Return the live accounts of a users' file, the tokens beside it, and the ended sessions of a state directory."""
    files = [Path(users_file), Path(users_file).with_name("tokens")] if users_file else []
    if state_directory:
        files.append(state_directory / "ended-sessions")
    return LiveFiles(files, lambda: read_accounts(users_file, state_directory))


def places_of(files: Collection[Path]) -> set[Place]:
    """Return each name that is looked up on the way to the files, with its folder; symbolic links are followed.

    The way ends at the first name that does not exist, so that a folder may be missing at first.
    """
    places: set[Place] = set()
    for file in files:
        folder, names, links = "/", [*reversed(file.absolute().parts[1:])], 0
        while names:
            name = names.pop()
            path = os.path.normpath(os.path.join(folder, name))
            if name != "..":
                places.add((folder, name))
            try:
                target = os.readlink(path) if os.path.islink(path) else ""
            except OSError:
                break
            if target:
                links += 1
                if links > MAX_LINKS:
                    break
                names += reversed(Path(target).parts)
                if os.path.isabs(target):
                    folder = "/"
                    names.pop()
            elif names and not os.path.isdir(path):
                break
            else:
                folder = path
    return places
