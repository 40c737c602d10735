"""The USB and UVC descriptors of the camera."""

import struct
from dataclasses import dataclass

CLOCK = 48_000_000
ENDPOINT = 0x81
PACKET = 512  # high-speed bulk
VENDOR, PRODUCT = 0x1D6B, 0x0102
RATES = (30, 15, 10)

CAMERA_TERMINAL, PROCESSING_UNIT, OUTPUT_TERMINAL = 1, 2, 3  # the ids of the camera's parts

_INTERFACE, _ENDPOINT, _ASSOCIATION, _CLASS_SPECIFIC = 4, 5, 0x0B, 0x24
_GUID_TAIL = b"\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"


@dataclass(frozen=True)
class Size:
    """The size of a picture."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


@dataclass(frozen=True)
class Format:
    """A pixel format: its four letters, the same in the descriptor, and its bits per pixel."""

    name: str
    code: bytes
    bits: int

    def bytes_of(self, size: Size) -> int:
        """The maximum size of a frame."""
        return size.width * size.height * self.bits // 8


SIZES = (Size(640, 480), Size(1280, 720))
MJPEG = Format("MJPG", b"", 16)
YUYV = Format("YUYV", b"YUY2", 16)
I420 = Format("I420", b"I420", 12)
FORMATS = (MJPEG, YUYV, I420)


def interval(rate: int) -> int:
    """Return the frame interval of a rate in units of 100 ns, as in UVC."""
    return 10_000_000 // rate


def device() -> bytes:
    """Return the device descriptor: a USB 2.0 device of several functions, strings 1 to 3."""
    return struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0xEF, 2, 1, 64, VENDOR, PRODUCT, 0x0100, 1, 2, 3, 1)


def configuration() -> bytes:
    """Return the configuration descriptor with the controls and streams of the camera."""
    association = struct.pack("<8B", 8, _ASSOCIATION, 0, 2, 0x0E, 3, 0, 4)
    rest = association + _video_control() + _video_streaming()
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(rest), 2, 1, 0, 0x80, 250) + rest


def _video_control() -> bytes:
    exposure = 1 << 1 | 1 << 3
    terminal = struct.pack("<BBBBHBBHHHB3s", 18, _CLASS_SPECIFIC, 2, CAMERA_TERMINAL, 0x0201, 0, 0, 0, 0, 0, 3,
                           exposure.to_bytes(3, "little"))  # fmt: skip
    brightness_contrast_saturation = 1 << 0 | 1 << 1 | 1 << 3
    unit = struct.pack("<BBBBBHB2sBB", 12, _CLASS_SPECIFIC, 5, PROCESSING_UNIT, CAMERA_TERMINAL, 0, 2,
                       brightness_contrast_saturation.to_bytes(2, "little"), 0, 0)  # fmt: skip
    output = struct.pack("<BBBBHBBB", 9, _CLASS_SPECIFIC, 3, OUTPUT_TERMINAL, 0x0101, 0, PROCESSING_UNIT, 0)
    parts = terminal + unit + output
    header = struct.pack("<BBBHHIBB", 13, _CLASS_SPECIFIC, 1, 0x0110, 13 + len(parts), CLOCK, 1, 1)
    return struct.pack("<9B", 9, _INTERFACE, 0, 0, 0, 0x0E, 1, 0, 0) + header + parts


def _video_streaming() -> bytes:
    formats = b"".join(_format(number, each) for number, each in enumerate(FORMATS, 1))
    length = 13 + len(FORMATS)
    header = struct.pack("<BBBBHBBBBBBB", length, _CLASS_SPECIFIC, 1, len(FORMATS), length + len(formats), ENDPOINT,
                         0, OUTPUT_TERMINAL, 0, 0, 0, 1) + bytes(len(FORMATS))  # fmt: skip
    interface = struct.pack("<9B", 9, _INTERFACE, 1, 0, 1, 0x0E, 2, 0, 0)
    endpoint = struct.pack("<BBBBHB", 7, _ENDPOINT, ENDPOINT, 2, PACKET, 0)
    return interface + header + formats + endpoint


def _format(number: int, pixels: Format) -> bytes:
    if pixels is MJPEG:
        frame_type = 7
        head = struct.pack("<11B", 11, _CLASS_SPECIFIC, 6, number, len(SIZES), 1, 1, 0, 0, 0, 0)
    else:
        frame_type = 5
        head = struct.pack("<5B16s6B", 27, _CLASS_SPECIFIC, 4, number, len(SIZES), pixels.code + _GUID_TAIL,
                           pixels.bits, 1, 0, 0, 0, 0)  # fmt: skip
    frames = b"".join(_frame(frame_type, place, pixels, size) for place, size in enumerate(SIZES, 1))
    colours = struct.pack("<6B", 6, _CLASS_SPECIFIC, 0x0D, 1, 1, 4)  # BT.709 primaries, BT.601 matrix
    return head + frames + colours


def _frame(frame_type: int, number: int, pixels: Format, size: Size) -> bytes:
    most = pixels.bytes_of(size)
    head = struct.pack("<5BHHIIIIB", 26 + 4 * len(RATES), _CLASS_SPECIFIC, frame_type, number, 0, size.width,
                       size.height, most * 8 * RATES[-1], most * 8 * RATES[0], most, interval(RATES[0]),
                       len(RATES))  # fmt: skip
    return head + b"".join(struct.pack("<I", interval(rate)) for rate in RATES)
