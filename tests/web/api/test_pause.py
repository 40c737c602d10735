"""POST /pause and POST /resume release the camera for another program for a limited time."""

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from tests.support.multipart_reader import StreamReader
from tests.support.pausing import pause_file_of
from tests.support.server import Portal, StartPortal


async def post(portal: Portal, path: str, **headers: str) -> tuple[int, Any]:
    """Send a POST; return the status and the JSON, or the error sentence."""
    async with portal.http.post(path, headers=headers) as answer:
        is_json = answer.content_type == "application/json"
        return answer.status, await answer.json() if is_json else (await answer.text()).strip()


def state_of(portal: Portal) -> State:
    """Return the camera's state; a function, because mypy would narrow an attribute."""
    return portal.supervisor.status.state


async def test_the_answer_comes_when_the_camera_is_closed(portal: Portal) -> None:
    """The response is sent when the camera is closed; /status.json has the owner and the end of the pause."""
    reader = await StreamReader.get(portal.port)
    asked = time.time()
    status, said = await post(portal, "/pause?seconds=60")
    assert (portal.device.opened, portal.device.closed) == (1, 1)
    assert (status, said["state"], said["owner"]) == (200, "paused", "127.0.0.1")
    facts = await portal.status()
    assert (facts["state"], facts["pause"]["owner"]) == ("paused", "127.0.0.1")
    assert facts["pause_max"] == portal.supervisor.settings.pause_max
    assert asked + 59 < facts["pause"]["until"] < time.time() + 60
    assert facts["counters"]["pauses"] == 1
    await reader.close()


async def test_no_answer_while_the_camera_is_open(start_portal: StartPortal) -> None:
    """The response waits for a camera that closes slowly."""
    portal = await start_portal(close_timeout=60)
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        await portal.until(lambda: state_of(portal) is State.STREAMING)
        portal.device.hang_on_close()
        asked = asyncio.create_task(post(portal, "/pause"))
        await portal.until(lambda: portal.supervisor.pause.lease)
        await asyncio.sleep(0.3)
        assert not asked.done()
        portal.device.let_go()
        assert (await asked)[0] == 200
        assert portal.device.closed == 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [("page-0a1b2c3d", "page"), ("page-0a1b2c3d4", "program"), ("page-", "program"), ("", "program")],
)
async def test_the_borrower_in_the_status(portal: Portal, name: str, kind: str) -> None:
    """The status says how the pause was requested, by which name, and from where; only pages have names of pages."""
    await post(portal, f"/pause?client={name}", **{"X-Forwarded-For": "192.0.2.7"})
    pause = (await portal.status())["pause"]
    assert (pause["kind"], pause["name"], pause["address"], pause["user"]) == (kind, name, "192.0.2.7", "")


async def test_streams_stay_and_show_placeholders(portal: Portal) -> None:
    """A stream shows the owner of the pause and continues on the same connection after /resume."""
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    assert (await post(portal, "/pause?client=timelapse"))[0] == 200
    await reader.until("notice")
    assert portal.supervisor.health.summary.startswith("paused by timelapse (127.0.0.1), for at most ")
    async with portal.http.get("/healthz") as answer:
        assert (answer.status, await answer.text()) == (200, "Camera 0: paused\n")
    assert await post(portal, "/resume?client=timelapse") == (200, {"state": "starting"})
    await reader.until("live")
    assert portal.device.opened == 2
    assert (await portal.status())["pause"] is None
    await reader.close()


async def test_requests_during_a_pause_are_503_with_the_owner(start_portal: StartPortal) -> None:
    """Snapshots and new streams are 503 with the owner."""
    portal = await start_portal(start_timeout=1)
    await post(portal, "/pause?client=rpicam")
    for path in ("/snapshot.jpg?deadline_ms=300", "/stream.mjpg", "/controls.json"):
        async with portal.http.get(path) as answer:
            assert answer.status == 503
            assert "s: the camera is paused by rpicam (127.0.0.1), for at most " in await answer.text()
    async with portal.http.get("/snapshot.jpg?wake=0") as answer:
        assert (answer.status, await answer.text()) == (503, "Camera 0 is paused, and wake=0 does not open it.\n")
    assert portal.device.opened == 0


async def test_a_snapshot_that_waits_is_served_after_the_pause(portal: Portal) -> None:
    """A snapshot that waits is served if the pause ends before its deadline."""
    await post(portal, "/pause")
    asked = asyncio.create_task(portal.http.get("/snapshot.jpg?deadline_ms=60000"))
    await portal.until(lambda: portal.supervisor.subscribers.clients)
    await post(portal, "/resume")
    async with await asked as answer:
        assert answer.status == 200


