"""Conversion of a completed request of Picamera2 into a raw frame."""

import re
import time
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

from soft_stream.cameras.base import CameraError, CameraMissing, ControlsRefused
from soft_stream.cameras.picamera.library import translate_errors
from soft_stream.cameras.picamera.sensor_modes import is_number
from soft_stream.frames.raw import FocusState, FrameMetadata, RawFrame
from soft_stream.frames.zoom import Rectangle
from soft_stream.message import message_of

NANOSECONDS = 1_000_000_000
# libcamera's AfState and AeState; https://libcamera.org/api-html/namespacelibcamera_1_1controls.html
AF_STATES = {0: FocusState.IDLE, 1: FocusState.SCANNING, 2: FocusState.FOCUSED, 3: FocusState.FAILED}
AE_SEARCHING = 1
NUMBERS = ("ExposureTime", "AnalogueGain", "DigitalGain", "LensPosition")


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
    mapped_array, to_planes, to_jfif = _import_dependencies()
    with ExitStack() as until_released:
        until_released.callback(release_request, request)
        facts, raw = request.config[stream], _frame_without_pixels(request, stream, usb=usb)
        size, stride = raw.size, facts["stride"]
        mapped = until_released.enter_context(mapped_array(request, stream, reshape=False, write=False))
        if facts["format"] == "MJPEG":
            planes = request.request.buffers[request.stream_map[stream]].metadata.planes
            raw.jpeg = mapped.array[: planes[0].bytes_used].tobytes()  # the buffer itself is larger
            return raw  # this is a copy, so the request is released now
        planes = to_planes(mapped.array, facts["format"], size, stride)
        limited = colours.limited and facts["format"] != "R8"  # brightness without colour has no range of video
        raw.planes = to_jfif(planes, limited=limited, matrix=colours.matrix)
        raw.release = until_released.pop_all().close
    return raw


def _frame_without_pixels(request: Any, stream: str, *, usb: bool) -> RawFrame:
    metadata = request.get_metadata()
    return RawFrame(
        size=tuple(request.config[stream]["size"]),
        captured_at=_captured_at(metadata.get("SensorTimestamp"), usb=usb),
        focus=AF_STATES.get(metadata.get("AfState"), FocusState.NONE),
        metadata=_metadata(metadata, _crop(metadata, is_lores=stream == "lores")),
    )


@cache
def _import_dependencies() -> Any:
    """Import the dependencies of an open camera; cached, because import statements per frame would be slow."""
    from picamera2 import MappedArray

    from soft_stream.cameras.colour import to_jfif
    from soft_stream.cameras.pixels import to_planes

    return MappedArray, to_planes, to_jfif


def _crop(metadata: dict[str, Any], *, is_lores: bool) -> Rectangle | None:
    """Return the part of the sensor that a stream shows; a Raspberry Pi 5 reports that of each of two streams."""
    crops = metadata.get("ScalerCrops")
    crop = crops[-1] if is_lores and crops else metadata.get("ScalerCrop")
    return crop if isinstance(crop, tuple) and len(crop) == 4 and all(map(is_number, crop)) else None


def _metadata(metadata: dict[str, Any], crop: Rectangle | None) -> FrameMetadata:
    """Select the metadata that clients get; any key may be missing, and any value may be no number."""
    numbers = {name: metadata[name] for name in NUMBERS if is_number(metadata.get(name)) and metadata[name] >= 0}
    exposure, gain, lens = (numbers.get(name) for name in ("ExposureTime", "AnalogueGain", "LensPosition"))
    return FrameMetadata(
        exposure_time=None if exposure is None else exposure / 1_000_000,
        gain=None if gain is None else gain * (numbers.get("DigitalGain") or 1.0),
        lens_position=lens,
        exposure_settled=_exposure_settled(metadata),
        crop=crop,
    )


def _exposure_settled(metadata: dict[str, Any]) -> bool | None:
    """Return whether automatic exposure has settled; uvcvideo reports nothing, older versions of libcamera AeLocked."""
    if "AeState" in metadata:
        return bool(metadata["AeState"] != AE_SEARCHING)
    return bool(metadata["AeLocked"]) if "AeLocked" in metadata else None


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
        raise ControlsRefused(message_of(fault)) from fault


def _captured_at(sensor_timestamp: int | None, *, usb: bool) -> float:
    """Convert SensorTimestamp to monotonic seconds; CSI cameras use CLOCK_BOOTTIME, uvcvideo uses CLOCK_MONOTONIC."""
    now = time.monotonic()
    clock = time.CLOCK_MONOTONIC if usb else time.CLOCK_BOOTTIME
    if sensor_timestamp is None:
        return now
    age = (time.clock_gettime_ns(clock) - sensor_timestamp) / NANOSECONDS
    return now - age if 0 <= age < 60 else now
