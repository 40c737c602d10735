"""Full-size stills that interrupt the stream of others: who waits, who shares one, and who is refused."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import ClientResponse

from soft_stream.capture import stills
from soft_stream.capture.snapshot_policy import Decision, decide
from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.web.request import UNIX_SOCKET, get_identity
from tests.support.server import Portal, StartPortal
from tests.support.snapshots import taken

LONG = 300.0
"""Seconds of a pause that no test waits for."""
FULL = "/snapshot.jpg?size=full&focus=never"
PATIENT = "&deadline_ms=60000"
SHORT = "&deadline_ms=3000"
"""A deadline that is a little longer than a still takes, so that little time is left to wait for a turn."""
STILL_SECONDS = 2.8


@pytest.fixture
def usual_stills(monkeypatch: pytest.MonkeyPatch) -> None:
    """All stills are expected to take as long, however busy the machine is."""
    monkeypatch.setattr(stills, "MEMORY", 0.0)
    monkeypatch.setitem(stills.USUAL_STILL, "switch", STILL_SECONDS)


@contextmanager
def watching(portal: Portal) -> Iterator[None]:
    """Be a client of the stream, whose frames a still would interrupt."""
    with portal.supervisor.subscribers.connected(Client("test", "/stream.mjpg", "", streams=True, focuses=False)):
        yield


@pytest.fixture
def decisions(monkeypatch: pytest.MonkeyPatch) -> list[Decision]:
    """Return the list to which each decision on a request is added."""
    made: list[Decision] = []

    def recording(*facts: Any) -> Decision:
        made.append(decide(*facts))
        return made[-1]

    monkeypatch.setattr(stills, "decide", recording)
    return made


async def get_full(portal: Portal, query: str = "", path: str = FULL + PATIENT, **options: Any) -> float:
    """Get a full-size snapshot; return when it was captured, in monotonic seconds."""
    async with portal.http.get(f"{path}{query}", **options) as answer:
        assert (await taken(answer))[0] == (320, 240)
        assert answer.headers["X-Snapshot-Size"] == "full"
        return float(answer.headers["X-Monotonic"])


def is_waiting(portal: Portal, count: int) -> bool:
    """Return whether a number of requests wait, each with a frame for the case that no still is in time."""
    requests = list(portal.supervisor.subscribers.snapshot_requests)
    return len(requests) == count and all(request.fallback for request in requests)


async def check_refused(answer: ClientResponse, pause: float = LONG) -> None:
    """Check a 503 that says when the next still may begin."""
    assert answer.status == 503
    text = await answer.text()
    seconds = int(answer.headers["Retry-After"])
    assert 1 <= seconds <= pause
    assert f"cam_still_pause={pause:g} limits" in text
    assert f"The next one may begin in {seconds} s." in text


async def test_another_client_waits(start_portal: StartPortal, decisions: list[Decision]) -> None:
    """The pause lies between stills of different clients; one client gets the next still at once."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=0.5)
    with watching(portal):
        for _ in range(3):
            last = await get_full(portal, "&client=a")
        assert Decision.HOLD not in decisions
        assert await get_full(portal, "&client=b") >= last + 0.5
        assert Decision.HOLD in decisions


@pytest.mark.usefixtures("usual_stills")
async def test_all_that_wait_share_the_next_still(start_portal: StartPortal) -> None:
    """Requests that wait for their turn get the next still, also one that a client gets at once."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=LONG)
    with watching(portal):
        first = await get_full(portal, "&client=a")
        waiting = [asyncio.create_task(get_full(portal, f"&client={name}")) for name in "bc"]
        await portal.until(lambda: is_waiting(portal, 2))
        again = await get_full(portal, "&client=a")
        assert [await each for each in waiting] == [again] * 2
        assert again > first
        assert portal.supervisor.status.counters.stills == 2
        # now it was a still of all three, so even the first one has to wait
        async with portal.http.get(f"{FULL}&client=a{SHORT}") as answer:
            await check_refused(answer)


@pytest.mark.usefixtures("usual_stills")
async def test_a_deadline_within_the_pause(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """Without time for a still after the pause the answer is 503 with Retry-After; one log line says why."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=LONG)
    with watching(portal):
        await get_full(portal, "&client=a")
        for path in (f"{FULL}&client=b", "/?action=snapshot&size=full&client=c", "/webcam/snapshot?size=full&client=d"):
            async with portal.http.get(f"{path}{SHORT}") as answer:
                await check_refused(answer)
        async with portal.http.get("/snapshot.jpg?client=b") as answer:  # is not concerned
            await taken(answer)
    assert portal.supervisor.status.counters.stills == 1
    assert caplog.text.count("Full-size stills wait, the first for 'b': cam_still_pause=300") == 1
    assert caplog.text.count("Full-size stills wait") == 1


