"""Configurations of a camera for the stream, for stills, or for both at once."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from soft_stream.cameras.base import CameraError
from soft_stream.cameras.picamera.controls import HDR_MODES
from soft_stream.cameras.picamera.library import is_pisp
from soft_stream.cameras.picamera.request import Colours
from soft_stream.cameras.picamera.sensor_modes import (
    FAST_ENOUGH,
    SensorMode,
    find_mode,
    is_size,
    select_mode,
    shortest_frame,
)
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import Orientation
from soft_stream.message import Message

# The pixel formats that this program reads, the cheapest ones first: a JPEG is passed through, grey has no colours.
READABLE = ("MJPEG", "YUV420", "NV12", "YUYV", "UYVY", "R8")
# Picamera2 accepts this name from every camera. libcamera replaces it by the first format of a USB camera without it,
# which is the only way to R8: Picamera2 does not accept that name.
ANY_FORMAT = "MJPEG"
# Of four requests Picamera2 keeps the newest one, the capture holds at most one, and the sensor uses two.
STREAM_BUFFERS = 4
# Stills need the most memory per buffer, but a single buffer would halve the rate.
STILL_BUFFERS = 2
# Seconds of exposure that a still may always have, even if the stream allows less.
STILL_INTERVAL = 0.1
# Seconds by which a frame duration exceeds its longest exposure.
READOUT = 0.001
# A smaller difference of the aspect ratios is invisible; even sizes make it unavoidable.
SAME_SHAPE = 0.02


class Configurations:
    """Makes the configurations of one session; none is used twice, as Picamera2 writes negotiated sizes into them."""

    def __init__(self, picam2: Any, settings: Settings, modes: Sequence[SensorMode], *, usb: bool) -> None:
        self._picam2 = picam2
        self._settings = settings
        self._modes = modes
        self._usb = usb
        self.exposure = 0.0
        """The requested exposure time in seconds; 0 is automatic."""
        self._may_be_dual = True
        self._negotiable_sizes: dict[tuple[int, int], tuple[int, int]] = {}

    @property
    def pixel_format(self) -> str:
        """The pixel format that the camera should deliver, as libcamera names it."""
        wanted = self._settings.pixel_format
        if wanted != "auto":
            return wanted.upper()
        return next((each for each in READABLE if each in self._offered), ANY_FORMAT) if self._usb else "YUV420"

    @cached_property
    def _offered(self) -> list[str]:
        """The pixel formats of a USB camera, or of the image processor behind a CSI camera."""
        from libcamera import StreamRole

        formats = self._picam2.camera.generate_configuration([StreamRole.VideoRecording]).at(0).formats
        return [str(each) for each in formats.pixel_formats]

    def check_format(self, delivered: str) -> None:
        """Check that the camera delivers the pixel format that was requested; libcamera silently selects another one.

        Raises:
            CameraError: it does not; the message has the formats that can be set.
        """
        wanted, setting = self.pixel_format, f"cam{self._settings.camera}_pixel_format"
        if delivered == wanted:
            return
        problem = Message(
            "format_differs",
            "the camera does not deliver {wanted} but {delivered}; it offers {offered}",
            wanted=wanted,
            delivered=delivered,
            offered=", ".join(self._offered),
        )
        if readable := [each.lower() for each in READABLE if each in self._offered and each != wanted]:
            template, formats = "{problem}: set {setting} to {formats}, or to auto", " or ".join(readable)
            raise CameraError(Message("format_to_set", template, problem=problem, setting=setting, formats=formats))
        template = "{problem}, and this program reads only {formats}"
        raise CameraError(Message("format_unreadable", template, problem=problem, formats=", ".join(READABLE)))

    @property
    def still_size(self) -> tuple[int, int]:
        """The size of stills: that of the settings, else that of the sensor."""
        settings = self._settings
        if settings.snapshot_width:
            return (settings.snapshot_width, settings.snapshot_height)
        size = self._picam2.camera_properties.get("PixelArraySize")
        if not is_size(size) or min(size) < 2:
            size = max((mode.size for mode in self._modes), default=(settings.width, settings.height))
        return (size[0] // 2 * 2, size[1] // 2 * 2)

    @property
    def still_method(self) -> str:
        """`dual`, `switch`, or "" if stills have the size of the stream.

        With `dual` each frame of the stream comes with a full-size frame. The rate is limited to that of the sensor's
        full-size mode, and four full-size buffers are needed; beyond a few megapixels that is more CMA memory than
        boards before the Raspberry Pi 5 have. So `auto` selects `dual` only on a Raspberry Pi 5, and only if a sensor
        mode is large and fast enough.
        """
        settings, size = self._settings, (self._settings.width, self._settings.height)
        if self._negotiable_size(self.still_size) == self._negotiable_size(size):
            return ""  # a change of the mode would only interrupt the stream, and darken the first frames of a webcam
        fits = self.still_size[0] >= size[0] and self.still_size[1] >= size[1]
        # boards before the Raspberry Pi 5 have the same view in both streams, whatever the aspect ratios
        fits &= is_pisp() or abs(size[0] * self.still_size[1] / size[1] / self.still_size[0] - 1) < SAME_SHAPE
        if self._usb or not fits or not self._may_be_dual or settings.still_method == "switch":
            return "switch"
        if settings.still_method == "dual":
            return "dual"
        fast = [mode for mode in self._modes if mode.fps >= settings.fps]
        large = any(mode.size[0] >= self.still_size[0] and mode.size[1] >= self.still_size[1] for mode in fast)
        return "dual" if is_pisp() and large else "switch"

    @property
    def orientation(self) -> Orientation:
        """The orientation that the settings request."""
        settings = self._settings
        return Orientation(settings.hflip, settings.vflip, settings.rotation).normalized

    @property
    def longest_interval(self) -> float:
        """The longest frame duration of the stream in seconds."""
        return max(1 / (self._settings.min_fps or self._settings.fps), self.exposure)

    @property
    def fps(self) -> float:
        """The highest possible frame rate in the current configuration."""
        rates = [self._settings.fps]
        if shortest := shortest_frame(self._picam2.camera_controls):
            rates.append(round(1 / shortest, 2))
        if self.exposure:
            rates.append(1 / self.exposure)
        return float(min(rates))

    def frame_duration_limits(self) -> dict[str, Any]:
        """Return the control that limits the frame duration, and with it the exposure time."""
        limits = self._controls(self._frame_durations())
        return {name: value for name, value in limits.items() if name == "FrameDurationLimits"}

    def _negotiable_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size that libcamera makes of a requested one: a webcam has only some."""
        if not self._usb:
            return size
        if size not in self._negotiable_sizes:
            import libcamera

            configuration = self._picam2.camera.generate_configuration([libcamera.StreamRole.StillCapture])
            stream = configuration.at(0)
            stream.size, stream.pixel_format = libcamera.Size(*size), libcamera.PixelFormat(self.pixel_format)
            configuration.validate()
            self._negotiable_sizes[size] = (stream.size.width, stream.size.height)
        return self._negotiable_sizes[size]

    def fall_back(self) -> str:
        """Lower the requirements and return a sentence about the change; "" if nothing is left to lower."""
        if self.still_method == "dual":
            self._may_be_dual = False
            return Message("no_dual_stills", "No full-size frames beside the stream; stills switch modes instead")
        if self._modes:
            self._modes = []
            return Message("mode_unusable", "The sensor mode cannot be used; libcamera selects one")
        return ""

    def differences(self, colours: Colours) -> list[str]:
        """Return sentences about how the camera differs from the settings, except for the size."""
        settings, found = self._settings, list[str]()
        if not self._usb and colours.name != "sYCC":
            template = "Asked for colour space sYCC, negotiated {got}: the conversion costs CPU time"
            found.append(Message("other_colours", template, got=colours.name))
        if self.fps < settings.fps * FAST_ENOUGH and not self.exposure:
            template = "Asked for {wanted:g} fps, the sensor delivers at most {got:g} in this mode"
            found.append(Message("lower_fps", template, wanted=settings.fps, got=round(self.fps, 2)))
        if settings.sensor_mode not in ("auto", "driver") and not find_mode(self._modes, settings.sensor_mode, 0):
            modes = ", ".join(f"{mode} ({mode.fps:.4g} fps)" for mode in self._modes) or "none known"
            template = "Asked for sensor mode {mode}, the sensor has: {modes}"
            found.append(Message("no_such_mode", template, mode=settings.sensor_mode, modes=modes))
        width, height = self._sensor_size or (settings.width, settings.height)
        if width < settings.width or height < settings.height:
            stream = f"{settings.width}x{settings.height}"
            template = "The sensor mode {mode} is smaller than the stream ({stream}), which is enlarged"
            found.append(Message("small_mode", template, mode=self.sensor_mode, stream=stream))
        if settings.hdr in HDR_MODES and "HdrMode" not in self._picam2.camera_controls:
            found.append(Message("no_hdr", "Asked for hdr={hdr}, which this camera does not have", hdr=settings.hdr))
        if settings.still_method == "dual" and self.still_method == "switch":
            sentence = "Asked for still_method=dual, which this camera cannot do at these sizes"
            found.append(Message("no_dual", sentence))
        return found

    @property
    def sensor_mode(self) -> str:
        """The negotiated sensor mode, with its bit depth if the sensor has several modes of that size."""
        if not self._sensor_size:
            return "the camera's own"
        name = f"{self._sensor_size[0]}x{self._sensor_size[1]}"
        is_one_of_several = sum(mode.size == self._sensor_size for mode in self._modes) > 1
        return f"{name}:{self._negotiated_sensor.get('bit_depth')}" if is_one_of_several else name

    @property
    def _negotiated_sensor(self) -> dict[str, Any]:
        """What Picamera2 reports about the sensor; empty for a USB camera."""
        return self._picam2.camera_configuration().get("sensor") or {}

    @property
    def _sensor_size(self) -> tuple[int, int] | None:
        """The size of the negotiated sensor mode; None for a USB camera."""
        size = self._negotiated_sensor.get("output_size")
        return (size[0], size[1]) if size else None

    def stream(self) -> dict[str, Any]:
        """Return the configuration of the stream; with `dual`, full-size frames are its main stream."""
        size = (self._settings.width, self._settings.height)
        create = self._picam2.create_video_configuration
        if self.still_method == "dual":
            options = self._options(self.still_size, STREAM_BUFFERS, self._frame_durations())
            # otherwise Picamera2 would distort the view of main into the aspect ratio of lores
            options["lores"] = {"format": self.pixel_format, "size": size, "preserve_ar": True}
        else:
            options = self._options(size, STREAM_BUFFERS, self._frame_durations())
        return dict(create(**options, **self._sensor(options["main"]["size"], self._settings.fps)))

    def still(self) -> dict[str, Any]:
        """Return the configuration for stills only."""
        shortest, longest = self._frame_durations()
        options = self._options(self.still_size, STILL_BUFFERS, (shortest, max(longest, STILL_INTERVAL)))
        return dict(self._picam2.create_still_configuration(**options, **self._sensor(self.still_size, 0)))

    def _select_sensor_mode(self, size: tuple[int, int], fps: float) -> SensorMode | None:
        """Return the sensor mode to request; None lets libcamera select one."""
        wanted = self._settings.sensor_mode
        if wanted == "driver":
            return None
        if wanted == "auto":
            return select_mode(self._modes, size, fps)
        return find_mode(self._modes, wanted, fps)

    def _frame_durations(self) -> tuple[float, float]:
        # the sensor needs the time of some lines in addition to the exposure
        exposure = self.exposure and self.exposure + READOUT
        return 1 / self._settings.fps, max(self.longest_interval, exposure)

    def _options(self, size: tuple[int, int], buffers: int, intervals: tuple[float, float]) -> dict[str, Any]:
        from libcamera import ColorSpace, Transform

        name = ANY_FORMAT if self.pixel_format == "R8" else self.pixel_format
        options: dict[str, Any] = {"main": {"format": name, "size": size}, "buffer_count": buffers}
        if not self._usb:
            # JFIF requires full-range BT.601; the default, limited range, would make black and white grey
            options |= {"raw": None, "colour_space": ColorSpace.Sycc(), "controls": self._controls(intervals)}
            options["transform"] = Transform(hflip=self.orientation.hflip, vflip=self.orientation.vflip)
        return options

    def _sensor(self, size: tuple[int, int], fps: float) -> dict[str, Any]:
        mode = self._select_sensor_mode(size, fps)
        return {"sensor": {"output_size": mode.size, "bit_depth": mode.bit_depth}} if mode else {}

    def _controls(self, intervals: tuple[float, float]) -> dict[str, Any]:
        asked: dict[str, Any] = {"FrameDurationLimits": tuple(round(seconds * 1_000_000) for seconds in intervals)}
        if self._settings.hdr in HDR_MODES:
            asked["HdrMode"] = HDR_MODES[self._settings.hdr]
        return {name: value for name, value in asked.items() if name in self._picam2.camera_controls}
