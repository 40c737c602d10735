"""Configurations of a camera for the stream, for stills, or for both at once."""

from typing import Any

from soft_stream.cameras.picamera.controls import HDR_MODES
from soft_stream.cameras.picamera.library import is_pisp
from soft_stream.cameras.picamera.request import Colours
from soft_stream.cameras.picamera.sensor_modes import FAST_ENOUGH, SensorMode, select_mode
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import Orientation

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

    def __init__(self, picam2: Any, settings: Settings, modes: list[SensorMode], *, usb: bool) -> None:
        self._picam2 = picam2
        self._settings = settings
        self._modes = modes
        self._usb = usb
        self.exposure = 0.0
        """The requested exposure time in seconds; 0 is automatic."""
        self._may_be_dual = True

    @property
    def pixel_format(self) -> str:
        """The pixel format to request, as libcamera names it."""
        wanted = self._settings.pixel_format
        if wanted == "auto":
            wanted = "mjpeg" if self._usb else "yuv420"
        return wanted.upper()

    @property
    def still_size(self) -> tuple[int, int]:
        """The size of stills: that of the settings, else that of the sensor."""
        settings = self._settings
        if settings.snapshot_width:
            return (settings.snapshot_width, settings.snapshot_height)
        width, height = self._picam2.camera_properties["PixelArraySize"]
        return (width // 2 * 2, height // 2 * 2)

    @property
    def still_method(self) -> str:
        """`dual`, `switch`, or "" if stills have the size of the stream.

        With `dual` each frame of the stream comes with a full-size frame. The rate is limited to that of the sensor's
        full-size mode, and four full-size buffers are needed; beyond a few megapixels that is more CMA memory than
        boards before the Raspberry Pi 5 have. So `auto` selects `dual` only on a Raspberry Pi 5, and only if a sensor
        mode is large and fast enough.
        """
        settings, size = self._settings, (self._settings.width, self._settings.height)
        if self.still_size == size:
            return ""
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
        if "FrameDurationLimits" in self._picam2.camera_controls:
            shortest, *_ = self._picam2.camera_controls["FrameDurationLimits"]
            rates.append(round(1_000_000 / shortest, 2))
        if self.exposure:
            rates.append(1 / self.exposure)
        return float(min(rates))

    def frame_duration_limits(self) -> dict[str, Any]:
        """Return the control that limits the frame duration, and with it the exposure time."""
        limits = self._controls(self._frame_durations())
        return {name: value for name, value in limits.items() if name == "FrameDurationLimits"}

    def fall_back(self) -> str:
        """Lower the requirements and return a sentence about the change; "" if nothing is left to lower."""
        if self.still_method == "dual":
            self._may_be_dual = False
            return "No full-size frames beside the stream; stills switch modes instead"
        if self._modes:
            self._modes = []
            return "The sensor mode cannot be used; libcamera selects one"
        return ""

    def differences(self, colours: Colours) -> list[str]:
        """Return sentences about how the camera differs from the settings, except for the size."""
        settings, found = self._settings, []
        if not self._usb and colours.name != "sYCC":
            found.append(f"Asked for colour space sYCC, negotiated {colours.name}: the conversion costs CPU time")
        if self.fps < settings.fps * FAST_ENOUGH and not self.exposure:
            found.append(f"Asked for {settings.fps:g} fps, the sensor delivers at most {self.fps:g} in this mode")
        if settings.sensor_mode not in ("auto", "driver") and not any(
            str(mode) == settings.sensor_mode for mode in self._modes
        ):
            modes = ", ".join(map(str, self._modes)) or "none known"
            found.append(f"Asked for sensor mode {settings.sensor_mode}, the sensor has: {modes}")
        if settings.hdr in HDR_MODES and "HdrMode" not in self._picam2.camera_controls:
            found.append(f"Asked for hdr={settings.hdr}, which this camera does not have")
        if settings.still_method == "dual" and self.still_method == "switch":
            found.append("Asked for still_method=dual, which this camera cannot do at these sizes")
        return found

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
        return next((mode for mode in self._modes if str(mode) == wanted), None)

    def _frame_durations(self) -> tuple[float, float]:
        # the sensor needs the time of some lines in addition to the exposure
        exposure = self.exposure and self.exposure + READOUT
        return 1 / self._settings.fps, max(self.longest_interval, exposure)

    def _options(self, size: tuple[int, int], buffers: int, intervals: tuple[float, float]) -> dict[str, Any]:
        from libcamera import ColorSpace, Transform

        options: dict[str, Any] = {"main": {"format": self.pixel_format, "size": size}, "buffer_count": buffers}
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
