"""The clients that want frames: of the stream, or of a snapshot."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from soft_stream.cameras.base import CameraError
from soft_stream.capture.feed import Feed, FeedEnded
from soft_stream.capture.requests import FocusOutcome, FocusRequest, SnapshotRequest
from soft_stream.frames.frame import Frame
from soft_stream.frames.rates import RateCounter
from soft_stream.frames.rendition import ORIGINAL, Rendition, TooManyRenditions
from soft_stream.message import Message

THIS_PROCESS = "this process"
"""The `peer` of a client that is an output of this process, not a request."""


@dataclass(eq=False, slots=True)  # there may be many, and each frame changes all of them
class Client:
    """An HTTP request, or an output of this process, that takes frames, from its beginning to its end."""

    peer: str
    path: str
    name: str
    """The name that it gives itself (`?client=`), by which a page finds its own stream in status.json."""
    streams: bool
    """Whether it takes the stream; a snapshot takes one frame."""
    focuses: bool = True
    """Whether the lens may move for it."""
    wakes: bool = True
    """Whether it keeps the camera open for `close_after` when it has left."""
    fps_max: float = 0.0
    """The frames per second that it gets at most; 0 is no limit."""
    rendition: Rendition = ORIGINAL
    repeats: bool = False
    """Whether the stream sends it a frame once more when no newer one follows soon."""
    since: float = field(default_factory=time.monotonic)
    """Monotonic seconds."""
    frame_counter: RateCounter = field(default_factory=RateCounter)
    """Counts the live frames that were sent to it."""
    number: int = 0
    """The number of the last frame; not the frame, whose memory a client that does not read would keep."""
    captured_at: float | None = None
    """When the last frame was captured, in monotonic seconds."""
    first: int = 0
    """The number of the first frame."""
    port: int = 0
    """The port of its connection; on a unix socket the descriptor of the connection."""
    login: str = ""
    """Its user or token, for the log; empty without a login."""
    relays: tuple[str, ...] = ()
    """The servers for which it takes frames, if it is one; see `config/relays.py`."""
    unsent: Callable[[], int] = field(default=lambda: 0, repr=False)
    """Returns the number of sent bytes that have not reached it yet."""

    def __str__(self) -> str:
        return f"{named(self.peer, self.login)} {self.path}"

    @property
    def sent(self) -> int:
        """Number of live frames that were sent."""
        return self.frame_counter.count

    @property
    def dropped(self) -> int:
        """Number of frames of the camera since its first one that were not sent to it."""
        return self.number - self.first + 1 - self.sent if self.sent else 0

    def took(self, frame: Frame, now: float) -> None:
        """Count a live frame that is sent at `now`, in monotonic seconds."""
        self.frame_counter.tick(now)
        self.first = self.first or frame.number
        self.number, self.captured_at = frame.number, frame.captured_at


def named(peer: str, login: str) -> str:
    """Return an address and a login as the log names them."""
    return f"{peer} ({login})" if login else peer


class Subscribers:
    """The clients, the feeds that give them frames, and the requests that wait.

    Only the event loop changes it. The camera thread reads it, each container in one step of the interpreter (`tuple`).
    """

    def __init__(self, renditions_max: int = 0) -> None:
        self.feed = Feed()
        """The feed of original frames."""
        self.feeds: dict[Rendition, Feed] = {ORIGINAL: self.feed}
        """The feeds of all renditions in use, the original included."""
        self._renditions_max = renditions_max
        self._uses = Counter[Rendition]([ORIGINAL])
        self._ended = False
        self.snapshot_requests: dict[SnapshotRequest, None] = {}
        self.focus_requests: dict[FocusRequest, None] = {}
        self.newest: Frame | None = None
        """The newest frame of all renditions."""
        self._newest_upright: Frame | None = None
        self.newest_stills: Mapping[Rendition, Frame] = {}
        self.clients: dict[Client, None] = {}
        self._unused_since = float("-inf")
        self.needs_attention = False
        """Set by `notify`; for the camera thread, which clears it before it looks at what has changed."""
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Wake the tasks in `wait_changed`, and make the camera thread check whether there is other work."""
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
                self._unused_since = time.monotonic()

    @contextmanager
    def acquire_feed(self, rendition: Rendition) -> Iterator[Feed]:
        """Have a rendition encoded while a consumer of its feed is ready.

        Raises:
            TooManyRenditions: the limit of renditions is reached.
        """
        if rendition not in self.feeds:
            if len(self.feeds) > self._renditions_max:
                template = "{count} other renditions are being made, not {rendition} too"
                raise TooManyRenditions(
                    Message("too_many_renditions", template, count=self._renditions_max, rendition=rendition)
                )
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
        """The renditions whose feed has a consumer that is ready; may be read from the camera thread."""
        return [rendition for rendition, feed in tuple(self.feeds.items()) if feed.wanted]

    @property
    def streaming(self) -> bool:
        """Whether a client takes the stream, and not just a snapshot."""
        return any(client.streams for client in tuple(self.clients))

    @property
    def may_focus(self) -> bool:
        """Whether there is a client for which the lens may move."""
        return any(client.focuses for client in tuple(self.clients))

    def should_stay_open(self, close_after: float) -> bool:
        """Return whether there is a client, or was one less than `close_after` seconds ago."""
        return bool(self.clients) or time.monotonic() - self._unused_since < close_after

    async def submit(self, request: SnapshotRequest, seconds: float) -> Frame:
        """Wait for the answer to a request; an answer that arrives together with the timeout is still returned.

        Raises:
            TimeoutError: there was none in this time.
            CameraError: the camera failed.
        """
        self.snapshot_requests[request] = None
        self.notify()
        try:
            await asyncio.wait([request.outcome], timeout=seconds)
        finally:
            del self.snapshot_requests[request]
            if not request.outcome.done():
                request.outcome.cancel()
        if request.outcome.cancelled():
            raise TimeoutError
        return request.outcome.result()

    async def focus(self) -> FocusOutcome:
        """Wait for the end of an autofocus cycle that begins now.

        Raises:
            CameraError: the camera failed.
        """
        request = FocusRequest(asyncio.get_running_loop().create_future())
        self.focus_requests[request] = None
        self.notify()
        try:
            return await request.outcome
        finally:
            del self.focus_requests[request]

    def resolve_focus(self, began_at: float, outcome: FocusOutcome) -> None:
        """Answer the requests that were made before a cycle began (monotonic)."""
        for request in self.focus_requests:
            if request.requested_at <= began_at and not request.outcome.done():
                request.outcome.set_result(outcome)

    def fail_focus(self, fault: CameraError) -> None:
        """Answer all requests for a cycle with a fault."""
        for request in self.focus_requests:
            if not request.outcome.done():
                request.outcome.set_exception(fault)

    def note(self, frame: Frame, rendition: Rendition) -> None:
        """Remember a frame if it is newer than all others, in any rendition."""
        if self.newest is None or self.newest.number < frame.number:
            self.newest = frame
        last = self._newest_upright
        if not rendition.rotation and (last is None or last.number < frame.number):
            self._newest_upright = frame

    @property
    def last_frame(self) -> Frame | None:
        """The last frame or still, in any rendition that is not turned; None without one since the camera was idle."""
        stills = (still for rendition, still in self.newest_stills.items() if not rendition.rotation)
        return max((*stills, *filter(None, [self._newest_upright])), key=lambda each: each.captured_at, default=None)

    def fail(self, fault: CameraError) -> None:
        """Raise a fault in all clients that wait for a frame."""
        for feed in self.feeds.values():
            feed.fail(fault)
        self._fail_requests(fault)

    def end(self) -> None:
        """Raise `FeedEnded` in all clients that wait for a frame, now and later."""
        self._ended = True
        for feed in self.feeds.values():
            feed.end()
        self._fail_requests(FeedEnded())

    def clear_frames(self) -> None:
        """Forget the newest frames, because the camera is closed and there are no clients."""
        for feed in self.feeds.values():
            feed.clear()
        self.newest, self._newest_upright, self.newest_stills = None, None, {}

    def _fail_requests(self, fault: CameraError) -> None:
        for request in self.snapshot_requests:
            request.resolve(fault)
        self.fail_focus(fault)
