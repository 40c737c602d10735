"""Folders of JPEGs as sources: one whose files repeat, and one into which a program writes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from soft_stream.cameras.folder.camera import FolderCamera
from soft_stream.config.settings import Settings
from tests.support.jpegs import picture, save
from tests.support.server import QUICK
from tests.support.sources.base import Lack

FILES = 4
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
