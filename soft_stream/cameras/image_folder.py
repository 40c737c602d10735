"""A driver that repeats the JPEG files of a folder in the order of their names, for measurements and demonstrations."""

import re
import time
from collections.abc import Mapping
from pathlib import Path

from soft_stream.cameras.base import CameraError, CameraMissing, Control, ControlValue, FocusMode, Negotiated, NoFrame
from soft_stream.config.settings import Settings
from soft_stream.frames import jpeg
from soft_stream.frames.raw import Orientation, RawFrame

# Files are cached up to this size; the remaining ones are read from the disk each time.
CACHE_BYTES = 32 * 1024 * 1024


class FolderCamera:
    """A camera driver for one session of a folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._files: list[Path] = []
        self._cache: list[bytes] = []
        """The content of each file; empty if it is not cached."""
        self._cache_room = CACHE_BYTES
        self._size = (0, 0)
        self._started_at = 0.0
        self._tick = 0

    def open(self) -> Negotiated:
        """List the folder and read the size of the first JPEG; see `Camera.open`."""
        folder = Path(self._settings.folder)
        try:
            self._files = sorted((path for path in folder.iterdir() if _is_jpeg(path)), key=_natural)
        except OSError as error:
            raise CameraMissing(f"the folder {folder} cannot be read: {error.strerror}") from None
        if not self._files:
            raise CameraMissing(f"the folder {folder} has no .jpg")
        self._cache = [b""] * len(self._files)
        try:
            self._size = jpeg.read_size(self._read(0))
        except jpeg.DamagedJpeg as error:
            raise CameraError(f"{self._files[0]}: {error}") from None
        self._started_at, self._tick = time.monotonic(), 0
        return self._negotiated()

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the time of the next frame; skip the frames that were not waited for, as a sensor does."""
        if not self._files:
            raise CameraError("the folder is not open")
        now = time.monotonic()
        fps = self._settings.fps
        self._tick = max(self._tick + 1, int((now - self._started_at) * fps))
        wait = self._started_at + self._tick / fps - now
        if wait > timeout:
            self._tick -= 1
            time.sleep(timeout)
            raise NoFrame(f"no frame within {timeout:g} s")
        time.sleep(max(0.0, wait))
        captured_at = time.time()
        return RawFrame(self._size, captured_at, jpeg=self._read(self._tick % len(self._files)))

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

    def close(self) -> None:
        """Clear the cache; see `Camera.close`."""
        self._files, self._cache, self._cache_room = [], [], CACHE_BYTES

    def _read(self, number: int) -> bytes:
        if data := self._cache[number]:
            return data
        path = self._files[number]
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CameraError(f"{path} cannot be read: {error.strerror}") from None
        if len(data) <= self._cache_room:
            self._cache_room -= len(data)
            self._cache[number] = data
        return data

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
            model=f"folder {settings.folder}",
            longest_interval=1 / settings.fps,
        )


def _is_jpeg(path: Path) -> bool:
    return path.suffix.lower() in (".jpg", ".jpeg") and path.is_file()


def _natural(path: Path) -> list[tuple[int, str]]:
    """Return a sort key that puts 9.jpg before 10.jpg."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.findall(r"\d+|\D+", path.name)]
