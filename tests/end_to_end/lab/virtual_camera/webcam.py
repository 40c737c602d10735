"""The camera itself: its answers to the requests of the guest, and its frames."""

import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from tests.end_to_end.lab.virtual_camera import descriptors
from tests.end_to_end.lab.virtual_camera.descriptors import CLOCK, FORMATS, PACKET, RATES, SIZES, interval
from tests.end_to_end.lab.virtual_camera.pictures import Pictures

PAYLOAD = 32 * PACKET  # uvcvideo asks for at most 32 packets at once
SET_CUR, GET_CUR, GET_MIN, GET_MAX, GET_RES, GET_LEN, GET_INFO, GET_DEF = 0x01, *range(0x81, 0x88)
PROBE, COMMIT = 1, 2


@dataclass
class Knob:
    """A control that the guest can read and set; the camera only stores it."""

    length: int
    lowest: int
    highest: int
    step: int
    default: int
    value: int

    def answer(self, request: int, data: bytes) -> bytes | None:
        """Answer a request; None refuses it."""
        if request == SET_CUR:
            self.value = int.from_bytes(data[: self.length], "little", signed=self.lowest < 0)
            return b""
        if request == GET_LEN:
            return self.length.to_bytes(2, "little")
        if request == GET_INFO:
            return b"\x03"  # it can be read and set
        values = {
            GET_CUR: self.value,
            GET_MIN: self.lowest,
            GET_MAX: self.highest,
            GET_RES: self.step,
            GET_DEF: self.default,
        }
        if request not in values:
            return None
        return (values[request] & (1 << 8 * self.length) - 1).to_bytes(self.length, "little")


@dataclass(frozen=True)
class Stream:
    """The negotiated mode: indices of format and size in the descriptors, and the frame interval."""

    form: int = 1
    size: int = 1
    interval: int = interval(RATES[0])

    def nearest(self) -> "Stream":
        """Return the nearest mode of the camera."""
        rates = [interval(rate) for rate in RATES]
        return Stream(
            min(max(self.form, 1), len(FORMATS)),
            min(max(self.size, 1), len(SIZES)),
            min(rates, key=lambda each: abs(each - self.interval)) if self.interval else rates[0],
        )

    def block(self) -> bytes:
        """Encode the mode as in UVC 1.1."""
        most = FORMATS[self.form - 1].bytes_of(SIZES[self.size - 1])
        return struct.pack("<HBBIHHHHHIIIBBBB", 0, self.form, self.size, self.interval, 0, 0, 0, 0, 0, most, PAYLOAD,
                           CLOCK, 3, 0, 1, 1)  # fmt: skip


