"""A request of Picamera2 becomes a raw frame."""

import time
from contextlib import ExitStack
from typing import Any

from soft_stream.cameras import Focus, RawFrame
from soft_stream.cameras.planes import planes_of

NANOSECONDS = 1_000_000_000
# libcamera's AfState; https://libcamera.org/api-html/namespacelibcamera_1_1controls.html
AF_STATES = {0: Focus.IDLE, 1: Focus.SCANNING, 2: Focus.FOCUSED, 3: Focus.FAILED}


def raw_frame(request: Any, *, usb: bool) -> RawFrame:
    """Wrap a request; it goes back to the camera with the frame's release, or at once if something fails."""
    import numpy
    from picamera2 import MappedArray

    with ExitStack() as until_released:
        until_released.callback(request.release)
        main = request.config["main"]
        size, stride = tuple(main["size"]), main["stride"]
        mapped = until_released.enter_context(MappedArray(request, "main", reshape=False, write=False))
        metadata = request.get_metadata()
        raw = RawFrame(
            size=size,
            captured_at=_captured_at(metadata.get("SensorTimestamp"), usb=usb),
            focus=AF_STATES.get(metadata.get("AfState"), Focus.NONE),
        )
        if main["format"] == "MJPEG":
            stream = request.stream_map["main"]
            used = request.request.buffers[stream].metadata.planes[0].bytes_used  # the buffer itself is larger
            raw.jpeg = trimmed(mapped.array[:used].tobytes())
        elif main["format"] == "YUYV":
            rows = mapped.array[: size[1] * stride].reshape(size[1], stride)[:, : size[0] * 2]
            y, u, v = (numpy.ascontiguousarray(rows[:, first::step]) for first, step in ((0, 2), (1, 4), (3, 4)))
            raw.planes = (y, u, v)
        else:
            raw.planes = planes_of(mapped.array, size, stride)
        raw.release = until_released.pop_all().close
    return raw


def _captured_at(sensor_timestamp: int | None, *, usb: bool) -> float:
    """Turn SensorTimestamp into Unix seconds: CSI cameras count CLOCK_BOOTTIME, uvcvideo CLOCK_MONOTONIC."""
    now = time.time()
    clock = time.CLOCK_MONOTONIC if usb else time.CLOCK_BOOTTIME
    if sensor_timestamp is None:
        return now
    age = (time.clock_gettime_ns(clock) - sensor_timestamp) / NANOSECONDS
    return now - age if 0 <= age < 60 else now


def trimmed(jpeg: bytes) -> bytes:
    """Cut off what a camera leaves behind the end of its JPEG; return nothing of what is not a whole one."""
    end = jpeg.rfind(b"\xff\xd9")
    return jpeg[: end + 2] if jpeg.startswith(b"\xff\xd8") and end > 0 else b""
