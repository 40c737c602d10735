"""The files of a folder in the order of their names, at the rate of the settings."""

import time

from soft_stream.cameras.base import CameraMissing, NoFrame, NotLive
from soft_stream.cameras.folder.directory import Directory
from soft_stream.cameras.folder.frame_files import FrameFiles
from soft_stream.config.text import one_line
from soft_stream.frames.raw import RawFrame
from soft_stream.message import Message

# Seconds between two looks into a folder whose files have all been shown and deleted.
LOOK_AGAIN = 0.5


class Player:
    """Plays the files: again and again, once, or until each is deleted.

    Frames that are not waited for are skipped, as with a sensor, unless each file is shown only once.
    """

    def __init__(self, directory: Directory, files: FrameFiles, fps: float, *, once: bool) -> None:
        self._directory = directory
        self._files = files
        self._fps = fps
        self._once = once
        self._is_in_order = once or files.deletes
        """Whether no file may be skipped."""
        self._names: list[str] = []
        self._listed_ns = 0
        self._next = 0
        """The position of the next file."""
        self._started_at = 0.0
        self._tick = 0
        self._due = 0.0
        self._is_played = False
        """Whether all files were shown, once."""

    def start(self) -> RawFrame:
        """List the folder; return the first whole frame, which `next` returns again.

        Raises:
            CameraMissing: the folder cannot be read, or has no whole JPEG.
        """
        self._list()
        folder = self._directory.path
        if not self._names:
            raise CameraMissing(Message("folder_empty", "the folder {folder} has no .jpg", folder=folder))
        faults = []
        for position, name in enumerate(self._names):
            if frame := self._files.frame(name):
                self._started_at, self._tick, self._next = time.monotonic(), 0, position
                self._due = self._started_at + 1 / self._fps
                return frame
            faults.append(self._files.last_damage)
        template = "no .jpg of the folder {folder} is whole, {name}: {fault}"
        name = one_line(self._names[0])
        raise CameraMissing(Message("folder_damaged", template, folder=folder, name=name, fault=faults[0]))

    def next(self, timeout: float) -> RawFrame:
        """Wait for the time of the next frame; see `Camera.capture`.

        Raises:
            NotLive: all files were shown, once.
        """
        deadline = time.monotonic() + timeout
        while True:
            if self._is_played:
                time.sleep(max(0.0, deadline - time.monotonic()))
                self._directory.check()
                template, folder = "all files of the folder {folder} have been shown", self._directory.path
                raise NotLive(Message("folder_played", template, folder=folder))
            self._wait(deadline, timeout)
            self._directory.check()
            if frame := self._read():
                return frame

    def _wait(self, deadline: float, timeout: float) -> None:
        """Wait until a frame is due, and count how many were due since the last one."""
        now = time.monotonic()
        if self._is_in_order:
            due, tick = self._due, self._tick + 1
        else:
            tick = max(self._tick + 1, int((now - self._started_at) * self._fps))
            due = self._started_at + tick / self._fps
        if due > deadline:
            time.sleep(max(0.0, deadline - now))
            raise NoFrame(Message("no_frame_in", "no frame within {seconds:g} s", seconds=timeout))
        time.sleep(max(0.0, due - now))
        self._next += tick - self._tick if self._tick else 0
        self._tick = tick
        self._due = max(due, now) + 1 / self._fps

    def _read(self) -> RawFrame | None:
        """Return the frame whose turn it is; None if there is none."""
        if self._next >= len(self._names):
            if self._once:
                self._is_played = True
                return None
            played = len(self._names)
            if self._files.deletes or self._directory.changed_ns != self._listed_ns:
                self._list()
                self._require_files()
            self._next = (self._next - played) % max(1, len(self._names))
            if not self._names:
                self._due = time.monotonic() + LOOK_AGAIN
                self._next -= 1  # `_wait` counts on
                return None
        name = self._names[self._next]
        if self._directory.status(name) is None:  # it was deleted
            if not self._once:
                self._listed_ns, self._next, self._tick = 0, len(self._names), 0  # so the folder is listed again
            return None
        if not self._is_in_order:
            return self._files.frame(name)
        raw, stamp = self._files.fresh_frame(name, may_grow=self._files.deletes)
        if raw:
            self._files.delete(name, stamp)
        return raw

    def _list(self) -> None:
        self._listed_ns = self._directory.changed_ns
        names = self._directory.names()
        self._names = [name for name in names if not (self._files.deletes and self._files.is_known_bad(name))]
        self._files.keep_only(self._names)

    def _require_files(self) -> None:
        if not self._names and not self._files.deletes:
            template, folder = "the folder {folder} has no .jpg", self._directory.path
            raise CameraMissing(Message("folder_empty", template, folder=folder))
