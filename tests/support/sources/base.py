"""What the tests of the driver contract need of each source."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from soft_stream.cameras.base import Camera
from soft_stream.config.settings import Settings


class Lack(StrEnum):
    """A thing that a source cannot do; the tests of it are skipped. docs/sources/README.md has the same table."""

    CONTROLS = "has no controls"
    STALL = "cannot be silent without being unplugged"
    UNPLUG = "cannot be unplugged in a test"
    DAMAGE = "delivers no JPEGs of its own, which could be damaged"
    STILL_SIZE = "has no larger size for a snapshot"
    BUSY = "can be used by several programs"


class Source(Protocol):
    """A source in the state that the last call left it in; it begins plugged in and delivers frames."""

    lacks: frozenset[Lack]
    settings: Settings

    def new_camera(self) -> Camera:
        """Make a driver for it, as the factory does."""

    def stall(self) -> None:
        """Deliver no frames, without an error."""

    def resume(self) -> None:
        """Deliver frames again."""

    def unplug(self) -> None:
        """Vanish, as a cable that is pulled or a server that is killed."""

    def replug(self) -> None:
        """Return under the same name."""

    def damage(self, count: int) -> None:
        """Make the next `count` frames damaged: cut off, or no JPEG at all."""

    def take(self) -> AbstractContextManager[None]:
        """Use it as another program does, which keeps it busy."""


NewSource = Callable[[Path], AbstractContextManager[Source]]
"""Makes a source that needs a folder for its files.

Its module may have two more names. `MARKS` is a list of marks of pytest for the tests of the source. `environment` is a
function that returns environment variables: the tests of the source run in a child process that has them.
"""
