"""An open V4L2 device: its formats, and the buffers that its driver fills."""

import fcntl
import mmap
import os
import select
import stat
from dataclasses import dataclass
from pathlib import Path

from soft_stream.cameras.v4l2 import kernel
from soft_stream.cameras.v4l2.kernel import BUFFER, CAPTURE, Cap

Size = tuple[int, int]
MICROSECONDS = 1_000_000
# Seconds in the past beyond which the time of a buffer is taken for wrong, as from some webcams.
OLDEST = 60.0


@dataclass(frozen=True)
class Description:
    """What a device says about itself."""

    driver: str
    card: str
    bus: str
    capabilities: Cap


@dataclass(frozen=True)
class Format:
    """A pixel format as a driver has set it: v4l2_pix_format."""

    size: Size
    fourcc: int
    stride: int
    """Bytes of a row; 0 if the format has no rows."""
    length: int
    """Bytes of a buffer."""
    colour_space: int
    encoding: int
    quantization: int


@dataclass(frozen=True)
class Taken:
    """A buffer that the driver has filled, until `Device.give_back`."""

    index: int
    used: int
    captured_at: float
    """Monotonic seconds."""
    is_damaged: bool


def open_node(node: Path) -> int:
    """Return the descriptor of a device node; no call that waits for a frame blocks.

    Raises:
        OSError: it does not exist, or may not be opened.
    """
    return os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def describe(descriptor: int) -> Description:
    """Return what a device says about itself.

    Raises:
        OSError: it is no V4L2 device.
    """
    driver, card, bus, _, all_of_it, node = kernel.call(descriptor, kernel.QUERYCAP, kernel.CAPABILITY)
    capabilities = Cap(node if all_of_it & Cap.DEVICE_CAPS else all_of_it)
    return Description(kernel.text(driver), kernel.text(card), kernel.text(bus), capabilities)


class Device:
    """A device of which this process uses the frames; each method raises OSError if the driver refuses."""

    def __init__(self, node: Path) -> None:
        self.descriptor = open_node(node)
        self._buffers: list[mmap.mmap] = []
        self._message = bytearray(BUFFER.size)
        """The v4l2_buffer of the last taken frame; one for all frames, so that none is made for each."""
        self._poll = select.poll()
        self._poll.register(self.descriptor, select.POLLIN)

    @property
    def number(self) -> int:
        """The device number, for /sys; 0 if the node is no device."""
        status = os.fstat(self.descriptor)
        return status.st_rdev if stat.S_ISCHR(status.st_mode) else 0

    @property
    def count(self) -> int:
        """The number of buffers."""
        return len(self._buffers)

    def set_format(self, size: Size, fourcc: int) -> Format:
        """Set a format, and return the one that the driver has made of it."""
        asked = kernel.PIX_FORMAT.pack(*size, fourcc, kernel.FIELD_NONE, *[0] * 8)
        answer = kernel.call(self.descriptor, kernel.S_FMT, kernel.FORMAT, kernel.FORMAT.pack(CAPTURE, asked))
        values = kernel.PIX_FORMAT.unpack(answer[1])
        width, height, got, _, stride, length, colour_space, _, _, encoding, quantization, _ = values
        return Format((width, height), got, stride, length, colour_space, encoding, quantization)

    def set_interval(self, numerator: int, denominator: int) -> float:
        """Set the time between frames in seconds, and return the rate that the driver has made of it; 0 if unknown."""
        asked = kernel.numbers(CAPTURE, 0, 0, numerator, denominator)
        try:
            answer = kernel.call(self.descriptor, kernel.S_PARM, kernel.CAPTURE_PARAMETERS, asked)
        except OSError:  # the driver has no rates
            return 0.0
        capability, numerator, denominator = answer[1], answer[3], answer[4]
        return denominator / numerator if capability & kernel.TIME_PER_FRAME and numerator else 0.0

    def start(self, count: int) -> None:
        """Let the driver fill about `count` buffers."""
        for index in range(self._request_buffers(count)):
            answer = kernel.call(self.descriptor, kernel.QUERYBUF, BUFFER, BUFFER.pack(*_buffer(index)))
            offset, length = answer[9], answer[10]
            access = mmap.PROT_READ | mmap.PROT_WRITE
            self._buffers.append(mmap.mmap(self.descriptor, length, mmap.MAP_SHARED, access, offset=offset))
            kernel.call(self.descriptor, kernel.QBUF, BUFFER, BUFFER.pack(*_buffer(index)))
        BUFFER.pack_into(self._message, 0, *_buffer(0))
        kernel.call(self.descriptor, kernel.STREAMON, kernel.NUMBER, kernel.numbers(CAPTURE))

    def stop(self) -> None:
        """Stop the driver, and free the buffers."""
        try:
            kernel.call(self.descriptor, kernel.STREAMOFF, kernel.NUMBER, kernel.numbers(CAPTURE))
        finally:
            for buffer in self._buffers:
                buffer.close()
            self._buffers = []
        self._request_buffers(0)

    def wait(self, seconds: float) -> int:
        """Wait until a buffer is filled; return the events of `select.poll`, 0 after `seconds`."""
        events = self._poll.poll(max(0.0, seconds) * 1000)
        return events[0][1] if events else 0

    def take(self, now: float) -> Taken | None:
        """Take the oldest filled buffer; None if there is none. `now` is monotonic."""
        try:
            fcntl.ioctl(self.descriptor, kernel.DQBUF, self._message, True)
        except BlockingIOError:
            return None
        index, _, used, flags, _, seconds, microseconds, *_ = BUFFER.unpack_from(self._message)
        captured_at = now
        if flags & kernel.TIMESTAMP_MASK == kernel.TIMESTAMP_MONOTONIC:
            stamp = seconds + microseconds / MICROSECONDS
            captured_at = stamp if now - OLDEST < stamp <= now else now
        return Taken(index, used, captured_at, is_damaged=bool(flags & kernel.BUFFER_ERROR) or not used)

    def copy(self, taken: Taken, length: int) -> bytes:
        """Return the first bytes of a buffer."""
        return self._buffers[taken.index][:length]

    def give_back(self, taken: Taken) -> None:
        """Let the driver fill a buffer again."""
        BUFFER.pack_into(self._message, 0, *_buffer(taken.index))
        fcntl.ioctl(self.descriptor, kernel.QBUF, self._message, True)

    def close(self) -> None:
        """Close the device; the driver stops."""
        for buffer in self._buffers:
            buffer.close()
        self._buffers = []
        os.close(self.descriptor)

    def _request_buffers(self, count: int) -> int:
        """Request buffers, and return how many there are; 0 frees all."""
        asked = kernel.numbers(count, CAPTURE, kernel.MMAP)
        return int(kernel.call(self.descriptor, kernel.REQBUFS, kernel.REQUEST_BUFFERS, asked)[0])


def _buffer(index: int) -> tuple[int, ...]:
    """Return the values of a v4l2_buffer with an index."""
    return index, CAPTURE, 0, 0, 0, 0, 0, 0, kernel.MMAP, 0, 0
