"""A server that wants a login gives no frame and no state to a request without a valid one."""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from soft_stream.access.rights import Role
from soft_stream.web.app import ROUTES
from soft_stream.web.pages.pages import STATIC
from tests.support.logins import PASSWORDS, TOKENS, USERS, basic, bearer, login_of, write_logins
from tests.support.raw_http import exchange
from tests.support.server import Portal, StartPortal

Headers = Mapping[str, str]
HASH_OF_ADAM = next(line.split(":")[1] for line in USERS.splitlines() if line.startswith("adam:"))
# Sent as the header is, without an HTTP library that would correct it.
ADAM = login_of("adam")["Authorization"]
# All routes that need a login, with the method of each.
INSIDE = {route.path: route.method for role in (Role.VIEW, Role.CONTROL) for route in ROUTES[role]}
PAGES = ("/", "/cameras", "/webrtc")


@pytest.fixture
async def locked(start_portal: StartPortal, tmp_path: Path) -> Portal:
    """Return a server of camera 0 that wants a login from every client, also from this machine."""
    files = write_logins(tmp_path)
    return await start_portal(auth="always", users_file=str(files.users), legacy_control=True)


async def status_of(portal: Portal, path: str, headers: Headers, method: str = "GET") -> int:
    """Return the status of a request; of an endless answer only its beginning is read."""
    async with portal.http.request(method, path, headers=headers) as answer:
        body = await answer.content.read(4096)
        if answer.status != 200:
            assert b"\xff\xd8" not in body
            assert b'"state"' not in body
        return answer.status


async def is_shut(portal: Portal, headers: Headers, expected: tuple[int, ...] = (401,)) -> None:
    """Check that some headers open none of the doors that matter, and that the camera was not opened for them."""
    before = portal.device.opened
    for path in ("/snapshot.jpg", "/stream.mjpg", "/status.json", "/?action=stream"):
        assert await status_of(portal, path, headers) in expected, path
    assert await status_of(portal, "/focus", headers, "POST") in expected
    assert portal.device.opened == before
    assert not portal.supervisor.subscribers.clients


@pytest.mark.parametrize("path", INSIDE)
async def test_no_login(locked: Portal, path: str) -> None:
    """Each route that has a role answers 401, for each method that it has, and with each prefix."""
    for prefix in ("", "/webcam", "/cam0"):
        assert await status_of(locked, prefix + path, {}, INSIDE[path]) == 401
    if INSIDE[path] == "GET":
        assert await status_of(locked, path, {}, "HEAD") == 401
    assert locked.device.opened == 0


@pytest.mark.parametrize(
    "path",
    [
        "/webcam?action=stream", "/?action=snapshot", "/?stream", "/?snapshot", "/?info", "/?action%3Dsnapshot",
        "/?action=command&id=-1", "/webcam/?action=command&id=-1", "/snapshot.jpg/", "/stream.mjpg/", "/state/",
        "//snapshot.jpg", "/static//snapshot.jpg", "/static/../snapshot.jpg", "/static/%2e%2e/snapshot.jpg",
        "/static/..%2fsnapshot.jpg", "/cam1/../snapshot.jpg", "/cam1/..%2Fsnapshot.jpg", "/CAM0/snapshot.jpg",
        "/./snapshot.jpg", "/%73napshot.jpg", "/snapshot%2ejpg", "/static/snapshot.jpg", "/static/status.json",
        "/snapshot.jpg?x=/static/page.css", "/static?action=snapshot", "/static/?action=snapshot",
        "/login/snapshot.jpg", "/logout/status.json", "/healthz/../status.json", "/nothing",
        "/snapshot.jpg%00.css", "/snapshot.jpg;/static/x",
    ],
)  # fmt: skip
async def test_ways_of_writing_a_path(locked: Portal, path: str) -> None:
    """The role belongs to the handler, not to the path: no prefix, slash or escape leads around it."""
    request = f"GET {path} HTTP/1.1\r\nHost: pi\r\n\r\n".encode()
    answer = await exchange(locked.port, request)
    assert answer.status in (400, 401, 404), answer.text
    assert b"\xff\xd8" not in answer.body
    assert locked.device.opened == 0


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "get", "QUERY"])
async def test_other_methods(locked: Portal, method: str) -> None:
    """No method that a route does not have, and no header that names another one, is a way in."""
    for path in ("/snapshot.jpg", "/stream.mjpg", "/status.json", "/focus", "/?action=command&id=-1"):
        for more in ({}, {"X-HTTP-Method-Override": "GET"}, {"X-Method-Override": "POST", "Origin": "http://pi"}):
            assert await status_of(locked, path, more, method) in (400, 401, 403, 405)
    assert locked.device.opened == 0