@pytest.mark.usefixtures("usual_stills")
async def test_a_refusal_needs_no_frame(start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a frame at which it could be decided, the answer at the deadline is the same."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=LONG)
    with watching(portal):
        await get_full(portal, "&client=a")
        monkeypatch.setitem(stills.USUAL_STILL, "switch", 0.2)
        asked = asyncio.create_task(portal.http.get(f"{FULL}&client=b&deadline_ms=5000"))
        await portal.until(lambda: is_waiting(portal, 1))
        with portal.device.changed:  # blocks the camera thread
            async with await asked as answer:
                await check_refused(answer)


async def test_the_camera_is_lent_meanwhile(start_portal: StartPortal) -> None:
    """The reason in the answer is the one that holds at the deadline, not when a still may begin."""
    portal = await start_portal(still_method="switch", still_pause=LONG)
    with watching(portal):
        await get_full(portal, "&client=a")
        asked = asyncio.create_task(portal.http.get(f"{FULL}&client=b&deadline_ms=3000"))
        await portal.until(lambda: is_waiting(portal, 1))
        async with portal.http.post("/pause?seconds=60&client=other") as answer:
            assert answer.status == 200
        async with await asked as answer:
            assert answer.status == 503
            assert "No frame within 3 s: the camera is paused by other" in await answer.text()
            assert int(answer.headers["Retry-After"]) < LONG / 2


async def test_who_did_not_ask_for_full_size(start_portal: StartPortal) -> None:
    """A client whose full size is only the default waits too, and then gets a frame of the stream, not an error."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=LONG, snapshot_size="full")
    with watching(portal):
        await get_full(portal, f"?client=a{PATIENT}", "/snapshot.jpg")
        async with portal.http.get(f"/snapshot.jpg?client=b{SHORT}") as answer:
            assert (await taken(answer))[0] == (160, 120)
            assert answer.headers["X-Snapshot-Size"] == "stream"


@pytest.mark.usefixtures("usual_stills")
async def test_a_deadline_for_no_still(start_portal: StartPortal) -> None:
    """A deadline that is shorter than a still gets a frame of the stream, as it does without the pause."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=LONG)
    with watching(portal):
        await get_full(portal, "&client=a")
        async with portal.http.get(f"{FULL}&client=b&deadline_ms={STILL_SECONDS * 1000}") as answer:
            await taken(answer)
            assert answer.headers["X-Snapshot-Size"] == "stream"


@pytest.mark.parametrize(
    ("settings", "streams"),
    [({}, False), ({"still_method": "switch"}, False), ({"still_method": "switch", "still_pause": 0.0}, True)],
    ids=["no interruption", "no stream", "switched off"],
)
async def test_not_limited(
    start_portal: StartPortal, decisions: list[Decision], settings: dict[str, Any], streams: bool
) -> None:
    """Stills without a stream are taken at once, and all that interrupt one with cam_still_pause=0."""
    portal = await start_portal(**{"still_pause": LONG, "close_after": 60, "watchdog_timeout": 0} | settings)
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=streams, focuses=False)):
        for client in "abab":
            await get_full(portal, f"&client={client}")
    assert portal.supervisor.status.counters.stills == 4
    assert not {Decision.HOLD, Decision.REFUSE} & set(decisions)


