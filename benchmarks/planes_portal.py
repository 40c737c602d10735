#!/usr/bin/env python3
"""camera-soft-stream with a camera that replays YUV420 planes: only encoding and sending are measured."""

import argparse
import asyncio
import sys
from itertools import cycle
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from soft_stream.cameras.base import Negotiated
from soft_stream.cameras.folder.camera import FolderCamera
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import RawFrame, split_planes
from soft_stream.service.server import serve


class PlanesCamera(FolderCamera):
    """An image folder camera whose frames are the planes of WxH.i420 instead of JPEGs."""

    def open(self) -> Negotiated:
        """Map the file; see `Camera.open`."""
        import numpy

        negotiated = super().open()
        size = width, height = self._settings.width, self._settings.height
        file = Path(self._settings.folder) / f"{width}x{height}.i420"
        pixels = numpy.memmap(file, dtype=numpy.uint8, mode="r").reshape(-1, width * height * 3 // 2)
        self._pictures = cycle([split_planes(each, size, width) for each in pixels])
        return negotiated

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the clock's next tick; see `Camera.capture`."""
        frame = super().capture(timeout)
        frame.planes = next(self._pictures)
        return frame

    def still(self, timeout: float) -> RawFrame:
        """Return the next frame: there is no other size."""
        return self.capture(timeout)


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--fps", type=float, default=30.0)
    args = parser.parse_args()
    settings = Settings(source="folder", folder=str(args.folder), port=args.port, fps=args.fps, close_after=1.0)
    return asyncio.run(serve(settings, {0: settings}, PlanesCamera))


if __name__ == "__main__":
    sys.exit(main())
