"""Less work on a hot or busy Raspberry Pi: the stream's quality and rate step down before frames are late.

Hot is what the kernel says of the temperature; the firmware slows a Raspberry Pi down from 80 °C on. Its own word for
that (`get_throttled`) is not asked for: the kernel complains about every file that tells it, or has none.
Busy is a camera thread that needs most of the time between two frames to encode one.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from soft_stream.config.settings import Settings
from soft_stream.frames.rates import RateLimiter

log = logging.getLogger(__name__)

THERMAL = Path("/sys/class/thermal")


@dataclass(frozen=True)
class Level:
    """What is given up: points of JPEG quality, and all but a share of the frames."""

    points: int = 0
    share: float = 1.0


LEVELS = (Level(), Level(15), Level(25, 2 / 3), Level(25, 1 / 2))
LAST = len(LEVELS) - 1
# Below it pictures tell too little; a setting that is lower still is left alone.
LOWEST_QUALITY = 40

# °C at which each level after the first begins, and how much cooler it ends.
HOT = (78.0, 80.0, 82.0)
COOLER = 6.0
# Parts of the time that encoding takes: more steps down, less at the next better level steps up.
BUSY, FREE = 0.8, 0.6

# Seconds from one judgement to the next, and frames that it needs; seconds before a step up.
PERIOD, FRAMES = 5.0, 5
STAY = 30.0
# After so many seconds without a frame, what was judged before says nothing.
FORGET = 30.0


@dataclass(frozen=True)
class Degradation:
    """What holds instead of what was set, and why; `fps` is the most that is encoded."""

    level: int
    why: str
    quality: int
    fps: float

    def __str__(self) -> str:
        return f"{self.why}: quality {self.quality}, {self.fps:g} fps"


class AdaptiveQuality:
    """How much the stream gives up; the camera thread tells and asks, everybody may read `now`."""

    def __init__(
        self, settings: Settings, thermal: Path = THERMAL, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.now: Degradation | None = None
        """None while nothing is given up."""
        self.quality = settings.quality
        """The JPEG quality of the stream."""
        self.share = 1.0
        """The part of the camera's frames that the stream has."""
        self._quality = settings.quality
        self._is_on = settings.adaptive_quality == "on"
        self._thermal = thermal
        self._clock = clock
        self._pace: RateLimiter | None = None
        self._heat = 0  # the level that the temperature asks for
        self._load = 0  # the level that encoding asks for
        self._load_since = self._judged_at = self._last_at = clock()
        self._times: list[float] = []

    def quality_of(self, asked: int) -> int:
        """Return the JPEG quality for those who asked for one, or did not (0)."""
        return _lowered(asked, LEVELS[_level_of(self.now)]) if asked else self.quality

    def allow(self, captured_at: float) -> bool:
        """Decide whether the stream gets a frame that somebody is ready to take."""
        return self._pace is None or self._pace.allow(captured_at)

    def encoded(self, seconds: float, interval: float) -> None:
        """Note how long a frame took to encode, beside the time until the next; now and then, judge."""
        if not self._is_on:
            return
        now = self._clock()
        if now - self._last_at > FORGET:
            self._begin_anew(now)
        self._last_at = now
        self._times.append(seconds)
        if now - self._judged_at >= PERIOD and len(self._times) >= FRAMES:
            self._judge(now, interval)

    def _begin_anew(self, now: float) -> None:
        if self.now:
            log.info("No longer eased: nobody watched")
        self._apply(0, "", 1)
        self._heat = self._load = 0
        self._judged_at = now
        self._times.clear()

    def _judge(self, now: float, interval: float) -> None:
        """Choose the level: the worse of what heat and load ask for."""
        busy = median(self._times) / interval
        self._times.clear()
        self._judged_at = now
        celsius = temperature(self._thermal)
        before, asked = self.now, (self._heat, self._load)
        self._heat = _level_of_heat(celsius, self._heat)
        self._load = self._level_of_load(busy, now)
        level = max(self._heat, self._load)
        heat, load = (self._heat, self._load) if level else asked
        if heat >= load:
            why = "the temperature is not known" if celsius is None else f"{celsius:.0f} °C"
        else:
            why = f"encoding takes {100 * busy * self.share:.0f} % of the time"
        self._apply(level, why, interval)
        self._tell(before, why)

    def _level_of_load(self, busy: float, now: float) -> int:
        level = self._load
        if busy * self.share > BUSY:
            level = min(_level_of(self.now) + 1, LAST)
        elif level and now - self._load_since >= STAY and busy * LEVELS[level - 1].share < FREE:
            level -= 1
        if level != self._load:
            self._load_since = now
        return level

    def _apply(self, level: int, why: str, interval: float) -> None:
        self.share = LEVELS[level].share
        self.quality = _lowered(self._quality, LEVELS[level])
        if not level:
            self.now = self._pace = None
            return
        before, fps = self.now, self.share / interval
        self.now = Degradation(level, why, self.quality, round(fps, 2))
        # the camera's own rate may have changed, too
        if before is None or (before.level, before.fps) != (level, self.now.fps):
            self._pace = RateLimiter(fps) if self.share < 1 else None

    def _tell(self, before: Degradation | None, why: str) -> None:
        was, level = _level_of(before), _level_of(self.now)
        if level > was:
            log.warning("Eased: %s", self.now)
        elif 0 < level < was:
            log.info("Eased less: %s", self.now)
        elif level < was:
            log.info("No longer eased: %s", why)


def temperature(thermal: Path = THERMAL) -> float | None:
    """Read how hot the processor is, in °C; None where the kernel does not tell."""
    for zone in sorted(thermal.glob("thermal_zone*")):
        try:
            if (zone / "type").read_text().strip() == "cpu-thermal":
                return int((zone / "temp").read_text()) / 1000
        except (OSError, ValueError):  # it says EAGAIN while it measures
            continue
    return None


def _lowered(quality: int, level: Level) -> int:
    return max(min(quality, LOWEST_QUALITY), quality - level.points)


def _level_of(degradation: Degradation | None) -> int:
    return degradation.level if degradation else 0


def _level_of_heat(celsius: float | None, level: int) -> int:
    """Say which level a temperature asks for; the one that holds does so until it is COOLER, or known again."""
    if celsius is None:
        return level
    return sum(celsius >= begins - (COOLER if number <= level else 0) for number, begins in enumerate(HOT, 1))
