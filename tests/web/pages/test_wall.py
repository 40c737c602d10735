"""What the address of the page of all cameras chooses."""

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support.logins import login_of, write_logins
from tests.support.server import QUICK, Portal, StartPortal

CAMERAS = {number: replace(QUICK, camera=number, port=18081 + number, name=f"Cam {number}") for number in (0, 1, 3)}


@pytest.fixture
async def portal(start_portal: StartPortal) -> Portal:
    """A server that knows three cameras: 0, 1 and 3."""
    return await start_portal(cameras=CAMERAS)


async def get(portal: Portal, query: str) -> tuple[int, str]:
    """Return the status and the text of the page."""
    async with portal.http.get(f"/cameras{query}") as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("query", "numbers"),
    [("", [0, 1, 3]), ("?cameras=3,0", [3, 0]), ("?cameras=1", [1]), ("?cameras=1,1,1", [1])],
)
async def test_the_cameras_of_the_address(portal: Portal, query: str, numbers: list[int]) -> None:
    """The page has these cameras in their order, each once; without a choice it has all."""
    status, page = await get(portal, query)
    assert status == 200
    assert [int(number) for number in re.findall(r'data-number="([0-9]+)"', page)] == numbers
    assert 'class="notice"' not in page


async def test_a_camera_that_does_not_exist_is_named(portal: Portal) -> None:
    """The page shows the others, and says which one is missing, and which there are."""
    status, page = await get(portal, "?cameras=0,2,7")
    assert status == 200
    assert re.findall(r'data-number="([0-9]+)"', page) == ["0"]
    assert "There is no camera 2, 7 here. Cameras: 0, 1, 3." in page


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ("cameras=7", 404, "cameras=7: there are only these cameras: 0, 1, 3."),
        ("cameras=", 400, "cameras=: must be numbers of cameras with commas between them, such as 0,2."),
        ("cameras=0;1", 400, "cameras=0;1: must be numbers of cameras with commas between them, such as 0,2."),
        ("cameras=-1", 400, "cameras=-1: must be numbers of cameras with commas between them, such as 0,2."),
        ("cameras=\u0663", 400, "cameras=\u0663: must be numbers of cameras with commas between them, such as 0,2."),
        ("mode=fast", 400, "mode=fast: must be one of: thumbnails, live."),
        ("columns=0", 400, "columns=0: must be one of: auto, 1, 2, 3, 4, 5, 6, 7, 8."),
        ("kiosk=yes", 400, "kiosk=yes: must be one of: 0, 1."),
    ],
)
async def test_a_wrong_choice_is_a_sentence(portal: Portal, query: str, status: int, said: str) -> None:
    """The answer names the key, the value and what is expected."""
    assert await get(portal, f"?{query}") == (status, f"{said}\n")


async def test_a_kiosk_has_nothing_to_press(portal: Portal) -> None:
    """Its page has no header, link, button or dialog; that of a person has."""
    _, kiosk = await get(portal, "?kiosk=1&mode=live&columns=3")
    _, page = await get(portal, "")
    for tag in ("<header", "<a ", "<button", "<dialog", "<select"):
        assert tag not in kiosk
        assert tag in page
    assert 'data-mode="live" data-columns="3" class="kiosk"' in kiosk


async def test_without_scripts_there_are_last_pictures(portal: Portal) -> None:
    """A browser without JavaScript shows the thumbnail of each camera."""
    _, page = await get(portal, "")
    assert page.count("<noscript><img") == 3
    assert 'src="./thumbnail.jpg"' in page
    assert re.search(r'src="//127\.0\.0\.1:18082/thumbnail\.jpg"', page)


async def test_cameras_of_others_are_not_named(start_portal: StartPortal, tmp_path: Path) -> None:
    """A user of one camera learns nothing about the numbers of the others."""
    users = (await asyncio.to_thread(write_logins, tmp_path)).users
    locked: dict[str, Any] = {"auth": "always", "users_file": str(users), "state_directory": tmp_path}
    cameras = {number: replace(each, **locked) for number, each in CAMERAS.items()}
    portal = await start_portal(cameras=cameras, **locked)
    async with portal.http.get("/cameras?cameras=0,1,9", headers=login_of("nina")) as answer:
        page = await answer.text()
    assert answer.status == 200, page[:300]
    assert re.findall(r'data-number="([0-9]+)"', page) == ["1"]
    assert "There is no camera 0, 9 here. Cameras: 1." in page
