"""A stream of another server, which FFmpeg decodes, as a source; and a video file."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from soft_stream.cameras.media.camera import MediaCamera
from soft_stream.config.settings import Settings
from tests.support.mjpeg_server import MjpegServer, serving
from tests.support.server import QUICK
from tests.support.sources.base import Lack
from tests.support.videos import write_video

LACKS = frozenset({Lack.CONTROLS, Lack.BUSY, Lack.DAMAGE})


class StreamSource:
    """A server that can be killed and be silent, with pictures of 64x48; see `Source`."""

    lacks = LACKS

    def __init__(self, server: MjpegServer) -> None:
        self._server = server
        self.settings: Settings = replace(QUICK, source="media", url=server.url, width=32, height=24, start_timeout=5.0)

    def new_camera(self) -> MediaCamera:
        """Make a driver for it."""
        return MediaCamera(self.settings)

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
        """Fail: what is delivered is decoded already."""
        raise NotImplementedError(Lack.DAMAGE)

    def take(self) -> AbstractContextManager[None]:
        """Fail: several programs can use it."""
        raise NotImplementedError(Lack.BUSY)


class FileSource:
    """A video file of 64x48, which is repeated; see `Source`."""

    lacks = LACKS | {Lack.STALL, Lack.UNPLUG}

    def __init__(self, file: Path) -> None:
        self.settings: Settings = replace(QUICK, source="media", url=str(file), width=32, height=24, fps=25.0)

    def new_camera(self) -> MediaCamera:
        """Make a driver for it."""
        return MediaCamera(self.settings)

    def _cannot(self, *_: object) -> None:
        raise NotImplementedError(self.lacks)

    stall = resume = unplug = replug = damage = _cannot

    def take(self) -> AbstractContextManager[None]:
        """Do nothing: several programs can use it."""
        return nullcontext()


@contextmanager
def new_source(_: Path) -> Iterator[StreamSource]:
    """Run a server."""
    with serving() as server:
        yield StreamSource(server)


@contextmanager
def new_file(path: Path) -> Iterator[FileSource]:
    """Make a file."""
    yield FileSource(write_video(path / "video.mp4", size=(64, 48), frames=20))
