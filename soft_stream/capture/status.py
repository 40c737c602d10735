"""The state of the camera, and a record of what has happened to it."""

import logging
import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from soft_stream.cameras.base import CameraError, Negotiated
from soft_stream.capture.damage import DamagedFrames
from soft_stream.capture.frame_timer import FrameTimer
from soft_stream.capture.requests import FocusOutcome
from soft_stream.config.settings import Settings
from soft_stream.message import Message, message_of

log = logging.getLogger(__name__)

# Number of log entries that the page can show.
RECENT_ENTRIES = 60
# Number of lines that are logged once until frames flow; clients can put any name into such a line.
MAX_LOGGED = 200


class State(StrEnum):
    """The state of the camera; docs/architecture.md has the diagram of the transitions."""

    IDLE = "idle"
    STARTING = "starting"
    FOCUSING = "focusing"
    STREAMING = "streaming"
    PAUSED = "paused"
    RETRYING = "retrying"


@dataclass
class Counters:
    """Counts since the process started."""

    opened: int = 0
    closed: int = 0
    restarts: int = 0
    captured: int = 0
    damaged: int = 0
    encoded: int = 0
    stills: int = 0
    snapshots: int = 0
    pauses: int = 0


@dataclass(frozen=True)
class LogEntry:
    """An entry of the log, with its time in monotonic seconds."""

    at: float
    level: str
    text: str


@dataclass(frozen=True)
class Restart:
    """The reason of the last restart of the stream or the camera, and its time in monotonic seconds."""

    why: str
    at: float


DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class TakenStill:
    """Seconds from the decision to take a still until it was encoded, and the time in monotonic seconds."""

    seconds: float
    at: float


@dataclass
class StartupTimes:
    """Seconds that each part of opening the camera took; None for a part that has not happened."""

    imports: float
    """Making the driver and importing its libraries: almost nothing from the second time on."""
    open: float | None = None
    first_frame: float | None = None
    """From there until the first frame was published, or captured if no client was waiting for it."""
    focus: float | None = None
    """The first autofocus cycle, during which frames flow."""
    opened_at: float = 0.0
    """Monotonic seconds."""

    @property
    def sentence(self) -> Message:
        """The sentence of the log about the first frame."""
        open_, frame = self.open or 0.0, self.first_frame or 0.0
        return Message(
            "log_first_frame",
            "First frame after {total:.2f} s: import {imports:.2f} s, open {open:.2f} s, frame {frame:.2f} s",
            total=round(self.imports + open_ + frame, 2),
            imports=round(self.imports, 2),
            open=round(open_, 2),
            frame=round(frame, 2),
        )


