"""Folders of JPEGs as sources: one whose files repeat, and one into which a program writes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from soft_stream.cameras.folder.camera import FolderCamera
from soft_stream.config.settings import Settings
from tests.support.jpegs import picture, save
from tests.support.server import QUICK
from tests.support.sources.base import Lack

FILES = 4
WRITES_PER_SECOND = 40.0
LACKS = frozenset({Lack.CONTROLS, Lack.STILL_SIZE, Lack.BUSY})


def picture_of(number: int) -> bytes:
    """Return a JPEG of 160x120."""
    return save(picture((160, 120), seed=number % FILES))


@dataclass
class FolderSource:
    """A folder with files, which repeat; see `Source`."""

    folder: Path
    settings: Settings
    lacks: frozenset[Lack] = LACKS | {Lack.STALL}

    def new_camera(self) -> FolderCamera:
        """Make a driver."""
        return FolderCamera(self.settings)

    def stall(self) -> None:
        """Fail: files that are there are shown."""
        raise NotImplementedError(Lack.STALL)

    resume = stall

    def unplug(self) -> None:
        """Move the folder away, as with a stick that is pulled."""
        self.folder.rename(self.folder.with_name("unplugged"))

    def replug(self) -> None:
        """Move the folder back."""
        self.folder.with_name("unplugged").rename(self.folder)

    def damage(self, count: int) -> None:
        """Cut off files."""
        for number in range(count):
            file = self.folder / f"{number}.jpg"
            file.write_bytes(file.read_bytes()[:1000])

    @contextmanager
    def take(self) -> Iterator[None]:
        """Fail: several programs can read a folder."""
        raise NotImplementedError(Lack.BUSY)


@contextmanager
def new_source(path: Path) -> Iterator[FolderSource]:
    """Make a source whose files repeat."""
    folder = path / "pictures"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number}.jpg").write_bytes(picture_of(number))
    yield FolderSource(folder, replace(QUICK, source="folder", folder=str(folder)))


class GrowingSource(FolderSource):
    """A folder into which a program writes one complete file after the other, and removes old ones."""

    lacks = LACKS

    def __init__(self, folder: Path, settings: Settings) -> None:
        super().__init__(folder, settings, LACKS)
        self._written = 0
        self._damaged = 0
        self._may_write = threading.Event()
        self._may_write.set()
        self._ended = threading.Event()
        self._write()
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def stall(self) -> None:
        """Write nothing more."""
        self._may_write.clear()

    def resume(self) -> None:
        """Write again."""
        self._may_write.set()

    def damage(self, count: int) -> None:
        """Cut off the next files."""
        self._damaged = count

    def end(self) -> None:
        """End the program that writes."""
        self._ended.set()
        self._may_write.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(1 / WRITES_PER_SECOND):
            self._may_write.wait()
            with suppress(FileNotFoundError):  # the folder is unplugged
                self._write()

    def _write(self) -> None:
        self._written += 1
        data = picture_of(self._written)
        if self._damaged:
            self._damaged -= 1
            data = data[: len(data) // 2]
        fresh = self.folder / "being-written"
        fresh.write_bytes(data)
        fresh.rename(self.folder / f"{self._written % (2 * FILES)}.jpg")


@contextmanager
def new_growing_source(path: Path) -> Iterator[GrowingSource]:
    """Make a source into which a program writes."""
    folder = path / "pictures"
    folder.mkdir()
    source = GrowingSource(folder, replace(QUICK, source="folder", folder=str(folder), folder_mode="new"))
    try:
        yield source
    finally:
        source.end()