async def test_a_pause_ends_by_itself(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """After the requested seconds the camera is reopened, and the log names the owner."""
    reader = await StreamReader.get(portal.port)
    await post(portal, "/pause?seconds=0.5")
    await portal.until(lambda: state_of(portal) is State.STREAMING)
    assert "The pause of 127.0.0.1 has lasted 0 s and ends" in caplog.text
    await reader.close()


@pytest.mark.parametrize("seconds", ["0", "-1", "301", "nan", "inf", "1e9", "", "a", "٣"])
async def test_wrong_seconds(portal: Portal, seconds: str) -> None:
    """An invalid duration or one above pause_max is rejected with 400 and pauses nothing."""
    status, said = await post(portal, f"/pause?seconds={seconds}")
    assert (status, said) == (400, f"seconds={seconds}: must be a number from 0.1 to 300.")
    assert portal.supervisor.pause.lease is None


async def test_a_pause_of_an_idle_camera(portal: Portal) -> None:
    """An idle camera is paused at once, and idle again after /resume."""
    assert (await post(portal, "/pause"))[0] == 200
    assert state_of(portal) is State.PAUSED
    assert await post(portal, "/resume") == (200, {"state": "idle"})
    assert portal.device.opened == 0


async def test_a_pause_while_the_camera_starts(portal: Portal) -> None:
    """A camera that is being opened is closed after the opening."""
    portal.device.slow_open(0.5)
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        await portal.until(lambda: state_of(portal) is State.STARTING)
        assert (await post(portal, "/pause"))[0] == 200
        assert (portal.device.opened, portal.device.closed) == (1, 1)


async def test_a_pause_while_the_camera_is_retried(start_portal: StartPortal) -> None:
    """A camera in use by another program is not retried while it is paused."""
    portal = await start_portal(retry_pause=3600)
    portal.device.seize("motion")
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        await portal.until(lambda: state_of(portal) is State.RETRYING)
        assert (await post(portal, "/pause"))[0] == 200
        portal.device.free()
        await post(portal, "/resume")
        await portal.until(lambda: state_of(portal) is State.STREAMING)


async def test_a_pause_during_a_still(portal: Portal) -> None:
    """A still in progress is delivered before the camera is closed."""
    portal.device.slow_still(0.5)
    asked = asyncio.create_task(portal.http.get("/snapshot.jpg"))
    await portal.until(lambda: state_of(portal) is State.STREAMING)
    assert (await post(portal, "/pause"))[0] == 200
    async with await asked as answer:
        assert (answer.status, answer.headers["X-Snapshot-Size"]) == (200, "full")
    assert portal.device.opened == 1


async def test_two_owners(portal: Portal) -> None:
    """The camera is reopened after the last pause ends; an owner ends only its own pause."""
    await post(portal, "/pause?seconds=200&client=a")
    await post(portal, "/pause?seconds=100&client=b")
    pause = (await portal.status())["pause"]
    assert (pause["owner"], pause["kind"], pause["name"]) == ("a (127.0.0.1)", "program", "a")
    status, said = await post(portal, "/resume?client=a")
    assert status == 409
    assert said.startswith("The camera is still paused by b (127.0.0.1), for at most ")
    assert state_of(portal) is State.PAUSED
    assert (await post(portal, "/resume?client=b"))[0] == 200


async def test_a_short_pause_does_not_shorten_anothers(portal: Portal) -> None:
    """Each owner has its own duration."""
    await post(portal, "/pause?seconds=200&client=a")
    await post(portal, "/pause?seconds=0.2&client=b")
    await portal.until(lambda: len(portal.supervisor.pause.keys) == 1)
    assert state_of(portal) is State.PAUSED


async def test_a_client_without_a_pause_ends_all(portal: Portal) -> None:
    """A client without a pause of its own, such as a browser, ends all pauses set by POST."""
    await post(portal, "/pause?client=a")
    await post(portal, "/pause?client=b")
    assert (await post(portal, "/resume"))[0] == 200
    assert state_of(portal) is State.IDLE


async def test_a_second_pause_of_an_owner_replaces_the_first(portal: Portal) -> None:
    """An owner has one pause; a second request replaces it."""
    await post(portal, "/pause?seconds=1")
    await post(portal, "/pause?seconds=100")
    assert len(portal.supervisor.pause.keys) == 1
    assert (await portal.status())["pause"]["until"] > time.time() + 10


async def test_a_file_and_a_post(portal: Portal, tmp_path: Path) -> None:
    """POST does not end a pause by file, and the acknowledgement is removed with the file."""
    file = tmp_path / "cam0.pause"
    async with pause_file_of(portal, file):
        file.write_text("Octolapse")
        ack = tmp_path / "cam0.pause.ack"
        await portal.until(ack.exists)
        await post(portal, "/pause")
        status, said = await post(portal, "/resume")
        assert status == 409
        assert said.startswith("The camera is still paused by Octolapse, for at most ")
        await post(portal, "/pause")
        file.unlink()
        await portal.until(lambda: not ack.exists())
        assert state_of(portal) is State.PAUSED
        assert (await post(portal, "/resume"))[0] == 200


async def test_a_client_that_disconnects_does_not_pause(start_portal: StartPortal) -> None:
    """A client that disconnects before the response does not keep the camera paused."""
    portal = await start_portal(close_timeout=60)
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        await portal.until(lambda: state_of(portal) is State.STREAMING)
        portal.device.hang_on_close()
        asked = asyncio.create_task(post(portal, "/pause"))
        await portal.until(lambda: "'close'" in portal.supervisor.thread.hanging)
        asked.cancel()
        await portal.until(lambda: portal.supervisor.pause.lease is None)
        portal.device.let_go()
        await portal.until(lambda: portal.device.opened == 2)


async def test_a_camera_that_does_not_close_in_time_is_not_paused(start_portal: StartPortal) -> None:
    """A pause that would end before the camera is closed is 503."""
    portal = await start_portal(close_timeout=30)
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        await portal.until(lambda: state_of(portal) is State.STREAMING)
        portal.device.hang_on_close()
        status, said = await post(portal, "/pause?seconds=0.3")
        assert (status, said) == (503, "The camera was not closed within 0.3 s and is not paused.")
        assert portal.supervisor.pause.lease is None
        portal.device.let_go()
        await portal.until(lambda: portal.device.opened == 2)


async def test_a_pause_that_is_ended_before_it_began(start_portal: StartPortal) -> None:
    """A pause that is ended while the camera closes is 409."""
    portal = await start_portal(close_timeout=60)
    with portal.supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        await portal.until(lambda: state_of(portal) is State.STREAMING)
        portal.device.hang_on_close()
        asked = asyncio.create_task(post(portal, "/pause?client=a"))
        await portal.until(lambda: "'close'" in portal.supervisor.thread.hanging)
        other = asyncio.create_task(post(portal, "/pause?client=b"))
        await portal.until(lambda: len(portal.supervisor.pause.keys) == 2)
        assert (await post(portal, "/resume?client=a"))[0] == 409
        portal.device.let_go()
        assert await asked == (409, "The pause ended before the camera was closed.")
        assert (await other)[0] == 200


async def test_owners_are_printable(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """A client name cannot forge lines of the log."""
    caplog.set_level(logging.INFO)
    assert (await post(portal, "/pause?client=a%0AERROR%1B[31m"))[1]["owner"] == "aERROR[31m (127.0.0.1)"
    assert "PAUSED: paused by aERROR[31m (127.0.0.1), for at most" in caplog.text


@pytest.mark.parametrize("path", ["/pause", "/resume", "/arm", "/focus", "/controls"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_pages_of_other_sites_may_not_pause(portal: Portal, path: str, headers: dict[str, str]) -> None:
    """POST requests of other sites' pages are rejected with 403 and have no effect."""
    status, _ = await post(portal, path, **headers)
    assert status == 403
    assert portal.supervisor.pause.lease is None
    assert (state_of(portal), portal.device.opened, portal.supervisor.controls.values) == (State.IDLE, 0, {})


async def test_our_own_page_may(portal: Portal) -> None:
    """The server's own page may pause the camera."""
    origin = f"http://127.0.0.1:{portal.port}"
    assert (await post(portal, "/pause", **{"Origin": origin, "Sec-Fetch-Site": "same-origin"}))[0] == 200


@pytest.mark.parametrize("path", ["/pause", "/resume", "/arm", "/focus", "/controls"])
async def test_a_get_changes_nothing(portal: Portal, path: str) -> None:
    """GET, which links and images can cause, is rejected with 405."""
    async with portal.http.get(path) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "POST")
        assert await answer.text() == f"{path} does not allow GET, only POST.\n"
    assert portal.supervisor.pause.lease is None
    assert (state_of(portal), portal.device.opened) == (State.IDLE, 0)
