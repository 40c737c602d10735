"""Who wants frames: the clients of the stream, and those who want a snapshot."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from soft_stream.cameras.base import CameraError
from soft_stream.capture.feed import Feed, FeedEnded
from soft_stream.capture.requests import FocusOutcome, FocusRequest, SnapshotSize, Wish
from soft_stream.frames.frame import Frame
from soft_stream.frames.rates import RateCounter
from soft_stream.frames.rendition import ORIGINAL, Rendition, TooManyRenditions


@dataclass(eq=False, slots=True)  # there are many, and each frame touches all of them
class Client:
    """One request that takes frames, from its beginning to its end."""

    peer: str
    path: str
    name: str
    """What it calls itself (`?client=`), so that a page can find its own stream in status.json."""
    streams: bool
    """False for those who do not follow the stream: a snapshot takes one frame."""
    focuses: bool = True
    """Whether the lens may be moved for it."""
    wakes: bool = True
    """Whether the camera is opened, and stays open for a while, because of it."""
    fps_max: float = 0.0
    """How many frames a second it gets at most; 0 is all."""
    rendition: Rendition = ORIGINAL
    since: float = field(default_factory=time.time)
    """Unix seconds."""
    frame_counter: RateCounter = field(default_factory=RateCounter)
    """The live frames that it got."""
    number: int = 0
    """Which one it got last; not the frame itself, whose memory a client that stopped reading would keep."""
    captured_at: float | None = None
    """When that was captured, Unix seconds."""
    first: int = 0
    """Which one it got first."""
    port: int = 0
    """Of the connection that it came by; on a unix socket its number in this process."""
    unsent: Callable[[], int] = field(default=lambda: 0, repr=False)
    """How many bytes of what it got are still on their way."""

    def __str__(self) -> str:
        return f"{self.peer} {self.path}"

    @property
    def sent(self) -> int:
        """How many live frames it got."""
        return self.frame_counter.count

    @property
    def dropped(self) -> int:
        """How many frames of the camera it did not get since its first one."""
        return self.number - self.first + 1 - self.sent if self.sent else 0

    def took(self, frame: Frame, now: float) -> None:
        """Count a live frame that goes out, in monotonic seconds."""
        self.frame_counter.tick(now)
        self.first = self.first or frame.number
        self.number, self.captured_at = frame.number, frame.captured_at


class Subscribers:
    """The clients, the feeds that give them frames, and the pictures that are wished for.

    Changed by the event loop; what the camera thread reads of it, it reads in one step of the interpreter (`tuple`).
    """

    def __init__(self, renditions_max: int = 0) -> None:
        self.feed = Feed()
        """Of the frames as they come."""
        self.feeds: dict[Rendition, Feed] = {ORIGINAL: self.feed}
        """Of all renditions that somebody wants, and of the frames as they come."""
        self._renditions_max = renditions_max
        self._uses = Counter[Rendition]([ORIGINAL])
        self._ended = False
        self.wishes: dict[Wish, None] = {}
        self.focus_requests: dict[FocusRequest, None] = {}
        self.newest: Frame | None = None
        """Of all renditions."""
        self.newest_stills: Mapping[Rendition, Frame] = {}
        self.clients: dict[Client, None] = {}
        self._unwanted_since = float("-inf")
        self.needs_attention = False
        """Set by `notify`; for the camera thread, which clears it before it looks at what has changed."""
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Wake the tasks in `wait_changed`, and have the camera thread look for more to do than to publish frames."""
        self.needs_attention = True
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_changed(self) -> None:
        """Wait for the next call of `notify`."""
        await self._changed.wait()

    @contextmanager
    def connected(self, client: Client) -> Iterator[Client]:
        """Keep the camera open while a client takes frames."""
        self.clients[client] = None
        self.notify()
        try:
            yield client
        finally:
            del self.clients[client]
            self.notify()
            if client.wakes:
                self._unwanted_since = time.monotonic()

    @contextmanager
    def acquire_feed(self, rendition: Rendition) -> Iterator[Feed]:
        """Have a rendition made as long as somebody is ready to take it.

        Raises:
            TooManyRenditions: there are so many others already.
        """
        if rendition not in self.feeds:
            if len(self.feeds) > self._renditions_max:
                raise TooManyRenditions(f"{self._renditions_max} other renditions are being made, not {rendition} too")
            self.feeds[rendition] = Feed()
            if self._ended:
                self.feeds[rendition].end()
        self._uses[rendition] += 1
        try:
            yield self.feeds[rendition]
        finally:
            self._uses[rendition] -= 1
            if not self._uses[rendition]:
                del self._uses[rendition], self.feeds[rendition]

    @property
    def renditions_wanted(self) -> list[Rendition]:
        """In which renditions somebody is ready to take a frame; may be read from the camera thread."""
        return [rendition for rendition, feed in tuple(self.feeds.items()) if feed.wanted]

    def note(self, frame: Frame) -> None:
        """Remember a frame if it is newer than all others, in whatever rendition."""
        if self.newest is None or self.newest.number < frame.number:
            self.newest = frame

    async def wish(self, wish: Wish, seconds: float) -> Frame:
        """Wait for a picture; one that comes at the last moment is not lost.

        Raises:
            TimeoutError: there was none in so many seconds.
            CameraError: the camera failed.
        """
        self.wishes[wish] = None
        self.notify()
        try:
            await asyncio.wait([wish.outcome], timeout=seconds)
        finally:
            del self.wishes[wish]
            if not wish.outcome.done():
                wish.outcome.cancel()
        if wish.outcome.cancelled():
            raise TimeoutError
        return wish.outcome.result()

    async def focus(self) -> FocusOutcome:
        """Wait for an AF cycle that begins now.

        Raises:
            CameraError: the camera failed.
        """
        call = FocusRequest(asyncio.get_running_loop().create_future())
        self.focus_requests[call] = None
        self.notify()
        try:
            return await call.outcome
        finally:
            del self.focus_requests[call]

    def focused(self, began: float, cycle: FocusOutcome) -> None:
        """Tell those who waited for a cycle how it ended; it began at `began`, monotonic."""
        for call in self.focus_requests:
            if call.asked <= began and not call.outcome.done():
                call.outcome.set_result(cycle)

    def cannot_focus(self, fault: CameraError) -> None:
        """Tell those who wait for a cycle that there will be none."""
        for call in self.focus_requests:
            if not call.outcome.done():
                call.outcome.set_exception(fault)

    def size_of(self, wish: Wish) -> SnapshotSize:
        """Return the size that a wish means now."""
        return wish.size or (SnapshotSize.STREAM if self.streaming else SnapshotSize.FULL)

    @property
    def streaming(self) -> bool:
        """Whether anybody takes the stream (and not just a snapshot)."""
        return any(client.streams for client in tuple(self.clients))

    @property
    def may_focus(self) -> bool:
        """Whether there is a client for whom the lens may move."""
        return any(client.focuses for client in tuple(self.clients))

    def should_stay_open(self, close_after: float) -> bool:
        """Tell whether anybody wants frames, or did less than `close_after` seconds ago."""
        return bool(self.clients) or time.monotonic() - self._unwanted_since < close_after

    def fail(self, fault: CameraError) -> None:
        """Tell everybody who waits for a frame that the camera failed."""
        for feed in self.feeds.values():
            feed.fail(fault)
        self._settle(fault)

    def end(self) -> None:
        """Let everybody go."""
        self._ended = True
        for feed in self.feeds.values():
            feed.end()
        self._settle(FeedEnded())

    def forget(self) -> None:
        """Forget the newest pictures: the camera is closed and nobody watches."""
        for feed in self.feeds.values():
            feed.clear()
        self.newest, self.newest_stills = None, {}

    def _settle(self, fault: CameraError) -> None:
        for wish in self.wishes:
            wish.settle(fault)
        self.cannot_focus(fault)
