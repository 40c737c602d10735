"""The usbredir protocol between the camera and QEMU, on a socket."""

import select
import socket
import struct
from collections import deque

from tests.end_to_end.lab.virtual_camera.descriptors import ENDPOINT, PACKET, PRODUCT, VENDOR
from tests.end_to_end.lab.virtual_camera.webcam import Webcam

HELLO, CONNECT, RESET, INTERFACES, ENDPOINTS = 0, 1, 3, 4, 5
SET_CONFIGURATION, GET_CONFIGURATION, CONFIGURATION_STATUS = 6, 7, 8
SET_ALTERNATE, GET_ALTERNATE, ALTERNATE_STATUS, CANCEL, FILTER_REJECT = 9, 10, 11, 21, 22
CONTROL, BULK = 100, 101
SUCCESS, CANCELLED, STALLED = 0, 1, 4
LONG_IDS = 1 << 5
CAPABILITIES = 1 << 1 | 1 << 4 | LONG_IDS | 1 << 6  # device version, packet sizes, 64-bit ids, long bulk transfers
PATIENCE = 0.1  # a signal may freeze or thaw the camera while nothing comes from QEMU


class Cable:
    """The connection to QEMU; the camera is plugged in while it is open."""

    def __init__(self, webcam: Webcam, path: str) -> None:
        self._webcam = webcam
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._socket.setblocking(False)
        self._received = bytearray()
        self._to_send = bytearray()
        self._header = struct.Struct("<III")
        self._waiting: deque[tuple[int, int]] = deque()  # the guest's reads of frames: id and length
        self._configuration = 0

    def run(self) -> None:
        """Serve until QEMU hangs up."""
        self._send(HELLO, b"virtual camera".ljust(64, b"\0") + struct.pack("<I", CAPABILITIES))
        while True:
            wait = min(self._answer_reads(), PATIENCE)
            readable, writable, _ = select.select([self._socket], [self._socket] if self._to_send else [], [], wait)
            if readable:
                data = self._socket.recv(1 << 20)
                if not data:
                    return
                self._take(data)
            if writable:
                del self._to_send[: self._socket.send(self._to_send)]

    def _answer_reads(self) -> float:
        while self._waiting:
            payload = self._webcam.payload()
            if isinstance(payload, float):
                return payload
            identity, length = self._waiting.popleft()
            self._reply_bulk(identity, payload[:length])
        return PATIENCE

    def _take(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= self._header.size:
            kind, length, identity = self._header.unpack_from(self._received)
            end = self._header.size + length
            if len(self._received) < end:
                return
            body = bytes(self._received[self._header.size : end])
            del self._received[:end]
            self._packet(kind, identity, body)

    def _packet(self, kind: int, identity: int, body: bytes) -> None:
        if kind == HELLO:
            if len(body) >= 68 and struct.unpack_from("<I", body, 64)[0] & LONG_IDS:
                self._header = struct.Struct("<IIQ")
            self._plug_in()
        elif kind == RESET:
            self._webcam.stop()
        elif kind in (SET_CONFIGURATION, GET_CONFIGURATION):
            if kind == SET_CONFIGURATION:
                self._configuration = body[0]
            self._send(CONFIGURATION_STATUS, bytes((SUCCESS, self._configuration)), identity)
        elif kind in (SET_ALTERNATE, GET_ALTERNATE):
            self._send(ALTERNATE_STATUS, bytes((SUCCESS, body[0], 0)), identity)
        elif kind == CANCEL:
            self._cancel(identity)
        elif kind == CONTROL:
            self._control(identity, body)
        elif kind == BULK:
            _, _, low, _, high = struct.unpack_from("<BBHIH", body)
            self._waiting.append((identity, low | high << 16))
        elif kind == FILTER_REJECT:
            raise SystemExit("QEMU does not let the camera in")

    def _plug_in(self) -> None:
        interfaces = [[0, 1], [0x0E, 0x0E], [1, 2], [0, 0]]  # numbers, classes, subclasses, protocols
        self._send(INTERFACES, struct.pack("<I", 2) + b"".join(bytes(each).ljust(32, b"\0") for each in interfaces))
        kinds, owners, packets = [255] * 32, [0] * 32, [0] * 32  # the first 16 go out, the others come in
        kinds[0] = kinds[16] = 0
        packets[0] = packets[16] = 64
        place = 16 + (ENDPOINT & 15)
        kinds[place], owners[place], packets[place] = 2, 1, PACKET
        self._send(ENDPOINTS, bytes(kinds) + bytes(32) + bytes(owners) + struct.pack("<32H", *packets))
        high_speed = 2
        self._send(CONNECT, struct.pack("<4BHHH", high_speed, 0xEF, 2, 1, VENDOR, PRODUCT, 0x0100))

    def _cancel(self, identity: int) -> None:
        for read in self._waiting:
            if read[0] == identity:
                self._waiting.remove(read)
                self._reply_bulk(identity, b"", CANCELLED)
                return

    def _control(self, identity: int, body: bytes) -> None:
        endpoint, request, kind, _, value, index, length = struct.unpack_from("<BBBBHHH", body)
        answer = self._webcam.setup(kind, request, value, index, body[10:])
        if answer is None:
            status, answer, length = STALLED, b"", 0
        else:
            status, answer = SUCCESS, answer[:length]
            if kind & 0x80:
                length = len(answer)
        head = struct.pack("<BBBBHHH", endpoint, request, kind, status, value, index, length)
        self._send(CONTROL, head + answer, identity)

    def _reply_bulk(self, identity: int, data: bytes, status: int = SUCCESS) -> None:
        head = struct.pack("<BBHIH", ENDPOINT, status, len(data) & 0xFFFF, 0, len(data) >> 16)
        self._send(BULK, head + data, identity)

    def _send(self, kind: int, body: bytes, identity: int = 0) -> None:
        self._to_send += self._header.pack(kind, len(body), identity) + body
