"""The test pattern as a source: a `SyntheticDevice` whose stalls only `resume` ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.config.settings import Settings
from tests.support.server import QUICK
from tests.support.sources.base import Lack


@dataclass
class SyntheticSource:
    """A device and the settings of its drivers; see `Source`."""

    device: SyntheticDevice
    settings: Settings = QUICK
    lacks: frozenset[Lack] = frozenset({Lack.DAMAGE})

    def new_camera(self) -> SyntheticCamera:
        """Make a driver."""
        self.device.threads.clear()  # each session may have a thread of its own
        return SyntheticCamera(self.settings, self.device)

    def stall(self) -> None:
        """Stop the frames until `resume`."""
        self.device.stall(survives_reopening=True)

    def resume(self) -> None:
        """Deliver frames again."""
        self.device.resume()

    def unplug(self) -> None:
        """Disconnect the device."""
        self.device.unplug()

    def replug(self) -> None:
        """Connect the device again."""
        self.device.plug()

    def damage(self, count: int) -> None:
        """Fail: it has no JPEGs."""
        raise NotImplementedError(Lack.DAMAGE)

    @contextmanager
    def take(self) -> Iterator[None]:
        """Keep the device busy."""
        self.device.seize("rpicam-still")
        try:
            yield
        finally:
            self.device.free()


@contextmanager
def new_source(_: Path) -> Iterator[SyntheticSource]:
    """Make a source."""
    yield SyntheticSource(SyntheticDevice())
