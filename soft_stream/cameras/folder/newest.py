"""The newest file of a folder, as soon as it is complete."""

import time

from soft_stream.cameras.base import CameraMissing, NoFrame
from soft_stream.cameras.folder.completed import CompletedFiles
from soft_stream.cameras.folder.directory import Directory, Stamp
from soft_stream.cameras.folder.frame_files import FrameFiles
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import RawFrame
from soft_stream.message import Message

# Seconds that the opening waits for a new file if none is new enough; within half of `close_timeout`, which a restart
# must keep.
OPEN_WAIT = 1.0
# The newest files, of which one may be whole and new enough.
LOOKED_AT = 5
# Seconds before its discovery at which a new file can have been written; else one of the clocks was wrong.
MOST_AGE = 3600.0
# Seconds by which the time of a file may be earlier than that of the one before: the kernel counts in ticks.
TICK = 0.1
STEP = 1e-6


class NewestFile:
    """Shows each file when it has been completed, unless a newer one is there already, at most `fps` in a second.

    A frame is as old as its file. A folder whose newest file is older than `fresh_for` is like a camera that is not
    connected: its picture would not be live.
    """

    def __init__(self, directory: Directory, files: FrameFiles, settings: Settings, shown: Stamp | None = None) -> None:
        self._directory = directory
        self._files = files
        self._completed = CompletedFiles(directory)
        self._interval = 1 / settings.fps
        longest = max(self._interval, settings.folder_interval)
        self.fresh_for = max(2.0, 1.5 * longest) + settings.retry_pause
        self._open_wait = min(OPEN_WAIT, settings.close_timeout / 2)
        self._due = 0.0
        self._waiting: dict[str, bool] = {}
        """Completed files that were not read yet, the last one last, and whether they may still grow."""
        self.shown = shown
        """The file that was shown last, also before a restart."""
        self._first: RawFrame | None = None
        self._last_at = float("-inf")
        """When the file that was shown last was written (monotonic)."""

    def start(self) -> RawFrame:
        """Watch the folder; return the first frame, which `next` returns again.

        Raises:
            CameraMissing: the folder cannot be read, or has no new file.
        """
        self._completed.start()
        newest = self._completed.newest(LOOKED_AT)
        self._first = self._fresh_of(newest)
        if self._first is None:
            try:
                self._first = self.next(self._open_wait)
            except NoFrame:
                raise self._too_old(newest) from None
        return self._first

    def close(self) -> None:
        """End the watch."""
        self._completed.close()

    def next(self, timeout: float) -> RawFrame:
        """Wait for a new file; see `Camera.capture`."""
        if self._first:
            first, self._first = self._first, None
            self._count(time.monotonic())
            return first
        deadline = time.monotonic() + timeout
        while True:
            self._directory.check()
            until = min(deadline, max(self._due, time.monotonic())) if self._waiting else deadline
            for name, may_grow in self._completed.wait(until).items():
                self._waiting.pop(name, None)
                self._waiting[name] = may_grow
            now = time.monotonic()
            if self._waiting and now >= self._due and (frame := self._take()):
                self._count(now)
                return frame
            if now >= deadline:
                raise NoFrame(Message("no_frame_in", "no frame within {seconds:g} s", seconds=timeout))

    def _count(self, now: float) -> None:
        """Set when the next frame is due: evenly, and after a silence half an interval later at the earliest."""
        self._due = max(self._due + self._interval, now + self._interval / 2)

    def _take(self) -> RawFrame | None:
        """Return the newest whole file of those that wait; read and delete those that it has overtaken."""
        waiting, self._waiting = list(reversed(self._waiting.items())), {}
        for position, (name, may_grow) in enumerate(waiting):
            raw, stamp = self._files.fresh_frame(name, may_grow=may_grow)
            if raw is None:
                if not self._files.is_known_bad(name):
                    self._completed.look_again_at(name, stamp)
                continue
            is_new = self._set_time(raw, stamp)
            self._files.delete(name, stamp)
            if is_new:
                self._delete_overtaken([older for older, _ in waiting[position + 1 :]])
                return raw
        return None

    def _delete_overtaken(self, names: list[str]) -> None:
        """Read files that a newer one has overtaken, and delete those that are whole: else the folder would fill."""
        for name in names if self._files.deletes else ():
            raw, stamp = self._files.fresh_frame(name, may_grow=True)
            if raw:
                self._files.delete(name, stamp)

    def _set_time(self, raw: RawFrame, stamp: Stamp | None) -> bool:
        """Set when a new file was written; return whether that was after the one before."""
        if stamp == self.shown:
            return False
        if stamp and 0 <= (age := stamp.age) <= MOST_AGE:
            raw.captured_at -= age
        if raw.captured_at <= self._last_at:
            if raw.captured_at < self._last_at - TICK:
                return False
            raw.captured_at = self._last_at + STEP
        self._last_at, self.shown = raw.captured_at, stamp
        return True

    def _fresh_of(self, newest: list[tuple[str, Stamp]]) -> RawFrame | None:
        """Return the newest of the existing files that is whole and new enough."""
        for name, stamp in newest:
            if 0 <= stamp.age <= self.fresh_for:
                raw, read = self._files.fresh_frame(name, may_grow=True)
                if raw and self._set_time(raw, read):
                    self._files.delete(name, read)
                    return raw
                self._completed.look_again_at(name, read)
        return None

    def _too_old(self, newest: list[tuple[str, Stamp]]) -> CameraMissing:
        folder = self._directory.path
        if not newest:
            return CameraMissing(Message("folder_empty", "the folder {folder} has no .jpg", folder=folder))
        template, seconds = "no new .jpg in the folder {folder} for {seconds} s", round(newest[0][1].age)
        return CameraMissing(Message("folder_silent", template, folder=folder, seconds=seconds))
