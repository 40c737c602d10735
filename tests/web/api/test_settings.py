"""/settings.json, POST /settings and POST /settings/undo: what is changed, and what is refused."""

# ruff: noqa: ASYNC240 # the files of a test are small

import asyncio
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from soft_stream.capture.status import State
from soft_stream.config import kept_controls
from soft_stream.config.page_settings import NAMES, PageLayer
from soft_stream.web.app import build_app
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, StartPortal

ID = "0 (test-pattern)"


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Return the width and height of a JPEG."""
    with Image.open(BytesIO(jpeg)) as image:
        return image.size


async def post(portal: Portal, body: object, path: str = "/settings") -> tuple[int, Any]:
    """Change settings; return the status, and the facts or the text."""
    async with portal.http.post(path, json=body) as answer:
        return answer.status, await (answer.json() if answer.ok else answer.text())


async def facts(portal: Portal) -> dict[str, Any]:
    """Return the answer to GET /settings.json."""
    async with portal.http.get("/settings.json") as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def kept(file: Path) -> dict[str, str]:
    """Return the settings that the next start would read."""
    found = await asyncio.to_thread(kept_controls.read, file, ID)
    assert found is None or found.warnings == ()
    return dict(found.settings) if found else {}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file of the camera; its folder does not exist yet."""
    return tmp_path / "state" / "camera.env"


@pytest.fixture
async def portal(start_portal: StartPortal, file: Path) -> Portal:
    """Start a server that can keep settings."""
    return await start_portal(controls_file=file, close_after=0.0)


async def test_what_a_client_learns(portal: Portal) -> None:
    """Each setting has its value, default, origin, bounds, and how it applies; nothing is opened for that."""
    found = await facts(portal)
    assert [name for name in found if name in NAMES] == list(NAMES)
    assert (found["width"]["value"], found["width"]["default"], found["width"]["min"]) == (160, 1280, 32)
    assert (found["name"]["value"], found["name"]["applies"], found["name"]["max"]) == ("Camera 0", "at once", 100)
    assert (found["fps"]["applies"], found["fps"]["own"]) == ("restarts the capture", False)
    assert found["rotation"]["choices"] == [0, 90, 180, 270]
    assert (found["costs"]["mbit_s"], found["undo"]) == (None, False)
    assert found["costs"]["cpu_percent"] >= 0
    assert portal.supervisor.status.state is State.IDLE


async def test_streams_stay_connected_while_the_capture_restarts(portal: Portal, file: Path) -> None:
    """The client of a stream gets frames of the new size on the same connection, and the costs are known."""
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    await portal.until(lambda: portal.supervisor.status.frame_size == (160, 120))
    status, found = await post(portal, {"width": 320, "height": 240, "rotation": 90, "fps": 25})
    assert status == 200
    assert {name: found[name]["value"] for name in ("width", "fps", "rotation")} == {
        "width": 320,
        "fps": 25,
        "rotation": 90,
    }
    assert (found["width"]["origin"], found["width"]["own"], found["undo"]) == ("page", True, True)
    assert portal.supervisor.status.negotiated
    assert portal.supervisor.status.negotiated.size == (320, 240)
    while size_of((part := await reader.part()).jpeg) != (240, 320):
        assert part.label == "live"
    assert await kept(file) == {"width": "320", "height": "240", "fps": "25", "rotation": "90"}
    assert portal.device.opened == 2
    assert (await portal.status())["counters"]["restarts"] == 0
    await reader.close()


async def test_a_name_and_a_quality_apply_at_once(portal: Portal, file: Path) -> None:
    """The camera stays open, or closed; the frames become smaller."""
    assert (await post(portal, {"name": "Nest box"}))[0] == 200
    assert portal.supervisor.status.state is State.IDLE
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    large = len((await reader.part()).jpeg)
    assert (await post(portal, {"quality": 5}))[0] == 200
    while len((await reader.part()).jpeg) > 0.8 * large:
        pass
    assert ((await portal.status())["name"], portal.device.opened) == ("Nest box", 1)
    async with portal.http.get("/cameras.json") as answer:
        assert [each["title"] for each in await answer.json()] == ["Nest box"]
    assert await kept(file) == {"name": "Nest box", "quality": "5"}
    await reader.close()


