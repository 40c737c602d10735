"""The login page, the session cookie that it sets, and the logout."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import replace
from http.cookies import Morsel
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientResponse

from soft_stream.access import sessions
from soft_stream.access.accounts import Accounts, read_accounts
from soft_stream.access.signing import SigningKey
from soft_stream.web.auth import guard
from soft_stream.web.auth.browser_session import RENEWED_AFTER
from soft_stream.web.auth.failed_logins import FailedLogins, LoginLimits
from tests.support.logins import PASSWORDS, basic, write_logins
from tests.support.server import QUICK, Portal, StartPortal
from tests.web.auth.forms import COOKIE, PERSON, SECURE_COOKIE, log_in, log_out, now, session_of

# Every writing of another host or folder that browsers, proxies or libraries are known to accept.
ELSEWHERE = [
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example",
    "/\t/evil.example", "\t//evil.example", "/\n/evil.example", "\r\nLocation: //evil.example", "\0//evil.example",
    "https://evil.example", "https:evil.example", "https:/evil.example", "HTTPS://evil.example", "http:\\\\evil",
    "javascript:alert(1)", "data:text/html,x", "%2f%2fevil.example", "%2F/evil.example", "%5cevil.example",
    "%09//evil.example", "/%2f/evil.example", "@evil.example", ":80", ".", "..", "../cam1/", "..\\", "./", "/", "/x",
    "a/../../b", "x//y", ".evil.example", "evil.example/", "#//evil.example", "cameras#@evil", "caméras", "\uff3cevil",
    "cameras\u2028", "cameras ", " cameras", "cameras?a=\nb", "cameras?a=\u00e9", "cameras?" + "x" * 2000,
    "?action=command&id=1&value=2", "x?ACTION=COMMAND_0&id=1", "?action%3Dcommand%26id%3D1", "?a=b&action=%63ommand",
    "?action=nothing", "login", "logout", "logout?x", "LOGIN?next=x", "a" * 3000, "../x", "x:y", "cameras\n", "?x\ny",
    "x\r\nSet-Cookie: a=b", "?ACTION=COMMAND", "webcam?action=command", "?x=1&action=command", "?x=1?action=%63ommand",
]  # fmt: skip


@pytest.fixture
async def locked(start_portal: StartPortal, tmp_path: Path) -> Portal:
    """Return a server of cameras 0 and 1 that wants a login from every client, and keeps sessions in a folder."""
    changes: dict[str, Any] = {
        "auth": "always",
        "users_file": str(write_logins(tmp_path).users),
        "state_directory": tmp_path / "state",
    }
    cameras = {number: replace(QUICK, camera=number, name=f"Secret {number}", **changes) for number in (0, 1)}
    return await start_portal(cameras=cameras, name="Secret 0", **changes)


async def get(portal: Portal, path: str, headers: Mapping[str, str] = PERSON, method: str = "GET") -> ClientResponse:
    """Return the answer to a request, with its body."""
    async with portal.http.request(method, path, headers=headers, allow_redirects=False) as answer:
        await answer.read()
        return answer


async def key_of(portal: Portal) -> SigningKey:
    """Return the key that signs the sessions of a server."""
    return await asyncio.to_thread(SigningKey.load, portal.supervisor.settings.state_directory)


async def accounts_of(portal: Portal) -> Accounts:
    """Return the users of a server."""
    settings = portal.supervisor.settings
    return await asyncio.to_thread(read_accounts, settings.users_file, settings.state_directory)


def next_of(page: str) -> str:
    """Return the value of the hidden field."""
    (found,) = re.findall(r'<input name="next" type="hidden" value="(.*)">', page)
    return str(found)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", ""), ("/cameras", "cameras"), ("/cam0/cameras", "cameras"), ("/?action=stream", "?action=stream"),
        ("/a/b/stream.mjpg?fps=5", "stream.mjpg?fps=5"), ("/x?action=stream&x=1", "x?action=stream&amp;x=1"),
        ("/snapshot.jpg?a=%2F%2Fb", "snapshot.jpg?a=//b"), ("/webrtc?%22%3E%3Cb%3E", "webrtc?%22%3E%3Cb%3E"),
    ],
)  # fmt: skip
async def test_a_person_gets_the_form_in_place_of_the_page(locked: Portal, path: str, expected: str) -> None:
    """The answer is 401 without a challenge, and the form has the page that was requested."""
    answer = await get(locked, path)
    page = await answer.text()
    assert answer.status == 401
    assert "WWW-Authenticate" not in answer.headers
    assert answer.content_type == "text/html"
    assert answer.headers["Cache-Control"] == "no-store"
    assert '<form id="login" method="post" action="login">' in page
    assert next_of(page) == expected
    assert not [each for each in ("Secret", "adam", "vera", "test-pattern", "cam1") if each in page]
    assert locked.device.opened == 0


async def test_who_gets_a_challenge(locked: Portal) -> None:
    """A program does; a browser that had a session, or a script of a page does not, since a dialog would open."""
    assert "WWW-Authenticate" in (await get(locked, "/status.json", {})).headers
    assert "WWW-Authenticate" in (await get(locked, "/", {**PERSON, **basic("vera", "wrong")})).headers
    assert "WWW-Authenticate" in (await get(locked, "/", PERSON, "POST")).headers
    java = {"Accept": "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"}
    assert "WWW-Authenticate" in (await get(locked, "/snapshot.jpg", java)).headers
    for header in ({"Cookie": f"{COOKIE}=stale"}, {"X-Requested-With": "fetch"}):
        answer = await get(locked, "/status.json", header)
        assert (answer.status, answer.content_type) == (401, "text/plain")
        assert "WWW-Authenticate" not in answer.headers


async def test_a_path_whose_page_would_have_no_files(locked: Portal) -> None:
    """A page there could load no style; it would be reloaded again and again."""
    answer = await get(locked, "/a%20b/c")
    assert (answer.status, answer.content_type) == (401, "text/plain")
    assert "WWW-Authenticate" not in answer.headers


async def test_head_and_the_policy(locked: Portal) -> None:
    """HEAD has the headers of GET; only this page may send forms, and only to its server."""
    assert (await get(locked, "/cameras", PERSON, "HEAD")).status == 401
    for path, status in (("/login", 200), ("/", 401)):
        answer = await get(locked, path)
        assert answer.status == status
        assert "form-action 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "same-origin"
    page = await get(locked, "/", {**PERSON, **await session_of(locked, "vera")})
    assert "form-action 'none'" in page.headers["Content-Security-Policy"]


@pytest.mark.parametrize("prefix", ["/", "/cam0/", "/a/b.c/"])
@pytest.mark.parametrize("page", ["", "cameras", "?action=snapshot", "stream.mjpg?fps=5&client=%C3%A9"])
async def test_a_right_login(locked: Portal, prefix: str, page: str) -> None:
    """It is redirected to the page, relative to its own folder, with a cookie for all ports of the host."""
    answer = await log_in(locked, "vera", path=f"{prefix}login", next_page=page)
    assert (answer.status, answer.headers["Location"]) == (303, f"./{page}")
    assert answer.headers["Cache-Control"] == "no-store"
    cookie: Morsel[str] = answer.cookies[COOKIE]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"], cookie["secure"]) == ("Lax", "/", "", "")
    assert int(cookie["max-age"]) == 400 * 86400
    opened = await get(locked, f"{prefix}cameras", {"Cookie": f"{COOKIE}={cookie.value}", **PERSON})
    assert opened.status == 200


async def test_the_cookie_over_tls(locked: Portal) -> None:
    """Behind a proxy with TLS it is Secure, and has a name that no answer over plain HTTP can set."""
    answer = await log_in(locked, "vera", headers={"X-Forwarded-Proto": "https"})
    assert list(answer.cookies) == [SECURE_COOKIE]
    cookie = answer.cookies[SECURE_COOKIE]
    assert cookie["secure"]
    assert (cookie["path"], cookie["domain"]) == ("/", "")
    assert (await get(locked, "/", {"Cookie": f"{SECURE_COOKIE}={cookie.value}"})).status == 200


@pytest.mark.parametrize("where", ELSEWHERE)
async def test_no_login_leads_elsewhere(locked: Portal, where: str) -> None:
    """`next` is a page in the folder of the form, in every writing, in both places where it is read."""
    answer = await log_in(locked, "vera", next_page=where)
    assert (answer.status, answer.headers["Location"]) == (303, "./")
    async with locked.http.get("/login", params={"next": where}) as form:
        assert next_of(await form.text()) == ""


@pytest.mark.parametrize(
    "name",
    [
        "vera", "unknown", "</p><script>", 'x" autofocus onfocus="x', "ve\0ra", "v" * 9000, "{{ 7*7 }}",
        "<img src=x onerror=alert(1)>", "'\"`",
    ],
)  # fmt: skip
async def test_a_wrong_login(locked: Portal, name: str) -> None:
    """The form is shown again with 401; what was typed is text, and the password is not shown."""
    answer = await log_in(locked, name, f"secret-{name[:9]}", next_page="cameras")
    page = await answer.text()
    assert answer.status == 401
    assert not answer.cookies
    assert "WWW-Authenticate" not in answer.headers
    assert '<p id="problem" role="alert">The user name or the password is wrong.</p>' in page
    assert next_of(page) == "cameras"
    assert page.count("<script") == 3  # those of base.html, of the form and of the menus
    assert "<img" not in page
    assert "secret-" not in page
    assert "49" not in page
    assert len(page) < 4000


async def test_a_wrong_password_and_an_unknown_user(locked: Portal) -> None:
    """The answers are the same, and do not reveal which users exist."""
    pages = {(await (await log_in(locked, name, "wrong")).text()).replace(name, "") for name in ("vera", "unknown")}
    assert len(pages) == 1


async def test_the_sentence_in_czech(locked: Portal) -> None:
    """The page is in the language of the browser."""
    answer = await log_in(locked, "vera", "wrong", headers={"Accept-Language": "cs"})
    assert "Jméno nebo heslo není správné." in await answer.text()


@pytest.mark.parametrize("fields", [{}, {"name": "vera"}, {"password": "x"}, {"name": "", "password": ""}])
async def test_an_incomplete_form(locked: Portal, fields: dict[str, str]) -> None:
    """It is answered with the form, and is no failed login."""
    async with locked.http.post("/login", data=fields) as answer:
        assert answer.status == 400
        assert 'action="login"' in await answer.text()


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json", "text/plain", "multipart/form-data", "multipart/form-data; boundary=x", "", "x",
        "multipart/form-data; boundary=other",
        "application/x-www-form-urlencoded; charset=nothing", "application/x-www-form-urlencoded; charset=utf-16",
    ],
)  # fmt: skip
async def test_other_bodies(locked: Portal, content_type: str) -> None:
    """A body that is no form has no fields; what cannot be read is no error of the server."""
    for body in (b"\xff\xfe=%zz&name", b"name=vera&" * 20, b'{"name": "vera"}', b"--x\r\n\r\n", b"--x--", b""):
        async with locked.http.post("/login", data=body, headers={"Content-Type": content_type}) as answer:
            assert answer.status == 400


async def test_a_long_body(locked: Portal) -> None:
    """It is refused."""
    async with locked.http.post("/login", data={"name": "vera", "password": "x" * 20_000}) as answer:
        assert answer.status == 413


async def test_too_many_failed_logins(
    monkeypatch: pytest.MonkeyPatch, start_portal: StartPortal, tmp_path: Path
) -> None:
    """The form is shown with 429, and after how many seconds to try again; a session still works."""
    monkeypatch.setattr(guard, "FailedLogins", lambda: FailedLogins(LoginLimits(free=2, most=2)))
    locked = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    session = await session_of(locked, "vera")
    for number in range(2):
        assert (await log_in(locked, "vera", f"wrong {number}")).status == 401
    answer = await log_in(locked, "conny", next_page="cameras")
    page = await answer.text()
    assert answer.status == 429
    assert f"Try again in {answer.headers['Retry-After']} s." in page
    assert next_of(page) == "cameras"
    assert not answer.cookies
    assert (await get(locked, "/status.json", session)).status == 200


async def test_a_long_ban(monkeypatch: pytest.MonkeyPatch, start_portal: StartPortal, tmp_path: Path) -> None:
    """The sentence has minutes, rounded up, instead of thousands of seconds."""
    monkeypatch.setattr(guard, "FailedLogins", lambda: FailedLogins(LoginLimits(free=1, most=1, first_ban=3601)))
    locked = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    assert (await log_in(locked, "vera", "wrong")).status == 401
    answer = await log_in(locked, "vera")
    assert int(answer.headers["Retry-After"]) > 3500
    assert "Too many failed logins. Try again in 60 min." in await answer.text()


@pytest.mark.parametrize(
    ("path", "waits"), [("/cameras", True), ("/x?action=stream", True), ("/?action=command", False)]
)
async def test_the_form_waits_only_for_what_changes_nothing(locked: Portal, path: str, waits: bool) -> None:
    """After a login in another tab it is replaced by the page, but never sends the command of another site's link."""
    page = await (await get(locked, path)).text()
    assert ("data-waits" in page) is waits


