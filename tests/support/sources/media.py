"""A stream of another server, which FFmpeg decodes, as a source; and a video file."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from soft_stream.cameras.base import Camera
from soft_stream.cameras.media.camera import MediaCamera
from soft_stream.config.settings import Settings
from tests.support.mjpeg_server import MjpegServer, serving
from tests.support.server import QUICK
from tests.support.sources.base import Lack
from tests.support.sources.http import HttpSource
from tests.support.videos import write_video

LACKS = frozenset({Lack.CONTROLS, Lack.BUSY, Lack.DAMAGE})


class StreamSource(HttpSource):
    """A server that can be killed and be silent, with pictures of 64x48; see `Source`."""

    lacks = LACKS

    def __init__(self, server: MjpegServer) -> None:
        super().__init__(server)
        self.settings = replace(self.settings, source="media", width=32, height=24, start_timeout=5.0)

    def new_camera(self) -> Camera:
        """Make a driver for it."""
        return MediaCamera(self.settings)

    def damage(self, count: int) -> None:
        """Fail: what is delivered is decoded already."""
        raise NotImplementedError(Lack.DAMAGE)


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
