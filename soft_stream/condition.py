"""What is known about the camera: its state and how it came there."""

import logging
import time
from dataclasses import dataclass
from enum import StrEnum

from soft_stream.cameras import Negotiated
from soft_stream.focus import FinishedCycle
from soft_stream.rate import Rate
from soft_stream.settings import Settings

log = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class Restart:
    """Why the camera was last closed to be opened again, and when (Unix seconds)."""

    why: str
    at: float


class Condition:
    """The camera's state and facts; changed by the task that owns the camera, read by everybody."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.state = State.IDLE
        self.state_since = time.time()
        self.negotiated: Negotiated | None = None
        """None while the camera is closed."""
        self.counters = Counters()
        self.last_focus: FinishedCycle | None = None
        self.last_restart: Restart | None = None
        self.missing = ""
        """Why the camera was not there at the last look; empty when it was."""
        self._said: set[str] = set()  # a camera that stays away for a night says so once
        self._captured = Rate()
        self._last_frame_at = 0.0

    def enter(self, state: State, why: str, level: int = logging.INFO) -> None:
        """Change the state: the only place that does, and its line in the log."""
        self.state, self.state_since = state, time.time()
        line = f"{state.upper()}: {why}"
        log.log(logging.DEBUG if line in self._said else level, "%s", line)
        self._said.add(line)
        if state is State.STREAMING:
            self._said.clear()

    def expect_frames(self) -> None:
        """Count the silence from now on."""
        self._captured.pause()
        self._last_frame_at = time.monotonic()

    def frame_came(self) -> None:
        """Note that the camera delivers."""
        self._last_frame_at = time.monotonic()
        self._captured.tick(self._last_frame_at)

    @property
    def captured_fps(self) -> float:
        """Frames a second that the camera gives."""
        return self._captured.per_second(time.monotonic()) if self.negotiated else 0.0

    @property
    def frame_interval(self) -> float:
        """Seconds from one frame to the next: as measured, since exposure and USB cameras follow their own mind.

        A camera that gives far less than was asked of it is not slow but failing, and that must not hide itself.
        """
        asked = 1 / self._settings.fps
        return min(self._captured.interval or asked, 4 * asked)

    @property
    def stale_after(self) -> float:
        """Seconds after which the newest frame must not pass for live."""
        return max(2.0, 3 * self.frame_interval)

    @property
    def silent_for(self) -> float:
        """Seconds since the camera last gave a frame, or was asked for its first one."""
        return time.monotonic() - self._last_frame_at

    @property
    def stale(self) -> bool:
        """Whether frames should flow and do not; while the lens begins to move, the first ones may be late."""
        return self.state is State.STREAMING and self.silent_for > self.stale_after

    @property
    def fault(self) -> str:
        """What keeps the camera from its work, as a sentence; empty when nothing does."""
        if self.state is State.RETRYING and self.last_restart:
            return f"{self.last_restart.why}; trying again"
        if self.state is State.IDLE:
            return self.missing
        return f"no frames for {self.silent_for:.0f} s" if self.stale else ""