class CameraStatus:
    """The state, the counters and the log of the camera: one task changes the state, any code reads it."""

    def __init__(self, settings: Settings) -> None:
        self.timer = FrameTimer(settings)
        self.on_change: Callable[[str], None] = lambda _: None
        """Called with the log line of each change of state."""
        self.state = State.IDLE
        self.state_since = time.monotonic()
        """Monotonic seconds."""
        self.negotiated: Negotiated | None = None
        """None while the camera is closed."""
        self.counters = Counters()
        self.damage = DamagedFrames(self.log_event)
        self.last_opening: StartupTimes | None = None
        self.last_focus: FocusOutcome | None = None
        self.last_still: TakenStill | None = None
        self.cannot_focus = False
        """Whether the lens has a motor but no algorithm that moves it, as the first cycle showed."""
        self.lens_position: float | None = None
        """The lens position of the last frame, in dioptres."""
        self.frame_size: tuple[int, int] | None = None
        """The (width, height) of the last frame as it is shown; None while the camera is closed."""
        self.last_restart: Restart | None = None
        self.last_error = ""
        """Why the last attempt gave no frame; empty since a frame arrived."""
        self.recent_log = deque[LogEntry](maxlen=RECENT_ENTRIES)
        """The last entries, the newest at the end."""
        self.encodings = 0
        """Number of original frames that were encoded."""
        self.encoding_seconds = 0.0
        """The time that it took to encode them."""
        self._logged: set[str] = set()  # a camera that is missing all night is logged once
        self._noted: set[str] = set()

    def set_state(self, state: State, why: str, level: int = logging.INFO) -> None:
        """Change the state and log it; no other code changes the state."""
        if self.state in (State.IDLE, State.PAUSED):
            self.timer.resume()
        self.state, self.state_since = state, time.monotonic()
        line = Message("log_state", "{state}: {why}", state=Message(f"state.{state}", state.upper()), why=why)
        self.log_event(line, logging.DEBUG if line in self._logged else level)
        if len(self._logged) >= MAX_LOGGED:
            self._logged.clear()
        self._logged.add(line)
        if state is State.STREAMING:
            self._logged.clear()
        self.on_change(line)

    def log_event(self, text: str, level: int = logging.INFO) -> None:
        """Log a line, and keep it for the page unless its level is debug."""
        log.log(level, "%s", text)
        if level > logging.DEBUG:
            self.recent_log.append(LogEntry(time.monotonic(), logging.getLevelName(level).lower(), text))

    def note(self, text: str) -> None:
        """Log a line about the camera, but only once in the life of the process."""
        if text not in self._noted:
            self._noted.add(text)
            self.log_event(text)

    def retry(self, fault: CameraError, what_next: str) -> None:
        """Record a fault after which the camera is tried again."""
        self.counters.restarts += 1
        self.last_restart = Restart(message_of(fault), time.monotonic())
        why = Message("fault_and_next", "{fault}; {what_next}", fault=message_of(fault), what_next=what_next)
        self.set_state(State.RETRYING, why, logging.WARNING)

    def retry_for(self, why: CameraError, what_next: str) -> None:
        """Record a fault as `retry`; if it is the last one with other numbers, such as a countdown, only its text."""
        last, text = self.last_restart, message_of(why)
        if self.state is State.RETRYING and last and DIGITS.sub("", last.why) == DIGITS.sub("", text):
            self.last_restart = Restart(text, last.at)
        else:
            self.retry(why, what_next)

    def set_negotiated(self, negotiated: Negotiated | None) -> None:
        """Record what the camera has agreed to; None when it has been closed."""
        self.negotiated = negotiated
        self.frame_size = None
        self.timer.configure(negotiated)

    def record_focus(self, outcome: FocusOutcome) -> None:
        """Record how an autofocus cycle ended."""
        self.last_focus = outcome
        if self.last_opening and self.last_opening.focus is None:
            self.last_opening.focus = outcome.seconds

    def record_encoding(self, seconds: float) -> None:
        """Record how long an original frame took to encode; called in the camera thread."""
        self.encodings += 1
        self.encoding_seconds += seconds

    def record_damaged(self, reasons: Sequence[str]) -> None:
        """Record frames that were damaged and not shown; called in any thread."""
        self.damage.record(reasons)
        self.counters.damaged = self.damage.count

    def record_frame(self) -> None:
        """Record that a frame has arrived."""
        self.last_error = ""
        self.timer.record_frame()

    @property
    def silence(self) -> str:
        """For how long there has been no frame, as a part of a sentence, and what is wrong with those that arrive."""
        seconds = round(self.timer.silent_for)
        if self.damage.is_current(self.timer.stale_after):
            template = "no whole frame for {seconds} s: {damage}"
            return Message("no_whole_frame_for", template, seconds=seconds, damage=self.damage.summary)
        return Message("no_frames_for", "no frames for {seconds} s", seconds=seconds)

    @property
    def require_negotiated(self) -> Negotiated:
        """What the camera has agreed to, for code that runs only while it is open."""
        assert self.negotiated is not None  # noqa: S101 # the camera is open
        return self.negotiated

    @property
    def has_autofocus(self) -> bool:
        """Whether the open camera has a lens that focuses."""
        return self.negotiated is not None and self.negotiated.has_autofocus and not self.cannot_focus
