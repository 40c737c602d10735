"""When a full-size still may interrupt the stream again: the pause between clients, and the limit for each client."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

# Of any WINDOW seconds, the stills of one client interrupt the stream for at most LIMIT seconds.
WINDOW, LIMIT = 30.0, 15.0
# Seconds without a request that has to wait, after which the next one that has to wait is logged again.
QUIET = 60.0


@dataclass(frozen=True)
class Interruption:
    """A still for which the stream had no frames, and the clients that received it; times are monotonic seconds."""

    clients: frozenset[str]
    began_at: float
    ended_at: float


class StillPacing:
    """Remembers the stills that interrupted the stream, also while the camera is closed or opened again.

    All times are monotonic seconds. Each change replaces one tuple, so any thread may read it at any time.
    """

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._past: tuple[Interruption, ...] = ()
        self._waited_at = float("-inf")

    def next_turn(self, client: str, now: float, seconds: float) -> float:
        """Return when a still that takes `seconds` may begin for a client; `now` or earlier: it may begin at once.

        A client that asks again after a still of its own does not wait for the pause. The stills of all clients count
        then, so that two names do not double the limit; if that takes longer than the pause, the pause is enough.
        """
        if not self._pause or not self._past:
            return now
        last, seconds = self._past[-1], min(seconds, LIMIT)
        turn = last.ended_at + self._pause
        if last.clients == {client}:
            turn = min(turn, _when_within_limit(self._past, now, seconds))
        own = tuple(each for each in self._past if client in each.clients)
        return max(turn, _when_within_limit(own, now, seconds))

    def record(self, clients: Iterable[str], began_at: float, ended_at: float) -> None:
        """Record a still that interrupted the stream."""
        recent = (each for each in self._past if ended_at - each.ended_at < WINDOW)
        self._past = (*recent, Interruption(frozenset(clients), began_at, ended_at))

    def extend(self, until: float) -> None:
        """Record that the stream had no frames until now, because the camera had to change its mode back."""
        *earlier, last = self._past
        self._past = (*earlier, replace(last, ended_at=until))

    def begins_waiting(self, now: float) -> bool:
        """Record that a request has to wait; return whether none had to for a while."""
        before, self._waited_at = self._waited_at, now
        return now - before > QUIET


def _when_within_limit(past: Sequence[Interruption], now: float, seconds: float) -> float:
    """Return the first time, not before `now`, from which a still of `seconds` keeps the limit beside earlier ones."""
    window_began = now + seconds - WINDOW
    recent = [each for each in past if each.ended_at > window_began]
    excess = sum(each.ended_at - max(each.began_at, window_began) for each in recent) + seconds - LIMIT
    if excess <= 0:
        return now
    for each in recent:  # the window moves on until it has left the excess behind
        left_at = max(each.began_at, window_began) + excess
        excess = left_at - each.ended_at
        if excess <= 0:
            break
    return left_at + WINDOW - seconds