@pytest.mark.parametrize(("name", "field"), [("vera", "password"), ("", "name")])
async def test_a_screen_reader_reads_the_sentence(locked: Portal, name: str, field: str) -> None:
    """The sentence describes the field that has the focus; without a sentence there is no description."""
    page = await (await log_in(locked, name, "wrong")).text()
    (focused,) = re.findall("<input[^>]* autofocus[^>]*>", page)
    assert f'id="{field}"' in focused
    assert 'aria-describedby="problem"' in focused
    assert "aria-describedby" not in await (await get(locked, "/login")).text()


@pytest.mark.parametrize(
    "site",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://127.0.0.1:1"},
    ],
)  # fmt: skip
async def test_a_page_of_another_site_cannot_log_in(locked: Portal, site: dict[str, str]) -> None:
    """It could otherwise log a browser in as its own user, guess passwords by its visitors, or log them out."""
    session = await session_of(locked, "vera")
    for path in ("login", "webcam/login"):
        answer = await log_in(locked, "vera", path=f"/{path}", headers=site)
        assert (answer.status, len(answer.cookies)) == (403, 0)
    answer = await log_out(locked, session | site)
    assert (answer.status, len(answer.cookies)) == (403, 0)
    assert (await get(locked, "/status.json", session)).status == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "DELETE"])
