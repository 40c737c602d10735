"""The files of a folder as frames: read, checked, cached, and deleted after they were read."""

import logging
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from soft_stream.cameras.folder.directory import Directory, NoFile, Stamp, stamp_of
from soft_stream.config.text import one_line
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.raw import RawFrame

log = logging.getLogger(__name__)

# Frames are cached up to this size; the remaining files are read from the disk each time.
CACHE_BYTES = 32 * 1024 * 1024
# Seconds after the last change in which a file that is not whole may still be written.
SETTLE = 0.5
# Damaged files that the log names in one session; the status counts all.
MOST_LOGGED = 10


class FrameFiles:
    """Reads the files of one session."""

    def __init__(self, directory: Directory, *, deletes: bool) -> None:
        self.directory = directory
        self.deletes = deletes
        self.last_damage = ""
        """Why the last file was damaged."""
        self.held_back: list[str] | None = []
        """Log lines about damaged files that are kept until a whole one is found; None from then on."""
        self._jpegs = JpegSource(decodes_all=True)
        self._cache: dict[str, tuple[Stamp, RawFrame]] = {}
        """The frames of files that are whole, end with EOI, and fit into the cache."""
        self._room = CACHE_BYTES
        self._decoded: dict[str, Stamp] = {}
        """Files that have been decoded; they are not decoded again before they change."""
        self._bad: dict[str, Stamp | None] = {}
        """Damaged files."""
        self._damaged: list[str] = []
        self._logged = 0
        self._cannot_delete = False

    def take_damaged(self) -> Sequence[str]:
        """Return why files were skipped, since the last call."""
        if not self._damaged:
            return ()
        damaged, self._damaged = self._damaged, []
        return damaged

    def frame(self, name: str) -> RawFrame | None:
        """Return the frame of a file as of now; None if it is damaged."""
        captured_at = time.monotonic()
        status = self.directory.status(name)
        if status and (known := self._cache.get(name)) and known[0] == stamp_of(status):
            self._jpegs.learn(has_end=True)
            return replace(known[1], captured_at=captured_at)
        raw, _ = self._read(name, captured_at, may_grow=False)
        return raw

    def fresh_frame(self, name: str, *, may_grow: bool) -> tuple[RawFrame | None, Stamp | None]:
        """Return the frame of a file that may be new, with its stamp; it is not cached.

        With `may_grow` a file that is not whole, and was changed in the last SETTLE seconds, is not reported.
        """
        return self._read(name, time.monotonic(), may_grow=may_grow, keep=False)

    def is_known_bad(self, name: str) -> bool:
        """Return whether a file was damaged, and has not changed."""
        status = self.directory.status(name)
        return name in self._bad and status is not None and self._bad[name] == stamp_of(status)

    def delete(self, name: str, stamp: Stamp | None) -> None:
        """Delete a file that was read, if the settings say so; log once that it is not possible."""
        if not self.deletes or stamp is None:
            return
        try:
            self.directory.delete(name, stamp)
        except OSError as error:
            if not self._cannot_delete:
                self._cannot_delete = True
                path = one_line(str(self.directory.path / name))
                log.warning("%s cannot be deleted after it was read: %s", path, error.strerror)

    def keep_only(self, names: Collection[str]) -> None:
        """Forget all files but these."""
        for name in self._decoded.keys() - set(names):
            self._forget(name)

    def found_whole(self) -> None:
        """Log what was held back: a folder without a whole file is tried again and again, without log lines."""
        lines, self.held_back = self.held_back or [], None
        for line in lines:
            log.warning("%s", line)

    def _read(
        self, name: str, captured_at: float, *, may_grow: bool, keep: bool = True
    ) -> tuple[RawFrame | None, Stamp | None]:
        try:
            data, stamp = self.directory.read(name)
        except OSError as error:
            reason = str(error) if isinstance(error, NoFile) else f"cannot be read ({error.strerror})"
            self._report(name, None, reason)
            return None, None
        raw = RawFrame((0, 0), captured_at, jpeg=data, is_checked=self._decoded.get(name) == stamp)
        is_whole = self._jpegs.accepts(raw)
        self._jpegs.take_damaged()
        if not is_whole:
            if not (may_grow and self._may_be_written(name, stamp)):
                self._report(name, stamp, self._jpegs.last_damage)
            return None, stamp
        self._forget(name)
        self._bad.pop(name, None)
        if keep:
            self._decoded[name] = stamp
            if self._jpegs.last_had_end and len(raw.jpeg) <= self._room:
                # without an end, a later frame may teach that it is damaged
                self._room -= len(raw.jpeg)
                self._cache[name] = stamp, raw
        return raw, stamp

    def _forget(self, name: str) -> None:
        self._decoded.pop(name, None)
        if known := self._cache.pop(name, None):
            self._room += len(known[1].jpeg)

    def _may_be_written(self, name: str, stamp: Stamp) -> bool:
        status = self.directory.status(name)
        return status is None or stamp_of(status) != stamp or abs(stamp.age) < SETTLE

    def _report(self, name: str, stamp: Stamp | None, reason: str) -> None:
        self._damaged.append(reason)
        self.last_damage = reason
        is_new = name not in self._bad
        self._bad[name] = stamp
        if is_new and self._logged < MOST_LOGGED:
            self._logged += 1
            line = f"{one_line(str(self.directory.path / name))} is skipped: {reason}"
            if self.held_back is None:
                log.warning("%s", line)
            else:
                self.held_back.append(line)
