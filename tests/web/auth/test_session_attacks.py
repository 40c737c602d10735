"""Sessions that are altered, replayed, of another key, expired or ended, and cookies of other programs."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientError, ServerDisconnectedError

from soft_stream.access import internal, sessions
from soft_stream.access.accounts import Accounts, read_accounts
from soft_stream.access.passwords import make_hash
from soft_stream.access.sessions import Session
from soft_stream.access.signing import SigningKey
from soft_stream.web.auth import guard
from soft_stream.web.auth.failed_logins import FailedLogins, LoginLimits
from tests.support.logins import LoginFiles, basic, bearer, login_of, write_logins
from tests.support.server import Portal, StartPortal
from tests.support.wall_clock import DAYS, HOUR, WallClock
from tests.web.auth.forms import session_of

Headers = Mapping[str, str]
MONTH = 10 * DAYS
NAME = "soft_stream_session"


@dataclass(frozen=True)
class Place:
    """The files of a server, and what is in them."""

    files: LoginFiles
    state: Path
    key: SigningKey
    accounts: Accounts

    def session(self, user: str, key: SigningKey | None = None) -> str:
        """Return a new session of a user, as the login page begins it."""
        return sessions.begin(key or self.key, self.accounts.users[user], time.time())

    def read(self, text: str) -> Session:
        """Return a valid session."""
        session = sessions.read(self.key, text, self.accounts, time.time())
        assert session
        return session


@dataclass(frozen=True)
class Site(Place):
    """A server that wants a login from all."""

    portal: Portal

    async def status(self, headers: Headers, path: str = "/status.json", method: str = "GET") -> int:
        """Return the status of a request; 0 if the server has ended it, because its login has just ended."""
        with suppress(ServerDisconnectedError):
            async with self.portal.http.request(method, path, headers=headers) as answer:
                await answer.content.read(4096)
                return answer.status
        return 0

    async def until_refused(self, headers: Headers) -> None:
        """Wait until a login is no longer valid; the time limit of the whole run ends a wait that never succeeds."""
        while await self.status(headers) != 401:
            pass


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Return files with users, tokens and a key."""
    files, state = write_logins(tmp_path), tmp_path / "state"
    return Place(files, state, SigningKey.load(state), read_accounts(str(files.users), None))


@pytest.fixture
async def site(start_portal: StartPortal, place: Place) -> Site:
    """Return a server of camera 0."""
    portal = await start_portal(auth="always", users_file=str(place.files.users), state_directory=place.state)
    return Site(place.files, place.state, place.key, place.accounts, portal)


def cookie(value: str, name: str = NAME) -> Headers:
    """Return the header with a session."""
    return {"Cookie": f"{name}={value}"}


async def test_a_session_is_a_login(site: Site) -> None:
    """The tests below fail if every session is refused; a session has the role of its user, and no more."""
    for name in (NAME, f"__Host-{NAME}"):
        assert await site.status(cookie(site.session("vera"), name)) == 200
    assert await site.status(cookie(site.session("vera")), "/resume", "POST") == 403
    assert await site.status(cookie(site.session("conny")), "/resume", "POST") == 200
    assert await site.status(cookie(site.session("nina"))) == 403


async def test_an_altered_session(site: Site) -> None:
    """No changed character, missing part, other signature or other form of Base64 is accepted."""
    good, other = site.session("vera"), site.session("adam")
    body, _, mac = good.partition(".")
    other_body, _, other_mac = other.partition(".")
    changed = [good[:at] + ("A" if good[at] != "A" else "B") + good[at + 1 :] for at in range(0, len(good), 5)]
    parts = [
        body,
        f"{body}.",
        f".{mac}",
        mac,
        f"{other_body}.{mac}",
        f"{body}.{other_mac}",
        f"{body}.{mac}=",
        f"{body}=.{mac}",
    ]
    for each in [
        *changed,
        *parts,
        good + "A",
        good[:-1],
        good.upper(),
        f"{good}.{mac}",
        f"{body}.{mac[:-1]}%41",
        f" {good}x",
    ]:
        assert each == good or await site.status(cookie(each)) == 401, each
    assert await site.status(cookie(good)) == 200


async def test_what_another_purpose_has_signed(site: Site) -> None:
    """An internal token is no session, a session is no token, and a session of another key is none."""
    session, token = site.session("adam"), internal.make_token(site.key, time.time())
    assert await site.status(bearer(token)) == 200
    for headers in (cookie(token), bearer(session), basic("adam", session), {"Authorization": session}):
        assert await site.status(headers) == 401
    assert await site.status(cookie(site.session("adam", SigningKey.load(None)))) == 401
    assert await site.status(bearer(internal.make_token(SigningKey.load(None), time.time()))) == 401


async def test_an_internal_token_is_short_lived(site: Site) -> None:
    """A replayed internal token is refused after a minute, and one from the future as well."""
    for at in (time.time() - 70, time.time() + 70):
        assert await site.status(bearer(internal.make_token(site.key, at))) == 401


async def test_a_replay_after_a_logout(site: Site) -> None:
    """A cookie that was copied before the logout is worthless within a second, in each process."""
    stolen = site.session("adam")
    assert await site.status(cookie(stolen)) == 200
    renewed = sessions.renew(site.key, site.read(stolen), time.time())
    await asyncio.to_thread(sessions.end, site.state, site.read(stolen))
    began = time.monotonic()
    await site.until_refused(cookie(stolen))
    assert time.monotonic() - began < 1.0
    assert await site.status(cookie(renewed)) == 401
    assert await site.status(cookie(site.session("adam"))) == 200


def rewrite(file: Path, change: Callable[[str], str]) -> None:
    """Replace a file by a changed one, as the commands do."""
    new = file.with_name("new")
    new.write_text(change(file.read_text()))
    new.replace(file)