async def test_a_snapshot_during_the_restart(portal: Portal) -> None:
    """A request that waits while the capture restarts gets a frame of the new settings."""
    portal.device.slow_open(0.3)
    changing = asyncio.create_task(post(portal, {"width": 320}))
    await portal.until(lambda: portal.supervisor.status.state is State.STARTING)
    async with portal.http.get("/snapshot.jpg?size=stream") as answer:
        assert (answer.status, answer.headers["X-Frame-Size"]) == (200, "320x120")
    assert (await changing)[0] == 200


@pytest.mark.parametrize(
    ("body", "sentences"),
    [
        ({"fps": 500, "width": 33}, ["fps=500: must be a number from 0.1 to 240", "width=33: must be an even number"]),
        ({"fps": 0.1}, ["cam0_start_timeout=5: must be at least 20 (seconds)"]),
        ({"bind": "0.0.0.0"}, ["bind: the page cannot set this"]),  # noqa: S104 # it is refused
        ({"open_command": "true"}, ["open_command: the page cannot set this"]),
        ({"quality": 50, "qualty": 40}, ["qualty: the page cannot set this; did you mean quality?"]),
        ({"open_command": None}, ["open_command: the page cannot set this"]),
        ({"rotation": 45}, ["rotation=45: must be one of: 0, 90, 180, 270 (degrees)"]),
        ({"hflip": "maybe"}, ["hflip=maybe: must be 1 (on) or 0 (off)"]),
        ({"fps": True}, ["fps=True: must be a number"]),
        ({"fps": [1]}, ["fps=[1]: must be a number"]),
        ({"width": 640.5}, ["width=640.5: must be an even number"]),
        ({"name": "x" * 200}, ["must have at most 100 characters"]),
        ({"name": "a\nb"}, ["name=a\\nb: must be printable text"]),
        ({"name": "a\u202eb"}, ["name=a\\u202eb: must be printable text"]),
        ({"name": "\ud800"}, ["name=\\ud800: must be printable text"]),
        ({"quality": float("nan")}, ["quality=nan: must be a whole number"]),
    ],
)
async def test_wrong_values(portal: Portal, file: Path, body: dict[str, Any], sentences: list[str]) -> None:
    """One wrong value, and nothing is changed: 422 with a sentence for each."""
    before = portal.supervisor.settings
    status, text = await post(portal, body)
    assert status == 422
    assert [sentence for sentence in sentences if sentence not in text] == []
    assert (portal.supervisor.settings, file.exists()) == (before, False)


@pytest.mark.parametrize("body", [b"", b"[1]", b"fps=15", b"\xff", b"{" * 9000, b'{"fps": ' + b"9" * 5000 + b"}"])
async def test_a_body_that_is_no_object(portal: Portal, body: bytes) -> None:
    """It is 400 with an example."""
    async with portal.http.post("/settings", data=body) as answer:
        assert answer.status == 400
        assert "The body must be" in await answer.text()


async def test_null_and_an_empty_name_remove_the_value(start_portal: StartPortal, file: Path) -> None:
    """The value of the settings file applies again; without any value there is no file."""
    portal = await start_portal(controls_file=file, name="Printer")
    await post(portal, {"name": "Nest box", "quality": 30})
    status, found = await post(portal, {"name": " ", "quality": None})
    assert (status, found["name"]["value"], found["quality"]["value"]) == (200, "Printer", QUICK.quality)
    assert not file.exists()


async def test_undo_goes_back_step_by_step(portal: Portal, file: Path) -> None:
    """Each undo goes back one change, until there is none."""
    for quality in (30, 40):
        await post(portal, {"quality": quality})
    await post(portal, {"quality": 40})  # no change
    undone = [await post(portal, None, "/settings/undo") for _ in range(3)]
    assert [status for status, _ in undone] == [200, 200, 409]
    assert [found["quality"]["value"] for _, found in undone[:2]] == [30, QUICK.quality]
    assert not file.exists()


