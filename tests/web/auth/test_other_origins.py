"""CORS and the login: pages of other origins see only what their users may see, and preflights reveal nothing."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.logins import login_of, write_logins
from tests.support.server import QUICK, Portal, StartPortal

MAINSAIL = "http://mainsail.local"
ALLOW_ORIGIN, ALLOW_CREDENTIALS = "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"
PREFLIGHT = {"Origin": MAINSAIL, "Access-Control-Request-Headers": "authorization"}


async def answered(portal: Portal, method: str, path: str, headers: Mapping[str, str]) -> tuple[int, str, str]:
    """Return the status, and which origin may read the answer, with or without credentials."""
    async with portal.http.request(method, path, headers=headers) as answer:
        return answer.status, answer.headers.get(ALLOW_ORIGIN, ""), answer.headers.get(ALLOW_CREDENTIALS, "")


@pytest.fixture
def users_file(tmp_path: Path) -> str:
    """Return the name of a users' file."""
    return str(write_logins(tmp_path).users)


@pytest.mark.parametrize("has_users", [True, False])
async def test_any_origin_needs_the_login(start_portal: StartPortal, users_file: str, has_users: bool) -> None:
    """With `*` a page reads what it has a login for; without one it reads a 401, and credentials are never allowed."""
    portal = await start_portal(cors_origins=("*",), auth="always", users_file=users_file if has_users else "")
    for path in ("/status.json", "/snapshot.jpg", "/stream.mjpg", "/cameras.json", "/nothing", "/cam1/"):
        assert await answered(portal, "GET", path, {"Origin": MAINSAIL}) == (401, "*", "")
    if has_users:
        headers = {"Origin": MAINSAIL, **login_of("vera")}
        assert await answered(portal, "GET", "/status.json", headers) == (200, "*", "")
        headers = {"Origin": MAINSAIL, "Sec-Fetch-Site": "cross-site", **login_of("adam")}
        assert (await answered(portal, "POST", "/focus", headers))[0] == 403  # `*` is read-only
    assert portal.device.opened == 0


async def test_credentials_only_for_listed_origins(start_portal: StartPortal, users_file: str) -> None:
    """A listed page may send credentials, other pages get no permission, also with a right login."""
    portal = await start_portal(cors_origins=(MAINSAIL,), auth="always", users_file=users_file)
    for login, status in (("vera", 200), ("", 401)):
        login_headers = login_of(login) if login else {}
        for origin, allowed in ((MAINSAIL, (MAINSAIL, "true")), ("http://evil.example", ("", "")), ("null", ("", ""))):
            headers = {"Origin": origin, **login_headers}
            assert await answered(portal, "GET", "/status.json", headers) == (status, *allowed)
    headers = {"Origin": MAINSAIL, "Sec-Fetch-Site": "cross-site"}
    assert (await answered(portal, "POST", "/resume", {**headers, **login_of("vera")}))[0] == 403
    assert (await answered(portal, "POST", "/resume", {**headers, **login_of("conny")}))[0] == 200
    assert (await answered(portal, "POST", "/resume", {"Origin": "http://evil.example", **login_of("conny")}))[0] == 403


async def test_preflights_need_no_login(start_portal: StartPortal, users_file: str) -> None:
    """Browsers send preflights without a login; a listed origin gets the methods, and Authorization is allowed."""
    portal = await start_portal(cors_origins=(MAINSAIL,), auth="always", users_file=users_file)
    for path, method in (("/status.json", "GET"), ("/focus", "POST"), ("/x/?action=snapshot", "GET")):
        headers = {**PREFLIGHT, "Access-Control-Request-Method": method}
        async with portal.http.options(path, headers=headers) as answer:
            assert (answer.status, answer.headers[ALLOW_ORIGIN]) == (204, MAINSAIL)
            assert method in answer.headers["Access-Control-Allow-Methods"]
            assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]


@pytest.mark.parametrize("origins", [(), ("*",), (MAINSAIL,)])
async def test_preflights_reveal_nothing(start_portal: StartPortal, users_file: str, origins: tuple[str, ...]) -> None:
    """Without a login, no OPTIONS request shows which paths and cameras exist, whatever origin it names."""
    cameras = {0: QUICK, 1: QUICK}
    portal = await start_portal(cors_origins=origins, auth="always", users_file=users_file, cameras=cameras)
    preflight = {**PREFLIGHT, "Access-Control-Request-Method": "GET"}
    assert len({await answered(portal, "OPTIONS", f"/cam{number}/snapshot.jpg", preflight) for number in (1, 5)}) == 1
    for path in ("/nothing", "/cam1/nothing", "/cam5/nothing", "/static"):
        for headers in ({}, {"Origin": MAINSAIL}, preflight):
            assert (await answered(portal, "OPTIONS", path, headers))[0] == 401
    for path in ("/status.json", "/static/shared/style.css"):  # no preflights
        assert (await answered(portal, "OPTIONS", path, {"Origin": MAINSAIL}))[0] == 401
    evil = {"Origin": "http://evil.example", "Access-Control-Request-Method": "GET"}
    for path in ("/status.json", "/focus", "/nothing") if origins != ("*",) else ("/focus", "/nothing"):
        assert (await answered(portal, "OPTIONS", path, evil))[0] == 401
