"""Cameras of the real Picamera2 over the fake libcamera as sources: a Camera Module 3, and a webcam."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from soft_stream.cameras.picamera.camera import PicameraCamera
from soft_stream.cameras.picamera.sensor_modes import SensorModes
from soft_stream.config.settings import Settings
from tests.cameras.picamera import common
from tests.support.fake_libcamera import enable, memory
from tests.support.fake_libcamera.device import Device
from tests.support.sources.base import Lack

MARKS = common.MARKS
WEBCAM = replace(common.QUICK, width=640, height=480)


@dataclass
class PicameraSource:
    """A device of the fake libcamera and the settings of its drivers; see `Source`."""

    device: Device
    settings: Settings
    lacks: frozenset[Lack]
    sensor_modes: SensorModes = field(default_factory=SensorModes)

    def new_camera(self) -> PicameraCamera:
        """Make a driver."""
        return PicameraCamera(self.settings, self.sensor_modes)

    def stall(self) -> None:
        """Stop the frames until `resume`."""
        self.device.stall(survives_reopening=True)

    def resume(self) -> None:
        """Deliver frames again, after a restart at the latest."""
        self.device.resume()

    def unplug(self) -> None:
        """Disconnect the camera."""
        self.device.unplug()

    def replug(self) -> None:
        """Connect the camera again."""
        self.device.plug()

    def damage(self, count: int) -> None:
        """Lose half of the next frames."""
        self.device.lose_data(0.5, frames=count)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Keep the camera busy."""
        self.device.seize()
        try:
            yield
        finally:
            self.device.free()


@contextmanager
def new_source(_: Path) -> Iterator[PicameraSource]:
    """Make a source that is a Camera Module 3."""
    device = enable("pi5").camera("cam0")
    try:
        yield PicameraSource(device, replace(common.QUICK, id=device.id), frozenset({Lack.DAMAGE}))
    finally:
        memory.leave()


@contextmanager
def new_webcam(_: Path) -> Iterator[PicameraSource]:
    """Make a source that is a webcam."""
    device = enable("usb").camera()
    try:
        yield PicameraSource(device, replace(WEBCAM, id=device.id), frozenset())
    finally:
        memory.leave()
