"""OctoPrint's own code takes snapshots from the server."""

import base64
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.end_to_end.clients.programs import PYTHON, SCRIPTS, needs_package, run
from tests.support.logins import TOKENS, write_logins
from tests.support.server import QUICK, Portal, StartPortal

pytestmark = needs_package("octoprint")
SIZE = (QUICK.width, QUICK.height)
FULL_SIZE = (QUICK.snapshot_width, QUICK.snapshot_height)


async def octoprint(portal: Portal, path: str, folder: Path, login: dict[str, str] | None = None) -> dict[str, Any]:
    """Press the Test button and record a timelapse of three frames; return both results."""
    address = f"http://127.0.0.1:{portal.port}{path}"
    ended = await run(PYTHON, SCRIPTS / "octoprint_webcam.py", folder, address, "3", json.dumps(login or {}))
    assert ended.status == 0, ended.said
    outcome: dict[str, Any] = json.loads(ended.out)
    return outcome


def sizes(folder: Path) -> list[tuple[int, int]]:
    """Return the size of each picture in a folder; all of them must be whole."""
    frames = [Image.open(frame) for frame in folder.iterdir()]
    for frame in frames:
        frame.load()
    return [frame.size for frame in frames]


@pytest.mark.parametrize(
    ("path", "size"), [("/snapshot.jpg", FULL_SIZE), ("/?action=snapshot", SIZE), ("/webcam/?action=snapshot", SIZE)]
)
async def test_octoprint_takes_snapshots(portal: Portal, path: str, size: tuple[int, int], tmp_path: Path) -> None:
    """The settings of OctoPrint show the snapshot when the URL is tested, and its timelapse records whole frames."""
    outcome = await octoprint(portal, path, tmp_path)
    tested, timelapse = outcome["test"], outcome["timelapse"]
    assert (tested["result"], tested["status"]) == (True, 200)
    assert tested["response"]["assumed_content_type"] == "image/jpeg"
    assert Image.open(BytesIO(base64.b64decode(tested["response"]["content"]))).size == size
    assert (timelapse["succeeded"], timelapse["failed"]) == (3, 0)
    assert sizes(Path(timelapse["folder"])) == [size] * 3


async def test_octoprint_notices_that_there_is_no_camera(portal: Portal, tmp_path: Path) -> None:
    """Without a camera the test fails, and the timelapse counts an error instead of a frame."""
    portal.device.unplug()
    outcome = await octoprint(portal, "/snapshot.jpg", tmp_path)
    tested, timelapse = outcome["test"], outcome["timelapse"]
    assert (tested["result"], tested["status"]) == (False, 503)
    assert (timelapse["succeeded"], timelapse["failed"]) == (0, 3)


@pytest.mark.parametrize(
    ("kind", "name", "secret", "status"),
    [
        ("basic", "vera", "p@s:s/w#d?%41 ü", 200),
        ("bearer", "", TOKENS["see"], 200),
        ("bearer", "", TOKENS["old"], 401),
        ("digest", "vera", "p@s:s/w#d?%41 ü", 401),
    ],
)
async def test_octoprint_logs_in(
    start_portal: StartPortal, tmp_path: Path, kind: str, name: str, secret: str, status: int
) -> None:
    """Basic and a bearer token work; an expired token and digest do not, and the test and the timelapse notice it."""
    users = str(write_logins(tmp_path, {"vera": "p@s:s/w#d?%41 ü"}).users)
    portal = await start_portal(auth="always", users_file=users)
    folder = tmp_path / "octoprint"
    folder.mkdir()
    login = {"snapshotUsername": name, "snapshotPassword": secret, "snapshotBearerToken": secret}
    outcome = await octoprint(
        portal, "/snapshot.jpg?size=stream", folder, {"snapshotAuth": kind} | login if kind else None
    )
    assert outcome["test"]["status"] == status
    assert outcome["timelapse"]["succeeded"] == (3 if status == 200 else 0)
