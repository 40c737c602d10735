"""The running stream of a V4L2 device: what was negotiated, and the frame that is in a buffer."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from soft_stream.cameras.base import CameraError
from soft_stream.cameras.v4l2 import formats
from soft_stream.cameras.v4l2.formats import FAST_ENOUGH, READABLE
from soft_stream.frames.raw import FrameMetadata, RawFrame
from soft_stream.message import Message

if TYPE_CHECKING:
    from soft_stream.cameras.v4l2.device import Device, Size, Taken
    from soft_stream.config.settings import Settings

# The driver fills one while another one is read; the others bridge a delay of this process.
BUFFERS = 4
# A rate that is higher by this part is not limited.
TOO_FAST = 1.02
# V4L2 does not report the state of automatic exposure.
METADATA = FrameMetadata(exposure_settled=None)


class Stream:
    """A stream of one size, from its start until `stop`."""

    def __init__(self, device: Device, settings: Settings, size: Size) -> None:
        """Negotiate and start it.

        Raises:
            OSError: the driver refuses it.
            CameraError: the device has no format that can be read, or not the one of the settings.
        """
        self._device = device
        self._settings = settings
        choice = formats.select_format(device.descriptor, allowed_formats(device, settings), size, settings.fps)
        self.format = got = device.set_format(choice.size, choice.fourcc)
        if got.fourcc not in READABLE:
            offered = formats.shown(got.fourcc)
            template = "the camera delivers {delivered} instead of {wanted}"
            raise CameraError(Message("format_replaced", template, delivered=offered, wanted=choice.name))
        self.name = READABLE[got.fourcc]
        self.colours = formats.colours_of(got, self.name)
        self.stride = 0 if self.name == "MJPEG" else formats.stride_of(got, self.name)
        self._least = formats.length_of(got, self.name)
        self.rate = device.set_interval(choice.interval.numerator, choice.interval.denominator)
        """Frames a second of the device; 0 if the driver does not say."""
        device.start(BUFFERS)

    def stop(self) -> None:
        """Stop the device.

        Raises:
            OSError: the driver refuses it.
        """
        self._device.stop()

    @property
    def fps(self) -> float:
        """The highest frame rate of the frames that are used."""
        return min(self._settings.fps, round(self.rate, 2)) if self.rate else self._settings.fps

    @property
    def needs_limit(self) -> bool:
        """Whether the device is, or may be, faster than the settings."""
        return not self.rate or self.rate > self._settings.fps * TOO_FAST

    def differences(self) -> tuple[str, ...]:
        """Return sentences about how the stream differs from the settings, except for the size."""
        if self.fps >= self._settings.fps * FAST_ENOUGH:
            return ()
        template = "Asked for {wanted:g} fps, the sensor delivers at most {got:g} in this mode"
        return (Message("lower_fps", template, wanted=self._settings.fps, got=self.fps),)

    def is_whole(self, taken: Taken) -> bool:
        """Return whether a buffer has all rows; how long a JPEG must be, only its content shows."""
        return self.name == "MJPEG" or taken.used >= self._least

    def frame(self, taken: Taken) -> RawFrame:
        """Return the frame of a buffer, as a copy."""
        raw = RawFrame(self.format.size, taken.captured_at, metadata=METADATA)
        if self.name == "MJPEG":
            raw.jpeg = self._device.copy(taken, taken.used)
            return raw
        to_jfif, to_planes, frombuffer = _import_dependencies()
        pixels = frombuffer(self._device.copy(taken, self.stride * self.format.size[1] * 2), "u1")
        planes = to_planes(pixels, self.name, self.format.size, self.stride)
        limited = self.colours.limited and self.name != "R8"  # brightness without colour has no range of video
        raw.planes = to_jfif(planes, limited=limited, matrix=self.colours.matrix)
        return raw


def allowed_formats(device: Device, settings: Settings) -> list[int]:
    """Return the pixel formats of a device that can be read and that the settings allow.

    Raises:
        CameraError: there is none.
    """
    offered = formats.list_fourccs(device.descriptor)
    readable = [each for each in offered if each in READABLE]
    wanted, names = settings.pixel_format, dict.fromkeys(READABLE[each] for each in readable)
    if not readable:
        template = "the camera offers {offered}, and this program reads only {formats}"
        listing = ", ".join(map(formats.shown, offered)) or Message("none", "none")
        known = ", ".join(dict.fromkeys(READABLE.values()))
        raise CameraError(Message("formats_unreadable", template, offered=listing, formats=known))
    if wanted == "auto":
        return readable
    if chosen := [each for each in readable if READABLE[each].lower() == wanted]:
        return chosen
    template = "the camera does not offer {wanted}: set {setting} to {formats}, or to auto"
    setting, offers = f"cam{settings.camera}_pixel_format", " or ".join(names).lower()
    raise CameraError(Message("format_not_offered", template, wanted=wanted, setting=setting, formats=offers))


def still_size(device: Device, settings: Settings, stream_size: Size) -> Size | None:
    """Return the size of stills: that of the settings, else the largest one; None if it is that of the stream."""
    fourccs = allowed_formats(device, settings)
    wanted = (settings.snapshot_width, settings.snapshot_height)
    if not settings.snapshot_width:
        wanted = formats.largest_size(device.descriptor, fourccs, stream_size)
    size = formats.select_format(device.descriptor, fourccs, wanted, settings.fps).size
    return None if size == stream_size else size


@cache
def _import_dependencies() -> Any:
    """Import what raw frames need; cached, because import statements per frame would be slow."""
    import numpy

    from soft_stream.cameras.colour import to_jfif
    from soft_stream.cameras.pixels import to_planes

    return to_jfif, to_planes, numpy.frombuffer