async def test_other_methods(locked: Portal, method: str) -> None:
    """A password in a query is no login, and no image logs a person out."""
    fields = {"name": "adam", "password": PASSWORDS["adam"]}
    for path in ("/login", "/logout"):
        async with locked.http.request(method, path, params=fields, headers=basic("vera", PASSWORDS["vera"])) as answer:
            assert "Set-Cookie" not in answer.headers
            assert answer.status in (200, 405)


async def test_each_login_has_a_new_id(locked: Portal) -> None:
    """A cookie that a browser had before, planted or not, is not used again (session fixation)."""
    first = await session_of(locked, "vera")
    planted = {"Cookie": f"{COOKIE}=planted"}
    answers = [await log_in(locked, "vera", headers=headers) for headers in (first, planted, {})]
    cookies = [first["Cookie"].partition("=")[2], *(answer.cookies[COOKIE].value for answer in answers)]
    key, accounts = await key_of(locked), await accounts_of(locked)
    found = [sessions.read(key, each, accounts, now()) for each in cookies]
    assert len({session.id for session in found if session}) == 4


async def test_a_logout(locked: Portal) -> None:
    """It ends the session, so that a copy of the cookie is worthless; the browser keeps a cookie without a session."""
    session = await session_of(locked, "vera")
    answer = await log_out(locked, session)
    assert (answer.status, answer.headers["Location"]) == (303, "./")
    assert answer.cookies[COOKIE].value == "ended"
    assert (await get(locked, "/status.json", session)).status == 401
    script = await log_out(locked, await session_of(locked, "vera") | {"X-Requested-With": "fetch"})
    assert script.status == 204