async def test_two_admins_at_the_same_time(portal: Portal, file: Path) -> None:
    """Both changes are in effect and kept, and so is the control that a third client keeps meanwhile."""
    bodies = [{"width": 320}, {"rotation": 180}, {"quality": 40}, {"name": "Nest box"}]
    answers = await asyncio.gather(
        *(post(portal, body) for body in bodies), post(portal, {"Brightness": 0.5}, "/controls?keep=1")
    )
    assert {status for status, _ in answers} == {200}
    assert await kept(file) == {"name": "Nest box", "width": "320", "quality": "40", "rotation": "180"}
    found = await asyncio.to_thread(kept_controls.read, file, ID)
    assert found
    assert found.controls == (("Brightness", "0.5"),)
    settings = portal.supervisor.settings
    assert (settings.width, settings.rotation, settings.quality) == (320, 180, 40)


async def test_a_lent_camera_is_left_alone(portal: Portal) -> None:
    """What needs the camera is 409 and changes nothing; a name and a quality are set."""
    async with portal.http.post("/pause", params={"client": "Octolapse"}) as answer:
        assert answer.status == 200
    status, text = await post(portal, {"fps": 10, "quality": 30})
    assert (status, "The camera is paused by Octolapse" in text) == (409, True)
    assert (portal.supervisor.settings.fps, portal.supervisor.settings.quality) == (QUICK.fps, QUICK.quality)
    assert (await post(portal, {"quality": 30}))[0] == 200
    assert portal.device.opened == 0


async def test_a_client_that_leaves_meanwhile(portal: Portal, file: Path) -> None:
    """The change is made or not, as a whole: the file and the settings agree."""
    for number in range(10):
        asked = asyncio.create_task(post(portal, {"width": 200 + 2 * number}))
        await asyncio.sleep(number / 100)
        asked.cancel()
        await asyncio.wait([asked])
    status, found = await post(portal, {"height": 240})
    assert status == 200
    assert (await kept(file)).get("width", "160") == str(found["width"]["value"])
    assert found["width"]["value"] == portal.supervisor.settings.width


async def test_no_folder_at_all(start_portal: StartPortal) -> None:
    """Without a state directory nothing is changed, since it would be forgotten at the next start."""
    portal = await start_portal()
    status, text = await post(portal, {"quality": 30})
    assert (status, text.startswith("The settings cannot be kept, so nothing was changed: ")) == (409, True)
    assert portal.supervisor.settings.quality == QUICK.quality


async def test_what_the_environment_fixes(portal: Portal) -> None:
    """The page shows the variable or the flag; another value is refused, and null removes that of the file."""
    origins = {"fps": "environment cam0_fps", "width": "command line --width"}
    layer = PageLayer(replace(portal.supervisor.settings, fps=50.0), origins, {"fps": 10.0})
    app: web.Application = build_app(portal.supervisor, {0: QUICK}, {0: layer})
    async with TestClient(TestServer(app)) as client:
        found = await (await client.get("/settings.json")).json()
        assert (found["fps"]["fixed_by"], found["fps"]["value"]) == ("environment variable cam0_fps", 50.0)
        assert (found["fps"]["own"], found["fps"]["origin"]) == (True, "environment cam0_fps")
        assert found["width"]["fixed_by"] == "flag --width"
        answer = await client.post("/settings", json={"fps": 20, "width": 320, "height": 120})
        said = await answer.text()
        assert (answer.status, said) == (
            422,
            "fps=20: the environment variable cam0_fps sets it, and the page cannot override that. "
            "width=320: the flag --width sets it, and the page cannot override that.\n",
        )
        answer = await client.post("/settings", json={"fps": None})
        assert (answer.status, (await answer.json())["fps"]["own"]) == (200, False)


async def test_what_the_camera_does_otherwise(portal: Portal) -> None:
    """Each difference from the settings is a sentence, with a code where the page has words for it."""
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    await portal.until(lambda: portal.supervisor.status.negotiated)
    assert (await facts(portal))["differences"] == []
    negotiated = portal.supervisor.status.require_negotiated
    portal.supervisor.status.set_negotiated(replace(negotiated, size=(64, 48), differences=("It mirrors nothing",)))
    found = await facts(portal)
    assert found["differences"] == ["Asked for 160x120, negotiated 64x48", "It mirrors nothing"]
    size = {"code": "log_size", "values": {"wanted": "160x120", "got": "64x48"}}
    assert found["difference_messages"] == [size, None]
    await reader.close()
