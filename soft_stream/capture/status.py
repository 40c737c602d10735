"""What is known about the camera: its state and how it came there."""

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from soft_stream.cameras.base import CameraError, Negotiated
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.pause import Pause
from soft_stream.capture.requests import FocusOutcome
from soft_stream.config.settings import Settings
from soft_stream.frames.rates import RateMeter

log = logging.getLogger(__name__)

# Lines of the log that the page can show.
LINES = 60


class State(StrEnum):
    """Where the camera's life stands; docs/architecture.md has the table of what leads where."""

    IDLE = "idle"
    STARTING = "starting"
    FOCUSING = "focusing"
    STREAMING = "streaming"
    PAUSED = "paused"
    RETRYING = "retrying"


@dataclass
class Counters:
    """What happened since the process started."""

    opened: int = 0
    closed: int = 0
    restarts: int = 0
    captured: int = 0
    encoded: int = 0
    stills: int = 0
    snapshots: int = 0
    pauses: int = 0


@dataclass(frozen=True)
class LogEntry:
    """A line that the log has of the camera's life, and when it was written (Unix seconds)."""

    at: float
    level: str
    text: str


@dataclass(frozen=True)
class Restart:
    """Why the stream was last started again, or the camera opened again, and when (Unix seconds)."""

    why: str
    at: float


@dataclass(frozen=True)
class TakenStill:
    """How long a still took until it could be sent, and when that was (Unix seconds)."""

    seconds: float
    at: float


@dataclass
class StartupTimes:
    """Seconds that each part of an opening took; None for what has not come, or does not come."""

    imports: float
    """Making the camera, and importing what it and its pictures need: next to nothing from the second time on."""
    open: float | None = None
    first_frame: float | None = None
    """From there until it was encoded and published, or captured if nobody waited for it."""
    focus: float | None = None
    """The first AF cycle; frames flow meanwhile."""

    def __str__(self) -> str:
        open_, frame = self.open or 0.0, self.first_frame or 0.0
        total = self.imports + open_ + frame
        return f"{total:.2f} s: import {self.imports:.2f} s, open {open_:.2f} s, frame {frame:.2f} s"


