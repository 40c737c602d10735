"""`/cameras.json` and the links between cameras: the processes trust each other, and a client sees what it may see."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from soft_stream.access import internal
from soft_stream.access.rights import Rights, Role
from soft_stream.access.signing import SigningKey
from soft_stream.config.settings import Settings
from tests.support.logins import login_of, write_logins
from tests.support.processes import free_port
from tests.support.server import QUICK, Portal, StartPortal

NETWORK = {"X-Forwarded-For": "192.0.2.7"}


@asynccontextmanager
async def two_cameras(start: StartPortal, folder: Path, **of_second: Any) -> AsyncIterator[list[Portal]]:
    """Run the processes of two cameras that need a login from every client; `of_second` are settings of camera 1."""
    users_file = str(write_logins(folder).users)
    common: dict[str, Any] = {"auth": "always", "users_file": users_file, "state_directory": folder / "state"}
    changes = [common, common | of_second]
    second = await start(camera=1, **changes[1])
    settings: dict[int, Settings] = {
        number: replace(QUICK, camera=number, port=port, name=f"Cam {number}", **changes[number])
        for number, port in ((0, 1), (1, second.port))
    }
    yield [await start(camera=0, cameras=settings, **common), second]


async def states(portal: Portal, headers: Mapping[str, str]) -> dict[int, str]:
    """Return the state of each camera that /cameras.json has."""
    async with portal.http.get("/cameras.json", headers=headers) as answer:
        assert answer.status == 200
        return {each["number"]: each["state"] for each in await answer.json()}


@pytest.mark.parametrize("login", ["adam", "vera", "see"])
async def test_who_may_see_all_cameras(start_portal: StartPortal, tmp_path: Path, login: str) -> None:
    """The process of camera 0 gets the status of camera 1, which needs a login, and passes it on."""
    async with two_cameras(start_portal, tmp_path) as (first, _):
        assert await states(first, login_of(login)) == {0: "idle", 1: "idle"}


async def test_who_may_see_one_camera(start_portal: StartPortal, tmp_path: Path) -> None:
    """A user of camera 0 finds camera 1 neither in /cameras.json nor in the pages."""
    async with two_cameras(start_portal, tmp_path) as (first, _):
        file = tmp_path / "htpasswd"
        file.write_text(file.read_text().replace(":role=view\n", ":role=view camera=0\n"))
        while await states(first, login_of("vera")) != {0: "idle"}:
            pass
        for path in ("/", "/cameras"):
            async with first.http.get(path, headers=login_of("vera")) as answer:
                text = await answer.text()
                assert answer.status == 200
                assert "Cam 1" not in text
                assert f":{first.supervisor.settings.port}" not in answer.headers["Content-Security-Policy"]
            async with first.http.get(path, headers=login_of("adam")) as answer:
                assert "Cam 1" in await answer.text()


async def test_another_camera_with_other_users(start_portal: StartPortal, tmp_path: Path) -> None:
    """The users of camera 0 see nothing of a camera that has a users' file of its own."""
    (tmp_path / "other").mkdir()
    users = str(write_logins(tmp_path / "other").users)
    async with two_cameras(start_portal, tmp_path, users_file=users) as (first, _):
        assert await states(first, login_of("adam")) == {0: "idle"}


@pytest.mark.parametrize(
    ("headers", "of_first", "of_second", "seen"),
    [
        ({}, {}, {}, {0, 1}),
        ({}, {}, {"auth": "always"}, {0}),
        (NETWORK, {"open_to_network": True}, {}, {0}),
        (NETWORK, {"open_to_network": True}, {"open_to_network": True}, {0, 1}),
        (NETWORK, {"local_proxy_role": "view"}, {"auth": "always", "local_proxy_role": "view"}, {0}),
    ],
)
async def test_without_a_login_the_settings_of_each_camera_count(
    start_portal: StartPortal,
    tmp_path: Path,
    headers: dict[str, str],
    of_first: dict[str, Any],
    of_second: dict[str, Any],
    seen: set[int],
) -> None:
    """What camera 1 hides from clients without a login, camera 0 does not show them."""
    common: dict[str, Any] = {"users_file": str(write_logins(tmp_path).users), "state_directory": tmp_path / "state"}
    second = await start_portal(camera=1, **(common | of_second))
    cameras = {
        0: replace(QUICK, camera=0, **(common | of_first)),
        1: replace(QUICK, camera=1, port=second.port, **(common | of_second)),
    }
    first = await start_portal(camera=0, cameras=cameras, **(common | of_first))
    assert await states(first, headers) == dict.fromkeys(seen, "idle")


async def test_the_token_between_processes(start_portal: StartPortal, tmp_path: Path) -> None:
    """A program that listens on the port of a camera gets a token to view that camera only, for a minute."""
    seen: list[str] = []

    async def listen(request: web.BaseRequest) -> web.StreamResponse:
        seen.append(request.headers["Authorization"])
        return web.Response(text="{}")

    async with AsyncExitStack() as stack:
        server = web.ServerRunner(web.Server(listen))
        await server.setup()
        stack.push_async_callback(server.cleanup)
        port = free_port()
        await web.TCPSite(server, "127.0.0.1", port).start()
        users_file = str(write_logins(tmp_path).users)
        common: dict[str, Any] = {"auth": "always", "users_file": users_file, "state_directory": tmp_path}
        cameras = {number: replace(QUICK, camera=number, port=port, **common) for number in (0, 1)}
        portal = await start_portal(camera=0, cameras=cameras, **common)
        assert await states(portal, login_of("adam")) == {0: "idle", 1: "unreachable"}
        async with portal.http.get("/status.json", headers={"Authorization": seen[0]}) as answer:
            assert answer.status == 403
    key, token = await asyncio.to_thread(SigningKey.load, tmp_path), seen[0].removeprefix("Bearer ")
    issued = key.read("internal", token)
    assert issued
    assert internal.rights_of(key, token, issued["at"]) == Rights(Role.VIEW, frozenset({1}))
    assert internal.rights_of(key, token, issued["at"] + internal.LIFETIME + 1) is None
