"""A webcam behind V4L2: a device of a library that the process is started with."""

import atexit
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from soft_stream.cameras.base import Camera
from soft_stream.cameras.v4l2.camera import V4l2Camera
from tests.support.server import QUICK
from tests.support.sources.base import Lack
from tests.support.v4l2_device.device import V4l2Device, folder_of_process

RATE = 30
WEB = replace(QUICK, source="v4l2", fps=RATE, width=320, height=240, snapshot_width=640, snapshot_height=480)


class V4l2Source:
    """A webcam that gives JPEGs."""

    lacks = frozenset[Lack]()

    def __init__(self, device: V4l2Device) -> None:
        self.device = device
        self.settings = replace(WEB, device=str(device.link))

    def new_camera(self) -> Camera:
        """Make a driver for it."""
        return V4l2Camera(self.settings)

    def stall(self) -> None:
        """Deliver no frames, without an error."""
        self.device.stall()

    def resume(self) -> None:
        """Deliver frames again."""
        self.device.resume()

    def unplug(self) -> None:
        """Vanish, as a cable that is pulled."""
        self.device.unplug()

    def replug(self) -> None:
        """Return under the same name."""
        self.device.replug(1)

    def damage(self, count: int) -> None:
        """Cut off the next frames."""
        self.device.damage(count)

    def take(self) -> AbstractContextManager[None]:
        """Use it as another program does."""
        return self.device.taken()


@contextmanager
def new_source(_: Path) -> Iterator[V4l2Source]:
    """Plug in the webcam of this process, whose library knows one folder."""
    with V4l2Device(folder_of_process(), rates=(RATE,)) as device:
        yield V4l2Source(device)


@cache
def environment() -> dict[str, str]:
    """Return the variables that a process needs to have the webcam."""
    folder = tempfile.TemporaryDirectory(prefix="v4l2-device-")
    atexit.register(folder.cleanup)
    with V4l2Device(Path(folder.name)) as device:
        return device.environment