async def test_a_logout_without_a_session(locked: Portal) -> None:
    """It changes nothing, and needs no login."""
    for headers in ({}, {"Cookie": f"{COOKIE}=stale"}):
        assert (await log_out(locked, headers)).status == 303


async def test_a_logout_over_http_leaves_the_cookie_of_https(locked: Portal) -> None:
    """A browser would not accept it, and an answer must not set a Secure cookie over plain HTTP."""
    answer = await log_out(locked, {"Cookie": f"{SECURE_COOKIE}=a; {COOKIE}=b"})
    assert list(answer.cookies) == [COOKIE]
    answer = await log_out(locked, {"Cookie": f"{SECURE_COOKIE}=a; {COOKIE}=b", "X-Forwarded-Proto": "https"})
    assert sorted(answer.cookies) == sorted((SECURE_COOKIE, COOKIE))


@pytest.mark.parametrize("path", ["/", "/cameras", "/status.json", "/cameras.json"])
async def test_a_request_renews_an_old_session(locked: Portal, path: str) -> None:
    """After a day it gets a new cookie for the same session, so that a logout ends the old cookie, too."""
    vera = (await accounts_of(locked)).users["vera"]
    old = sessions.begin(await key_of(locked), vera, now() - RENEWED_AFTER - 60)
    headers = {"Cookie": f"{COOKIE}={old}"}
    assert not (await get(locked, "/static/shared/style.css", headers)).cookies
    renewed = (await get(locked, path, headers)).cookies[COOKIE].value
    assert not (await get(locked, path, {"Cookie": f"{COOKIE}={renewed}"})).cookies
    await log_out(locked, {"Cookie": f"{COOKIE}={renewed}"})
    assert (await get(locked, "/status.json", headers)).status == 401