def another_password(text: str) -> str:
    """Return the users with another password of adam."""
    return "".join(
        f"adam:{make_hash('x')}\n" if line.startswith("adam:") else f"{line}\n" for line in text.splitlines()
    )


def removed(text: str) -> str:
    """Return the users without adam."""
    return "".join(f"{line}\n" for line in text.splitlines() if not line.startswith("adam:"))


@pytest.mark.parametrize("change", [another_password, removed])
async def test_a_session_after_a_change_of_its_user(site: Site, change: Callable[[str], str]) -> None:
    """A new password and `user remove` end the sessions and the remembered passwords of a user, also for a stream."""
    session, password = cookie(site.session("adam")), login_of("adam")
    assert await site.status(session) == await site.status(password) == 200
    async with site.portal.http.get("/stream.mjpg", headers=session) as stream:
        await stream.content.readany()
        await asyncio.to_thread(rewrite, site.files.users, change)
        began = time.monotonic()
        with suppress(ClientError):
            while await stream.content.readany():
                pass
        assert time.monotonic() - began < 1.0
    assert await site.status(session) == await site.status(password) == 401
    assert await site.status(cookie(site.session("vera"))) == 200


async def test_a_smaller_role_holds_at_once(site: Site) -> None:
    """The rights of a session are looked up at each request."""
    conny = cookie(site.session("conny"))
    assert await site.status(conny, "/resume", "POST") == 200
    await asyncio.to_thread(rewrite, site.files.users, lambda text: text.replace("role=control", "role=view"))
    while await site.status(conny, "/resume", "POST") != 403:
        pass
    assert await site.status(conny) == 200


async def test_the_clock_is_set(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session expires after 30 days, one from the future counts, and a clock that is set back revives no logout."""
    clock, adam, vera = WallClock(monkeypatch), site.session("adam"), site.session("vera")
    await asyncio.to_thread(sessions.end, site.state, site.read(adam))
    await site.until_refused(cookie(adam))
    clock.jump(-HOUR)  # a Raspberry Pi without a clock has just booted
    assert await site.status(cookie(vera)) == 200
    assert await site.status(cookie(adam)) == 401
    clock.jump(HOUR + MONTH - 60)
    assert await site.status(cookie(vera)) == 200
    clock.jump(120)
    assert await site.status(cookie(vera)) == 401
    clock.jump(-100 * MONTH)
    assert await site.status(cookie(vera)) == 401
    assert await site.status(cookie(adam)) == 401
    assert await site.status(bearer("css_" + "A" * 43)) == 401


async def test_cookies_of_other_programs(site: Site) -> None:
    """A program on another port of the host can add cookies of the same name: they neither help nor harm."""
    good = site.session("vera")
    for other in ("x", "A" * 900, site.session("adam", SigningKey.load(None)), "", '"', "\u00e4"):
        for header in (
            f"{NAME}={other}; {NAME}={good}",
            f"{NAME}={good}; {NAME}={other}",
            f'a=b; {NAME}="{good}"; {other}',
        ):
            assert await site.status({"Cookie": header}) == 200
            assert await site.status({"Cookie": header}, "/resume", "POST") == 403
    assert await site.status({"Cookie": f"{NAME}.={good}; x{NAME}={good}; {NAME.upper()}={good}"}) == 401


async def test_two_logins_in_one_request(site: Site) -> None:
    """The rights of two logins are not added, and none of several Authorization headers counts."""
    vera, adam = login_of("vera")["Authorization"], login_of("adam")["Authorization"]
    for first, second in ((vera, adam), (adam, vera), (adam, "Basic x"), ("", adam), (adam, adam)):
        headers = [("Authorization", first), ("Authorization", second)]
        async with site.portal.http.post("/resume", headers=headers) as answer:
            assert answer.status in (400, 401)
    both = {**basic("adam", "wrong"), **cookie(site.session("vera"))}
    assert await site.status(both, "/resume", "POST") in (401, 403)


async def test_a_foreign_name_with_a_session(site: Site) -> None:
    """DNS rebinding gets 421 also with a valid login, before it is looked at."""
    for login in (cookie(site.session("adam")), login_of("adam")):
        for path in ("/snapshot.jpg", "/status.json", "/static/nothing", "/login"):
            assert await site.status({**login, "Host": "evil.example"}, path) == 421
    assert site.portal.device.opened == 0


@pytest.mark.parametrize(
    "of_page", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
                {"Origin": "http://127.0.0.1:1"}, {"Sec-Fetch-Site": "same-site"}]
)  # fmt: skip
async def test_a_page_of_another_site_with_a_session(site: Site, of_page: Headers) -> None:
    """A browser that sends the cookie with the request of another site changes nothing: not even of another port."""
    for path in ("/focus", "/arm", "/controls?keep=1", "/pause", "/resume", "/settings", "/settings/undo"):
        assert await site.status({**cookie(site.session("adam")), **of_page}, path, "POST") == 403
    assert site.portal.device.opened == 0


async def test_a_session_behind_a_proxy_that_passes_its_own_login_on(
    monkeypatch: pytest.MonkeyPatch, start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The browser sends the proxy's login with each request: it does not wait, bans no one, and is one line."""
    limits = LoginLimits(free=1, most=3, first_delay=60.0, longest_delay=60.0)
    monkeypatch.setattr(guard, "FailedLogins", lambda: FailedLogins(limits))
    locked = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    headers = {**await session_of(locked, "vera"), **basic("proxy", "its-own")}
    async with asyncio.timeout(20):
        for _ in range(12):
            async with locked.http.get("/status.json", headers=headers) as answer:
                assert answer.status == 200
    assert caplog.text.count("Login failed from") == 1
    assert "are refused for" not in caplog.text
