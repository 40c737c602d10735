"""What all clients of a rendition see: the same bytes for each one that is ready for them, and nothing to wait for."""

import asyncio
import logging
import time

from soft_stream.capture.feed import Feed
from soft_stream.capture.health import Health
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames import multipart
from soft_stream.frames.frame import Frame
from soft_stream.web.streaming.client_stream import ClientStream

log = logging.getLogger(__name__)

# A new one is drawn this often: its age in seconds counts on.
DRAW_INTERVAL = 1.0
# Chromium and WebKit paint a part only when the next one begins: so long after it, a frame is sent once more, and a
# labelled picture at once.
REPEAT_AFTER_INTERVALS = 1.5


class Placeholder:
    """Draws one labelled picture for all clients, in a thread of its own: the camera's may be stuck."""

    def __init__(self, title: str, health: Health) -> None:
        self._title = title
        self._health = health
        self._drawing: asyncio.Task[bytes] | None = None
        self._drawn_at = float("-inf")

    async def part(self, last: Frame) -> bytes:
        """Return the newest labelled picture as a part; `last` is the frame that it shows."""
        now = time.monotonic()
        if self._drawing is None or (self._drawing.done() and now - self._drawn_at > DRAW_INTERVAL * 0.9):
            self._drawn_at = now
            self._drawing = asyncio.create_task(self._draw(last), name="notice")
        return await asyncio.shield(self._drawing)

    async def _draw(self, last: Frame) -> bytes:
        age = f"last picture {time.time() - last.captured_at:.0f} s ago"
        lines = (f"{self._title}: not live", self._health.summary, age)
        return multipart.make_part(await asyncio.to_thread(_draw_label, last, lines), last.captured_at, "notice")


def _draw_label(last: Frame, lines: tuple[str, ...]) -> bytes:
    """Import Pillow in a thread, and only when it is needed: it costs a process that waits several MB."""
    from soft_stream.frames.overlay import draw_placeholder

    return draw_placeholder(last, lines)


def get_broadcaster(supervisor: CameraSupervisor, feed: Feed) -> "Broadcaster":
    """Return the broadcast of a feed's frames; the first one who asks makes it."""
    for taker in feed.consumers:
        if isinstance(taker, Broadcaster):
            return taker
    broadcaster = Broadcaster(supervisor, feed, Placeholder(supervisor.settings.title, supervisor.health))
    feed.consumers.append(broadcaster)
    return broadcaster


class Broadcaster:
    """Sends each frame to all who are ready; while none comes, its repeat, and then labelled pictures."""

    def __init__(self, supervisor: CameraSupervisor, feed: Feed, placeholder: Placeholder) -> None:
        self._status = supervisor.status
        self._loop = asyncio.get_running_loop()
        self._feed = feed
        self._adaptive_quality = supervisor.adaptive_quality
        self._placeholder = placeholder
        self._streams = set[ClientStream]()
        self._ready = dict[ClientStream, None]()
        self._patience: asyncio.TimerHandle | None = None
        self._silence: asyncio.Task[None] | None = None
        self._notice_due = float("-inf")
        self._awaited_since = float("-inf")
        """Since when somebody has been ready and got nothing."""
        self.ended = False
        """Whether the portal shuts down."""

    @property
    def is_ready(self) -> bool:
        """Whether anybody is ready; see `Taker`."""
        return bool(self._ready)

    def on_frame(self, frame: Frame) -> None:
        """Send a frame to all who are ready; see `Taker`."""
        if not self._ready:
            return
        now = time.monotonic()
        self._await_frame()
        self._mark_busy([stream for stream in self._ready if not stream.send_frame(frame, now)])

    async def serve(self, stream: ClientStream) -> None:
        """Send to a client until the portal shuts down.

        Raises:
            TimeoutError: the client takes nothing.
            ConnectionError: it is gone.
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
        """Let everybody go, between two parts; see `Taker`."""
        self.ended = True
        self._mark_busy([*self._ready])
        for stream in self._streams:
            stream.end()

    def _mark_ready(self, stream: ClientStream) -> None:
        """Count a client among those who are ready; who was slow gets the newest frame at once."""
        newest = self._feed.newest
        if (
            newest
            and stream.is_late_for(newest)
            and not self._is_stale(newest)
            and not stream.send_frame(newest, time.monotonic())
        ):
            return
        self._ready[stream] = None
        if len(self._ready) == 1:  # nothing was encoded while nobody was ready: that was no silence
            self._await_frame()

    def _mark_busy(self, outlets: list[ClientStream]) -> None:
        if not outlets:
            return
        for stream in outlets:
            self._ready.pop(stream, None)
        if not self._ready:
            self._stop_waiting()

    def _await_frame(self) -> None:
        """Count the silence from now on."""
        self._awaited_since = time.monotonic()
        self._stop_waiting()
        self._patience = self._loop.call_later(self._repeat_after, self._on_frame_timeout)

    def _stop_waiting(self) -> None:
        if self._patience:
            self._patience.cancel()
            self._patience = None
        if self._silence:
            self._silence.cancel()
            self._silence = None

    def _on_frame_timeout(self) -> None:
        self._silence = asyncio.create_task(self._send_placeholders(), name="silence")
        self._silence.add_done_callback(self._bridged)

    def _bridged(self, bridge: "asyncio.Task[None]") -> None:
        """When not even a labelled picture can be had, a stream that ends is better than one that stands still."""
        if not bridge.cancelled() and (fault := bridge.exception()):
            log.error("The streams end: there is nothing to show while no frame comes", exc_info=fault)
            for stream in self._streams:
                stream.abort()

    async def _send_placeholders(self) -> None:
        """Send what stands in for frames to all who are ready, until one comes."""
        while newest := self._feed.newest:
            # a camera that gives frames is not silent because nobody was ready for them; but a rendition may be that
            # cannot be made of them
            came_at = min(self._status.timer.last_frame_at, self._awaited_since)
            silence_counts = max(newest.published_at, came_at) + self._status.timer.stale_after
            if time.monotonic() >= silence_counts:
                await asyncio.sleep(self._notice_due - time.monotonic())
                part = await self._placeholder.part(newest)
                self._notice_due = time.monotonic() + DRAW_INTERVAL
                for _ in range(2):  # the second one is there for browsers to paint the first; see above
                    self._mark_busy([stream for stream in self._ready if not stream.send(part)])
                continue
            if not self._is_stale(newest):
                self._mark_busy([stream for stream in self._ready if not stream.send_repeat(newest, time.monotonic())])
            await asyncio.sleep(min(self._repeat_after, silence_counts - time.monotonic()))

    def _is_stale(self, frame: Frame) -> bool:
        return time.monotonic() >= frame.published_at + self._status.timer.stale_after

    @property
    def _repeat_after(self) -> float:
        """How long the next frame is waited for, in seconds."""
        return min(
            REPEAT_AFTER_INTERVALS * self._status.timer.interval / self._adaptive_quality.frame_ratio, DRAW_INTERVAL
        )
