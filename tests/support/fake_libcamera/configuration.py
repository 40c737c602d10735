"""libcamera's configurations, and the adjustments of `validate`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

from tests.support.fake_libcamera.colour import ColorSpace
from tests.support.fake_libcamera.formats import LAYOUTS, PixelFormat, frame_size_of, is_raw, stride_of
from tests.support.fake_libcamera.geometry import FLIPS, Orientation, Size, SizeRange
from tests.support.fake_libcamera.models import SensorMode

if TYPE_CHECKING:
    from tests.support.fake_libcamera.device import Device

WEBCAM_BUFFERS = 4


class StreamRole(IntEnum):
    """The role of a stream."""

    Raw = 0
    StillCapture = 1
    VideoRecording = 2
    Viewfinder = 3


class Stream:
    """A stream of a camera: a key."""

    def __init__(self, configuration: StreamConfiguration) -> None:
        self.configuration = configuration


class StreamFormats:
    """The pixel formats and sizes that a stream can have."""

    def __init__(self, sizes: dict[str, list[tuple[int, int]]]) -> None:
        self._sizes = sizes

    @property
    def pixel_formats(self) -> list[PixelFormat]:
        """The pixel formats."""
        return [PixelFormat(name) for name in self._sizes]

    def sizes(self, pixel_format: PixelFormat) -> list[Size]:
        """Return the sizes of a pixel format."""
        return [Size(*size) for size in self._sizes.get(str(pixel_format), ())]

    def range(self, pixel_format: PixelFormat) -> SizeRange:
        """Return the smallest and the largest size."""
        sizes = self.sizes(pixel_format)
        return SizeRange(sizes[0], sizes[-1])


class StreamConfiguration:
    """The requested configuration of a stream."""

    def __init__(self, pixel_format: str, size: tuple[int, int], formats: StreamFormats) -> None:
        self.pixel_format = PixelFormat(pixel_format)
        self.size = Size(*size)
        self.formats = formats
        self.stride = 0
        self.frame_size = 0
        self.buffer_count = 4
        self.color_space: ColorSpace | None = None
        self.stream = Stream(self)

    def __str__(self) -> str:
        return f"{self.size}-{self.pixel_format}"


class SensorConfiguration:
    """The requested sensor mode."""

    def __init__(self) -> None:
        self.bit_depth = 0
        self.output_size = Size()


class _Status(IntEnum):
    """The result of `validate`."""

    Valid = 0
    Adjusted = 1
    Invalid = 2


class CameraConfiguration:
    """The requested configuration of a camera."""

    Status: ClassVar[type[_Status]] = _Status

    def __init__(self, device: Device, roles: list[StreamRole]) -> None:
        self._device = device
        self.orientation = Orientation.Rotate0
        self.sensor_config: SensorConfiguration | None = None
        self.mode: SensorMode | None = None
        if device.model.is_usb:
            roles = roles[:1]  # uvcvideo has only one stream
        self._streams = [self._stream(role) for role in roles]

    def _stream(self, role: StreamRole) -> StreamConfiguration:
        model = self._device.model
        if model.is_usb:
            formats = StreamFormats({name: list(model.sizes) for name in model.formats})
            return StreamConfiguration(model.formats[0], model.sizes[-1], formats)
        if role is StreamRole.Raw:
            raw: dict[str, list[tuple[int, int]]] = {}
            for mode in model.modes:
                raw.setdefault(str(PixelFormat(model.raw_format(mode))), []).append(mode.size)
            return StreamConfiguration(next(iter(raw)), model.pixel_array, StreamFormats(raw))
        formats = StreamFormats({name: [(32, 32), model.pixel_array] for name in model.formats})
        return StreamConfiguration("XRGB8888", (800, 600), formats)

    def __iter__(self) -> Iterator[StreamConfiguration]:
        return iter(self._streams)

    def __len__(self) -> int:
        return len(self._streams)

    @property
    def size(self) -> int:
        """The number of streams."""
        return len(self._streams)

    @property
    def empty(self) -> bool:
        """Whether there is no stream."""
        return not self._streams

    def at(self, index: int) -> StreamConfiguration:
        """Return a stream; libcamera does not check the index, and a wrong one is undefined behaviour."""
        if index >= len(self._streams):
            raise SystemError(f"config.at({index}) of {len(self._streams)} streams: undefined behaviour in C++")
        return self._streams[index]

    def validate(self) -> _Status:
        """Adjust the requests that the camera cannot fulfil."""
        status = self._validate_orientation()
        if self._device.model.is_usb:
            return max(status, self._validate_webcam(self._streams[0]))
        self.mode = self._choose_mode()
        if self.mode is None:
            return _Status.Invalid
        return max(status, *(self._validate_stream(stream, self.mode) for stream in self._streams))

    def _validate_orientation(self) -> _Status:
        """Remove transpositions, and all flips of a webcam."""
        if self.orientation is Orientation.Rotate0 or (self.orientation in FLIPS and not self._device.model.is_usb):
            return _Status.Valid
        self.orientation = Orientation.Rotate0
        return _Status.Adjusted

    def _choose_mode(self) -> SensorMode | None:
        modes = self._device.model.modes
        wanted = self.sensor_config
        if wanted is not None:
            key = ((wanted.output_size.width, wanted.output_size.height), wanted.bit_depth)
            return next((mode for mode in modes if (mode.size, mode.bit_depth) == key), None)
        main = self._streams[0].size
        return min(modes, key=lambda mode: score(mode, (main.width, main.height)))

    def _validate_stream(self, stream: StreamConfiguration, mode: SensorMode) -> _Status:
        asked = (stream.size, stream.pixel_format)
        model, name = self._device.model, str(stream.pixel_format)
        if is_raw(name):
            stream.size, name = Size(*mode.size), model.raw_format(mode)
            stream.color_space = ColorSpace.Raw()
        else:
            name = name if name in model.formats else model.formats[0]
            stream.size = Size(stream.size.width // 2 * 2, stream.size.height // 2 * 2)
            stream.color_space = self._colour_space(name, stream.color_space)
        stream.pixel_format = PixelFormat(name)
        stream.stride = stride_of(name, stream.size.width, pisp=self._device.pisp)
        stream.frame_size = frame_size_of(name, stream.stride, stream.size.height)
        return _Status.Valid if asked == (stream.size, stream.pixel_format) else _Status.Adjusted

    def _colour_space(self, name: str, asked: ColorSpace | None) -> ColorSpace:
        """Set the colour space of all streams to that of main; RGB has no matrix and no range."""
        main = self._streams[0].color_space
        chosen = ColorSpace(main or asked or ColorSpace.Sycc())
        if "888" in name:
            chosen.ycbcrEncoding, chosen.range = ColorSpace.YcbcrEncoding.Null, ColorSpace.Range.Full
        return chosen

    def _validate_webcam(self, stream: StreamConfiguration) -> _Status:
        model, asked = self._device.model, (stream.size, stream.pixel_format, stream.buffer_count)
        name = str(stream.pixel_format)
        name = name if name in model.formats else model.formats[0]
        smaller = [size for size in model.sizes if size[0] <= stream.size.width and size[1] <= stream.size.height]
        stream.size = Size(*(smaller[-1] if smaller else model.sizes[0]))
        stream.pixel_format = PixelFormat(name)
        stream.buffer_count = WEBCAM_BUFFERS
        # YUYV always has limited range
        stream.color_space = ColorSpace.Sycc() if name == "MJPEG" else ColorSpace.Smpte170m()
        pixel, halves = LAYOUTS[name]
        stream.stride = 0 if name == "MJPEG" else stream.size.width * pixel
        stream.frame_size = stream.size.width * pixel * stream.size.height * halves // 2
        same = asked == (stream.size, stream.pixel_format, stream.buffer_count)
        return _Status.Valid if same else _Status.Adjusted


def score(mode: SensorMode, size: tuple[int, int]) -> float:
    """Return libcamera's score of a sensor mode for an output size: lower is better; the field of view is ignored."""

    def difference(wanted: float, actual: float) -> float:
        return (actual - wanted) / 4 if actual > wanted else (wanted - actual) * 2

    aspect = difference(size[0] / size[1], mode.size[0] / mode.size[1])
    return difference(size[0], mode.size[0]) + difference(size[1], mode.size[1]) + 1500 * aspect
