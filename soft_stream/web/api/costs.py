"""What the stream costs now: the network of one client, and the processor time of this process."""

import asyncio
import time

from soft_stream.capture.supervisor import CameraSupervisor

# Seconds over which the processor time is measured at least; after which the last measurement is no longer "now".
SHORTEST, LONGEST = 0.3, 30.0


class CostMeter:
    """Measures the processor time between two requests, or for a moment if there was no request lately."""

    def __init__(self) -> None:
        self._since, self._used = float("-inf"), 0.0
        self._percent = 0.0

    async def measure(self, supervisor: CameraSupervisor) -> dict[str, float | None]:
        """Return `mbit_s`, None while there are no frames, and `cpu_percent`, of one core."""
        if time.monotonic() - self._since > LONGEST:
            self._since, self._used = time.monotonic(), time.process_time()
            await asyncio.sleep(SHORTEST)
        now, used = time.monotonic(), time.process_time()
        if now - self._since >= SHORTEST:
            self._percent = 100 * (used - self._used) / (now - self._since)
            self._since, self._used = now, used
        mbit_s = megabits_per_second(supervisor)
        return {
            "mbit_s": None if mbit_s is None else round(mbit_s, 2),
            "cpu_percent": round(self._percent, 1),
        }


def megabits_per_second(supervisor: CameraSupervisor) -> float | None:
    """Return what a client of the stream takes that gets each frame; None while there are no frames.

    The newest frame of a rendition is used instead of the original while no client gets that.
    """
    timer, subscribers = supervisor.status.timer, supervisor.subscribers
    for frame in (subscribers.feed.newest, subscribers.newest):
        if frame and supervisor.status.negotiated and frame.age < timer.stale_after:
            fps = timer.fps * supervisor.adaptive_quality.frame_ratio
            return len(frame.jpeg) * 8 * fps / 1_000_000
    return None
