"""The log names the client of each change and stream: its address, and its user or token."""

import asyncio
import logging
from pathlib import Path

import pytest

from soft_stream.web.api.control_log import LOG_INTERVAL
from tests.support.logins import login_of, write_logins
from tests.support.server import Portal, StartPortal

# of the password "a", with the lowest cost
HASH = "$2b$04$abcdefghijklmnopqrstuuMFdJu9yVgmagVAIC24fOZkaFqd3s9JC"


@pytest.fixture
async def anna(start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Portal:
    """Return a server with the user anna, who may control the camera."""
    users = tmp_path / "htpasswd"
    users.write_text(f"anna:{HASH}:role=control\n")
    caplog.set_level(logging.INFO)
    return await start_portal(
        users_file=str(users), controls_file=tmp_path / "cam0-controls.env", autofocus_timeout=0.5
    )


ANNA = {"Authorization": "Basic YW5uYTph"}


async def post(portal: Portal, path: str, body: str = "") -> int:
    """Send a POST as anna and return the status."""
    async with portal.http.post(path, data=body, headers=ANNA) as answer:
        return answer.status


def lines(caplog: pytest.LogCaptureFixture, start: str) -> list[str]:
    """Return the lines of the log that begin with a text."""
    return [each for each in caplog.messages if each.startswith(start)]


async def test_streams(anna: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """A stream has a line with its user when it begins and one when it ends."""
    async with anna.http.get("/stream.mjpg?client=admin)", headers=ANNA) as answer:
        await answer.content.readany()
    await anna.until(lambda: lines(caplog, "Client disconnected: "))
    assert lines(caplog, "Client connected: ") == ["Client connected: 127.0.0.1 (user anna) /stream.mjpg"]
    (ended,) = lines(caplog, "Client disconnected: ")
    assert ended.startswith("Client disconnected: 127.0.0.1 (user anna) /stream.mjpg after ")


async def test_a_client_without_a_login(anna: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """On this machine no login is needed; then the line has the address only."""
    async with anna.http.get("/stream.mjpg") as answer:
        await answer.content.readany()
    await anna.until(lambda: lines(caplog, "Client disconnected: "))
    assert lines(caplog, "Client connected: ") == ["Client connected: 127.0.0.1 /stream.mjpg"]


async def test_controls(anna: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """The line has each value before the first change and after the last one."""
    for value in ("0.1", "0.2"):
        assert await post(anna, "/controls", f'{{"Brightness": {value}}}') == 200
    await anna.until(lambda: lines(caplog, "Controls set by"))
    assert lines(caplog, "Controls set by") == [
        "Controls set by 127.0.0.1 (user anna): Brightness from 0.0 to 0.2",
    ]
    assert await post(anna, "/controls", '{"Brightness": null}') == 200
    await anna.until(lambda: len(lines(caplog, "Controls set by")) > 1)
    assert lines(caplog, "Controls set by")[1] == "Controls set by 127.0.0.1 (user anna): Brightness from 0.2 to 0.0"


async def test_a_client_that_leaves_meanwhile(
    anna: Portal, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client cannot avoid its line: what the camera has got is logged, although the client has disconnected."""
    assert await post(anna, "/controls", '{"Brightness": 0.1}') == 200
    is_set, goes_on = asyncio.Event(), asyncio.Event()
    set_controls = anna.supervisor.set_controls

    async def wait(change: object) -> None:
        is_set.set()
        await goes_on.wait()
        await set_controls(change)  # type: ignore[arg-type] # as it was given

    monkeypatch.setattr(anna.supervisor, "set_controls", wait)
    posted = asyncio.create_task(post(anna, "/controls", '{"Brightness": 0.7}'))
    await is_set.wait()
    posted.cancel()
    await asyncio.wait([posted])
    await asyncio.sleep(0.1)
    goes_on.set()
    await anna.until(lambda: "to 0.7" in caplog.text)


async def test_controls_that_are_kept(anna: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """`keep=1` has a line of its own, with the file and what is in it."""
    assert await post(anna, "/controls?keep=1", '{"Brightness": 0.1}') == 200
    assert await post(anna, "/controls?keep=1", '{"Brightness": null}') == 200
    file = anna.supervisor.settings.controls_file
    start = f"Controls kept by 127.0.0.1 (user anna) in {file}: "
    assert next(each.removeprefix(start) for each in lines(caplog, "Controls kept")) == "Brightness=0.1"
    assert len(lines(caplog, start)) == 2


async def test_focus_arm_and_pause(anna: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """Each request that acts on the camera has one line with its client, and what it changes."""
    assert await post(anna, "/focus") == 200
    assert await post(anna, "/arm?seconds=60") == 200
    assert await post(anna, "/arm?seconds=0") == 200
    assert await post(anna, "/pause?seconds=30&client=timelapse") == 200
    assert await post(anna, "/resume?client=timelapse") == 200
    client = "127.0.0.1 (user anna)"
    assert lines(caplog, "Autofocus cycle requested") == [f"Autofocus cycle requested by {client}"]
    assert lines(caplog, "Kept ready") == [
        f"Kept ready by {client}: from 0 s to 60 s",
        f"Kept ready by {client}: from 60 s to 0 s",
    ]
    (paused,) = lines(caplog, "Pause of ")
    assert paused.startswith(f"Pause of 30 s by {client}: from ")
    assert lines(caplog, "Resumed by") == [f"Resumed by {client}: ends the pause of timelapse (127.0.0.1)"]


async def test_a_login_without_the_role(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A refusal has one line, with its client, what it needs and what it has."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(users_file=str(write_logins(tmp_path).users))
    for path in ("/focus", "/css_0123456789abc/arm"):
        async with portal.http.post(path, headers=login_of("vera")) as answer:
            assert answer.status in (400, 403)
    assert lines(caplog, "Refused POST") == [
        "Refused POST /focus of 127.0.0.1 (user vera): it needs the role control, and has view",
        "Refused POST /css_.../arm of 127.0.0.1 (user vera): it needs the role control, and has view",
    ]


async def test_what_is_refused_changes_nothing(anna: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """A value that the camera refuses is no change."""
    assert await post(anna, "/controls", '{"Brightness": 7}') == 400
    await asyncio.sleep(LOG_INTERVAL / 10)
    assert lines(caplog, "Controls set by") == []
    assert anna.supervisor.controls.values == {}
