"""The numbers and structures of V4L2, from linux/videodev2.h.

The structures have the sizes and alignments of this process, so they fit 32-bit and 64-bit systems. The number of an
ioctl contains the size of its structure: on a 32-bit system the kernel sees from it that the time in `v4l2_buffer` has
32 bits, which it accepts since it knows 64-bit times, too. These are times since the boot.
"""

import fcntl
import struct
from enum import IntFlag
from struct import Struct
from typing import Any

CAPTURE = 1
"""V4L2_BUF_TYPE_VIDEO_CAPTURE."""
MMAP = 1
"""V4L2_MEMORY_MMAP."""


class Cap(IntFlag):
    """What a device node can do: V4L2_CAP_..."""

    VIDEO_CAPTURE = 0x1
    VIDEO_CAPTURE_MPLANE = 0x1000
    VIDEO_M2M_MPLANE = 0x4000
    VIDEO_M2M = 0x8000
    META_CAPTURE = 0x800000
    STREAMING = 0x4000000
    IO_MC = 0x20000000
    DEVICE_CAPS = 0x80000000


# V4L2_CAP_TIMEPERFRAME, of v4l2_captureparm
TIME_PER_FRAME = 0x1000
FIELD_NONE = 1
# v4l2_buffer.flags
BUFFER_ERROR = 0x40
TIMESTAMP_MASK, TIMESTAMP_MONOTONIC = 0xE000, 0x2000
# the types of v4l2_frmsizeenum and v4l2_frmivalenum; the others have steps
DISCRETE = 1
# v4l2_queryctrl.flags
DISABLED, READ_ONLY, NEXT_CONTROL = 0x1, 0x4, 0x80000000

CAPABILITY = Struct("@16s32s32s3I12x")
FORMAT_DESCRIPTION = Struct("@3I32s2I12x")
FRAME_SIZE = Struct("@9I8x")  # index, format, type; width, height; or three numbers for each of them
FRAME_INTERVAL = Struct("@11I8x")  # index, format, width, height, type; one fraction, or three
PIX_FORMAT = Struct("@12I")
FORMAT = Struct("@I0P48s152x")  # the union begins where a pointer may begin
CAPTURE_PARAMETERS = Struct("@7I176x")
REQUEST_BUFFERS = Struct("@4I4x")
# index, type, bytesused, flags, field; tv_sec, tv_usec; sequence, memory; offset; length
BUFFER = Struct("@5I2l16x2ILI8x0L")
QUERY_CONTROL = Struct("@2I32s4iI8x")
QUERY_MENU = Struct("=2I32sI")
CONTROL = Struct("@Ii")
NUMBER = Struct("@i")


def _request(direction: int, number: int, layout: Struct) -> int:
    """Return the number of an ioctl as _IOC() of asm-generic/ioctl.h does; 1 is write, 2 is read, 3 is both."""
    return direction << 30 | layout.size << 16 | ord("V") << 8 | number


QUERYCAP = _request(2, 0, CAPABILITY)
ENUM_FMT = _request(3, 2, FORMAT_DESCRIPTION)
S_FMT = _request(3, 5, FORMAT)
REQBUFS = _request(3, 8, REQUEST_BUFFERS)
QUERYBUF = _request(3, 9, BUFFER)
QBUF = _request(3, 15, BUFFER)
DQBUF = _request(3, 17, BUFFER)
STREAMON = _request(1, 18, NUMBER)
STREAMOFF = _request(1, 19, NUMBER)
S_PARM = _request(3, 22, CAPTURE_PARAMETERS)
S_CTRL = _request(3, 28, CONTROL)
QUERYCTRL = _request(3, 36, QUERY_CONTROL)
QUERYMENU = _request(3, 37, QUERY_MENU)
ENUM_FRAMESIZES = _request(3, 74, FRAME_SIZE)
ENUM_FRAMEINTERVALS = _request(3, 75, FRAME_INTERVAL)


def call(descriptor: int, request: int, layout: Struct, head: bytes = b"") -> tuple[Any, ...]:
    """Make an ioctl with a structure that begins with `head`, the rest of it zero; return what it contains then.

    Raises:
        OSError: the driver refuses it.
    """
    memory = bytearray(layout.size)
    memory[: len(head)] = head
    fcntl.ioctl(descriptor, request, memory, True)
    return layout.unpack(memory)


def numbers(*values: int) -> bytes:
    """Return unsigned 32-bit numbers as the beginning of a structure."""
    return struct.pack(f"@{len(values)}I", *values)


def text(value: bytes) -> str:
    """Return a name of a driver, which ends with a zero, without control characters."""
    return "".join(filter(str.isprintable, value.split(b"\0")[0].decode(errors="replace"))).strip()


def fourcc(name: str) -> int:
    """Return the number of a pixel format from its four characters."""
    return int.from_bytes(name.encode(), "little")
