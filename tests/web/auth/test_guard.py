"""Who a client is and what it may do: by its login, else by where it connects from; and the lines about logins."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from aiohttp import ClientSession, UnixConnector
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from soft_stream.access.accounts import Accounts, User
from soft_stream.access.rights import ALL_RIGHTS, Role
from soft_stream.config.endpoints import Endpoint
from soft_stream.web.auth.guard import Guard
from soft_stream.web.auth.identity import Identity
from soft_stream.web.auth.login_log import MAX_REMEMBERED, PAUSE, LoginLog, changes_of
from tests.support.logins import TOKENS, basic, bearer, login_of, write_logins
from tests.support.server import QUICK, Portal, StartPortal

Headers = Mapping[str, str]
DIRECT: Headers = {}
LOOPBACK = Mock(get_extra_info={"peername": ("127.0.0.1", 1)}.get)
FORWARDED: Headers = {"X-Forwarded-For": "192.0.2.7"}
OTHER_FORMS: tuple[Headers, ...] = (
    {"X-Forwarded-For": ""},
    {"x-forwarded-for": "127.0.0.1"},
    {"Forwarded": "for=192.0.2.7"},
    {"Via": "1.1 varnish"},
    {"X-Real-IP": "192.0.2.7"},
    {"CF-Connecting-IP": "192.0.2.7"},
    {"X-Forwarded-Host": "pi.local"},
    {"X-Forwarded-Port": "443"},
    {"X-Forwarded-Prefix": "/"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Server": "pi.local"},
)
NGINX: Headers = {"X-Soft-Stream-Auth": "always", **FORWARDED}


async def role_of(portal: Portal, headers: Headers, http: ClientSession | None = None) -> Role:
    """Return the role that a client has, by what it may request."""
    async with (http or portal.http).get("/healthz", headers=headers) as answer:
        if answer.status == 401:
            return Role.NONE
        assert answer.status == 200
    async with (http or portal.http).post("/resume", headers=headers) as answer:
        return Role.CONTROL if answer.status == 200 else Role.VIEW


# The settings, whether there is a user, and the roles: on this machine, by a proxy on it, by nginx of the deployment.
WHERE: list[tuple[dict[str, Any], bool, tuple[Role, Role, Role]]] = [
    ({}, False, (Role.CONTROL, Role.CONTROL, Role.NONE)),
    ({}, True, (Role.CONTROL, Role.NONE, Role.NONE)),
    ({"auth": "always"}, False, (Role.NONE, Role.NONE, Role.NONE)),
    ({"auth": "always"}, True, (Role.NONE, Role.NONE, Role.NONE)),
    ({"auth": "always", "open_to_network": True, "local_proxy_role": "admin"}, True, (Role.NONE, Role.NONE, Role.NONE)),
    ({"open_to_network": True}, True, (Role.CONTROL, Role.CONTROL, Role.NONE)),
    ({"local_proxy_role": "view"}, False, (Role.CONTROL, Role.VIEW, Role.NONE)),
    ({"local_proxy_role": "view"}, True, (Role.CONTROL, Role.VIEW, Role.NONE)),
    ({"local_proxy_role": "control"}, True, (Role.CONTROL, Role.CONTROL, Role.NONE)),
]


@pytest.mark.parametrize(("changes", "has_users", "roles"), WHERE)
async def test_roles_without_a_login(
    start_portal: StartPortal, tmp_path: Path, changes: dict[str, Any], has_users: bool, roles: tuple[Role, Role, Role]
) -> None:
    """Without a login the settings, the users and the way of the connection decide; loopback and sockets alike."""
    if has_users:
        write_logins(tmp_path)
    changes |= {"users_file": str(tmp_path / "htpasswd"), "listen": (Endpoint("unix", path=str(tmp_path / "socket")),)}
    portal = await start_portal(**changes)
    async with ClientSession("http://pi", connector=UnixConnector(str(tmp_path / "socket"))) as http:
        for session in (None, http):
            assert await role_of(portal, DIRECT, session) == roles[0]
            for headers in (FORWARDED, *OTHER_FORMS):
                assert await role_of(portal, headers, session) == roles[1], headers
            assert await role_of(portal, NGINX, session) == roles[2]


@pytest.mark.parametrize("headers", [DIRECT, FORWARDED, NGINX])
async def test_a_valid_login_counts_more_than_the_address(
    start_portal: StartPortal, tmp_path: Path, headers: Headers
) -> None:
    """The user vera has view on this machine, too, where others have control; a wrong login has no effect there."""
    portal = await start_portal(users_file=str(write_logins(tmp_path).users))
    assert await role_of(portal, {**headers, **login_of("vera")}) == Role.VIEW
    assert await role_of(portal, {**headers, **login_of("adam")}) == Role.CONTROL
    assert await role_of(portal, {**headers, **login_of("see")}) == Role.VIEW
    for wrong in (basic("vera", "wrong"), basic("proxy", "x"), bearer("eyJ.x.y"), {"Authorization": "Negotiate YII"}):
        assert await role_of(portal, {**headers, **wrong}) == (Role.NONE if headers else Role.CONTROL)
    async with portal.http.get("/healthz", headers={**headers, **login_of("nina")}) as answer:
        assert answer.status == 403  # a user of camera 1 only


async def test_a_file_that_cannot_be_read(start_portal: StartPortal, tmp_path: Path) -> None:
    """Fail closed: a proxy's clients need a login that no client can have, and this machine has no admin."""
    (tmp_path / "htpasswd").mkdir()
    portal = await start_portal(users_file=str(tmp_path / "htpasswd"))
    assert await role_of(portal, FORWARDED) == Role.NONE
    assert await role_of(portal, {**FORWARDED, **basic("hans", "x")}) == Role.NONE
    assert await role_of(portal, DIRECT) == Role.CONTROL


