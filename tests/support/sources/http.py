"""Another MJPEG server as a source."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from soft_stream.cameras.base import Camera
from soft_stream.cameras.http.camera import HttpCamera
from soft_stream.config.settings import Settings
from tests.support.mjpeg_server import MjpegServer, serving
from tests.support.server import QUICK
from tests.support.sources.base import Lack


class HttpSource:
    """A server that can be killed and be silent; see `Source`."""

    lacks = frozenset({Lack.CONTROLS, Lack.STILL_SIZE, Lack.BUSY})

    def __init__(self, server: MjpegServer) -> None:
        self._server = server
        self.settings: Settings = replace(QUICK, source="http", url=server.url, start_timeout=1.0)

    def new_camera(self) -> Camera:
        """Make a driver for it."""
        return HttpCamera(self.settings)

    def stall(self) -> None:
        """Keep the connections, and send nothing."""
        self._server.is_silent = True

    def resume(self) -> None:
        """Send pictures again."""
        self._server.is_silent = False

    def unplug(self) -> None:
        """Kill the server."""
        self._server.unplug()

    def replug(self) -> None:
        """Start the server at the same port."""
        self._server.plug()

    def damage(self, count: int) -> None:
        """Cut off the next pictures."""
        self._server.damaged = count

    def take(self) -> AbstractContextManager[None]:
        """Do nothing: several programs can use it."""
        return nullcontext()


@contextmanager
def new_source(_: Path) -> Iterator[HttpSource]:
    """Run a server."""
    with serving() as server:
        yield HttpSource(server)