class Webcam:
    """One camera: its name and serial number, its controls, its stream."""

    def __init__(self, name: str, serial: str, pictures: Pictures) -> None:
        self._pictures = pictures
        words = ["Lab", name, serial, name]
        self._strings = {0: b"\x09\x04", **{place: word.encode("utf-16le") for place, word in enumerate(words, 1)}}
        terminal, unit = descriptors.CAMERA_TERMINAL, descriptors.PROCESSING_UNIT
        self._knobs = {
            (terminal, 2): Knob(1, 1, 8, 9, 8, 8),  # auto exposure: manual 1, aperture priority 8
            (terminal, 4): Knob(4, 1, 10000, 1, 156, 156),  # exposure time in units of 100 us
            (unit, 2): Knob(2, -64, 64, 1, 0, 0),  # brightness
            (unit, 3): Knob(2, 0, 95, 1, 32, 32),  # contrast
            (unit, 7): Knob(2, 0, 128, 1, 64, 64),  # saturation
        }
        self._probe = Stream()
        self._running: Stream | None = None
        self._due = 0.0
        self._number = self._toggle = 0
        self._rest: Iterator[bytes] = iter(())
        self._frozen = self._stalled = False

    def freeze(self) -> None:
        """Stop the frames until `thaw`."""
        self._frozen = True

    def thaw(self) -> None:
        """Restart the frames."""
        self._frozen = self._stalled = False
        self._due = time.monotonic()

    def stall(self) -> None:
        """Stop the frames until the stream is restarted."""
        self._stalled = True

    def stop(self) -> None:
        """End the stream."""
        self._running = None
        self._rest = iter(())

    def payload(self) -> bytes | float:
        """Return the next piece of a frame, or the seconds until there is one."""
        if self._running is None or self._frozen or self._stalled:
            return 1.0
        piece = next(self._rest, None)
        if piece is not None:
            return piece
        now = time.monotonic()
        if now < self._due:
            return self._due - now
        step = self._running.interval / 1e7
        passed = int((now - self._due) / step) + 1
        self._due += step * passed
        self._number += passed  # a skipped number is a frame that the guest was too late for
        self._toggle ^= 1  # marks the start of a frame
        self._rest = self._pieces(self._running, now)
        return next(self._rest)

    def _pieces(self, stream: Stream, now: float) -> Iterator[bytes]:
        frame = self._pictures.frame(FORMATS[stream.form - 1], SIZES[stream.size - 1], self._number)
        room = PAYLOAD - 12
        stamp = int(now * CLOCK) & 0xFFFFFFFF
        for start in range(0, len(frame), room):
            last = start + room >= len(frame)
            flags = 0x8C | self._toggle | last << 1
            yield struct.pack("<BBIIH", 12, flags, stamp, stamp, int(now * 1000) & 0x7FF) + frame[start : start + room]

    def setup(self, kind: int, request: int, value: int, index: int, data: bytes) -> bytes | None:
        """Answer a request to endpoint 0; None refuses it."""
        if (kind, request) == (0x80, 6):
            return self._descriptor(value >> 8, value & 255)
        if kind in (0x80, 0x81, 0x82) and request == 0:  # the status of the device, an interface, an endpoint
            return b"\0\0"
        if kind in (0x00, 0x01, 0x02) and request in (1, 3):
            if (kind, request) == (0x02, 1):  # that is how uvcvideo stops a bulk stream
                self.stop()
            return b""
        if kind & 0x7F == 0x21:
            return self._class_request(request, interface=index & 255, key=(index >> 8, value >> 8), data=data)
        return None

    def _descriptor(self, kind: int, place: int) -> bytes | None:
        if kind == 1:
            return descriptors.device()
        if kind == 2:
            return descriptors.configuration()
        if kind == 3 and place in self._strings:
            return bytes((2 + len(self._strings[place]), 3)) + self._strings[place]
        return None

    def _class_request(self, request: int, interface: int, key: tuple[int, int], data: bytes) -> bytes | None:
        entity, selector = key
        if interface == 1 and entity == 0 and selector in (PROBE, COMMIT):
            return self._streaming(request, selector, data)
        if (interface, entity, selector) == (0, 0, 2):  # why the last request was refused: no such control
            return b"\x06" if request == GET_CUR else b"\x01"
        knob = self._knobs.get(key)
        return knob.answer(request, data) if knob else None

    def _streaming(self, request: int, selector: int, data: bytes) -> bytes | None:
        if request == SET_CUR:
            asked = Stream(*struct.unpack_from("<BBI", data, 2)).nearest()
            if selector == PROBE:
                self._probe = asked
            else:
                self._start(asked)
            return b""
        if request == GET_LEN:
            return struct.pack("<H", 34)
        if request == GET_INFO:
            return b"\x03"
        if request == GET_CUR:
            return (self._running or self._probe if selector == COMMIT else self._probe).block()
        if request in (GET_MIN, GET_MAX):
            return self._probe.block()
        if request == GET_DEF:
            return replace(self._probe, interval=interval(RATES[0])).block()
        return None

    def _start(self, stream: Stream) -> None:
        self._running = stream
        self._rest = iter(())
        self._due = time.monotonic()
        self._stalled = False
