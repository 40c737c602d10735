#!/usr/bin/env python3
"""camera-soft-stream with a camera that sends a number of small frames at full speed, and then none."""

import argparse
import asyncio
import io
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1]))

from soft_stream.cameras.base import Control, ControlValue, FocusMode, Negotiated, NoFrame
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import Orientation, RawFrame
from soft_stream.frames.zoom import Rectangle
from soft_stream.service.server import serve

SIZE = WIDTH, HEIGHT = 32, 32
# the advertised frame rate; the camera sends frames as fast as they are captured
FPS = 1000.0
DIGITS = 10
# bytes by which the JPEGs differ in length
MOST_PADDING = 600


def picture(number: int) -> bytes:
    """Return a JPEG of 0.3 to 1 kB with its number in a comment."""
    begin, rest = _blank()
    comment = b"%0*d" % (DIGITS + number % MOST_PADDING, number)
    return b"".join((begin, (len(comment) + 2).to_bytes(2, "big"), comment, rest))


def number_of(jpeg: bytes) -> int:
    """Return the number in the comment of a JPEG."""
    begin = len(_blank()[0])
    return int(jpeg[begin + 2 : begin + int.from_bytes(jpeg[begin : begin + 2], "big")])


@cache
def _blank() -> tuple[bytes, bytes]:
    file = io.BytesIO()
    Image.new("L", SIZE, 128).save(file, "JPEG")
    jpeg = file.getvalue()
    return jpeg[:2] + b"\xff\xfe", jpeg[2:]


class UnpacedCamera:
    """A camera that returns each frame at once; after `frames` frames it returns none."""

    def __init__(self, settings: Settings, frames: int) -> None:
        self._frames = frames
        self._number = 0

    def open(self) -> Negotiated:
        """Do nothing; see `Camera.open`."""
        return Negotiated(
            size=SIZE,
            pixel_format="MJPEG",
            stride=0,
            colour_space="grey",
            sensor_mode="none",
            fps=FPS,
            has_autofocus=False,
            orientation=Orientation(),
            longest_interval=1 / FPS,
        )

    def capture(self, timeout: float) -> RawFrame:
        """Return the next frame."""
        if self._number == self._frames:
            time.sleep(timeout)
            raise NoFrame(f"no frame within {timeout:g} s")
        time.sleep(0)  # let other threads run, as during the wait for a sensor
        self._number += 1
        return RawFrame(SIZE, time.monotonic(), jpeg=picture(self._number))

    def take_damaged(self) -> Sequence[str]:
        """Return nothing: all frames are whole."""
        return ()

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """Do nothing: there is no lens."""

    def still(self, timeout: float) -> RawFrame:
        """Return the next frame: there is no other size."""
        return self.capture(timeout)

    def restart(self) -> Negotiated:
        """Do nothing; see `Camera.restart`."""
        return self.open()

    def controls(self) -> list[Control]:
        """Return no controls."""
        return []

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """Change nothing; see `Camera.set_controls`."""
        return self.open()

    def set_zoom(self, crop: Rectangle | None) -> None:
        """Change nothing; see `Camera.set_zoom`."""

    def close(self) -> None:
        """Do nothing; see `Camera.close`."""


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--frames", type=int, required=True)
    args = parser.parse_args()
    settings = Settings(port=args.port, width=WIDTH, height=HEIGHT, fps=FPS, watchdog_timeout=0)
    return asyncio.run(serve(settings, {0: settings}, partial(UnpacedCamera, frames=args.frames)))


if __name__ == "__main__":
    sys.exit(main())
