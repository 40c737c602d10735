"""What all clients of a rendition get: the same bytes for each client that is ready; no client waits for another."""

import asyncio
import logging
import time

from soft_stream.capture.feed import Feed
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.frame import Frame
from soft_stream.web.streaming.client_stream import ClientStream
from soft_stream.web.streaming.placeholder import Placeholder
from soft_stream.web.streaming.repeats import CHECK_INTERVAL, LATE_INTERVALS, repeat_delay

log = logging.getLogger(__name__)

# A new placeholder is drawn this often, in seconds: the age that it shows counts on.
DRAW_INTERVAL = 1.0
# Chromium and WebKit paint a part only when the next one begins. So each placeholder is sent twice.
COPIES = 2
NEVER = float("inf")


def get_broadcaster(supervisor: CameraSupervisor, feed: Feed) -> "Broadcaster":
    """Return the broadcaster of a feed; make it for the first client."""
    for consumer in feed.consumers:
        if isinstance(consumer, Broadcaster):
            return consumer
    broadcaster = Broadcaster(supervisor, feed, Placeholder(lambda: supervisor.settings.title, supervisor.health))
    feed.consumers.append(broadcaster)
    return broadcaster


class Broadcaster:
    """Sends each frame to all clients that are ready; while there is no frame, a repeat, and then placeholders."""

    def __init__(self, supervisor: CameraSupervisor, feed: Feed, placeholder: Placeholder) -> None:
        self._status = supervisor.status
        self._loop = asyncio.get_running_loop()
        self._feed = feed
        self._adaptive_quality = supervisor.adaptive_quality
        self._placeholder = placeholder
        self._streams = set[ClientStream]()
        self._ready = dict[ClientStream, None]()
        self._timer: asyncio.TimerHandle | None = None
        """Of the next `_tick`; none while no client is ready."""
        self._waiting_since = float("-inf")
        """Since when clients have been ready without a new frame, monotonic."""
        self._drawing: asyncio.Task[bytes] | None = None
        self._next_drawing_at = float("-inf")
        self.ended = False
        """Whether the server shuts down."""

    @property
    def is_ready(self) -> bool:
        """Whether a client is ready; see `FrameConsumer`."""
        return bool(self._ready)

    def on_frame(self, frame: Frame) -> None:
        """Send a frame to all clients that are ready; see `FrameConsumer`."""
        if not self._ready:
            return
        now = time.monotonic()
        self._expect_frame(now)
        self._mark_busy([stream for stream in self._ready if not stream.send_frame(frame, now)])

    async def serve(self, stream: ClientStream) -> None:
        """Send to a client until the server shuts down.

        Raises:
            TimeoutError: the client reads nothing.
            ConnectionError: the connection is lost.
        """
        self._streams.add(stream)
        try:
            while True:
                await stream.wait_writable()
                if self.ended:
                    return
                self._mark_ready(stream)
                await stream.wait_busy()
        finally:
            self._streams.discard(stream)
            self._mark_busy([stream])

    def end(self) -> None:
        """End all streams, between two parts; see `FrameConsumer`."""
        self.ended = True
        self._mark_busy([*self._ready])
        for stream in self._streams:
            stream.stop()

    def _mark_ready(self, stream: ClientStream) -> None:
        """Add a client to those that are ready; one that missed the newest frame gets it at once."""
        now, newest = time.monotonic(), self._feed.newest
        is_late = newest and stream.has_missed(newest) and not self._is_stale(newest, now)
        if newest and is_late and not stream.send_frame(newest, now):
            return
        self._ready[stream] = None
        if len(self._ready) == 1:  # without a ready client nothing was encoded
            self._expect_frame(now)
        if newest:
            self._tick_by(self._next_at(stream, newest, now))

    def _mark_busy(self, streams: list[ClientStream]) -> None:
        for stream in streams:
            self._ready.pop(stream, None)
        if not self._ready and self._timer:
            self._timer.cancel()
            self._timer = None

    def _expect_frame(self, now: float) -> None:
        self._waiting_since = now
        self._schedule_tick(repeat_delay(self._interval))

    def _schedule_tick(self, seconds: float) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._tick)

    def _tick_by(self, at: float) -> None:
        """Make sure that the next `_tick` is not later than `at`, in monotonic seconds."""
        if self._timer and self._timer.when() > at:
            self._schedule_tick(at - time.monotonic())

    def _tick(self) -> None:
        """Send the newest frame once more, or draw a placeholder, while the next frame is late."""
        now, newest = time.monotonic(), self._feed.newest
        if not newest:
            return
        silent_at = self._silent_at(newest)
        if now < silent_at:
            self._schedule_tick(min(silent_at - now, DRAW_INTERVAL))
            if not self._is_stale(newest, now):
                self._repeat(newest, now)
        elif now < self._next_drawing_at:
            self._schedule_tick(self._next_drawing_at - now)
        elif not self._drawing:
            self._drawing = asyncio.create_task(self._placeholder.draw(newest), name="placeholder")
            self._drawing.add_done_callback(self._send_placeholder)

    def _repeat(self, newest: Frame, now: float) -> None:
        """Send the newest frame to the clients that need it by now, and schedule the others."""
        for stream in [*self._ready]:
            at = self._next_at(stream, newest, now)
            if at <= now:
                is_ready = stream.send_frame(newest, now) if stream.lacks(newest) else stream.send_repeat(newest)
                if not is_ready:
                    self._mark_busy([stream])
                at = max(self._next_at(stream, newest, now), now + CHECK_INTERVAL)
            self._tick_by(at)

    def _next_at(self, stream: ClientStream, newest: Frame, now: float) -> float:
        """Return when a client that is ready needs the newest frame, if no newer one arrives; infinity for never.

        A client that does not have it yet was not ready for it, and should get a newer one.
        """
        if stream.lacks(newest):
            return self._waiting_since + min(LATE_INTERVALS * self._interval, DRAW_INTERVAL)
        return stream.next_repeat_at(self._interval, now) if stream.owes_repeat(newest) else NEVER

    def _send_placeholder(self, drawing: "asyncio.Task[bytes]") -> None:
        """Send what was drawn; a stream that ends is better than one that shows an old frame."""
        self._drawing = None
        if drawing.cancelled():
            return
        if error := drawing.exception():
            log.error("Streams end: there are no frames, and drawing a placeholder failed", exc_info=error)
            for stream in self._streams:
                stream.abort()
            return
        now, newest = time.monotonic(), self._feed.newest
        self._next_drawing_at = now + DRAW_INTERVAL
        if self._ready and newest and now >= self._silent_at(newest):
            self._schedule_tick(DRAW_INTERVAL)
            for _ in range(COPIES):
                self._mark_busy([stream for stream in self._ready if not stream.send(drawing.result())])

    def _silent_at(self, newest: Frame) -> float:
        """Return from when on clients get placeholders, monotonic.

        A camera that gives frames is not silent because no client was ready for them. But a rendition is silent if it
        cannot be made of them.
        """
        waiting_since = min(self._status.timer.last_frame_at, self._waiting_since)
        return max(newest.published_at, waiting_since) + self._status.timer.stale_after

    def _is_stale(self, frame: Frame, now: float) -> bool:
        return now >= frame.published_at + self._status.timer.stale_after

    @property
    def _interval(self) -> float:
        """The expected time from one frame to the next, in seconds."""
        return self._status.timer.interval / self._adaptive_quality.frame_ratio
