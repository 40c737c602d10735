"""The thread that decodes, and the newest frame of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, NamedTuple

from soft_stream.cameras.base import CameraError, CameraUnsupported
from soft_stream.cameras.media import library
from soft_stream.cameras.media.clocks import LATE, LATE_LIVE, ArrivalClock, PlayClock
from soft_stream.cameras.media.packets import Packet, PacketQueue
from soft_stream.message import Message

# Damaged packets in a row after which a source counts as one that cannot be decoded.
HOPELESS = 300
# Reasons that are kept until somebody takes them.
MAX_REASONS = 100


class Timing(Enum):
    """When frames are shown."""

    OWN_RATE = auto()
    """At the intervals at which they were recorded: a file."""
    ARRIVAL = auto()
    """At once: a live source."""
    SEGMENTS = auto()
    """At their own intervals, although they arrive in bursts: live HLS."""


class Newest(NamedTuple):
    """A decoded frame of PyAV, and when it was captured or arrived, in monotonic seconds."""

    picture: Any
    captured_at: float
    number: int


class Player:
    """Decodes packets in a thread for each container; keeps the newest frame, and the fault that ended it."""

    def __init__(self, max_fps: float) -> None:
        self._shortest = 0.75 / max_fps
        """Seconds between frames that are shown; a frame may be early by a quarter of the interval."""
        self._changed = threading.Condition()
        self._newest: Newest | None = None
        self._fault: CameraError | None = None
        self._damaged: list[str] = []
        self._shown_at = float("-inf")
        self.play_clock = PlayClock()
        """The clock of a file, which goes on when the file begins again."""
        self.count = 0
        """Number of pictures that were decoded."""
        self.fps = 0.0
        """Frames per second that the source claims; 0 if it does not."""

    def start(self, stream: Any, queue: PacketQueue, timing: Timing) -> threading.Thread:
        """Start a thread that decodes what is in the queue, until that is closed."""
        self.fps = float(stream.average_rate or stream.base_rate or 0) if timing is not Timing.ARRIVAL else 0.0
        thread = threading.Thread(target=self._run, args=(stream, queue, timing), name="media decoder", daemon=True)
        thread.start()
        return thread

    def wait(self, after: int, timeout: float) -> Newest | None:
        """Return the newest frame when its number is higher than `after`; None if there is none in time.

        Raises:
            CameraError: the source has failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._fault or self._has_newer(after), timeout)
            if self._has_newer(after):
                return self._newest
            self.raise_fault()
            return None

    def raise_fault(self) -> None:
        """Raise the error that ended the source, if there is one."""
        if self._fault:
            raise type(self._fault)(*self._fault.args)

    def fail(self, fault: CameraError) -> None:
        """Record the error that ended the source."""
        with self._changed:
            self._fault = self._fault or fault
            self._changed.notify_all()

    def report(self, reason: str) -> None:
        """Record that something was damaged."""
        if len(self._damaged) < MAX_REASONS:
            self._damaged.append(reason)

    def take_damaged(self) -> Sequence[str]:
        """Return what was damaged since the last call."""
        damaged, self._damaged = self._damaged, []
        return damaged

    def forget(self) -> None:
        """Drop the newest frame."""
        with self._changed:
            self._newest = None

    def _has_newer(self, after: int) -> bool:
        return self._newest is not None and self._newest.number > after

    def _run(self, stream: Any, queue: PacketQueue, timing: Timing) -> None:
        try:
            Decoding(self, stream, queue, timing).run()
        except Exception as error:  # PyAV's messages may have the URL with its password
            template = "the video cannot be decoded ({reason})"
            self.fail(CameraUnsupported(Message("media_decoder", template, reason=type(error).__name__)))
            queue.close()

    def show(self, picture: Any, captured_at: float, now: float) -> None:
        """Make a picture the newest frame, unless it follows the last one faster than allowed."""
        self.count += 1
        if now - self._shown_at < self._shortest:
            return
        self._shown_at = now
        with self._changed:
            self._newest = Newest(picture, captured_at, self.count)
            self._changed.notify_all()


class Decoding:
    """The decoding of one container."""

    def __init__(self, player: Player, stream: Any, queue: PacketQueue, timing: Timing) -> None:
        self._player = player
        self._decoder = stream.codec_context
        self._time_base = float(stream.time_base or 0)
        self._queue = queue
        self._timing = timing
        player.play_clock.begin(player.fps, LATE_LIVE if timing is Timing.SEGMENTS else LATE)
        self._arrival_clock = ArrivalClock()
        self._damaged_in_row = 0

    def run(self) -> None:
        """Decode until the queue is closed.

        Raises:
            ValueError: nothing can be decoded.
        """
        errors = library.load().error
        while packet := self._queue.get():
            if self._timing is Timing.SEGMENTS and packet.data.pts is not None:
                self._arrival_clock.observe(packet.data.pts * self._time_base, packet.arrived_at)
            try:
                pictures = self._decoder.decode(packet.data)
            except errors.EOFError:  # the decoder was flushed
                continue
            except errors.FFmpegError as error:
                self._note_damaged(f"a packet cannot be decoded ({error.strerror})")
                continue
            for picture in pictures:
                if not self._show(picture, packet):
                    return

    def _show(self, picture: Any, packet: Packet) -> bool:
        """Show a picture when it is due; return False if the queue was closed meanwhile."""
        if picture.is_corrupt:
            self._note_damaged("a picture is damaged")
            return True
        self._damaged_in_row = 0
        if self._timing is Timing.ARRIVAL:
            self._player.show(picture, packet.arrived_at, packet.arrived_at)
            return True
        now, own_time = time.monotonic(), None if picture.pts is None else picture.pts * self._time_base
        due = self._player.play_clock.due(own_time, now)
        if due > now and not self._queue.sleep(due - now):
            return False
        now = time.monotonic()
        is_live = self._timing is Timing.SEGMENTS
        captured_at = packet.arrived_at if own_time is None else self._arrival_clock.captured_at(own_time)
        self._player.show(picture, min(now, captured_at) if is_live else now, due)
        return True

    def _note_damaged(self, reason: str) -> None:
        self._player.report(reason)
        self._damaged_in_row += 1
        if self._damaged_in_row > HOPELESS:
            raise ValueError(reason)
