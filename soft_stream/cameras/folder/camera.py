"""A driver that repeats the JPEG files of a folder in the order of their names, for measurements and demonstrations."""

import logging
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from soft_stream.cameras.base import CameraError, CameraMissing, Control, ControlValue, FocusMode, Negotiated, NoFrame
from soft_stream.config.settings import Settings
from soft_stream.config.text import one_line
from soft_stream.frames.jpeg_source import JpegSource
from soft_stream.frames.raw import Orientation, RawFrame
from soft_stream.frames.zoom import Rectangle
from soft_stream.message import Message

log = logging.getLogger(__name__)

# Files are cached up to this size; the remaining ones are read from the disk each time.
CACHE_BYTES = 32 * 1024 * 1024
NOT_OPEN = 0, 0
"""The size while no whole JPEG has been found."""


class FolderCamera:
    """A camera driver for one session of a folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files: list[Path] = []
        self._cache: dict[int, RawFrame] = {}
        """The frames of files that are whole, end with EOI, and fit into the cache."""
        self._cache_room = CACHE_BYTES
        self._jpegs = JpegSource(decodes_all=True)
        self._decoded: dict[int, int] = {}
        """When each file was changed last that has been decoded, in nanoseconds; it is not decoded again."""
        self._skipped: dict[int, str] = {}
        """Why a file was damaged, when it was read first."""
        self._size = NOT_OPEN
        self._first = 0
        self._started_at = 0.0
        self._tick = 0

    def open(self) -> Negotiated:
        """List the folder and read the size of the first whole JPEG; see `Camera.open`."""
        folder = Path(self._settings.folder)
        try:
            self._files = sorted((path for path in folder.iterdir() if _is_jpeg(path)), key=_natural)
        except OSError as error:
            template = "the folder {folder} cannot be read: {reason}"
            raise CameraMissing(Message("folder_unreadable", template, folder=folder, reason=error.strerror)) from None
        if not self._files:
            raise CameraMissing(Message("folder_empty", "the folder {folder} has no .jpg", folder=folder))
        first = next((frame for number in range(len(self._files)) if (frame := self._read_frame(number))), None)
        if first is None:
            name = one_line(self._files[0].name)
            template, fault = "no .jpg of the folder {folder} is whole, {name}: {fault}", self._skipped[0]
            raise CameraMissing(Message("folder_damaged", template, folder=folder, name=name, fault=fault))
        self._size, self._first = first.size, len(self._skipped)
        for number in self._skipped:  # not before: a folder without a whole one is tried again and again
            self._log_skipped(number)
        self._started_at, self._tick = time.monotonic(), 0
        return self._negotiated()

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the time of the next frame; skip the frames that were not waited for, as a sensor does."""
        if not self._files:
            raise CameraError("the folder is not open")
        deadline, fps = time.monotonic() + timeout, self._settings.fps
        while True:
            now = time.monotonic()
            self._tick = max(self._tick + 1, int((now - self._started_at) * fps))
            wait = self._started_at + self._tick / fps - now
            if wait > deadline - now:
                self._tick -= 1
                time.sleep(max(0.0, deadline - now))
                raise NoFrame(Message("no_frame_in", "no frame within {seconds:g} s", seconds=timeout))
            time.sleep(max(0.0, wait))
            if frame := self._read_frame((self._first + self._tick - 1) % len(self._files)):
                return frame

    def take_damaged(self) -> Sequence[str]:
        """Return why files were skipped; see `Camera.take_damaged`."""
        return self._jpegs.take_damaged()

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """Do nothing: there is no lens."""

    def still(self, timeout: float) -> RawFrame:
        """Capture the next frame: there is no other size."""
        return self.capture(timeout)

    def restart(self) -> Negotiated:
        """List the folder again; see `Camera.restart`."""
        self.close()
        return self.open()

    def controls(self) -> list[Control]:
        """Return an empty list: nothing can be set."""
        return []

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """Do nothing; see `Camera.set_controls`."""
        return self._negotiated()

    def set_zoom(self, crop: Rectangle | None) -> None:
        """Do nothing; see `Camera.set_zoom`."""

    def close(self) -> None:
        """Clear the cache; see `Camera.close`."""
        self._files, self._cache, self._cache_room = [], {}, CACHE_BYTES
        self._decoded, self._skipped, self._size = {}, {}, NOT_OPEN

    def _read_frame(self, number: int) -> RawFrame | None:
        """Return the frame of a file; None if the file is damaged."""
        captured_at = time.monotonic()
        if known := self._cache.get(number):
            self._jpegs.learn(has_end=True)
            return replace(known, captured_at=captured_at)
        try:
            changed_at = self._files[number].stat().st_mtime_ns
            data = self._files[number].read_bytes()
        except OSError as error:
            self._jpegs.refuse(f"cannot be read ({error.strerror})")
        else:
            raw = RawFrame((0, 0), captured_at, jpeg=data, is_checked=self._decoded.get(number) == changed_at)
            if self._jpegs.accepts(raw):
                self._decoded[number] = changed_at
                if self._jpegs.last_had_end:  # if not, a later frame may teach that it is damaged
                    self._keep(number, raw)
                return raw
        if number not in self._skipped:
            self._skipped[number] = self._jpegs.last_damage
            if self._size != NOT_OPEN:
                self._log_skipped(number)
        return None

    def _log_skipped(self, number: int) -> None:
        log.warning("%s is skipped: %s", one_line(str(self._files[number])), self._skipped[number])

    def _keep(self, number: int, raw: RawFrame) -> None:
        if len(raw.jpeg) <= self._cache_room:
            self._cache_room -= len(raw.jpeg)
            self._cache[number] = raw

    def _negotiated(self) -> Negotiated:
        settings = self._settings
        return Negotiated(
            size=self._size,
            pixel_format="MJPEG",
            stride=0,
            colour_space="the file's own",
            sensor_mode="none",
            fps=settings.fps,
            has_autofocus=False,
            orientation=Orientation(settings.hflip, settings.vflip, settings.rotation).normalized,
            model="image folder",
            longest_interval=1 / settings.fps,
        )


def _is_jpeg(path: Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg") and path.is_file()


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a sort key that puts 9.jpg before 10.jpg."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"\d+|\D+", path.name)]
