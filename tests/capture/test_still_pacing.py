"""The times at which full-size stills may interrupt the stream; no test waits."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soft_stream.capture.still_pacing import LIMIT, QUIET, WINDOW, Interruption, StillPacing

PAUSE = 5.0
STILL = 1.5
"""Seconds of a still."""
START = 1000.0
EXACT = 1e-6
"""Seconds that the sums of times may differ by rounding."""


class Camera:
    """Takes the stills that the pacing allows, as soon as it allows them."""

    def __init__(self, pause: float = PAUSE) -> None:
        self.pacing = StillPacing(pause)
        self.now = START
        self.taken: list[Interruption] = []

    def take(self, *clients: str, seconds: float = STILL) -> float:
        """Take one still for clients that ask now; return how long they waited."""
        asked = self.now
        self.now = max(asked, min(self.pacing.next_turn(client, asked, seconds) for client in clients))
        began, self.now = self.now, self.now + seconds
        self.pacing.record(clients, began, self.now)
        self.taken.append(Interruption(frozenset(clients), began, self.now))
        return began - asked


def interrupted(taken: list[Interruption], until: float) -> float:
    """Return for how long stills interrupted the stream in the window that ends at a time."""
    began = until - WINDOW
    return sum(max(0.0, min(each.ended_at, until) - max(each.began_at, began)) for each in taken)


def test_the_first_still_is_taken_at_once() -> None:
    """Before the first still no client waits."""
    assert StillPacing(PAUSE).next_turn("a", START, STILL) == START


def test_the_pause_is_between_different_clients() -> None:
    """It is counted from the end of a still to the beginning of the next; the same client does not wait."""
    camera = Camera()
    assert [camera.take(client) for client in "aabbab"] == [0, 0, PAUSE, 0, PAUSE, PAUSE]
    camera.now += 3
    assert camera.take("c") == PAUSE - 3
    camera.now += PAUSE
    assert camera.take("a") == 0


def test_a_shared_still_belongs_to_all() -> None:
    """After a still of several clients each of them waits, so that clients that share do not follow one another."""
    camera = Camera()
    assert camera.take("a", "b") == 0
    assert [camera.take("a", "b") for _ in range(3)] == [PAUSE] * 3
    assert camera.take("a") == PAUSE
    assert camera.take("a") == 0


def test_a_client_that_asks_again_shares_its_still_with_one_that_waits() -> None:
    """The other client never has to wait longer than for the pause, however fast the first one asks."""
    camera = Camera()
    for _ in range(4):
        camera.take("a")
    assert camera.take("a", "b") == 0
    assert camera.take("b") == PAUSE


def test_half_of_the_time() -> None:
    """A client that always asks again at once gets ten stills of 1.5 s, then waits until the first is 30 s ago."""
    camera = Camera()
    waits = [camera.take("a") for _ in range(11)]
    assert waits[:10] == [0] * 10
    assert camera.taken[10].ended_at == pytest.approx(START + WINDOW + STILL)
    assert camera.take("a") == 0  # the second one has left the window, too


def test_two_names_do_not_double_the_limit() -> None:
    """After the stills of another client, those that follow at once have only what is left of the half."""
    camera = Camera()
    for _ in range(10):
        camera.take("a")
    assert camera.take("b") == PAUSE
    assert camera.take("b") == PAUSE  # not longer: a third client would wait as long


def test_a_still_longer_than_the_limit() -> None:
    """It is possible, once the window has no other; the pause alone does not permit the next one."""
    camera = Camera()
    assert camera.take("a", seconds=40.0) == 0
    assert camera.take("a", seconds=40.0) == pytest.approx(LIMIT)
    camera.now += WINDOW
    assert camera.take("a", seconds=40.0) == 0


def test_the_way_back_counts() -> None:
    """A still ends when the stream has frames again, for the pause and for the half of the time."""
    camera = Camera()
    waits = []
    for _ in range(9):
        waits.append(camera.take("a", seconds=1.0))
        camera.now += 1.0
        camera.pacing.extend(camera.now)
    assert waits[:8] == [0] * 8
    assert waits[8] > 0
    assert camera.take("b") == PAUSE


def test_no_pause_is_no_limit() -> None:
    """With cam_still_pause=0 every still is taken at once."""
    camera = Camera(pause=0.0)
    assert [camera.take(client) for client in "aaab" * 20] == [0] * 80


def test_waiting_is_logged_once() -> None:
    """It is logged again only when no request has had to wait for a minute."""
    pacing = StillPacing(PAUSE)
    assert [pacing.begins_waiting(now) for now in (0, 1, QUIET, 2 * QUIET, 3 * QUIET + 1)] == [True, *[False] * 3, True]


@pytest.mark.parametrize("still", [0.5, 1.5, 3.0, 4.5])
def test_octolapse_alone_never_waits(still: float) -> None:
    """An hour of Octolapse's calls, one for each layer that takes as long as its photo or longer: none waits."""
    camera = Camera()
    while camera.now < START + 3600:
        assert camera.take("127.0.0.1", seconds=still) == 0
        camera.now += still + len(camera.taken) % 7


REPEATABLE = settings(derandomize=True, deadline=None)
REQUESTS = st.lists(
    st.tuples(st.sets(st.sampled_from("abc"), min_size=1), st.floats(0.05, 6.0), st.floats(0.0, 20.0)), max_size=60
)


@REPEATABLE
@given(REQUESTS, st.sampled_from([0.5, PAUSE, 20.0]))
def test_any_schedule(requests: list[tuple[set[str], float, float]], pause: float) -> None:
    """Between stills of different clients is the pause; no client causes stills for more than half of any 30 s."""
    camera = Camera(pause)
    caused: dict[str, list[Interruption]] = {}
    for clients, seconds, idle in requests:
        asked = camera.now
        turns = {client: camera.pacing.next_turn(client, asked, seconds) for client in clients}
        camera.take(*clients, seconds=seconds)
        still = camera.taken[-1]
        for client in clients:
            if turns[client] <= still.began_at:
                caused.setdefault(client, []).append(still)
        camera.now += idle
    for before, after in pairwise(camera.taken):
        if not before.clients & after.clients:
            assert after.began_at - before.ended_at >= pause - EXACT
    for stills in caused.values():
        assert all(interrupted(stills, each.ended_at) <= LIMIT + EXACT for each in stills)


@REPEATABLE
@given(REQUESTS, st.sampled_from([0.5, PAUSE, 20.0]))
def test_any_schedule_of_one_client(requests: list[tuple[set[str], float, float]], pause: float) -> None:
    """One client alone waits only if the still would be more than half of the 30 s that end with it."""
    camera = Camera(pause)
    for _, seconds, idle in requests:
        would_end = camera.now + seconds
        fits = interrupted(camera.taken, would_end) + seconds <= LIMIT - EXACT
        waited = camera.take("a", seconds=seconds)
        assert interrupted(camera.taken, camera.now) <= LIMIT + EXACT
        assert waited == 0 or not fits
        camera.now += idle
