"""Conversion of a completed request of Picamera2 into a raw frame."""

import re
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

from soft_stream.cameras.base import CameraError, CameraMissing, ControlsRefused
from soft_stream.cameras.picamera.library import translate_errors
from soft_stream.frames.raw import FocusState, FrameMetadata, RawFrame, split_planes

NANOSECONDS = 1_000_000_000
# libcamera's AfState and AeState; https://libcamera.org/api-html/namespacelibcamera_1_1controls.html
AF_STATES = {0: FocusState.IDLE, 1: FocusState.SCANNING, 2: FocusState.FOCUSED, 3: FocusState.FAILED}
AE_SEARCHING = 1


@dataclass(frozen=True)
class Colours:
    """The colour space of the planes."""

    name: str
    limited: bool
    matrix: str


def parse_colours(colour_space: Any) -> Colours:
    """Parse libcamera's colour space by its parts, because Picamera2 ignores a range that differs from the standard's.

    Without a colour space, assume that of video: limited range, BT.601 (USB Video Class 1.5, color matching descriptor,
    and V4L2's default quantization of YCbCr).
    """
    if colour_space is None:
        return Colours("unknown", limited=True, matrix="601")
    limited = colour_space.range.name == "Limited"
    matrix = "709" if colour_space.ycbcrEncoding.name == "Rec709" else "601"
    return Colours(re.sub(r"<.*'(.*)'>", r"\1", str(colour_space)), limited=limited, matrix=matrix)


def make_raw_frame(request: Any, stream: str, *, usb: bool, colours: Colours) -> RawFrame:
    """Wrap a stream of a request; releasing the frame, or an error here, returns the request to the camera."""
    numpy, mapped_array, to_jfif = _import_dependencies()
    with ExitStack() as until_released:
        until_released.callback(release_request, request)
        facts, raw = request.config[stream], _frame_without_pixels(request, stream, usb=usb)
        size, stride = raw.size, facts["stride"]
        mapped = until_released.enter_context(mapped_array(request, stream, reshape=False, write=False))
        if facts["format"] == "MJPEG":
            planes = request.request.buffers[request.stream_map[stream]].metadata.planes
            raw.jpeg = trim_jpeg(mapped.array[: planes[0].bytes_used].tobytes())  # the buffer itself is larger
            return raw  # this is a copy, so the request is released now
        if facts["format"] == "YUYV":
            rows = mapped.array[: size[1] * stride].reshape(size[1], stride)[:, : size[0] * 2]
            planes = tuple(numpy.ascontiguousarray(rows[:, first::step]) for first, step in ((0, 2), (1, 4), (3, 4)))
        else:
            planes = split_planes(mapped.array, size, stride)
        raw.planes = to_jfif(planes, limited=colours.limited, matrix=colours.matrix)
        raw.release = until_released.pop_all().close
    return raw


def _frame_without_pixels(request: Any, stream: str, *, usb: bool) -> RawFrame:
    metadata = request.get_metadata()
    return RawFrame(
        size=tuple(request.config[stream]["size"]),
        captured_at=_captured_at(metadata.get("SensorTimestamp"), usb=usb),
        focus=AF_STATES.get(metadata.get("AfState"), FocusState.NONE),
        metadata=_metadata(metadata),
    )


@cache
def _import_dependencies() -> Any:
    """Import the dependencies of an open camera; cached, because import statements per frame would be slow."""
    import numpy
    from picamera2 import MappedArray

    from soft_stream.cameras.picamera.colour import to_jfif

    return numpy, MappedArray, to_jfif


def _metadata(metadata: dict[str, Any]) -> FrameMetadata:
    """Select the metadata that clients get; any key may be missing."""
    exposure, gain, lens = (metadata.get(name) for name in ("ExposureTime", "AnalogueGain", "LensPosition"))
    return FrameMetadata(
        exposure_time=None if exposure is None else exposure / 1_000_000,
        gain=None if gain is None else gain * (metadata.get("DigitalGain") or 1.0),
        lens_position=lens,
        exposure_settled=metadata.get("AeState") != AE_SEARCHING and metadata.get("AeLocked", True),
    )


def release_request(request: Any) -> None:
    """Return a request, with the pending controls, to the camera.

    Raises:
        ControlsRefused: libcamera rejects the request.
        CameraMissing: the camera was disconnected.
    """
    try:
        with translate_errors("a request cannot be returned to the camera"):
            request.release()
    except CameraMissing:  # not the fault of the controls
        raise
    except CameraError as fault:
        raise ControlsRefused(str(fault)) from fault


def _captured_at(sensor_timestamp: int | None, *, usb: bool) -> float:
    """Convert SensorTimestamp to Unix seconds; CSI cameras use CLOCK_BOOTTIME, uvcvideo uses CLOCK_MONOTONIC."""
    now = time.time()
    clock = time.CLOCK_MONOTONIC if usb else time.CLOCK_BOOTTIME
    if sensor_timestamp is None:
        return now
    age = (time.clock_gettime_ns(clock) - sensor_timestamp) / NANOSECONDS
    return now - age if 0 <= age < 60 else now


def trim_jpeg(jpeg: bytes) -> bytes:
    """Remove the bytes after the end of a JPEG; return b"" if it is incomplete."""
    end = jpeg.rfind(b"\xff\xd9")
    return jpeg[: end + 2] if jpeg.startswith(b"\xff\xd8") and end > 0 else b""
