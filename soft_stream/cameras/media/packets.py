"""Packets on their way from the thread that reads them to the thread that decodes them."""

import threading
from collections import deque
from typing import Any, NamedTuple

# Bytes that wait to be decoded: a segment of HLS, or some seconds of a file.
MAX_BYTES = 16 * 1024 * 1024
# Packets of a file that are read ahead.
MAX_PACKETS = 100
# Seconds of a live source that may wait; if the decoder is slower, it continues with the next keyframe.
MAX_WAIT = 1.0


class Packet(NamedTuple):
    """A packet of PyAV, and when it arrived, in monotonic seconds."""

    data: Any
    arrived_at: float


class PacketQueue:
    """A bounded queue of packets; one thread puts, another one gets."""

    def __init__(self, *, drops: bool, max_packets: int = MAX_PACKETS) -> None:
        self._drops = drops
        """Whether packets are dropped when there are too many; otherwise `put` waits."""
        self._max_packets = max_packets
        self._changed = threading.Condition()
        self._packets = deque[Packet]()
        self._bytes = 0
        self._needs_keyframe = False
        self._is_taken = False
        """Whether the last packet that was taken is still being decoded."""
        self._is_closed = False

    def put(self, packet: Packet) -> bool:
        """Add a packet; return whether there may be more."""
        with self._changed:
            if self._drops:
                self._drop(packet)
            else:
                self._changed.wait_for(lambda: self._is_closed or not self._is_full)
            if not self._needs_keyframe:
                self._packets.append(packet)
                self._bytes += packet.data.size
                self._changed.notify_all()
            return not self._is_closed

    def get(self) -> Packet | None:
        """Wait for the next packet; return None in the end."""
        with self._changed:
            self._is_taken = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_closed or self._packets)
            if self._is_closed:
                return None
            self._is_taken = True
            packet = self._packets.popleft()
            self._bytes -= packet.data.size
            self._changed.notify_all()
            return packet

    def wait_until_empty(self) -> bool:
        """Wait until each packet has been decoded; return False if the queue was closed before."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or not (self._packets or self._is_taken))
            return not self._is_closed

    def sleep(self, seconds: float) -> bool:
        """Wait; return False if the queue is closed."""
        with self._changed:
            return not self._changed.wait_for(lambda: self._is_closed, seconds)

    def close(self) -> None:
        """End both threads' waits."""
        with self._changed:
            self._is_closed = True
            self._packets.clear()
            self._changed.notify_all()

    @property
    def _is_full(self) -> bool:
        return self._bytes > MAX_BYTES or len(self._packets) >= self._max_packets

    def _drop(self, packet: Packet) -> None:
        """Drop all packets if the decoder is too slow, and those that follow until a keyframe."""
        is_late = bool(self._packets) and packet.arrived_at - self._packets[0].arrived_at > MAX_WAIT
        if is_late or self._bytes > MAX_BYTES:
            self._packets.clear()
            self._bytes = 0
            self._needs_keyframe = True
        if packet.data.is_keyframe:
            self._needs_keyframe = False
