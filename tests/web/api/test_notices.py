"""Who gets the notices: clients that may control the camera, and our own commands."""

import asyncio
from pathlib import Path

import pytest

from soft_stream.access import internal
from soft_stream.web.api.notices import NOTICES, NoticeBoard, Notices, SettingsState
from soft_stream.web.app import build_app
from tests.support.logins import login_of, write_logins
from tests.support.server import Portal, StartPortal

FILE = "camera-soft-stream.env"
STATE = SettingsState(f"/etc/{FILE}", ("cam_fps",), f"{FILE} has changed.", "To apply it: restart")


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> NoticeBoard:
    """Return the board of all servers that are started afterwards, with two notices."""
    board = NoticeBoard()
    board.now = Notices(STATE, "The upgrade <b>has failed</b>.")
    monkeypatch.setattr("soft_stream.web.api.notices.NoticeBoard", lambda: board)
    return board


async def test_a_server_without_notices(portal: Portal) -> None:
    """The list is empty, and so is the place of the page."""
    assert (await portal.status())["notices"] == []
    async with portal.http.get("/") as answer:
        assert '<p id="notices" role="status" aria-label="Notices"></p>' in await answer.text()


async def test_who_gets_the_notices(board: NoticeBoard, start_portal: StartPortal, tmp_path: Path) -> None:
    """Users with the role control or admin; a client that may only view gets neither sentences nor paths."""
    logins = write_logins(tmp_path)
    portal = await start_portal(auth="always", users_file=str(logins.users), state_directory=tmp_path)
    sentences = [f"{FILE} has changed. To apply it: restart", "The upgrade <b>has failed</b>."]
    for name in ("conny", "adam"):
        async with portal.http.get("/status.json", headers=login_of(name)) as answer:
            facts = await answer.json()
            assert facts["notices"] == sentences
            assert facts["settings"]["changed"] == ["cam_fps"]
        async with portal.http.get("/", headers=login_of(name)) as answer:
            text = await answer.text()
            assert f"{sentences[0]}\nThe upgrade &lt;b&gt;has failed&lt;/b&gt;.</p>" in text
    for path in ("/status.json", "/status.json?history=1", "/", "/cameras", "/cameras.json"):
        async with portal.http.get(path, headers=login_of("vera")) as answer:
            assert answer.status == 200
            text = await answer.text()
            assert FILE not in text
            assert "upgrade" not in text.lower().replace("upgrade-insecure", "")
    token = await asyncio.to_thread(internal.token_of, tmp_path, 0)
    async with portal.http.get("/status.json", headers={"Authorization": f"Bearer {token}"}) as answer:
        assert (await answer.json())["notices"] == sentences


async def test_pages_of_any_origin_get_none(board: NoticeBoard, start_portal: StartPortal) -> None:
    """`cam_cors_origins=*` is for reading frames and states: such a page may not control, so it gets no paths."""
    page = {"Origin": "http://page.example"}
    for origins, has_notices in (("*", False), (page["Origin"], True)):
        portal = await start_portal(cors_origins=(origins,))
        for path in ("/status.json", "/"):
            async with portal.http.get(path, headers=page) as answer:
                assert (FILE in await answer.text()) == has_notices
            async with portal.http.get(path) as answer:
                assert FILE in await answer.text()


def test_each_application_has_a_board(portal: Portal) -> None:
    """The process puts its notices there."""
    app = build_app(portal.supervisor, {})
    assert app[NOTICES].now == Notices()