async def test_a_file_that_vanishes(caplog: pytest.LogCaptureFixture) -> None:
    """A file that is removed opens nothing while the process runs; one without users does, as the commands write it."""
    guard = Guard(replace(QUICK, is_open_by_flag=True, users_file="/etc/htpasswd"))
    transport = Mock(get_extra_info={"peername": ("192.0.2.7", 1)}.get)
    request = make_mocked_request("GET", "/", transport=transport)
    missing = Accounts(is_missing=True)
    for accounts, role in (
        (missing, Role.CONTROL),
        (USERS, Role.NONE),
        (missing, Role.NONE),
        (replace(missing, ended_sessions=frozenset({"x"})), Role.NONE),
        (USERS, Role.NONE),
        (Accounts(), Role.CONTROL),
        (missing, Role.CONTROL),
    ):
        guard.apply(accounts)
        assert guard.role_without_login(request) == role
    assert len([each for each in caplog.messages if each.startswith("/etc/htpasswd was removed")]) == 1


async def test_the_warning_about_a_proxy(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """There is one WARNING while no user exists, and none for nginx or for a proxy with a role of its own."""
    users = str(tmp_path / "htpasswd")
    for changes, headers, count in (
        ({}, DIRECT, 0),
        ({}, NGINX, 0),
        ({"auth": "always"}, FORWARDED, 0),
        ({"local_proxy_role": "control"}, FORWARDED, 0),
        ({"camera": 3}, FORWARDED, 1),
    ):
        caplog.clear()
        portal = await start_portal(users_file=users, **changes)
        for _ in range(3):
            async with portal.http.get("/healthz", headers=headers):
                pass
        warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
        assert len(warnings) == count
    assert "192.0.2.7" in warnings[0]
    assert "cam3_local_proxy_role" in warnings[0]


async def test_lines_about_logins(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A login is one line and not one for each request; a refusal has the reason, and never a name that is unknown."""
    caplog.set_level("INFO")
    portal = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    secret = "Tr0ub4dor&3"  # noqa: S105 # of the test
    for _ in range(3):
        for headers in (login_of("vera"), login_of("see"), {**login_of("vera"), "X-Forwarded-For": "192.0.2.7"}):
            async with portal.http.get("/healthz", headers=headers) as answer:
                assert answer.status == 200
    for name in ("vera", secret, "a\x1b[2Jb", "x" * 5000):
        async with portal.http.get("/healthz", headers=basic(name, "wrong" + secret)) as answer:
            assert answer.status == 401
    async with portal.http.get("/healthz", headers=login_of("old")):
        pass
    lines = [each for each in caplog.messages if each.startswith(("Login", "First"))]
    assert [each for each in lines if not each.startswith("Login failed")] == [
        "Login: user vera from 127.0.0.1 (role=view)",
        "First use of the token see since the start, from 127.0.0.1 (role=view)",
        "Login: user vera from 192.0.2.7 (role=view)",
    ]
    assert [each for each in lines if each.startswith("Login failed")] == [
        "Login failed from 127.0.0.1: wrong password of the user vera",
        *["Login failed from 127.0.0.1: unknown user"] * 2,
        "Login failed from 127.0.0.1: the token old has expired",
    ]
    for text in (secret, "\x1b", TOKENS["see"], TOKENS["old"]):
        assert text not in caplog.text


def test_when_a_login_is_logged_again(caplog: pytest.LogCaptureFixture) -> None:
    """After ten minutes without a request the next one is a login again; a token's first use is logged once."""
    caplog.set_level("INFO")
    times = [0.0]
    log = LoginLog(lambda: times[-1])
    user, token = Identity("hans", "password", ALL_RIGHTS, "hash"), Identity("octo", "token", ALL_RIGHTS, "digest")
    for now, count in ((0.0, 2), (PAUSE, 2), (2 * PAUSE, 2), (3 * PAUSE + 1, 3)):
        times.append(now)
        log.used(user, "192.0.2.7")
        log.used(token, "192.0.2.7")
        assert len(caplog.messages) == count
    for number in range(3 * MAX_REMEMBERED):
        log.used(user, f"client {number}")
    assert len(log._used) == MAX_REMEMBERED


SOCKETS = ("", "./a client that has bound its socket", "b'an abstract name'")
LOCAL = (*SOCKETS, "127.0.0.1", "127.8.9.10", "::1")
NETWORK = ("192.0.2.7", "2001:db8::7", "fe80::1%eth0", "::ffff:192.0.2.7")
USERS = Accounts({"hans": User("hans", "hash", ALL_RIGHTS)}, must_login=True)


@pytest.mark.parametrize("address", [*LOCAL, *NETWORK])
async def test_roles_by_address(address: str) -> None:
    """This machine is admin while no user exists, then control; the network has nothing, unless it is open."""
    transport = Mock()
    transport.get_extra_info = {"peername": address if address in SOCKETS else (address, 1)}.get
    request = make_mocked_request("GET", "/", transport=transport)
    guard, is_local = Guard(QUICK), address in LOCAL
    assert guard.role_without_login(request) == (Role.ADMIN if is_local else Role.NONE)
    assert guard.role_without_login(request, replace(QUICK, auth="always")) == Role.NONE
    open_to_network = replace(QUICK, open_to_network=True)
    assert guard.role_without_login(request, open_to_network) == (Role.ADMIN if is_local else Role.CONTROL)
    guard.apply(USERS)
    assert guard.role_without_login(request) == (Role.CONTROL if is_local else Role.NONE)
    assert guard.role_without_login(request, open_to_network) == Role.CONTROL


async def test_nginx_replaces_the_header_of_a_client() -> None:
    """No value of the header gives rights: `always` takes them in any case, other values change nothing."""
    guard = Guard(QUICK)
    for value, role in (("always", Role.NONE), ("ALWAYS", Role.NONE), ("never", Role.ADMIN), ("", Role.ADMIN)):
        headers = CIMultiDict({"X-Soft-Stream-Auth": value})
        assert guard.role_without_login(make_mocked_request("GET", "/", headers, transport=LOOPBACK)) == role
    doubled = CIMultiDict([("X-Soft-Stream-Auth", "never"), ("X-Soft-Stream-Auth", "always")])
    assert guard.role_without_login(make_mocked_request("GET", "/", doubled, transport=LOOPBACK)) == Role.NONE


async def test_changes_of_the_files_are_in_the_log(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """An editor and htpasswd(1), which removes the role, write to no other log. No line has a hash."""
    caplog.set_level("INFO")
    files = write_logins(tmp_path)
    portal = await start_portal(users_file=str(files.users))
    assert "was added" not in caplog.text
    lines = files.users.read_text().splitlines()
    vera, conny, adam = lines[:3]
    new = [vera.rpartition(":")[0], conny.replace("$abc", "$abd"), *lines[3:], adam.replace("adam", "zoe")]
    files.users.write_text("\n".join(new))
    files.tokens.write_text(files.tokens.read_text().replace("see:", "saw:"))
    await portal.until(lambda: "The token see was removed" in caplog.text)
    assert [each for each in caplog.messages if each.startswith("The ")] == [
        "The user adam was removed",
        "The user conny was changed: another password",
        "The user vera was changed: from role=view to role=admin",
        "The user zoe was added: role=admin",
        "The token saw was added: role=view",
        "The token see was removed",
    ]
    assert "$2b$" not in caplog.text
    files.users.unlink()
    await portal.until(lambda: "No user is left" in caplog.text)


def test_many_changes_have_few_lines() -> None:
    """A file with a thousand users does not fill the log; one that cannot be read says nothing about its users."""
    users = {str(number): User(str(number), "hash", ALL_RIGHTS) for number in range(1000)}
    found = [sentence for _, sentence in changes_of(Accounts(), Accounts(users, must_login=True))]
    assert (len(found), found[-1]) == (21, "980 more users and tokens were added, removed or changed")
    broken = Accounts(problems=("/u cannot be read: Permission denied",), must_login=True)
    assert [*changes_of(Accounts(users, must_login=True), broken)] == []
    levels = [level for level, _ in changes_of(broken, Accounts())]
    assert levels == [logging.WARNING, logging.INFO]
    (corrected,) = changes_of(broken, Accounts(users, must_login=True))
    assert corrected[1] == "Corrected: /u cannot be read: Permission denied"