async def test_stills_that_only_slow_the_stream(start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of requests shares a few stills, each taken after the request; none of them is refused."""
    monkeypatch.setattr(stills, "LEAST_INTERVAL", 0.5)
    portal = await start_portal(still_pause=LONG, watchdog_timeout=0)

    async def poll(name: str) -> None:
        for _ in range(3):
            asked_at = time.monotonic()
            assert await get_full(portal, f"&client={name}") > asked_at

    with watching(portal):
        began = time.monotonic()
        await asyncio.gather(*(poll(f"n{number}") for number in range(20)))
        seconds = time.monotonic() - began
    assert portal.supervisor.status.counters.stills <= 1 + seconds / 0.5
    assert seconds >= 1.0


async def test_a_deadline_before_the_next_still(start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer names no setting that has nothing to do with it, and the log has no line."""
    monkeypatch.setattr(stills, "LEAST_INTERVAL", LONG)
    portal = await start_portal(watchdog_timeout=0)
    with watching(portal):
        await get_full(portal, "&client=a")
        async with portal.http.get(f"{FULL}&client=b{SHORT}") as answer:
            assert (answer.status, 1 <= int(answer.headers["Retry-After"]) <= LONG) == (503, True)
            assert "the time between stills is limited while a client streams" in await answer.text()


async def test_the_end_of_the_stream_ends_the_wait(start_portal: StartPortal) -> None:
    """A request that waits for its turn gets its still as soon as there is no stream to interrupt."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=LONG)
    with watching(portal):
        await get_full(portal, "&client=a")
        waiting = asyncio.create_task(get_full(portal, "&client=b"))
        await portal.until(lambda: is_waiting(portal, 1))
    await waiting


@pytest.mark.usefixtures("usual_stills")
@pytest.mark.parametrize("fails", [False, True])
async def test_the_pause_survives_the_session(start_portal: StartPortal, fails: bool) -> None:
    """A camera that is closed and opened again has not forgotten when it was interrupted, and for whom."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=LONG)
    portal.device.still_fails = fails
    with watching(portal):
        async with portal.http.get(f"{FULL}&client=a{PATIENT}") as answer:
            await taken(answer)
            assert answer.headers["X-Snapshot-Size"] == ("stream" if fails else "full")
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    portal.device.still_fails = False
    with watching(portal):
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        async with portal.http.get(f"{FULL}&client=b{SHORT}") as answer:
            await check_refused(answer)
        await get_full(portal, "&client=a")
    assert portal.device.opened == 2


async def test_clients_that_leave(start_portal: StartPortal) -> None:
    """A request whose client leaves takes no turn and shares no still."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=LONG)
    with watching(portal):
        await get_full(portal, "&client=a")
        leaving = asyncio.create_task(get_full(portal, "&client=b"))
        await portal.until(lambda: is_waiting(portal, 1))
        leaving.cancel()
        await portal.until(lambda: not portal.supervisor.subscribers.snapshot_requests)
        for _ in range(2):  # it is not a still of two clients
            await get_full(portal, "&client=a")


@pytest.mark.usefixtures("usual_stills")
@pytest.mark.parametrize("pause", [0.0, LONG])
async def test_octolapse_never_waits(
    start_portal: StartPortal, decisions: list[Decision], monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    """Octolapse's test and its call for each layer are decided as without the limit, beside a page and a dashboard."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=pause)
    portal.device.has_autofocus = False  # there is nothing else to wait for
    monkeypatch.setitem(stills.USUAL_STILL, "switch", 0.5)
    layers = "/?action=snapshot&size=full&deadline_ms=4500"
    with watching(portal):
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        for _ in range(5):
            async with portal.http.get("/?action=snapshot&client=dashboard") as answer:
                assert (await taken(answer))[0] == (160, 120)
            await get_full(portal, path=layers, headers={"User-Agent": "python-requests/2.32.3"})
    assert set(decisions) <= {Decision.STILL, Decision.STREAM_FRAME}
    assert portal.supervisor.status.counters.stills == 5


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        (("192.0.2.1", ""), ("192.0.2.1", ""), True),
        (("192.0.2.1", ""), ("192.0.2.2", ""), False),
        (("192.0.2.1", "phone"), ("192.0.2.1", "tablet"), False),
        (("192.0.2.1", "phone"), ("192.0.2.1", ""), False),
        (("192.0.2.1", "phone"), ("2001:db8::1", "phone"), True),
        (("2001:db8::1", ""), ("2001:db8::ffff:1", ""), True),
        (("2001:db8::1", ""), ("2001:db8:0:1::1", ""), False),
        (("fe80::1%eth0", ""), ("fe80::2%eth0", ""), False),
        (("::ffff:192.0.2.1", ""), ("192.0.2.1", ""), True),
        (("127.0.0.1", ""), ("::1", ""), True),
        (("127.0.0.1", ""), (UNIX_SOCKET, ""), True),
        (("unknown", ""), ("unknown", ""), True),
    ],
)
def test_one_client(first: tuple[str, str], second: tuple[str, str], is_same: bool) -> None:
    """A client is recognised again by its name, else by its address; an IPv6 host by its network."""
    identities = {get_identity(Client(peer, "/snapshot.jpg", name, streams=False)) for peer, name in (first, second)}
    assert (len(identities) == 1) is is_same


@pytest.mark.usefixtures("usual_stills")
async def test_clients_behind_a_proxy(start_portal: StartPortal) -> None:
    """Behind a proxy on this machine the address that it forwards is the client."""
    portal = await start_portal(watchdog_timeout=0, still_method="switch", still_pause=LONG)
    with watching(portal):
        for _ in range(2):
            await get_full(portal, headers={"X-Forwarded-For": "192.0.2.1"})
        async with portal.http.get(f"{FULL}{SHORT}", headers={"X-Forwarded-For": "192.0.2.2"}) as answer:
            await check_refused(answer)
