"""Each route needs a role, and each client gets only what its role allows."""

from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from soft_stream.access.rights import Role
from soft_stream.web.app import ROUTES, build_app
from soft_stream.web.auth.required_role import ROLES
from tests.support.logins import basic, login_of, write_logins
from tests.support.server import QUICK, Portal, StartPortal

USERS = {"vera": Role.VIEW, "conny": Role.CONTROL, "adam": Role.ADMIN}
COSTS = [(route.path, route.method, role) for role, routes in ROUTES.items() if role for route in routes]


@pytest.fixture
async def locked(start_portal: StartPortal, tmp_path: Path) -> Portal:
    """Return a server of cameras 0 and 1 that wants a login from every client."""
    changes = {"auth": "always", "users_file": str(write_logins(tmp_path).users), "snapshot_size": "stream"}
    cameras = dict.fromkeys((0, 1), QUICK)
    return await start_portal(cameras=cameras, legacy_control=True, **changes)


async def answer_of(portal: Portal, path: str, login: str = "", method: str = "GET") -> tuple[int, str]:
    """Return the status of an answer, and its text if that is plain text."""
    async with portal.http.request(method, path, headers=login_of(login) if login else {}) as answer:
        return answer.status, await answer.text() if answer.content_type == "text/plain" else ""


def test_every_route_has_a_role(portal: Portal) -> None:
    """Each route of the router is in the table, and no handler has two roles."""
    app = build_app(portal.supervisor, {0: QUICK})
    assert {route.handler for route in app.router.routes()} == app[ROLES].keys()
    roles = {(route.handler, role) for role, routes in ROUTES.items() for route in routes}
    assert len(roles) == len({handler for handler, _ in roles})


async def test_a_forgotten_route_is_for_admins(locked: Portal) -> None:
    """A route that is not in the table is refused to all others."""

    async def forgotten(_: web.Request) -> web.Response:
        return web.Response(text="secret")

    app = build_app(locked.supervisor, {0: locked.supervisor.settings})
    app.router.add_get("/forgotten", forgotten)
    async with TestClient(TestServer(app)) as client:
        for name, role in USERS.items():
            async with client.get("/forgotten", headers=login_of(name)) as answer:
                assert answer.status == (200 if role is Role.ADMIN else 403)


@pytest.mark.parametrize(("path", "method", "role"), COSTS)
async def test_the_role_of_each_route(locked: Portal, path: str, method: str, role: Role) -> None:
    """Who has less than the role of a route gets 403 with both roles; who has it does not."""
    for name, has in USERS.items():
        status, text = await answer_of(locked, path, name, method)
        if has < role:
            assert (status, text) == (403, f"This needs the role {role}; the user {name} has {has} for camera 0.\n")
        else:
            assert status not in (401, 403), text


@pytest.mark.parametrize(
    "path",
    [
        "/?action=command&id=-1", "/webcam?action=command&id=-1&plugin=0", "/?action%3Dcommand%26id%3D-1",
        "/x/?ACTION=COMMAND_0&id=-1", "/cam0/?action=command_0&id=-1", "/webcam/?x=1&action=command&id=-1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_commands_need_control(locked: Portal, path: str, method: str) -> None:
    """mjpg-streamer's commands are GET requests of `/`, whose role is view; they need control."""
    assert (await answer_of(locked, path, "", method))[0] == 401
    assert (await answer_of(locked, path, "vera", method))[0] == 403
    assert (await answer_of(locked, path, "conny", method))[0] == 200


async def test_commands_that_are_off(start_portal: StartPortal, tmp_path: Path) -> None:
    """Also where the settings allow no commands, they need control first."""
    portal = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    assert (await answer_of(portal, "/?action=command&id=-1", "vera"))[0] == 403
    assert (await answer_of(portal, "/?action=command&id=-1", "conny"))[0] == 501


@pytest.mark.parametrize("path", ["/nothing", "/cam1/", "/cam1/snapshot.jpg", "/cam7/x", "/webcam/static"])
async def test_nothing_about_paths_and_cameras_leaks(locked: Portal, path: str) -> None:
    """Without a login all paths look alike, whether they exist, are of another camera, or allow the method."""
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        assert (await answer_of(locked, path, "", method))[0] == 401
        assert (await answer_of(locked, "/status.json", "", method))[0] == 401
    assert (await answer_of(locked, path, "vera"))[0] == 404
    assert (await answer_of(locked, "/status.json", "vera", "DELETE"))[0] == 405


async def test_static_files_are_the_same_below_all_cameras(locked: Portal) -> None:
    """Files without a role do not reveal which cameras exist."""
    for prefix in ("", "/cam0", "/cam1", "/cam7"):
        assert (await answer_of(locked, f"{prefix}/static/shared/style.css"))[0] == 200
        assert (await answer_of(locked, f"{prefix}/static/shared/nothing.css"))[0] == 404
        assert (await answer_of(locked, f"{prefix}/static/shared/style.css", method="POST"))[0] == 401


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
async def test_no_header_replaces_the_method(locked: Portal, header: str) -> None:
    """A GET or POST that wants to be another method is what it is."""
    for path, method, wanted in (("/focus", "GET", "POST"), ("/status.json?_method=POST", "POST", "GET")):
        async with locked.http.request(method, path, headers={**login_of("adam"), header: wanted}) as answer:
            assert answer.status == 405
    assert locked.device.opened == 0


async def test_head_of_a_stream_needs_a_login(locked: Portal) -> None:
    """HEAD has the role of GET."""
    for path in ("/stream.mjpg", "/snapshot.jpg", "/status.json", "/"):
        assert (await answer_of(locked, path, "", "HEAD"))[0] == 401
        assert (await answer_of(locked, path, "vera", "HEAD"))[0] == 200


async def test_the_challenge(locked: Portal) -> None:
    """A program gets the challenge of Basic and one line of text; so does one with a wrong login."""
    for headers in ({}, basic("vera", "wrong")):
        async with locked.http.get("/snapshot.jpg", headers=headers) as answer:
            assert answer.headers.getall("WWW-Authenticate") == ['Basic realm="cameras", charset="UTF-8"']
            assert await answer.text() == "A login is needed.\n"
            assert answer.headers["Cache-Control"] == "no-store"
