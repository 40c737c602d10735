"""CSI and USB cameras through Picamera2: the only file that knows Picamera2 and libcamera.

How Picamera2 works: https://github.com/raspberrypi/picamera2, release 0.3.38. Its job queue and event loop run in
threads of their own; everything here runs in the camera thread.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from soft_stream.cameras import (
    CameraBusy,
    CameraError,
    CameraMissing,
    CameraUnsupported,
    Focus,
    FocusMode,
    Found,
    Negotiated,
    NoFrame,
    Orientation,
    RawFrame,
)
from soft_stream.cameras.identity import choose

if TYPE_CHECKING:
    from soft_stream.settings import Settings

# Of four requests Picamera2 keeps the newest one, we hold one at most, and two are with the sensor.
STREAM_BUFFERS = 4
STILL_BUFFERS = 2
NANOSECONDS = 1_000_000_000
# libcamera's AfState; https://libcamera.org/api-html/namespacelibcamera_1_1controls.html
AF_STATES = {0: Focus.IDLE, 1: Focus.SCANNING, 2: Focus.FOCUSED, 3: Focus.FAILED}


def find() -> list[Found]:
    """List the connected cameras, CSI before USB, in the order in which Picamera2 counts them.

    Raises:
        CameraUnsupported: Picamera2 or libcamera is not installed.
        CameraError: they do not work.
    """
    with _picamera2_errors("libcamera does not work"):
        infos = _picamera2().global_camera_info()
    found = []
    for info in infos:
        kind = "USB" if is_usb(info["Id"]) else "CSI"
        found.append(Found(info["Id"], info.get("Model", "unknown model"), f"{kind}, from Picamera2"))
    return found


class PicameraCamera:
    """One opening of a camera; Picamera2 objects are not used twice."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._picam2: Any = None
        self._job: Any = None
        """The capture that we wait for; it outlives a timeout, so that no request is lost to nobody."""
        self._stream_configuration: dict[str, Any] = {}
        self._switched = False
        self._usb = False

    def open(self) -> Negotiated:
        """Acquire the camera by its id, configure and start it; see `Camera.open`."""
        picamera2 = _picamera2()
        connected = find()
        chosen = choose(connected, self._settings.id, self._settings.camera)
        self._usb = is_usb(chosen.id)
        with _picamera2_errors(f"camera {chosen.id} cannot be opened"):
            # the position in the list, which is sorted; "Num" is libcamera's own count
            self._picam2 = picamera2(connected.index(chosen))
        if self._picam2.camera.id != chosen.id:
            raise CameraError(f"asked for camera {chosen.id}, got {self._picam2.camera.id}: the cameras have changed")
        with _picamera2_errors(f"camera {chosen.id} cannot be started"):
            self._stream_configuration = self._configuration()
            self._picam2.configure(self._stream_configuration)
            self._picam2.start()
        return self._negotiated()

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the next request of the stream; see `Camera.capture`."""
        if self._switched:
            self._switch(self._configuration())
            self._switched = False
        return self._capture(timeout)

    def focus(self, mode: FocusMode) -> None:
        """Set AfMode and trigger a scan; Picamera2's own `autofocus_cycle` would starve all captures meanwhile."""
        from libcamera import controls

        if mode is FocusMode.CONTINUOUS:
            self._picam2.set_controls({"AfMode": controls.AfModeEnum.Continuous})
        else:
            start = controls.AfTriggerEnum.Start
            self._picam2.set_controls({"AfMode": controls.AfModeEnum.Auto, "AfTrigger": start})

    def still(self, timeout: float) -> RawFrame:
        """Switch to the snapshot size and capture one request there; the next `capture` switches back."""
        size = (self._settings.snapshot_width, self._settings.snapshot_height)
        if not all(size):
            size = tuple(self._picam2.camera_properties["PixelArraySize"])
        if size != tuple(self._picam2.camera_configuration()["main"]["size"]):
            self._switch(self._configuration(size))
            self._switched = True
        return self._capture(timeout)

    def close(self) -> None:
        """Give the camera back; see `Camera.close`."""
        if self._picam2 is None:
            return
        picam2, self._picam2 = self._picam2, None
        with _picamera2_errors("the camera cannot be closed"):
            picam2.cancel_all_and_flush()  # `stop`, which `close` calls, would queue behind a capture for ever
            picam2.close()

    def _configuration(self, still_size: tuple[int, int] | None = None) -> dict[str, Any]:
        """Make a configuration anew: Picamera2 writes the negotiated sizes into the one it was given."""
        from libcamera import ColorSpace, Transform

        settings = self._settings
        options: dict[str, Any] = {
            "main": {"format": self._pixel_format(), "size": still_size or (settings.width, settings.height)},
            "buffer_count": STILL_BUFFERS if still_size else STREAM_BUFFERS,
        }
        if not self._usb:
            # Full-range BT.601 is what JFIF means; the default, limited range, would give a grey veil.
            options |= {"raw": None, "colour_space": ColorSpace.Sycc()}
            options["transform"] = Transform(hflip=settings.hflip, vflip=settings.vflip)
            options["controls"] = self._controls(still=still_size is not None)
        create = self._picam2.create_still_configuration if still_size else self._picam2.create_video_configuration
        configuration: dict[str, Any] = create(**options)
        return configuration

    def _pixel_format(self) -> str:
        wanted = self._settings.pixel_format
        if wanted == "auto":
            wanted = "mjpeg" if self._usb else "yuv420"
        return wanted.upper()

    def _controls(self, *, still: bool) -> dict[str, Any]:
        from libcamera import controls

        chosen: dict[str, Any] = {}
        if not still:
            frame_duration = round(1_000_000 / self._settings.fps)
            chosen["FrameDurationLimits"] = (frame_duration, frame_duration)
        if "AfMode" in self._picam2.camera_controls and self._settings.autofocus != "off":
            chosen["AfMode"] = controls.AfModeEnum.Auto  # holds still until a cycle is triggered
        return chosen

    def _negotiated(self) -> Negotiated:
        configuration = self._picam2.camera_configuration()
        main, sensor = configuration["main"], configuration.get("sensor") or {}
        sensor_size = sensor.get("output_size")
        settings = self._settings
        asked = self._pixel_format()
        if main["format"] != asked:
            raise CameraError(f"the camera does not deliver {asked} but {main['format']}")
        return Negotiated(
            size=tuple(main["size"]),
            pixel_format=main["format"],
            stride=main["stride"],
            colour_space=re.sub(r"<.*'(.*)'>", r"\1", str(configuration.get("colour_space"))),
            sensor_mode=f"{sensor_size[0]}x{sensor_size[1]}" if sensor_size else "the camera's own",
            fps=settings.fps,
            has_autofocus="AfMode" in self._picam2.camera_controls,
            # libcamera mirrors CSI pictures in the sensor, and nothing on USB
            orientation=Orientation(
                hflip=settings.hflip and self._usb, vflip=settings.vflip and self._usb, rotation=settings.rotation
            ),
        )

    def _switch(self, configuration: dict[str, Any]) -> None:
        with _picamera2_errors("the camera cannot switch modes"):
            if self._job is not None:
                self._picam2.cancel_all_and_flush()
                self._job = None
            self._picam2.stop()
            self._picam2.configure(configuration)
            self._picam2.start()

    def _capture(self, timeout: float) -> RawFrame:
        deadline = time.monotonic() + timeout
        while True:
            raw = self._raw_frame(self._next_request(deadline - time.monotonic()))
            if raw.planes or raw.jpeg:
                return raw
            raw.release()  # some webcams begin with frames that are no JPEG, and bad cables make more of them

    def _next_request(self, timeout: float) -> Any:
        with _picamera2_errors("capture failed"):
            if self._job is None:
                self._job = self._picam2.capture_request(wait=False)
            try:
                request = self._job.get_result(max(0, timeout))
            except TimeoutError:
                raise NoFrame("no frame came") from None
        self._job = None
        return request

    def _raw_frame(self, request: Any) -> RawFrame:
        """Wrap a request; it goes back to the camera with the frame's release, or at once if something fails."""
        import numpy
        from picamera2 import MappedArray

        from soft_stream.jpeg import planes_of

        with ExitStack() as until_released:
            until_released.callback(request.release)
            main = request.config["main"]
            size, stride = tuple(main["size"]), main["stride"]
            mapped = until_released.enter_context(MappedArray(request, "main", reshape=False, write=False))
            metadata = request.get_metadata()
            raw = RawFrame(
                size=size,
                captured_at=self._captured_at(metadata.get("SensorTimestamp")),
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

    def _captured_at(self, sensor_timestamp: int | None) -> float:
        """Turn SensorTimestamp into Unix seconds: CSI cameras count CLOCK_BOOTTIME, uvcvideo CLOCK_MONOTONIC."""
        now = time.time()
        clock = time.CLOCK_MONOTONIC if self._usb else time.CLOCK_BOOTTIME
        if sensor_timestamp is None:
            return now
        age = (time.clock_gettime_ns(clock) - sensor_timestamp) / NANOSECONDS
        return now - age if 0 <= age < 60 else now


def trimmed(jpeg: bytes) -> bytes:
    """Cut off what a camera leaves behind the end of its JPEG; return nothing of what is not a whole one."""
    end = jpeg.rfind(b"\xff\xd9")
    return jpeg[: end + 2] if jpeg.startswith(b"\xff\xd8") and end > 0 else b""


def _picamera2() -> Any:
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise CameraUnsupported(
            f"Picamera2 cannot be imported ({error}); on Raspberry Pi OS: sudo apt install python3-picamera2"
        ) from error
    # its own messages of opening and closing repeat ours
    logging.getLogger("picamera2").setLevel(logging.WARNING)
    return Picamera2


def is_usb(camera_id: str) -> bool:
    """Tell by an id's end, PORTS:CONFIGURATION.INTERFACE-VENDOR:PRODUCT, that uvcvideo made it."""
    return re.search(r"-[\d.]+:\d+\.\d+-[0-9a-f]{4}:[0-9a-f]{4}$", camera_id) is not None


@contextmanager
def _picamera2_errors(what: str) -> Iterator[None]:
    """Translate what Picamera2 raises; the reason is often only in the cause of the cause."""
    from concurrent.futures import CancelledError

    try:
        yield
    except CameraError:
        raise
    except (Exception, CancelledError) as error:  # libcamera's faults have many types, CancelledError is none of them
        reason = str(error.__cause__ or error) or type(error).__name__
        if "busy" in reason.lower():
            raise CameraBusy(f"{what}: another program has it") from error
        if "no such device" in reason.lower() or "No camera number" in reason or isinstance(error, IndexError):
            raise CameraMissing(f"{what}: {reason}") from error
        raise CameraError(f"{what}: {reason}") from error
