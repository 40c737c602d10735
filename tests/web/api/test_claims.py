"""Claims of several clients on one camera: whose pause remains, and how many there may be."""

import asyncio
import time
from pathlib import Path

import pytest

from soft_stream.capture.pause import Borrower, Pause
from soft_stream.capture.status import MAX_LOGGED, State
from soft_stream.web.api.camera import MAX_LEASES
from tests.support.pausing import pause_file_of
from tests.support.server import Portal, StartPortal
from tests.web.api.test_pause import post, state_of


async def test_a_resume_does_not_wait_for_a_pause_that_begins_meanwhile(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another client that pauses the camera before it is taken back is named at once, and keeps its pause."""
    await post(portal, "/pause?client=a")
    pause = portal.supervisor.pause
    release = pause.release

    def release_before_a_claim(key: str) -> None:
        # the claim is made after the release, and before the task that owns the camera runs
        asyncio.get_running_loop().call_soon(Pause.acquire, pause, "POST /pause b", Borrower("b"), 250)
        patched.undo()
        release(key)

    with monkeypatch.context() as patched:
        patched.setattr(pause, "release", release_before_a_claim)
        async with asyncio.timeout(30):
            status, said = await post(portal, "/resume?client=a")
    assert (status, said) == (409, "The camera is still paused by b, for at most 250 s more.")
    assert state_of(portal) is State.PAUSED


async def test_pauses_and_resumes_at_the_same_time(portal: Portal) -> None:
    """Each resume is answered at once, with 200 or with the owner of the other pause."""
    for _ in range(30):
        await post(portal, "/pause?client=a&seconds=200")
        async with asyncio.timeout(30):
            other = asyncio.create_task(post(portal, "/pause?client=b&seconds=200"))
            status, said = await post(portal, "/resume?client=a")
            assert (await other)[0] == 200
        assert status == 200 or (status == 409 and said.startswith("The camera is still paused by b (127.0.0.1), "))
        assert (await post(portal, "/resume?client=b"))[0] == 200


async def test_a_resume_without_a_pause(portal: Portal) -> None:
    """It changes nothing and is not an error, however often it is sent."""
    for _ in range(3):
        assert await post(portal, "/resume") == (200, {"state": "idle"})
    assert portal.device.opened == 0


async def test_who_else_holds_the_camera(start_portal: StartPortal, tmp_path: Path) -> None:
    """The 409 has the longest pause, the number of the others, and the pause file if there is one."""
    file = tmp_path / "cam0.pause"
    portal = await start_portal(pause_file=str(file))
    async with pause_file_of(portal, file):
        file.write_text("Octolapse")
        await portal.until((tmp_path / "cam0.pause.ack").exists)
        for name in "ab":
            await post(portal, f"/pause?client={name}&seconds=20")
        status, said = await post(portal, "/resume?client=a")
    start, _, rest = said.partition(", for at most ")
    assert (status, start) == (409, "The camera is still paused by Octolapse")
    assert rest.partition(" s more; ")[2] == f"there is 1 more; the pause file {file} must be removed."


async def test_the_number_of_claims_is_limited(portal: Portal, tmp_path: Path) -> None:
    """One more is 503 with Retry-After; existing ones are renewed, and the pause file always counts."""
    for number in range(MAX_LEASES):
        assert (await post(portal, f"/pause?client=n{number}&seconds=200"))[0] == 200
    for number in range(MAX_LEASES, MAX_LEASES + 50):
        async with portal.http.post(f"/pause?client=n{number}") as answer:
            assert answer.status == 503
            assert await answer.text() == (
                "16 other clients have paused the camera; one of them must end its pause first.\n"
            )
            assert 100 < int(answer.headers["Retry-After"]) <= 200
    assert len(portal.supervisor.pause.keys) == MAX_LEASES
    status, said = await post(portal, "/pause?client=n3&seconds=250")
    assert (status, said["owner"]) == (200, "n3 (127.0.0.1)")
    assert said["until"] > time.time() + 210
    file = tmp_path / "cam0.pause"
    async with pause_file_of(portal, file):
        file.touch()
        await portal.until((tmp_path / "cam0.pause.ack").exists)
    assert (await post(portal, "/resume?client=n3"))[0] == 409
    assert (await post(portal, "/pause?client=new"))[0] == 200


async def test_names_are_short(portal: Portal) -> None:
    """What a client and a proxy say about themselves is cut."""
    async with portal.http.post(f"/pause?client={'n' * 5000}", headers={"X-Forwarded-For": "1" * 5000}) as answer:
        assert answer.status == 200
        assert len((await answer.json())["owner"]) < 120


async def test_lines_about_ever_new_names_are_forgotten(portal: Portal) -> None:
    """The same line is logged once; the memory of these lines does not grow with the names that clients invent."""
    status = portal.supervisor.status

    def times(name: str) -> int:
        return sum(entry.text == f"PAUSED: {name}" for entry in status.recent_log)

    for _ in range(2):
        status.set_state(State.PAUSED, "first")
    assert times("first") == 1
    for number in range(MAX_LOGGED):
        status.set_state(State.PAUSED, f"n{number}")
    status.set_state(State.PAUSED, "first")
    assert times("first") == 1  # the first one has left the recent lines
    assert status.recent_log[-1].text == "PAUSED: first"
