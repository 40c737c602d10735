"""POST /arm keeps the camera open; POST /focus runs an autofocus cycle."""

import asyncio
from typing import Any

import pytest

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal


async def post(portal: Portal, path: str, body: Any = None) -> tuple[int, Any]:
    """Send a POST; return the status and the JSON, or the error sentence."""
    async with portal.http.post(path, json=body) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await answer.json() if is_json else (await answer.text()).strip()


def paths(portal: Portal) -> list[str]:
    """Return the paths of the clients."""
    return [client.path for client in portal.supervisor.subscribers.clients]


async def test_an_armed_camera_stays_open(start_portal: StartPortal) -> None:
    """The response is sent when the lens is in focus; snapshots after it open nothing and move no lens."""
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
    """The camera closes after the requested seconds."""
    portal = await start_portal(close_after=0)
    assert (await post(portal, "/arm?seconds=0.5"))[0] == 200
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert portal.device.opened == 1


@pytest.mark.parametrize("seconds", ["-1", "86401", "nan", "inf", "-inf", "soon", "", "1,5"])
async def test_wrong_seconds(portal: Portal, seconds: str) -> None:
    """An invalid duration is rejected with 400, opens nothing, and does not end the current one."""
    assert (await post(portal, "/arm?seconds=60"))[0] == 200
    status, said = await post(portal, f"/arm?seconds={seconds}")
    assert (status, said) == (400, f"seconds={seconds}: must be a number from 0 to 86400.")
    assert paths(portal) == ["/arm"]


async def test_arming_twice_counts_once(portal: Portal) -> None:
    """The second request replaces the first."""
    first, second = await asyncio.gather(post(portal, "/arm?seconds=3600"), post(portal, "/arm?seconds=1800"))
    assert (first[0], second[0]) == (200, 200)
    await portal.until(lambda: paths(portal) == ["/arm"])
    assert (await post(portal, "/arm?seconds=0"))[0] == 200
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)


async def test_arming_a_camera_that_cannot_be_opened(portal: Portal) -> None:
    """The answer is 503 with the reason, and no task remains."""
    portal.device.seize("motion")
    status, said = await post(portal, "/arm?seconds=60")
    assert (status, said) == (503, "No frame: test camera 0 is in use by motion.")
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert paths(portal) == []


async def test_one_arming_that_fails_does_not_end_another(portal: Portal) -> None:
    """A request that fails does not end a later one that succeeded."""
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
    """During a stream, a cycle runs while frames flow, and the response has its result."""
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


async def test_a_focus_cycle_of_an_idle_camera(portal: Portal) -> None:
    """The camera is opened for the cycle, and the lens moves only once."""
    status, said = await post(portal, "/focus")
    assert (status, said["result"]) == (200, "focused")
    assert portal.device.cycles == 1
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)


async def test_concurrent_requests_share_a_cycle(portal: Portal) -> None:
    """Two concurrent requests share one cycle."""
    answers = await asyncio.gather(post(portal, "/focus"), post(portal, "/focus"))
    assert {status for status, _ in answers} == {200}
    assert portal.device.cycles == 1


async def test_a_request_during_a_cycle_gets_its_own(portal: Portal) -> None:
    """A request during a cycle waits for a cycle of its own, since the scene may have changed."""
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.device.cycles == 1)
    assert (await post(portal, "/focus"))[0] == 200
    assert portal.device.cycles == 2
    await reader.close()


async def test_a_lens_that_never_ends(start_portal: StartPortal) -> None:
    """After autofocus_timeout the result is `timed out`."""
    portal = await start_portal(autofocus_timeout=0.5)
    portal.device.slow_lens(100_000)
    status, said = await post(portal, "/focus")
    assert (status, said["result"]) == (200, "timed out")


async def test_a_lens_without_an_algorithm(portal: Portal) -> None:
    """A lens without an autofocus algorithm, which reports no AfState, is 409."""
    portal.device.focus_is_mute = True
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: portal.supervisor.status.cannot_focus)
    assert await post(portal, "/focus") == (409, "This camera has no autofocus.")
    await reader.close()


@pytest.mark.parametrize("autofocus", ["off", "manual"])
async def test_autofocus_that_is_disabled(start_portal: StartPortal, autofocus: str) -> None:
    """A lens that the settings hold is not moved; the 409 says how to change that."""
    portal = await start_portal(autofocus=autofocus)
    for _ in range(2):
        status, said = await post(portal, "/focus")
        assert (status, said.split(" (")[0]) == (409, f"Autofocus is {autofocus}. POST /controls with AfMode=1")
        assert (await post(portal, "/controls", {}))[0] == 200
    assert portal.device.cycles == 0
    assert (await post(portal, "/controls", {"AfMode": 1}))[0] == 200
    assert (await post(portal, "/focus"))[0] == 200


async def test_a_camera_without_autofocus(portal: Portal) -> None:
    """A fixed-focus lens is 409."""
    portal.device.has_autofocus = False
    assert await post(portal, "/focus") == (409, "This camera has no autofocus.")


async def test_a_camera_that_fails_meanwhile(portal: Portal) -> None:
    """A camera that fails during the cycle is 503 with the reason; the next request works."""
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


async def test_autofocus_switched_off_during_a_cycle(portal: Portal) -> None:
    """A request that waits for a cycle is 409 when autofocus is switched off."""
    portal.device.slow_lens(100_000)
    asked = asyncio.create_task(post(portal, "/focus"))
    await portal.until(lambda: portal.device.cycles == 1)
    assert (await post(portal, "/controls", {"LensPosition": 1.0}))[0] == 200
    status, said = await asked
    assert (status, said.split(".")[0]) == (409, "Autofocus is manual")


@pytest.mark.parametrize("values", [{"AfMode": 0}, {"LensPosition": 1.0}])
async def test_focus_that_was_set_to_manual(portal: Portal, values: dict[str, float]) -> None:
    """Manual focus is 409, whether the camera is open, closed, paused or missing; the lens stays where it is."""
    assert (await post(portal, "/controls", values))[0] == 200
    lens, opened = portal.device.lens, portal.device.opened
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert (await post(portal, "/focus"))[0] == 409
    assert (await post(portal, "/pause"))[0] == 200
    assert (await post(portal, "/focus"))[0] == 409
    assert (await post(portal, "/resume"))[0] == 200
    portal.device.unplug()
    assert (await post(portal, "/focus"))[0] == 409
    assert (portal.device.cycles, portal.device.lens, portal.device.opened) == (0, lens, opened)
    portal.device.plug()
    assert (await post(portal, "/controls", {"AfMode": 2}))[0] == 200
    assert (await post(portal, "/focus"))[0] == 200


async def test_controls_of_the_settings_decide_about_focus(start_portal: StartPortal) -> None:
    """AfMode in cam_controls, or kept, overrides cam_autofocus, also before the camera was open."""
    portal = await start_portal(autofocus="manual", controls=(("AfMode", "2"),))
    assert (await post(portal, "/focus"))[0] == 200
    portal = await start_portal(controls=(("AfMode", "0"),))
    assert (await post(portal, "/focus"))[0] == 409


async def test_a_client_that_disconnects(portal: Portal) -> None:
    """A client that disconnects leaves no request behind."""
    portal.device.slow_lens(100)
    asked = asyncio.create_task(post(portal, "/focus"))
    await portal.until(lambda: portal.device.cycles == 1)
    asked.cancel()
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    assert not portal.supervisor.subscribers.focus_requests
