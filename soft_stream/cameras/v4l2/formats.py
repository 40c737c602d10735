"""The formats, sizes and rates of a V4L2 device, and which of them the settings select."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import log
from struct import Struct

from soft_stream.cameras.v4l2 import kernel
from soft_stream.cameras.v4l2.device import Format, Size

# libcamera's names of the pixel formats that this program reads, the cheapest ones first: a JPEG is passed through.
NAMES = {
    "MJPG": "MJPEG",
    "JPEG": "MJPEG",
    "YU12": "YUV420",
    "NV12": "NV12",
    "YUYV": "YUYV",
    "UYVY": "UYVY",
    "GREY": "R8",
}
READABLE = {kernel.fourcc(code): name for code, name in NAMES.items()}
# Bytes of two pixels of a row, and rows of each row of pixels, in halves.
BYTES = {"YUYV": 4, "UYVY": 4}
HALF_ROWS = {"YUV420": 3, "NV12": 3}
# Numbers of formats, sizes and rates that are looked at; a driver that goes on for ever is broken.
MOST = 256
# A rate that is lower by this part is as good: 29.97 for 30.
FAST_ENOUGH = 0.98
# https://docs.kernel.org/userspace-api/media/v4l/colorspaces-defs.html
COLOUR_SPACES = {0: "unknown", 1: "SMPTE170M", 3: "Rec709", 5: "470M", 6: "470BG", 7: "JPEG", 8: "sRGB", 10: "Rec2020"}
JPEG_COLOURS, REC709 = 7, 3
ENCODINGS_709 = (2, 4)
FULL_RANGE, LIMITED_RANGE = 1, 2


@dataclass(frozen=True)
class Choice:
    """A format and a size of a device with the shortest interval that is long enough; 0 if it is unknown."""

    fourcc: int
    size: Size
    interval: Fraction

    @property
    def name(self) -> str:
        """The name of the format."""
        return READABLE[self.fourcc]


@dataclass(frozen=True)
class Colours:
    """The colour space of the planes."""

    name: str
    limited: bool
    matrix: str


def list_fourccs(descriptor: int) -> list[int]:
    """Return the pixel formats that a device offers."""
    return [answer[4] for answer in _listed(descriptor, kernel.ENUM_FMT, kernel.FORMAT_DESCRIPTION, kernel.CAPTURE)]


def select_format(descriptor: int, fourccs: Sequence[int], size: Size, fps: float) -> Choice:
    """Return the choice whose size is nearest to `size`, of these the one that is fast enough, or else fastest.

    Of several such formats it is the cheapest one.
    """
    order = [*READABLE]
    choices = [choice for fourcc in fourccs for choice in _choices(descriptor, fourcc, size, fps)]

    def rank(choice: Choice) -> tuple[float, float, int]:
        rate = float(1 / choice.interval) if choice.interval else fps
        return _distance(choice.size, size), -min(rate, fps * FAST_ENOUGH), order.index(choice.fourcc)

    return min(choices, key=rank)


def largest_size(descriptor: int, fourccs: Sequence[int], least: Size) -> Size:
    """Return the size with most pixels that a driver lists; a driver with ranges has no largest one of the sensor."""
    sizes = [low for fourcc in fourccs for low, high, _ in _sizes(descriptor, fourcc) if low == high]
    return max([least, *sizes], key=lambda size: size[0] * size[1])


def stride_of(got: Format, name: str) -> int:
    """Return the bytes of a row; drivers that report none, or too few, add none."""
    return max(got.stride, got.size[0] * BYTES.get(name, 2) // 2)


def length_of(got: Format, name: str) -> int:
    """Return the bytes that a frame has at least; the end of its last row may be missing."""
    stride, used = stride_of(got, name), got.size[0] * BYTES.get(name, 2) // 2
    padding = stride - used
    return stride * got.size[1] * HALF_ROWS.get(name, 2) // 2 - padding


def colours_of(got: Format, name: str) -> Colours:
    """Return the colours of a format; what a driver leaves open is as V4L2 says (V4L2_MAP_QUANTIZATION_DEFAULT)."""
    if name == "MJPEG":
        return Colours("JPEG", limited=False, matrix="601")
    is_709 = got.encoding in ENCODINGS_709 or (not got.encoding and got.colour_space == REC709)
    is_full = got.quantization == FULL_RANGE or (not got.quantization and got.colour_space == JPEG_COLOURS)
    shown = COLOUR_SPACES.get(got.colour_space, str(got.colour_space))
    matrix = "709" if is_709 else "601"
    return Colours(f"{shown}/{matrix}/{'full' if is_full else 'limited'}", limited=not is_full, matrix=matrix)


def shown(fourcc: int) -> str:
    """Return the characters of a pixel format."""
    return kernel.text(fourcc.to_bytes(4, "little"))


def _choices(descriptor: int, fourcc: int, wanted: Size, fps: float) -> Iterator[Choice]:
    is_coded = READABLE[fourcc] == "MJPEG"
    sizes = {_nearest(low, high, step, wanted) for low, high, step in _sizes(descriptor, fourcc)} or {wanted}
    for size in sizes:
        if is_coded or not (size[0] % 2 or size[1] % 2):  # colour has half as many rows and columns
            yield Choice(fourcc, size, _interval(descriptor, fourcc, size, fps))


def _sizes(descriptor: int, fourcc: int) -> Iterator[tuple[Size, Size, Size]]:
    """Yield the smallest size, the largest one and the steps between them; they are equal for a single size."""
    for answer in _listed(descriptor, kernel.ENUM_FRAMESIZES, kernel.FRAME_SIZE, fourcc):
        if answer[2] == kernel.DISCRETE:
            width, height = answer[3:5]
            yield (width, height), (width, height), (1, 1)
        else:
            low_width, high_width, step_width, low_height, high_height, step_height = answer[3:9]
            yield (low_width, low_height), (high_width, high_height), (step_width, step_height)
            return


def _nearest(low: Size, high: Size, step: Size, wanted: Size) -> Size:
    """Return the size of a range that is nearest to another one, with even numbers."""
    width, height = (
        min(
            max(low[axis] + round((wanted[axis] - low[axis]) / max(1, step[axis])) * max(1, step[axis]), low[axis]),
            high[axis],
        )
        for axis in (0, 1)
    )
    return width, height


def _distance(size: Size, wanted: Size) -> float:
    if not all(size):
        return float("inf")
    return abs(log(size[0] / wanted[0])) + abs(log(size[1] / wanted[1]))


def _interval(descriptor: int, fourcc: int, size: Size, fps: float) -> Fraction:
    """Return the longest interval of a size that gives `fps` frames a second, or else the shortest one."""
    wanted = 1 / Fraction(fps).limit_denominator(1000)
    found = []
    for answer in _listed(descriptor, kernel.ENUM_FRAMEINTERVALS, kernel.FRAME_INTERVAL, fourcc, *size):
        numbers = answer[5:11]
        if answer[4] == kernel.DISCRETE:
            found.append(_fraction(*numbers[:2]))
        else:
            low, high = _fraction(*numbers[:2]), _fraction(*numbers[2:4])
            found.append(min(max(wanted, low), high))
            break
    found = [each for each in found if each]
    fast = [each for each in found if each * Fraction(FAST_ENOUGH) <= wanted]
    return max(fast) if fast else min(found, default=wanted)


def _fraction(numerator: int, denominator: int) -> Fraction:
    return Fraction(numerator, denominator) if denominator else Fraction(0)


def _listed(descriptor: int, request: int, layout: Struct, *values: int) -> Iterator[tuple[int, ...]]:
    """Yield what an ioctl returns for the indices 0, 1, ... until the driver refuses one."""
    for index in range(MOST):
        try:
            answer = kernel.call(descriptor, request, layout, kernel.numbers(index, *values))
        except OSError:  # there are no more, or the driver lists none
            return
        yield answer
