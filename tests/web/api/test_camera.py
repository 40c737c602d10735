"""POST /arm keeps the camera ready; POST /focus runs an AF cycle now."""

import asyncio
from typing import Any

import pytest

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from tests.conftest import Portal, StartPortal
from tests.support.multipart_reader import StreamReader


async def post(portal: Portal, path: str, body: Any = None) -> tuple[int, Any]:
    """Send a POST; return the status and the JSON, or the sentence."""
    async with portal.http.post(path, json=body) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await answer.json() if is_json else (await answer.text()).strip()


def paths(portal: Portal) -> list[str]:
    """List what the clients ask for."""
    return [client.path for client in portal.supervisor.subscribers.clients]


async def test_an_armed_camera_stays_open(start_portal: StartPortal) -> None:
    """The answer comes when the lens is in focus; then snapshots open nothing and move no lens."""
    portal = await start_portal(close_after=0)
    assert await post(portal, "/arm?seconds=3600") == (200, {"state": "streaming", "armed_seconds": 3600})
    assert portal.device.lens == 1.0
    for _ in range(3):
        async with portal.http.get("/snapshot.jpg?wake=0") as answer:
            assert (answer.status, answer.headers["X-Focus"]) == (200, "focused")
        await asyncio.sleep(0.1)
    assert (portal.device.opened, portal.device.closed, portal.device.cycles) == (1, 0, 1)
    assert paths(portal) == ["/arm"]
    assert await post(portal, "/arm?seconds=0") == (200, {"state": "streaming", "armed_seconds": 0})
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)


async def test_arming_ends_by_itself(start_portal: StartPortal) -> None:
    """After the seconds asked for the camera closes."""
    portal = await start_portal(close_after=0)
    assert (await post(portal, "/arm?seconds=0.5"))[0] == 200
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert portal.device.opened == 1


@pytest.mark.parametrize("seconds", ["-1", "86401", "nan", "inf", "-inf", "soon", "", "1,5"])
async def test_wrong_seconds(portal: Portal, seconds: str) -> None:
    """Nonsense is 400, opens nothing, and leaves an arming as it is."""
    assert (await post(portal, "/arm?seconds=60"))[0] == 200
    status, said = await post(portal, f"/arm?seconds={seconds}")
    assert (status, said) == (400, f"seconds={seconds}: must be a number from 0 to 86400.")
    assert paths(portal) == ["/arm"]


async def test_arming_twice_counts_once(portal: Portal) -> None:
    """The last one counts, and nothing of the first remains."""
    first, second = await asyncio.gather(post(portal, "/arm?seconds=3600"), post(portal, "/arm?seconds=1800"))
    assert (first[0], second[0]) == (200, 200)
    await portal.until(lambda: paths(portal) == ["/arm"])
    assert (await post(portal, "/arm?seconds=0"))[0] == 200
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)


async def test_arming_a_camera_that_cannot_be_opened(portal: Portal) -> None:
    """503 with the reason, and nothing keeps trying."""
    portal.device.seize("motion")
    status, said = await post(portal, "/arm?seconds=60")
    assert (status, said) == (503, "No frame: test camera 0 is in use by motion.")
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert paths(portal) == []


async def test_one_arming_that_fails_does_not_end_another(portal: Portal) -> None:
    """Armed by one while the camera is away, armed by another when it is back: it stays armed."""
    portal.device.slow_open(0.3)
    portal.device.unplug()
    first = asyncio.create_task(post(portal, "/arm?seconds=60"))
    await portal.until(lambda: portal.supervisor.status.state is State.STARTING)
    second = asyncio.create_task(post(portal, "/arm?seconds=60"))
    await portal.until(lambda: len(paths(portal)) >= 3)
    assert (await first)[0] == (await second)[0] == 503
    portal.device.plug()
    assert (await post(portal, "/arm?seconds=60"))[0] == 200
    await asyncio.sleep(0.3)
    assert paths(portal) == ["/arm"]


