"""One opening of a camera that Picamera2 drives."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from soft_stream.cameras import CameraError, FocusMode, Negotiated, NoFrame, Orientation, RawFrame
from soft_stream.cameras.identity import choose
from soft_stream.cameras.picamera.library import construct, faults, find, is_usb
from soft_stream.cameras.picamera.request import raw_frame

if TYPE_CHECKING:
    from soft_stream.settings import Settings

# Of four requests Picamera2 keeps the newest one, we hold one at most, and two are with the sensor.
STREAM_BUFFERS = 4
STILL_BUFFERS = 2


class PicameraCamera:
    """One opening of a camera; Picamera2 objects are not used twice."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._picam2: Any = None
        self._job: Any = None
        """The capture that we wait for; it outlives a timeout, so that no request is lost to nobody."""
        self._switched = False
        self._usb = False
        self._continuous = False

    def open(self) -> Negotiated:
        """Acquire the camera by its id, configure and start it; see `Camera.open`."""
        connected = find()
        chosen = choose(connected, self._settings.id, self._settings.camera)
        self._usb = is_usb(chosen.id)
        with faults(f"camera {chosen.id} cannot be opened"):
            # the position in the list, which is sorted; "Num" is libcamera's own count
            self._picam2 = construct(connected.index(chosen))
        if self._picam2.camera.id != chosen.id:
            raise CameraError(f"asked for camera {chosen.id}, got {self._picam2.camera.id}: the cameras have changed")
        with faults(f"camera {chosen.id} cannot be started"):
            self._picam2.configure(self._configuration())
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

        self._continuous = mode is FocusMode.CONTINUOUS
        if self._continuous:
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
        with faults("the camera cannot be closed"):
            try:
                picam2.cancel_all_and_flush()  # `stop`, which `close` calls, would queue behind a capture for ever
            finally:
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
            # Auto holds still until a cycle is triggered
            follows = self._continuous and not still
            chosen["AfMode"] = controls.AfModeEnum.Continuous if follows else controls.AfModeEnum.Auto
        return chosen

    def _negotiated(self) -> Negotiated:
        configuration = self._picam2.camera_configuration()
        main, sensor, settings = configuration["main"], configuration.get("sensor") or {}, self._settings
        asked = self._pixel_format()
        if main["format"] != asked:
            raise CameraError(f"the camera does not deliver {asked} but {main['format']}")
        colour_space = re.sub(r"<.*'(.*)'>", r"\1", str(configuration.get("colour_space")))
        transform = configuration["transform"]  # libcamera mirrors CSI pictures in the sensor, and nothing on USB
        differences = []
        if not self._usb and colour_space != "sYCC":
            differences.append(f"Asked for colour space sYCC, negotiated {colour_space}: colours will be off")
        sensor_size = sensor.get("output_size")
        return Negotiated(
            size=tuple(main["size"]),
            pixel_format=main["format"],
            stride=main["stride"],
            colour_space=colour_space,
            sensor_mode=f"{sensor_size[0]}x{sensor_size[1]}" if sensor_size else "the camera's own",
            fps=settings.fps,
            has_autofocus="AfMode" in self._picam2.camera_controls,
            orientation=Orientation(
                hflip=settings.hflip != bool(transform.hflip),
                vflip=settings.vflip != bool(transform.vflip),
                rotation=settings.rotation,
            ),
            differences=tuple(differences),
        )

    def _switch(self, configuration: dict[str, Any]) -> None:
        with faults("the camera cannot switch modes"):
            if self._job is not None:
                self._picam2.cancel_all_and_flush()
                self._job = None
            self._picam2.stop()
            self._picam2.configure(configuration)
            self._picam2.start()

    def _capture(self, timeout: float) -> RawFrame:
        deadline = time.monotonic() + timeout
        while True:
            raw = raw_frame(self._next_request(deadline - time.monotonic()), usb=self._usb)
            if raw.planes or raw.jpeg:
                return raw
            raw.release()  # some webcams begin with frames that are no JPEG, and bad cables make more of them

    def _next_request(self, timeout: float) -> Any:
        with faults("capture failed"):
            if self._job is None:
                self._job = self._picam2.capture_request(wait=False)
            try:
                request = self._job.get_result(max(0, timeout))
            except TimeoutError:
                raise NoFrame("no frame came") from None
        self._job = None
        return request
