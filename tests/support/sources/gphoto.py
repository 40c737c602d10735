"""A photo camera with live view, behind a stand-in for libgphoto2, as a source."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

from soft_stream.cameras.gphoto.camera import GphotoCamera
from soft_stream.config.settings import Settings
from tests.support.fake_gphoto2 import FakeLibrary, PhotoCamera
from tests.support.mjpeg_server import jpeg
from tests.support.server import QUICK
from tests.support.sources.base import Lack

STILL_SIZE = 320, 240


class GphotoSource:
    """A camera at a cable; see `Source`."""

    lacks = frozenset({Lack.CONTROLS})

    def __init__(self, device: PhotoCamera) -> None:
        self.device = device
        self.settings: Settings = replace(QUICK, source="gphoto")

    def new_camera(self) -> GphotoCamera:
        """Make a driver for it."""
        return GphotoCamera(self.settings)

    def stall(self) -> None:
        """Answer that it is busy, as while it focuses."""
        self.device.is_focusing = True

    def resume(self) -> None:
        """Give frames again."""
        self.device.is_focusing = False

    def unplug(self) -> None:
        """Pull the cable; the kernel ends the claims."""
        self.device.is_plugged, self.device.user = False, ""

    def replug(self) -> None:
        """Connect the cable."""
        self.device.is_plugged = True

    def damage(self, count: int) -> None:
        """Cut off the next frames of the live view."""
        self.device.damaged = count

    @contextmanager
    def take(self) -> Iterator[None]:
        """Claim it, as a desktop's file manager does."""
        self.device.user = "gvfsd-gphoto2"
        yield
        self.device.user = ""


@contextmanager
def new_source(_: Path) -> Iterator[GphotoSource]:
    """Connect a camera."""
    device = PhotoCamera(jpeg, jpeg(0, STILL_SIZE))
    with mock.patch.dict(sys.modules, {"gphoto2": FakeLibrary(device)}):
        yield GphotoSource(device)