async def test_a_focus_cycle_now(portal: Portal) -> None:
    """While somebody streams: a cycle runs, the frames flow meanwhile, and the answer says how it ended."""
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
    portal.device.focus_fails = True
    for result in ("failed", "focused"):
        captured, cycles = portal.supervisor.status.counters.captured, portal.device.cycles
        status, said = await post(portal, "/focus")
        assert (status, said["result"]) == (200, result)
        assert said["seconds"] > 0
        assert portal.device.cycles == cycles + 1
        assert portal.supervisor.status.counters.captured > captured + 10
        assert portal.supervisor.status.last_focus
        portal.device.focus_fails = False
    assert portal.device.opened == 1
    await reader.close()


async def test_a_focus_cycle_of_a_sleeping_camera(portal: Portal) -> None:
    """The camera is opened for it, and the lens moves once, not twice."""
    status, said = await post(portal, "/focus")
    assert (status, said["result"]) == (200, "focused")
    assert portal.device.cycles == 1
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)


async def test_calls_that_arrive_together_share_a_cycle(portal: Portal) -> None:
    """Two who ask at the same time for the same thing get it once."""
    answers = await asyncio.gather(post(portal, "/focus"), post(portal, "/focus"))
    assert {status for status, _ in answers} == {200}
    assert portal.device.cycles == 1


async def test_a_call_during_a_cycle_gets_its_own(portal: Portal) -> None:
    """A cycle that began before the call may have ended before what the caller did: another one follows."""
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.device.cycles == 1)
    assert (await post(portal, "/focus"))[0] == 200
    assert portal.device.cycles == 2
    await reader.close()


async def test_a_lens_that_never_ends(start_portal: StartPortal) -> None:
    """After autofocus_timeout the answer is `timed out`."""
    portal = await start_portal(autofocus_timeout=0.5)
    portal.device.slow_lens(100_000)
    status, said = await post(portal, "/focus")
    assert (status, said["result"]) == (200, "timed out")


async def test_a_lens_without_an_algorithm(portal: Portal) -> None:
    """It turns out that no AfState comes: said once as a result, then as a conflict."""
    portal.device.focus_is_mute = True
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.cannot_focus)
    assert await post(portal, "/focus") == (409, "This camera has no autofocus.")
    await reader.close()


@pytest.mark.parametrize("autofocus", ["off", "manual"])
async def test_autofocus_that_is_not_wanted(start_portal: StartPortal, autofocus: str) -> None:
    """A lens that the settings hold is not moved: 409 says how to change that."""
    portal = await start_portal(autofocus=autofocus)
    assert await post(portal, "/focus") == (409, f"Autofocus is {autofocus}; AfMode 1 or 2 switches it on.")
    assert portal.device.cycles == 0
    assert (await post(portal, "/controls", {"AfMode": 1}))[0] == 200
    assert (await post(portal, "/focus"))[0] == 200


async def test_a_camera_without_autofocus(portal: Portal) -> None:
    """A lens that does not move: 409."""
    portal.device.has_autofocus = False
    assert await post(portal, "/focus") == (409, "This camera has no autofocus.")


async def test_a_camera_that_fails_meanwhile(portal: Portal) -> None:
    """A camera that goes away during the cycle is a 503 with the reason; the next call works."""
    portal.device.slow_lens(100_000)
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=True, focuses=False)):
        asked = asyncio.create_task(post(portal, "/focus"))
        await portal.until(lambda: portal.device.cycles == 1)
        portal.device.unplug()
        status, said = await asked
        assert status == 503
        assert said.startswith("No frame: ")
        portal.device.slow_lens(15)
        portal.device.plug()
        await portal.until(lambda: portal.supervisor.status.state is State.STREAMING)
        assert (await post(portal, "/focus"))[0] == 200
    assert not portal.supervisor.subscribers.focus_requests


async def test_autofocus_switched_off_meanwhile(portal: Portal) -> None:
    """Whoever waits for a cycle hears that there will be none."""
    portal.device.slow_lens(100_000)
    asked = asyncio.create_task(post(portal, "/focus"))
    await portal.until(lambda: portal.device.cycles == 1)
    assert (await post(portal, "/controls", {"LensPosition": 1.0}))[0] == 200
    assert await asked == (503, "No frame: autofocus is manual.")


async def test_a_caller_that_leaves(portal: Portal) -> None:
    """Nothing remains of a call that was given up."""
    portal.device.slow_lens(100)
    asked = asyncio.create_task(post(portal, "/focus"))
    await portal.until(lambda: portal.device.cycles == 1)
    asked.cancel()
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert not portal.supervisor.subscribers.focus_requests
