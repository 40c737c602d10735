"""The thread that reads a file or a connection, again and again or until it ends."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from soft_stream.cameras.base import CameraError, CameraMissing, CameraUnsupported
from soft_stream.cameras.media import library
from soft_stream.cameras.media.address import Address
from soft_stream.cameras.media.packets import Packet, PacketQueue
from soft_stream.cameras.media.player import Player, Timing
from soft_stream.message import Message

log = logging.getLogger(__name__)


class Reader:
    """Opens what an address names and gives its packets to a player; its thread ends on `close`, or with a fault."""

    def __init__(self, address: Address, player: Player, open_timeout: float) -> None:
        self._address = address
        self._player = player
        self._open_timeout = open_timeout
        self._closed = threading.Event()
        self._queue: PacketQueue | None = None
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="media reader", daemon=True)
        self._thread.start()

    def close(self, patience: float) -> None:
        """End the thread, which a silent connection can delay until the end of its timeout; wait at most `patience`."""
        with self._lock:
            self._closed.set()
            if self._queue:
                self._queue.close()
        self._thread.join(patience)

    def _run(self) -> None:
        try:
            while not self._closed.is_set():
                if not self._play_once():
                    break
        except CameraError as fault:
            self._player.fail(fault)
        except Exception as error:  # its text may have the URL with its password
            log.error("%s: the reader failed with %s", self._address.shown, type(error).__name__)  # noqa: TRY400
            self._player.fail(library.fault_of(error, self._address, self._address.read_timeout))

    def _play_once(self) -> bool:
        """Read and play all of a file, or a live source until it ends; return whether to repeat it.

        Raises:
            CameraError: it cannot be opened, read or decoded.
        """
        with library.open_container(self._address, self._open_timeout) as container:
            timing = _timing_of(container, self._address)
            stream = library.video_stream(container, self._address, is_live=timing is Timing.ARRIVAL)
            drops = timing is Timing.ARRIVAL
            queue = (
                PacketQueue(drops=drops)
                if timing is not Timing.SEGMENTS
                else PacketQueue(drops=False, max_packets=5000)
            )
            with self._lock:
                self._queue = queue
            if self._closed.is_set():
                return False
            shown_before = self._player.count
            decoding = self._player.start(stream, queue, timing)
            try:
                self._read(container, stream, queue)
                finished = queue.wait_until_empty()
            finally:
                queue.close()
                decoding.join()
        self._player.raise_fault()
        if not finished:
            return False
        if timing is not Timing.OWN_RATE:
            raise CameraMissing(Message("media_ended", "{url}: the stream has ended", url=self._address.shown))
        if self._player.count == shown_before:
            raise CameraUnsupported(
                Message("media_no_picture", "{url}: no picture can be decoded", url=self._address.shown)
            )
        return True

    def _read(self, container: Any, stream: Any, queue: PacketQueue) -> None:
        av = library.load()
        try:
            for packet in container.demux(stream):
                if not queue.put(Packet(packet, time.monotonic())):
                    return
        except (av.error.FFmpegError, OSError) as error:
            if not self._address.is_file:
                raise library.fault_of(error, self._address, self._address.read_timeout) from None
            # what was read of a damaged file is shown; the player reports damaged packets
            self._player.report(f"the file is damaged ({error.strerror})")


def _timing_of(container: Any, address: Address) -> Timing:
    """Return when the frames of an open container are shown."""
    if address.is_file or (container.duration is not None and not address.is_rtsp):
        return Timing.OWN_RATE
    return Timing.SEGMENTS if container.format.name.startswith("hls") else Timing.ARRIVAL
