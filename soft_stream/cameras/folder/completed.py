"""The names of files that another program has completed: by inotify, or by looking where that is not possible."""

import logging
import time
from heapq import nlargest

from asyncinotify import Event, Inotify, Mask

from soft_stream.cameras.folder.directory import Directory, Stamp, stamp_of
from soft_stream.cameras.folder.frame_files import SETTLE

log = logging.getLogger(__name__)

# Seconds without an event after which the folder is looked at: network file systems send none.
LOOK_AFTER = 1.0
EVENTS = Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.CREATE | Mask.DELETE_SELF | Mask.MOVE_SELF | Mask.ONLYDIR
GONE = Mask.IGNORED | Mask.UNMOUNT | Mask.DELETE_SELF | Mask.MOVE_SELF
CACHED_EVENTS = 100


class CompletedFiles:
    """Finds the files that were completed since `start`."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._inotify: Inotify | None = None
        self._look_at = 0.0
        self._looked_ns = 0
        self._has_lost_events = False
        self._newest: tuple[str, Stamp] | None = None
        """The file that was changed last, when the folder was looked at."""
        self._later: dict[str, tuple[float, Stamp | None]] = {}
        """Files that may still be written: when to look again, and what they were."""

    def start(self) -> None:
        """Watch the folder from now on; log it if only looking is possible."""
        inotify = None
        try:
            inotify = Inotify(cache_size=CACHED_EVENTS)
            inotify.add_watch(self._directory.path, EVENTS)
        except OSError as error:
            if inotify:
                inotify.close()
            template = "The folder %s is looked at each %g s: inotify is not available (%s)"
            log.warning(template, self._directory.path, LOOK_AFTER, error.strerror)
        else:
            self._inotify = inotify
        self._look_at = time.monotonic() + LOOK_AFTER
        self._looked_ns, self._newest = self._directory.changed_ns, self._look()

    def close(self) -> None:
        """End the watch."""
        if self._inotify:
            self._inotify.close()
            self._inotify = None

    def newest(self, count: int) -> list[tuple[str, Stamp]]:
        """Return the files that were changed last, the newest one first."""
        found = ((status.st_mtime_ns, name, stamp_of(status)) for name, status in self._directory.files())
        return [(name, stamp) for _, name, stamp in nlargest(count, found)]

    def wait(self, until: float) -> dict[str, bool]:
        """Return the names of the files that were completed, the last one last; wait for one until a time (monotonic).

        The value is whether a file may still grow: it was closed, but not moved to its name.

        Raises:
            CameraMissing: the folder is gone.
        """
        while True:
            due = min([until, self._look_at, *(at for at, _ in self._later.values())])
            names = self._events(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            if names and not self._has_lost_events:
                self._look_at = now + LOOK_AFTER
            elif now >= self._look_at:
                self._find_without_events(now)
            names |= self._settled(now)
            if names or now >= until:
                return names

    def look_again_at(self, name: str, stamp: Stamp | None) -> None:
        """Return a file that was not whole from `wait` once more, when it has not been changed for a while."""
        self._later[name] = time.monotonic() + SETTLE, stamp

    def _events(self, seconds: float) -> dict[str, bool]:
        """Wait for an event; return what all that there are say, as `wait` does."""
        inotify, names = self._inotify, dict[str, bool]()
        if inotify is None:
            time.sleep(seconds)
            return names
        inotify.sync_timeout = seconds
        while event := inotify.sync_get():
            inotify.sync_timeout = 0
            if event.mask & GONE:
                raise self._directory.gone()
            if event.mask & Mask.Q_OVERFLOW:
                self._look_at, self._looked_ns, self._has_lost_events = 0.0, 0, True
            if name := self._completed(event):
                self._later.pop(name, None)
                names.pop(name, None)  # the last one is last
                names[name] = bool(event.mask & Mask.CLOSE_WRITE)
        return names

    def _completed(self, event: Event) -> str:
        """Return the name of the file that an event says is complete; empty if it says nothing about one."""
        name = str(event.name or "")
        if not name or not self._directory.counts(name) or event.mask & Mask.ISDIR:
            return ""
        return "" if event.mask & Mask.CREATE and not self._directory.is_link(name) else name

    def _find_without_events(self, now: float) -> None:
        """Look for a new file, which is complete when it has not been changed for a while."""
        self._look_at, self._has_lost_events = now + LOOK_AFTER, False
        changed_ns = self._directory.changed_ns
        newest = self._newest
        if changed_ns != self._looked_ns:
            self._looked_ns, newest = changed_ns, self._look()
        elif newest and (status := self._directory.status(newest[0])):
            newest = newest[0], stamp_of(status)  # the same file is written again and again
        if newest and newest != self._newest:
            self._later[newest[0]] = now + SETTLE, newest[1]
        self._newest = newest

    def _look(self) -> tuple[str, Stamp] | None:
        return next(iter(self.newest(1)), None)

    def _settled(self, now: float) -> dict[str, bool]:
        """Return the files that have not been changed for a while; they do not grow any more."""
        names = {}
        for name, (at, stamp) in list(self._later.items()):
            if at > now:
                continue
            status = self._directory.status(name)
            if status is None:
                del self._later[name]
            elif stamp_of(status) != stamp:
                self._later[name] = now + SETTLE, stamp_of(status)
            else:
                del self._later[name]
                names[name] = False
        return names
