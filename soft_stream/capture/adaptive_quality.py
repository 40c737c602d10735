"""Adaptive quality: on a hot or busy Raspberry Pi the stream's quality and frame rate step down before frames are late.

The temperature is the kernel's; the firmware slows a Raspberry Pi down from 80 °C on. The firmware's own flag for that
(`get_throttled`) is not used: some kernels log a warning for every process that reads it, others do not have it. The
load is the part of the time between two frames that it takes to encode one.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from statistics import median

from soft_stream.config.settings import Settings
from soft_stream.frames.rates import RateLimiter

log = logging.getLogger(__name__)

THERMAL = Path("/sys/class/thermal")


@dataclass(frozen=True)
class Level:
    """A step of the ladder: how much JPEG quality is given up, and the part of the frames that is kept."""

    quality_drop: int = 0
    frame_ratio: float = 1.0


LEVELS = (Level(), Level(15), Level(25, 2 / 3), Level(25, 1 / 2))
LAST = len(LEVELS) - 1
# Below this quality a picture shows too little; a lower setting is left alone.
LOWEST_QUALITY = 40

# °C at which each level after the first begins, and how much cooler it must be for the level to end.
HOT = (78.0, 80.0, 82.0)
COOLER = 6.0
# Load above which the next level begins, and below which the level before would do.
BUSY, FREE = 0.8, 0.6

# Seconds between two decisions, and frames that one needs; seconds at a level before a lower load ends it.
PERIOD, FRAMES = 5.0, 5
STAY = 30.0
# Seconds without an encoded frame after which earlier measurements say nothing.
FORGET = 30.0


class Cause(Enum):
    """Why a level is demanded."""

    TEMPERATURE = "temperature"
    LOAD = "load"


@dataclass(frozen=True)
class Degradation:
    """What the stream gives up, and why; `fps` is the highest rate at which it is encoded."""

    level: int
    why: str
    quality: int
    fps: float

    def __str__(self) -> str:
        return f"stream quality to {self.quality} at {self.fps:g} fps: {self.why}"


class AdaptiveQuality:
    """The level of the ladder that the stream is at; used by the camera thread, `now` and the level by any thread."""

    def __init__(
        self, settings: Settings, thermal: Path = THERMAL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.now: Degradation | None = None
        """None while the stream is not degraded."""
        self.settings = settings
        self._thermal = thermal
        self._clock = clock
        self._demands = dict.fromkeys(Cause, 0)
        """The level that each cause demands; the stream is at the higher one."""
        self._load_since = self._decided_at = self._last_at = clock()
        self._limiter: RateLimiter | None = None
        self._encode_seconds: list[float] = []

    @property
    def _level(self) -> int:
        return max(self._demands.values())

    @property
    def frame_ratio(self) -> float:
        """The part of the camera's frames that the stream has."""
        return LEVELS[self._level].frame_ratio

    def lower(self, quality: int) -> int:
        """Return the JPEG quality to use where `quality` is configured or requested."""
        return max(min(quality, LOWEST_QUALITY), quality - LEVELS[self._level].quality_drop)

    def allow(self, captured_at: float) -> bool:
        """Return whether the stream has a frame that a client is ready to take."""
        return self._limiter is None or self._limiter.allow(captured_at)

    def record_encoding(self, seconds: float, interval: float) -> None:
        """Record how long a frame took to encode, with the seconds until the next frame; every PERIOD, decide."""
        if self.settings.adaptive_quality != "on":
            return
        now = self._clock()
        if now - self._last_at > FORGET:
            self._reset(now)
        self._last_at = now
        self._encode_seconds.append(seconds)
        if now - self._decided_at >= PERIOD and len(self._encode_seconds) >= FRAMES:
            self._decide(now, interval)

    def _reset(self, now: float) -> None:
        if self._level:
            log.info("Restoring stream quality: no client")
        self._demands = dict.fromkeys(Cause, 0)
        self._decided_at = now
        self.now = self._limiter = None
        self._encode_seconds.clear()

    def _decide(self, now: float, interval: float) -> None:
        """Choose the level: the higher one of those that the temperature and the load demand."""
        load = median(self._encode_seconds) / interval
        self._encode_seconds.clear()
        self._decided_at = now
        celsius = temperature(self._thermal)
        before, demands = self._level, self._demands
        busy = load * self.frame_ratio
        self._demands = {
            Cause.TEMPERATURE: self._level_for_temperature(celsius),
            Cause.LOAD: self._level_for_load(load, now),
        }
        if self._level:
            demands = self._demands
        if demands[Cause.LOAD] > demands[Cause.TEMPERATURE]:
            why = f"encoding takes {100 * busy:.0f} % of the time"
        else:
            why = "the temperature is not known" if celsius is None else f"CPU {celsius:.0f} °C"
        self._apply(why, interval)
        self._log(before, why)

    def _level_for_temperature(self, celsius: float | None) -> int:
        """Return the level for a temperature; a level ends COOLER degrees lower, and stays while none is known."""
        level = self._demands[Cause.TEMPERATURE]
        if celsius is None:
            return level
        return sum(celsius >= begins - (COOLER if number <= level else 0) for number, begins in enumerate(HOT, 1))

    def _level_for_load(self, load: float, now: float) -> int:
        """Return the level for a load: one more than the stream is at, at once, or one less after STAY."""
        level = self._demands[Cause.LOAD]
        if load * self.frame_ratio > BUSY:
            level = min(self._level + 1, LAST)
        elif level and load * LEVELS[level - 1].frame_ratio < FREE and now - self._load_since >= STAY:
            level -= 1
        if level != self._demands[Cause.LOAD]:
            self._load_since = now
        return level

    def _apply(self, why: str, interval: float) -> None:
        if not self._level:
            self.now = self._limiter = None
            return
        before, fps = self.now, self.frame_ratio / interval
        self.now = Degradation(self._level, why, self.lower(self.settings.quality), round(fps, 2))
        # the camera's own rate may have changed, too
        if before is None or (before.level, before.fps) != (self.now.level, self.now.fps):
            self._limiter = RateLimiter(fps) if self.frame_ratio < 1 else None

    def _log(self, before: int, why: str) -> None:
        if self._level > before:
            log.warning("Reducing %s", self.now)
        elif 0 < self._level < before:
            log.info("Raising %s", self.now)
        elif self._level < before:
            log.info("Restoring stream quality: %s", why)


def temperature(thermal: Path = THERMAL) -> float | None:
    """Return the temperature of the processor in °C; None where the kernel does not offer it."""
    for zone in sorted(thermal.glob("thermal_zone*")):
        try:
            if (zone / "type").read_text().strip() == "cpu-thermal":
                return int((zone / "temp").read_text()) / 1000
        except (OSError, ValueError):  # EAGAIN while the sensor measures
            continue
    return None