class CameraStatus:
    """The camera's state and facts; changed by the task that owns the camera, read by everybody."""

    def __init__(self, settings: Settings, thread: CameraThread, pause: Pause) -> None:
        self._settings = settings
        self._thread = thread
        self._pause = pause
        self.on_change: Callable[[str], None] = lambda _: None
        """Is called with a sentence whenever the state changes."""
        self.state = State.IDLE
        self.state_since = time.time()
        self.negotiated: Negotiated | None = None
        """None while the camera is closed."""
        self.counters = Counters()
        self.last_opening: StartupTimes | None = None
        self.last_focus: FocusOutcome | None = None
        self.last_still: TakenStill | None = None
        self.cannot_focus = False
        """Whether the lens turned out to have no algorithm that moves it."""
        self.lens_position: float | None = None
        """Where the last frame says that the lens is, in dioptres."""
        self.last_restart: Restart | None = None
        self.last_error = ""
        """Why there was no picture at the last try; empty since there was one."""
        self.recent_log = deque[LogEntry](maxlen=LINES)
        """The last ones, the newest at the end."""
        self.encodings = 0
        """How many frames of the stream were encoded as they come, and how long that took."""
        self.encoding_seconds = 0.0
        self._said: set[str] = set()  # a camera that stays away for a night says so once
        self._captured = RateMeter()
        self._last_frame_at = 0.0
        self._longest_silence = 0.0
        self.came_at = float("-inf")
        """When the last frame came, monotonic; also one that nobody was ready for."""

    def set_state(self, state: State, why: str, level: int = logging.INFO) -> None:
        """Change the state: the only place that does, and its line in the log."""
        if self.state in (State.IDLE, State.PAUSED):  # no frame was expected
            self._longest_silence, self._last_frame_at = 0.0, time.monotonic()
        self.state, self.state_since = state, time.time()
        line = f"{state.upper()}: {why}"
        self.log_event(line, logging.DEBUG if line in self._said else level)
        self._said.add(line)
        if state is State.STREAMING:
            self._said.clear()
        self.on_change(self.problem or line)

    def log_event(self, text: str, level: int = logging.INFO) -> None:
        """Write a line of the camera's life into the log, and keep it for the page if it is more than debugging."""
        log.log(level, "%s", text)
        if level > logging.DEBUG:
            self.recent_log.append(LogEntry(time.time(), logging.getLevelName(level).lower(), text))

    def retry(self, fault: CameraError, what_next: str) -> None:
        """Note a fault after which the camera is tried again."""
        self.counters.restarts += 1
        self.last_restart = Restart(str(fault), time.time())
        self.set_state(State.RETRYING, f"{fault}; {what_next}", logging.WARNING)

    def set_negotiated(self, negotiated: Negotiated) -> None:
        """Note what the camera agreed to."""
        if self.negotiated is None or negotiated.fps != self.negotiated.fps:
            self._captured = RateMeter()  # what was measured before says nothing
            self.reset_frame_timer()
        self.negotiated = negotiated

    def focused(self, cycle: FocusOutcome) -> None:
        """Note how an AF cycle ended."""
        self.last_focus = cycle
        if self.last_opening and self.last_opening.focus is None:
            self.last_opening.focus = cycle.seconds

    def reset_frame_timer(self) -> None:
        """Count the silence from now on."""
        self._captured.pause()
        self._end_silence()

    def encoded(self, seconds: float) -> None:
        """Note how long a frame of the stream took to encode; called in the camera thread."""
        self.encodings += 1
        self.encoding_seconds += seconds

    def frame_came(self) -> None:
        """Note that the camera delivers."""
        self.last_error = ""
        self.came_at = self._end_silence()
        self._captured.tick(self.came_at)

    def _end_silence(self) -> float:
        """Begin a new one, and return when that was, monotonic."""
        now = time.monotonic()
        self._longest_silence = max(self._longest_silence, now - self._last_frame_at)
        self._last_frame_at = now
        return now

    @property
    def require_negotiated(self) -> Negotiated:
        """What the camera agreed to, for those who know that it is open."""
        assert self.negotiated is not None  # noqa: S101 # it is open
        return self.negotiated

    @property
    def has_autofocus(self) -> bool:
        """Whether the camera that is open has a lens that focuses."""
        return self.negotiated is not None and self.negotiated.has_autofocus and not self.cannot_focus

    @property
    def captured_fps(self) -> float:
        """Frames a second that the camera gives."""
        return self._captured.per_second(time.monotonic()) if self.negotiated else 0.0

    @property
    def frame_interval(self) -> float:
        """Seconds from one frame to the next: as measured, since exposure and USB cameras follow their own mind.

        A camera that gives far less than was asked of it is not slow but failing, and that must not hide itself; one
        that was told to expose for long may take as long.
        """
        asked = 1 / (self.negotiated.fps if self.negotiated else self._settings.fps)
        return min(max(self._captured.interval or 0.0, asked), max(4 * asked, self.longest_interval))

    @property
    def longest_interval(self) -> float:
        """Seconds that a frame may take at most; 0 while the camera is closed, and where it does not say."""
        return self.negotiated.longest_interval if self.negotiated else 0.0

    @property
    def stale_after(self) -> float:
        """Seconds after which the newest frame must not pass for live."""
        return max(2.0, 3 * self.frame_interval, 1.5 * self.longest_interval)

    @property
    def watchdog_timeout(self) -> float:
        """Seconds of silence that end in a restart: as set, longer for long exposures; 0 is never.

        libcamera itself waits for five of the longest frames (`src/ipa/rpi/`, maximum frame length).
        """
        return self._settings.watchdog_timeout and max(self._settings.watchdog_timeout, 6 * self.longest_interval)

    @property
    def silent_for(self) -> float:
        """Seconds since the camera last gave a frame, or was asked for its first one."""
        return time.monotonic() - self._last_frame_at

    def take_longest_silence(self) -> float:
        """Return the longest time without a frame since this was last asked, in seconds."""
        longest, self._longest_silence = max(self._longest_silence, self.silent_for), 0.0
        return longest

    @property
    def stale(self) -> bool:
        """Whether frames should flow and do not."""
        return self.state in (State.STREAMING, State.FOCUSING) and self.silent_for > self.stale_after

    @property
    def problem(self) -> str:
        """What keeps the camera from its work, as a sentence; empty when nothing does."""
        if self._thread.late:
            return self._thread.hanging
        if self.state is State.RETRYING and self.last_restart:
            return f"{self.last_restart.why}; trying again"
        if self.last_error and self.state is not State.PAUSED:
            return self.last_error
        return f"no frames for {self.silent_for:.0f} s" if self.stale else ""

    @property
    def summary(self) -> str:
        """What goes on, for people: what is wrong, who has the camera, or the state."""
        hold = self._pause.hold
        return self.problem or (str(hold) if hold and self.state is State.PAUSED else str(self.state))
