"""What is asked of a camera: for the stream, for a still, or for both at once."""

from typing import Any

from soft_stream.cameras.picamera.controls import HDR_MODES
from soft_stream.cameras.picamera.library import is_pisp
from soft_stream.cameras.picamera.request import Colours
from soft_stream.cameras.picamera.sensor_modes import FAST_ENOUGH, SensorMode, select_mode
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import Orientation

# Of four requests Picamera2 keeps the newest one, we hold one at most, and two are with the sensor.
STREAM_BUFFERS = 4
# A still has the memory of the largest pictures, and one buffer would halve the rate.
STILL_BUFFERS = 2
# Seconds that a still may be exposed for where the stream would allow less: a full-size frame takes longer.
STILL_INTERVAL = 0.1
# Seconds by which a frame is longer than its exposure can be.
READOUT = 0.001
# Nobody sees so little of a distortion, and sizes are even.
SAME_SHAPE = 0.02


class Configurations:
    """Makes configurations for one opening; Picamera2 writes the negotiated sizes into each, so none is used twice."""

    def __init__(self, picam2: Any, settings: Settings, modes: list[SensorMode], *, usb: bool) -> None:
        self._picam2 = picam2
        self._settings = settings
        self._modes = modes
        self._usb = usb
        self.exposure = 0.0
        """Seconds for which each frame is exposed, when somebody has set that."""
        self._may_be_dual = True

    @property
    def pixel_format(self) -> str:
        """What is asked for, in libcamera's words."""
        wanted = self._settings.pixel_format
        if wanted == "auto":
            wanted = "mjpeg" if self._usb else "yuv420"
        return wanted.upper()

    @property
    def still_size(self) -> tuple[int, int]:
        """The size of a snapshot: what is set, else the sensor's."""
        settings = self._settings
        if settings.snapshot_width:
            return (settings.snapshot_width, settings.snapshot_height)
        width, height = self._picam2.camera_properties["PixelArraySize"]
        return (width // 2 * 2, height // 2 * 2)

    @property
    def still_method(self) -> str:
        """`dual`, `switch`, or nothing where stills have the size of the stream.

        A stream beside full-size pictures (`dual`) runs no faster than the sensor gives those, costs the memory of four
        of them, and with more than a few megapixels more than the boards before the Raspberry Pi 5 have (CMA).
        `auto` is therefore dual only on a Raspberry Pi 5, and where a mode of the sensor is large and fast enough.
        """
        settings, size = self._settings, (self._settings.width, self._settings.height)
        if self.still_size == size:
            return ""
        fits = self.still_size[0] >= size[0] and self.still_size[1] >= size[1]
        # boards before the Raspberry Pi 5 show the same view in both streams, whatever their shapes
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
        """How the picture is to be turned."""
        settings = self._settings
        return Orientation(settings.hflip, settings.vflip, settings.rotation).normalized

    @property
    def longest_interval(self) -> float:
        """Seconds that a frame of the stream may take."""
        return max(1 / (self._settings.min_fps or self._settings.fps), self.exposure)

    @property
    def fps(self) -> float:
        """The rate that can be had at most, as the camera is configured now."""
        rates = [self._settings.fps]
        if "FrameDurationLimits" in self._picam2.camera_controls:
            shortest, *_ = self._picam2.camera_controls["FrameDurationLimits"]
            rates.append(round(1_000_000 / shortest, 2))
        if self.exposure:
            rates.append(1 / self.exposure)
        return float(min(rates))

    def frame_duration_limits(self) -> dict[str, Any]:
        """Return the control that bounds the time from frame to frame, and with it the exposure."""
        limits = self._controls(self._frame_durations())
        return {name: value for name, value in limits.items() if name == "FrameDurationLimits"}

    def fall_back(self) -> str:
        """Ask for less from now on, and say for what; empty when nothing less is left."""
        if self.still_method == "dual":
            self._may_be_dual = False
            return "No full-size pictures beside the stream; stills switch modes instead"
        if self._modes:
            self._modes = []
            return "The sensor's mode cannot be had; libcamera chooses"
        return ""

    def differences(self, colours: Colours) -> list[str]:
        """Say what the camera does not do as it was asked to, the size apart."""
        settings, found = self._settings, []
        if not self._usb and colours.name != "sYCC":
            found.append(f"Asked for colour space sYCC, negotiated {colours.name}: it is converted, which costs CPU")
        if self.fps < settings.fps * FAST_ENOUGH and not self.exposure:
            found.append(f"Asked for {settings.fps:g} fps, the sensor gives {self.fps:g} in this mode")
        if settings.sensor_mode not in ("auto", "driver") and not any(
            str(mode) == settings.sensor_mode for mode in self._modes
        ):
            there = ", ".join(map(str, self._modes)) or "none known"
            found.append(f"Asked for sensor mode {settings.sensor_mode}, the sensor has: {there}")
        if settings.hdr in HDR_MODES and "HdrMode" not in self._picam2.camera_controls:
            found.append(f"Asked for hdr={settings.hdr}, which this camera does not have")
        if settings.still_method == "dual" and self.still_method == "switch":
            found.append("Asked for still_method=dual, which this camera cannot do at these sizes")
        return found

    def stream(self) -> dict[str, Any]:
        """Ask for the stream, with full-size pictures beside it where stills come from those."""
        size = (self._settings.width, self._settings.height)
        create = self._picam2.create_video_configuration
        if self.still_method == "dual":
            options = self._options(self.still_size, STREAM_BUFFERS, self._frame_durations())
            # Picamera2 would squeeze the view of main into the shape of lores
            options["lores"] = {"format": self.pixel_format, "size": size, "preserve_ar": True}
        else:
            options = self._options(size, STREAM_BUFFERS, self._frame_durations())
        return dict(create(**options, **self._sensor(options["main"]["size"], self._settings.fps)))

    def still(self) -> dict[str, Any]:
        """Ask for stills only."""
        shortest, longest = self._frame_durations()
        options = self._options(self.still_size, STILL_BUFFERS, (shortest, max(longest, STILL_INTERVAL)))
        return dict(self._picam2.create_still_configuration(**options, **self._sensor(self.still_size, 0)))

    def sensor_mode(self, size: tuple[int, int], fps: float) -> SensorMode | None:
        """Return the mode of the sensor to ask for; None leaves it to libcamera."""
        wanted = self._settings.sensor_mode
        if wanted == "driver":
            return None
        if wanted == "auto":
            return select_mode(self._modes, size, fps)
        return next((mode for mode in self._modes if str(mode) == wanted), None)

    def _frame_durations(self) -> tuple[float, float]:
        # the sensor needs some lines of a frame for itself
        exposure = self.exposure and self.exposure + READOUT
        return 1 / self._settings.fps, max(self.longest_interval, exposure)

    def _options(self, size: tuple[int, int], buffers: int, intervals: tuple[float, float]) -> dict[str, Any]:
        from libcamera import ColorSpace, Transform

        options: dict[str, Any] = {"main": {"format": self.pixel_format, "size": size}, "buffer_count": buffers}
        if not self._usb:
            # full-range BT.601 is what JFIF means; the default, limited range, would give a grey veil
            options |= {"raw": None, "colour_space": ColorSpace.Sycc(), "controls": self._controls(intervals)}
            options["transform"] = Transform(hflip=self.orientation.hflip, vflip=self.orientation.vflip)
        return options

    def _sensor(self, size: tuple[int, int], fps: float) -> dict[str, Any]:
        mode = self.sensor_mode(size, fps)
        return {"sensor": {"output_size": mode.size, "bit_depth": mode.bit_depth}} if mode else {}

    def _controls(self, intervals: tuple[float, float]) -> dict[str, Any]:
        asked: dict[str, Any] = {"FrameDurationLimits": tuple(round(seconds * 1_000_000) for seconds in intervals)}
        if self._settings.hdr in HDR_MODES:
            asked["HdrMode"] = HDR_MODES[self._settings.hdr]
        return {name: value for name, value in asked.items() if name in self._picam2.camera_controls}