WRONG: dict[str, Headers] = {
    "a wrong password": basic("adam", "rules-8"),
    "an empty password": basic("adam", ""),
    "no password": {"Authorization": "Basic " + base64.b64encode(b"adam").decode()},
    "the hash as the password": basic("adam", HASH_OF_ADAM),
    "the password of another user": basic("adam", PASSWORDS["vera"]),
    "the password in capitals": basic("adam", PASSWORDS["adam"].upper()),
    "more behind the password": basic("adam", PASSWORDS["adam"] + "\0x"),
    "an unknown user": basic("root", PASSWORDS["adam"]),
    "a name in capitals": basic("Adam", PASSWORDS["adam"]),
    "a name with a space": basic("adam ", PASSWORDS["adam"]),
    "a name with a NUL": basic("adam\0", PASSWORDS["adam"]),
    "a name in wide letters": basic("\uff41dam", PASSWORDS["adam"]),
    "a name that another form of Unicode makes equal": basic("a\u200ddam", PASSWORDS["adam"]),
    "no name": basic("", PASSWORDS["adam"]),
    "a line of the file as the name": basic("adam:" + HASH_OF_ADAM, ""),
    "a very long password": basic("adam", "x" * 40_000),
    "a very long name": basic("x" * 40_000, PASSWORDS["adam"]),
    "Basic without a value": {"Authorization": "Basic"},
    "a value that is no base64": {"Authorization": "Basic ***"},
    "Latin-1 that is no UTF-8": {"Authorization": "Basic " + base64.b64encode("ädam:x".encode("latin-1")).decode()},
    "another scheme": {"Authorization": ADAM.replace("Basic", "Digest")},
    "no scheme": {"Authorization": ADAM.removeprefix("Basic ")},
    "a wrong token": bearer("css_" + "A" * 43),
    "a token that has expired": bearer(TOKENS["old"]),
    "an expired token as a password": basic("adam", TOKENS["old"]),
    "the digest of a token": bearer(hashlib.sha256(TOKENS["turn"].encode()).hexdigest()),
    "a token without its prefix": bearer(TOKENS["turn"].removeprefix("css_")),
    "a token with more behind it": bearer(TOKENS["turn"] + "A"),
    "a password as a token": bearer(PASSWORDS["adam"]),
    "the name of a token": bearer("turn"),
    "an empty token": bearer(""),
    "a session that is none": {"Cookie": "soft_stream_session=adam"},
    "a very long session": {"Cookie": "soft_stream_session=" + "A" * 50_000},
    "a token as a session": {"Cookie": f"soft_stream_session={TOKENS['turn']}"},
    "a password as a cookie": {"Cookie": f"Authorization={ADAM}"},
}
CLAIMS: dict[str, Headers] = {
    "X-Remote-User": {"X-Remote-User": "adam"},
    "Remote-User": {"Remote-User": "adam"},
    "X-Forwarded-User": {"X-Forwarded-User": "adam", "X-Forwarded-Groups": "admin"},
    "X-Auth-Request-User": {"X-Auth-Request-User": "adam", "X-Role": "admin"},
    "Proxy-Authorization": {"Proxy-Authorization": ADAM},
    "an address in X-Forwarded-For": {"X-Forwarded-For": "127.0.0.1"},
    "an address in Forwarded": {"Forwarded": "for=127.0.0.1;by=unix:"},
    "an address in X-Real-IP": {"X-Real-IP": "::1", "X-Client-IP": "127.0.0.1", "True-Client-IP": "127.0.0.1"},
    "nginx's header with another value": {"X-Soft-Stream-Auth": "network"},
    "nginx's header, empty": {"X-Soft-Stream-Auth": ""},
    "the scheme of the proxy": {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost"},
    "another path": {"X-Original-URL": "/static/page.css", "X-Rewrite-URL": "/static/page.css"},
    "a browser of the same origin": {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1"},
}


@pytest.mark.parametrize("which", WRONG)
async def test_a_wrong_login(locked: Portal, which: str) -> None:
    """No wrong login is a right one: of users, of tokens, of sessions."""
    assert await status_of(locked, "/snapshot.jpg", WRONG[which]) in (400, 401)
    assert await status_of(locked, "/focus", WRONG[which], "POST") in (400, 401)
    assert locked.device.opened == 0


@pytest.mark.parametrize("which", CLAIMS)
async def test_headers_of_proxies(locked: Portal, which: str) -> None:
    """No header says who a client is; `cam_auth=always` holds whatever a client or a proxy adds."""
    await is_shut(locked, CLAIMS[which])


async def test_a_user_without_rights(locked: Portal) -> None:
    """A user whose rights cannot be read may log in, and do nothing."""
    await is_shut(locked, login_of("nora"), (403,))


@pytest.mark.parametrize("who", ["nina", "next"])
async def test_the_login_of_another_camera(locked: Portal, who: str) -> None:
    """A user or token of camera 1 gets nothing of camera 0, below any prefix; 403 names what is missing."""
    await is_shut(locked, login_of(who), (403,))
    for path in ("/cam0/snapshot.jpg", "/cam1/snapshot.jpg", "/CAM1/status.json"):
        assert await status_of(locked, path, login_of(who)) in (403, 404)


@pytest.mark.parametrize("who", ["vera", "see"])
@pytest.mark.parametrize("path", [route.path for route in ROUTES[Role.CONTROL]])
async def test_the_role_view_changes_nothing(locked: Portal, who: str, path: str) -> None:
    """View gets 403 for each route that changes something, and its method cannot be chosen by a header."""
    async with locked.http.post(f"{path}?keep=1", headers=login_of(who), data='{"Brightness": 1}') as answer:
        assert answer.status == 403
        assert "needs the role control" in await answer.text()
    for method in ("GET", "PUT", "HEAD"):
        headers = {**login_of(who), "X-HTTP-Method-Override": "POST"}
        assert await status_of(locked, path, headers, method) in (403, 405)
    assert locked.device.opened == 0
    assert locked.supervisor.controls.values == {}


async def test_the_right_logins(locked: Portal) -> None:
    """The tests above fail if every login is refused: each role gets what it has."""
    for who in ("vera", "see"):
        assert await status_of(locked, "/snapshot.jpg?size=stream", login_of(who)) == 200
        assert await status_of(locked, "/resume", login_of(who), "POST") == 403
    for who in ("conny", "adam", "turn"):
        assert await status_of(locked, "/status.json", login_of(who)) == 200
        assert await status_of(locked, "/resume", login_of(who), "POST") == 200
        assert await status_of(locked, "/?action=command&id=-1", login_of(who)) == 200
    assert await status_of(locked, "/status.json", basic("any name", TOKENS["see"])) == 200


async def test_what_needs_no_login(locked: Portal) -> None:
    """Only the files of the pages and the login need none; a route that is added to them fails here."""
    outside = {(route.method, route.path.partition("{")[0]) for route in ROUTES[Role.NONE]}
    assert outside == {("GET", "/static/"), ("GET", "/login"), ("POST", "/login"), ("POST", "/logout")}
    for name in STATIC:
        async with locked.http.get(f"/static/{name}") as answer:
            assert answer.status == 200
