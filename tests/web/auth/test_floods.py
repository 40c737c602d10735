"""What grows with each request of an attacker is bounded: the log, the file of ended sessions, and the memory."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import FormData

from soft_stream.access import sessions
from soft_stream.access.accounts import MAX_PROBLEMS, Accounts, User, read_accounts
from soft_stream.access.ended_sessions import read_ended
from soft_stream.access.rights import ALL_RIGHTS
from soft_stream.access.signing import SigningKey
from soft_stream.access.tokens import new_token
from soft_stream.web.auth.failed_logins import FailedLogins, LoginLimits
from soft_stream.web.auth.guard import Guard
from soft_stream.web.auth.password_checks import MAX_RUNNING, PasswordChecks
from soft_stream.web.request_rates import SESSIONS
from tests.support.logins import PASSWORDS, bearer, write_logins
from tests.support.server import QUICK, Portal, StartPortal
from tests.web.auth.test_password_checks import NO_LIMITS, Verifier, sending


@pytest.fixture
async def locked(start_portal: StartPortal, tmp_path: Path) -> Portal:
    """Return a server that wants a login from every client."""
    return await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))


async def test_many_wrong_tokens(locked: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """A client has few lines, whatever its address in the network, so that its tokens fill no disk."""
    for number in range(LoginLimits().lines + 10):
        headers = {**bearer(new_token()), "X-Forwarded-For": f"2001:db8::{number}"}
        async with locked.http.get("/healthz", headers=headers) as answer:
            assert answer.status == 401
    assert sum(each.startswith("Login failed from 2001:db8::") for each in caplog.messages) == LoginLimits().lines


async def test_many_tokens_in_urls(locked: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """Tokens that do not exist have one line for each client."""
    for client in ("192.0.2.7", "192.0.2.8"):
        for _ in range(5):
            async with locked.http.get(f"/?key={new_token()}", headers={"X-Forwarded-For": client}) as answer:
                assert answer.status == 400
    assert sum("whose URL has a token that does not exist" in each for each in caplog.messages) == 2


async def test_logins_and_logouts_without_end(locked: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user can begin a few hundred sessions at once; those of other users are not concerned."""
    monkeypatch.setattr("soft_stream.web.auth.login_page.SESSIONS", replace(SESSIONS, burst=3))
    for user, statuses in (("vera", [303, 303, 303, 429]), ("adam", [303])):
        for status in statuses:
            form = FormData({"name": user, "password": PASSWORDS[user]})
            async with locked.http.post("/login", data=form, allow_redirects=False) as answer:
                assert answer.status == status


async def test_ended_sessions_are_kept_once(tmp_path: Path) -> None:
    """The process forgets a session that it has ended as soon as the file has it; never earlier."""
    guard, key, user = (
        Guard(replace(QUICK, state_directory=tmp_path)),
        SigningKey.load(None),
        User("a", "b", ALL_RIGHTS),
    )
    session = sessions.read(key, sessions.begin(key, user, time.time()), Accounts({"a": user}), time.time())
    assert session
    await guard.end_session(session)
    guard.apply(Accounts({"a": user}))
    assert guard.accounts.ended_sessions == {session.id}
    ended = frozenset(await asyncio.to_thread(read_ended, tmp_path / "ended-sessions"))
    guard.apply(Accounts({"a": user}, ended_sessions=ended))
    guard.apply(Accounts({"a": user}, knows_ended_sessions=False))
    assert guard.accounts.ended_sessions == {session.id}  # a file that cannot be read begins no session again
    for known in (ended, frozenset[str]()):
        guard.apply(Accounts({"a": user}, ended_sessions=known))
        assert guard.accounts.ended_sessions == known


def test_a_session_that_is_renewed_a_moment_after_its_end(tmp_path: Path) -> None:
    """Another process may renew the cookie before it knows of the logout: it is ended for as long as it lives."""
    key, user, now = SigningKey.load(None), User("a", "b", ALL_RIGHTS), time.time()
    session = sessions.read(key, sessions.begin(key, user, now), Accounts({"a": user}), now)
    assert session
    sessions.end(tmp_path, session)
    ((_, kept_until),) = read_ended(tmp_path / "ended-sessions").items()
    assert kept_until > now + 60 + sessions.LIFETIME


def test_a_file_of_something_else(tmp_path: Path) -> None:
    """A file with another content has a few problems, not one for each of its lines."""
    (tmp_path / "htpasswd").write_text("x\n" * 400_000)
    (tmp_path / "tokens").write_text("y\n" * 400_000)
    accounts = read_accounts(str(tmp_path / "htpasswd"), tmp_path)
    assert accounts.must_login
    assert len(accounts.problems) == MAX_PROBLEMS + 1
    assert accounts.problems[-1].endswith(f"{800_000 - MAX_PROBLEMS} more lines with problems")


async def test_a_known_password_while_many_are_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong logins from many addresses do not lock out a program whose password was right before."""
    verifier = Verifier()
    monkeypatch.setattr("soft_stream.web.auth.password_checks.is_password", verifier)
    now = [0.0]
    checks = PasswordChecks(FailedLogins(NO_LIMITS), lambda: now[-1])
    verifier.gate.set()
    assert await checks.is_right(sending("geheim"))
    now.append(10_000.0)
    verifier.gate.clear()
    others = [
        asyncio.create_task(checks.is_right(replace(sending(f"x{n}"), client=f"192.0.2.{n}")))
        for n in range(100, 100 + MAX_RUNNING)
    ]
    await asyncio.sleep(0)
    known = asyncio.create_task(checks.is_right(sending("geheim")))
    await asyncio.sleep(0)
    verifier.gate.set()
    assert await known
    assert not any(await asyncio.gather(*others))
    await checks.close()


def test_the_hashes_for_unknown_users_are_sorted_once() -> None:
    """Each login of an unknown user needs them, and a file may have ten thousand."""
    accounts = Accounts({name: User(name, name * 3, ALL_RIGHTS) for name in "cab"})
    assert accounts.hashes == ["aaa", "bbb", "ccc"]
    assert accounts.hashes is accounts.hashes
