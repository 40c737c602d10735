"""The history of the last hour, and the recent lines of the log."""

import asyncio
import logging
from typing import Any

from soft_stream.capture.history import INTERVAL, KEPT_FOR
from soft_stream.capture.status import RECENT_ENTRIES
from soft_stream.capture.subscribers import Client
from tests.support.server import Portal, StartPortal

SLEPT = 5
COLUMNS = {"at", "fps", "encode", "clients", "silence", "restarts", "opening"}


async def remembered(portal: Portal) -> dict[str, Any]:
    """Return the status with its history."""
    async with portal.http.get("/status.json", params={"history": "1"}) as answer:
        facts: dict[str, Any] = await answer.json()
        return facts


async def one_opening(portal: Portal) -> None:
    """Connect a client for a while, and wait until the camera is closed again."""
    closed = portal.device.closed
    client = Client("somebody", "/stream.mjpg", "", streams=True)
    with portal.supervisor.subscribers.connected(client):
        async with portal.http.get("/stream.mjpg"):
            await portal.until(lambda: any(each.sent > 20 for each in portal.supervisor.subscribers.clients))
    await portal.until(lambda: portal.device.closed > closed)
    await portal.until(lambda: portal.supervisor.status.state == "idle")


async def test_nothing_is_sampled_while_the_camera_is_closed(portal: Portal) -> None:
    """The history is empty before the first client, does not grow afterwards, and opens no camera when requested."""
    history = (await remembered(portal))["history"]
    assert history.keys() == COLUMNS
    assert not any(history.values())
    await one_opening(portal)
    history = (await remembered(portal))["history"]
    assert len(history["at"]) == 1
    assert (await remembered(portal))["history"] == history
    assert portal.device.opened == 1


async def test_the_history_is_sent_on_request_only(portal: Portal) -> None:
    """Without ?history=1 status.json has no history: clients request it every second, so it must stay small."""
    assert not {"history", "log"} & (await portal.status()).keys()


async def test_a_short_opening_leaves_a_sample(portal: Portal) -> None:
    """Even a short session has a sample with its frame rate, its encoding time and its number."""
    await one_opening(portal)
    await one_opening(portal)
    status = await remembered(portal)
    history = status["history"]
    assert history["opening"] == [1, 2]
    assert history["at"][0] < history["at"][1] <= status["now"]
    assert all(0 < fps < 60 for fps in history["fps"])
    assert all(0 < encode < 1 for encode in history["encode"])
    assert history["restarts"] == [0, 0]


async def test_the_longest_silence_and_restarts_are_sampled(start_portal: StartPortal) -> None:
    """A silence that a restart ends counts from the last frame; the restart is in the same sample."""
    portal = await start_portal(watchdog_timeout=0.6)
    with portal.supervisor.subscribers.connected(Client("somebody", "/stream.mjpg", "", streams=True)):
        await portal.until(lambda: portal.supervisor.status.state == "streaming")
        portal.device.stall()
        await portal.until(lambda: portal.device.restarted == 1)
        await portal.until(lambda: portal.supervisor.status.state == "streaming")
    await portal.until(lambda: portal.supervisor.status.state == "idle")
    await one_opening(portal)
    history = (await remembered(portal))["history"]
    assert history["silence"][0] >= 0.6
    assert history["restarts"] == [1, 0]


async def test_time_between_sessions_is_no_silence(portal: Portal) -> None:
    """The first frame of a session does not count from the last frame of the session before."""
    await one_opening(portal)
    await asyncio.sleep(SLEPT)
    await one_opening(portal)
    assert max((await remembered(portal))["history"]["silence"]) < SLEPT


async def test_restarts_without_a_frame_are_not_lost(start_portal: StartPortal) -> None:
    """Failed attempts to open the camera have no sample; the next sample has their restarts."""
    portal = await start_portal(retry_pause=0.01)
    portal.device.seize("another program")
    with portal.supervisor.subscribers.connected(Client("somebody", "/stream.mjpg", "", streams=True)):
        await portal.until(lambda: portal.supervisor.status.counters.restarts >= 2)
        portal.device.free()
        await portal.until(lambda: portal.supervisor.status.state == "streaming")
    await portal.until(lambda: portal.supervisor.status.state == "idle")
    status = await remembered(portal)
    assert status["history"]["restarts"] == [status["counters"]["restarts"]]


async def test_the_history_has_at_most_one_hour(portal: Portal) -> None:
    """Many short sessions do not make the history longer than one hour."""
    history = portal.supervisor.history
    for _ in range(round(KEPT_FOR / INTERVAL) + 5):
        with history.sampling():
            portal.supervisor.status.counters.opened += 1
    numbers = history.facts()["opening"]
    assert len(numbers) == KEPT_FOR / INTERVAL
    assert (numbers[0], numbers[-1]) == (6, KEPT_FOR / INTERVAL + 5)


async def test_the_log_has_states_and_faults(portal: Portal) -> None:
    """The log has states and faults with time and level, the oldest first, and no debug lines."""
    portal.supervisor.status.log_event("of no interest", logging.DEBUG)
    with portal.supervisor.subscribers.connected(Client("somebody", "/stream.mjpg", "", streams=True)):
        await portal.until(lambda: portal.supervisor.status.state == "streaming")
        portal.device.stall()
        await portal.until(lambda: portal.device.restarted == 1)
    status = await remembered(portal)
    log = status["log"]
    assert log[0]["text"] == "STARTING: for somebody /stream.mjpg"
    warnings = [line["text"] for line in log if line["level"] == "warning"]
    assert [line.split(" s;")[1] for line in warnings] == [" the stream is restarted"]
    times = [line["at"] for line in log]
    assert times == sorted(times)
    assert times[-1] <= status["now"]
    assert not any("of no interest" in line["text"] for line in log)


async def test_the_log_is_bounded(portal: Portal) -> None:
    """Only the last lines are kept."""
    for number in range(RECENT_ENTRIES + 10):
        portal.supervisor.status.log_event(f"line {number}")
    texts = [line["text"] for line in (await remembered(portal))["log"]]
    assert (len(texts), texts[0], texts[-1]) == (RECENT_ENTRIES, "line 10", f"line {RECENT_ENTRIES + 9}")
