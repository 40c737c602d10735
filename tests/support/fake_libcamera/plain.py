"""Helpers for tests that use Picamera2 directly."""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any

import numpy
import pytest
import simplejpeg
from numpy.typing import NDArray

from tests.support.fake_libcamera import installed

MARKS = [
    pytest.mark.skipif(not installed(), reason="Picamera2 is not in .venv/picamera2; scripts/test.sh puts it there"),
    pytest.mark.filterwarnings("ignore:setDaemon"),
]
QUICK = {"FrameDurationLimits": (10_000, 10_000)}
SOON = 20.0
"""Seconds: long enough for every event that must happen."""
NEVER = 0.3
"""Seconds: long enough to conclude that no event happens."""
WHOLE = {"output_size": (2304, 1296), "bit_depth": 10}
"""The sensor mode of the imx708 with the whole field of view."""
PURE = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}

Array = NDArray[numpy.uint8]


def picamera2() -> Any:
    """Import Picamera2, which needs a world."""
    from picamera2 import Picamera2

    return Picamera2


@contextmanager
def opened(number: int = 0) -> Iterator[Any]:
    """Open a camera until the block ends."""
    picam2 = picamera2()(number)
    try:
        yield picam2
    finally:
        picam2.cancel_all_and_flush()
        picam2.close()


@contextmanager
def refused(number: int = 0) -> Iterator["pytest.ExceptionInfo[RuntimeError]"]:
    """Open a camera, which must fail, and close the pipe that Picamera2 leaves open."""
    kind = picamera2()
    picam2 = kind.__new__(kind)
    with pytest.raises(RuntimeError) as reason:
        picam2.__init__(number)
    picam2.notifymeread.close()
    os.close(picam2.notifyme_w)
    yield reason


def video(picam2: Any, size: tuple[int, int] = (320, 180), **options: Any) -> dict[str, Any]:
    """Return a configuration with small frames."""
    from libcamera import ColorSpace

    defaults = {
        "main": {"format": "YUV420", "size": size},
        "raw": None,
        "buffer_count": 4,
        "colour_space": ColorSpace.Sycc(),
        "controls": QUICK,
    }
    configuration: dict[str, Any] = picam2.create_video_configuration(**(defaults | options))
    return configuration


@contextmanager
def streaming(number: int = 0, size: tuple[int, int] = (320, 180), **options: Any) -> Iterator[Any]:
    """Open and start a camera until the block ends."""
    with opened(number) as picam2:
        picam2.configure(video(picam2, size, **options))
        picam2.start()
        yield picam2


def frame(picam2: Any, stream: str = "main") -> Array:
    """Capture a frame with its padding."""
    with picam2.captured_request(wait=SOON) as request:
        copy: Array = request.make_array(stream)
        return copy


def rgb(picam2: Any, stream: str = "main") -> Array:
    """Capture a frame, encode it as JPEG and decode it, as a browser would."""
    flat = frame(picam2, stream).reshape(-1)
    configuration = picam2.camera_configuration()[stream]
    (width, height), stride = configuration["size"], configuration["stride"]
    y = flat[: height * stride].reshape(height, stride)[:, :width]
    u, v = flat[height * stride :][: height * stride // 2].reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    picture: Array = simplejpeg.decode_jpeg(simplejpeg.encode_jpeg_yuv_planes(y, u, v, 95))
    return picture


def corners(picture: Array) -> list[str]:
    """Return the colours at the left top, right top, left bottom and right bottom."""
    names = []
    for row, column in ((4, 4), (4, -4), (-4, 4), (-4, -4)):
        distances = {name: int(abs(picture[row, column].astype(int) - colour).sum()) for name, colour in PURE.items()}
        names.append(min(distances, key=lambda name: distances[name]))
    return names


def red_share(picture: Array) -> float:
    """Return the fraction of the width that the red corner has."""
    row = picture[4].astype(int)
    return float(((row[:, 0] > 200) & (row[:, 1] < 60)).mean())


def metadata_until(picam2: Any, happened: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """Return the metadata of the frames up to the first one that is accepted."""
    seen: list[dict[str, Any]] = []
    while not (seen and happened(seen[-1])):
        seen.append(picam2.capture_metadata(wait=SOON))
    return seen


def unawaited(call: Callable[[], object]) -> threading.Thread:
    """Call a function in a thread; ignore a cancellation by Picamera2."""

    def run() -> None:
        with suppress(CancelledError):
            call()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def no_frame(picam2: Any) -> bool:
    """Return whether no frame arrives, apart from the one that Picamera2 has kept; leave no pending job."""
    job = picam2.capture_metadata(wait=False)
    try:
        job.get_result(NEVER)
        job = picam2.capture_metadata(wait=False)
        job.get_result(NEVER)
    except TimeoutError:
        return True
    finally:
        picam2.cancel_all_and_flush()
    return False