async def test_a_user_of_another_camera(locked: Portal) -> None:
    """A person gets 403 with a sentence and the form for another user; a program gets one line."""
    session = await session_of(locked, "nina")
    answer = await get(locked, "/", {**PERSON, **session})
    page = await answer.text()
    assert answer.status == 403
    assert "This user has no access to this camera." in page
    assert "Logged in as nina" in page
    assert 'action="logout"' in page
    assert "Secret 0" not in page
    answer = await get(locked, "/status.json", session)
    assert await answer.text() == "This needs the role view; the user nina has none for camera 0.\n"


async def test_the_wall_of_a_user_of_another_camera(locked: Portal) -> None:
    """It shows the cameras of the user, whichever process serves it."""
    session = await session_of(locked, "nina")
    page = await (await get(locked, "/cameras", {**PERSON, **session})).text()
    assert re.findall('<a href=".*">(.*)</a></h2>', page) == ["Secret 1"]
    answer = await get(locked, "/cameras.json", session)
    assert [each["number"] for each in await answer.json()] == [1]
    assert (await get(locked, "/cameras", {**PERSON, **await session_of(locked, "nora")})).status == 403


@pytest.mark.parametrize(("user", "may_control"), [("vera", False), ("conny", True), ("adam", True)])
async def test_the_page_has_what_its_user_may_do(locked: Portal, user: str, may_control: bool) -> None:
    """Without the role control there are no buttons and no panel that change the camera; the name is shown."""
    page = await (await get(locked, "/", {**PERSON, **await session_of(locked, user)})).text()
    for each in ("focus", "hold", "lend", "controls"):
        assert (f'id="{each}"' in page) is may_control
    for each in ("snapshot", "still", "rotate", "mirror", "fullscreen", "pip", "stats", "share", "log-out"):
        assert f'id="{each}"' in page
    assert f">{user}</span>" in page


async def test_a_password_of_a_dialog_has_no_logout(locked: Portal) -> None:
    """The name is shown, but only the browser can forget what it sends itself."""
    page = await (await get(locked, "/", basic("vera", PASSWORDS["vera"]))).text()
    assert ">vera</span>" in page
    assert "log-out" not in page


async def test_without_users_nothing_is_shown(start_portal: StartPortal) -> None:
    """A page without a login has neither a name nor a logout, and the login page says that there is no such user."""
    portal = await start_portal()
    page = await (await get(portal, "/")).text()
    assert "account" not in page
    assert "log-out" not in page
    assert (await log_in(portal, "vera")).status == 401
