"""Verification of passwords: beside the event loop, two at a time, remembered, and the same for unknown users."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from soft_stream.access.accounts import Accounts, User
from soft_stream.access.rights import ALL_RIGHTS
from soft_stream.web.auth import memory, password_checks
from soft_stream.web.auth.failed_logins import FailedLogins, LoginLimits
from soft_stream.web.auth.logins import Logins
from soft_stream.web.auth.memory import MEMORY
from soft_stream.web.auth.password_checks import (
    MAX_COUNTED,
    MAX_RUNNING,
    Attempt,
    PasswordChecks,
)

ATTEMPT = Attempt("192.0.2.7", "hans", "geheim", "$2b$right", "wrong password of the user hans", is_known=True)
NO_LIMITS = LoginLimits(free=10_000, most=10_000)


def sending(password: str) -> Attempt:
    """Return the same attempt with another password."""
    return replace(ATTEMPT, password=password)


WRONG = sending("x")


@dataclass
class Verifier:
    """Stands in for `is_password`: notes what is computed, and waits in its thread while it is held."""

    computed: list[tuple[str, str]] = field(default_factory=list)
    running: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    gate: threading.Event = field(default_factory=threading.Event)

    def __call__(self, password: str, coded: str) -> bool:
        """Return True if the password is `geheim`."""
        with self.lock:
            self.computed.append((password, coded))
            self.running += 1
            self.most = max(self.most, self.running)
        self.gate.wait()
        with self.lock:
            self.running -= 1
        return password == "geheim"  # noqa: S105 # of the test


@dataclass
class Clock:
    """A clock that the test sets."""

    now: float = 0.0

    def __call__(self) -> float:
        """Return the time in seconds."""
        return self.now


@pytest.fixture
def verifier(monkeypatch: pytest.MonkeyPatch) -> Verifier:
    """Replace the computation of hashes."""
    verifier = Verifier()
    verifier.gate.set()
    monkeypatch.setattr(password_checks, "is_password", verifier)
    return verifier


@pytest.fixture
async def clock() -> Clock:
    """Return the clock of the checks."""
    return Clock()


@pytest.fixture
async def checks(verifier: Verifier, clock: Clock) -> AsyncIterator[PasswordChecks]:
    """Return checks without limits of failed logins."""
    checks = PasswordChecks(FailedLogins(NO_LIMITS), clock)
    yield checks
    verifier.gate.set()
    await checks.close()


async def until(happened: Callable[[], object]) -> None:
    """Wait until something is true."""
    while not happened():  # noqa: ASYNC110 # a thread has no event of this loop
        await asyncio.sleep(0.002)


async def test_results_are_remembered_for_ten_minutes(checks: PasswordChecks, verifier: Verifier, clock: Clock) -> None:
    """A right password is verified once; after ten minutes, or a change of the users, once more."""
    for now, computed in ((0.0, 1), (0.0, 1), (MEMORY - 1, 1), (MEMORY, 2), (2 * MEMORY - 1, 2)):
        clock.now = now
        assert await checks.is_right(ATTEMPT)
        assert len(verifier.computed) == computed
    checks.forget()
    assert await checks.is_right(ATTEMPT)
    assert len(verifier.computed) == 3


async def test_wrong_passwords_are_remembered(checks: PasswordChecks, verifier: Verifier, clock: Clock) -> None:
    """A program that sends the same wrong password again and again costs ten hashes, until it pauses."""
    for _ in range(3 * MAX_COUNTED):
        clock.now += 60
        assert not await checks.is_right(WRONG)
    assert len(verifier.computed) == MAX_COUNTED
    clock.now += MEMORY
    assert not await checks.is_right(WRONG)
    checks.forget()
    assert not await checks.is_right(WRONG)
    assert len(verifier.computed) == MAX_COUNTED + 2


@pytest.mark.parametrize("change", [{"name": "hansx"}, {"password": "geheimx"}, {"hash": "$2b$other"},
                                    {"name": "han", "password": "sgeheim"}])  # fmt: skip
async def test_only_the_same_is_remembered(checks: PasswordChecks, verifier: Verifier, change: dict[str, str]) -> None:
    """Another name, password or hash is verified, also if their texts together are the same."""
    assert await checks.is_right(ATTEMPT)
    await checks.is_right(replace(ATTEMPT, **change))  # type: ignore[arg-type]
    assert len(verifier.computed) == 2


async def test_wrong_passwords_of_other_clients_take_their_time(checks: PasswordChecks, verifier: Verifier) -> None:
    """No quick answer reveals that another client has sent the same wrong password; a right one is right for all."""
    for client in ("192.0.2.7", "192.0.2.8"):
        assert not await checks.is_right(replace(WRONG, client=client))
        assert await checks.is_right(replace(ATTEMPT, client=client))
    assert [password for password, _ in verifier.computed] == ["x", "geheim", "x"]


async def test_the_memory_is_bounded(checks: PasswordChecks, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of wrong passwords takes no more memory, and does not push out what is right."""
    monkeypatch.setattr(memory, "MAX_REMEMBERED", 5)
    assert await checks.is_right(ATTEMPT)
    for number in range(20):
        assert not await checks.is_right(sending(f"x{number}"))
    assert len(checks._wrong._known) == 5
    assert len(checks._right._known) == 1


async def test_two_at_a_time(checks: PasswordChecks, verifier: Verifier) -> None:
    """Twenty different logins at once are computed by two threads, while the event loop runs; all are answered."""
    verifier.gate.clear()
    attempts = [replace(ATTEMPT, name=f"user{number}") for number in range(20)]
    tasks = [asyncio.create_task(checks.is_right(each)) for each in attempts]
    await until(lambda: verifier.running == 2)
    await asyncio.sleep(0.05)  # more would have begun by now
    assert len(verifier.computed) == 2
    verifier.gate.set()
    assert all(await asyncio.gather(*tasks))
    assert (len(verifier.computed), verifier.most) == (20, 2)


async def test_equal_logins_share_a_verification(checks: PasswordChecks, verifier: Verifier) -> None:
    """A browser that sends the same login on six connections at once costs one hash."""
    verifier.gate.clear()
    tasks = [asyncio.create_task(checks.is_right(ATTEMPT)) for _ in range(6)]
    await until(lambda: verifier.running)
    tasks[0].cancel()  # the others still get the result
    await asyncio.sleep(0)
    verifier.gate.set()
    assert await asyncio.gather(*tasks[1:]) == [True] * 5
    assert len(verifier.computed) == 1


async def test_a_full_queue(checks: PasswordChecks, verifier: Verifier) -> None:
    """What the queue cannot take is 503 with Retry-After at once, but for a password that was right before."""

    async def send(number: int) -> bool:
        return await checks.is_right(replace(ATTEMPT, client=f"198.51.100.{number}", name=f"user{number}"))

    assert await send(0)
    checks.forget()
    verifier.gate.clear()
    tasks = [asyncio.create_task(send(number)) for number in range(1, MAX_RUNNING + 1)]
    await asyncio.sleep(0.01)
    with pytest.raises(web.HTTPServiceUnavailable) as refused:
        await send(200)
    assert int(refused.value.headers["Retry-After"]) > 0
    tasks += [asyncio.create_task(send(number)) for number in (0, 1, 2)]  # these are being verified, or were right
    await asyncio.sleep(0.01)
    verifier.gate.set()
    assert all(await asyncio.gather(*tasks))
    assert await send(200)


async def test_many_requests_with_one_login(checks: PasswordChecks, verifier: Verifier) -> None:
    """All dashboards behind a proxy have one login and one address, and wait for one verification."""
    verifier.gate.clear()
    tasks = [asyncio.create_task(checks.is_right(ATTEMPT)) for _ in range(300)]
    await until(lambda: verifier.running)
    verifier.gate.set()
    assert all(await asyncio.gather(*tasks))
    assert len(verifier.computed) == 1


async def test_a_login_of_another_program(verifier: Verifier, caplog: pytest.LogCaptureFixture) -> None:
    """One that a proxy passes on where no login is needed costs one verification and one line, and bans no one."""
    checks = PasswordChecks(FailedLogins(LoginLimits(free=2, most=3)))
    for _ in range(20):
        assert not await checks.is_right(replace(WRONG, is_needed=False))
    assert len(verifier.computed) == len(caplog.messages) == 1
    assert await checks.is_right(ATTEMPT)
    await checks.close()


async def test_a_client_that_disconnects(checks: PasswordChecks, verifier: Verifier) -> None:
    """A login whose client is gone before its turn is not computed, and takes no place."""
    verifier.gate.clear()
    attempts = [replace(ATTEMPT, name=f"user{number}") for number in range(10)]
    tasks = [asyncio.create_task(checks.is_right(each)) for each in attempts]
    await until(lambda: verifier.running == 2)
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
    again = asyncio.create_task(checks.is_right(attempts[9]))  # its first verification was cancelled
    await asyncio.sleep(0.01)
    verifier.gate.set()
    assert await again
    assert {coded for _, coded in verifier.computed} == {ATTEMPT.hash}
    assert len(verifier.computed) == 3
    await until(lambda: not checks._running)
    assert not checks._waiting


async def test_a_client_cannot_flee_from_the_count(verifier: Verifier, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong password counts also if its client disconnects during the verification."""
    checks = PasswordChecks(FailedLogins(LoginLimits(free=1, most=1)))
    verifier.gate.clear()
    task = asyncio.create_task(checks.is_right(WRONG))
    await until(lambda: verifier.running)
    task.cancel()
    await asyncio.wait([task])
    verifier.gate.set()
    await until(lambda: "wrong password of the user hans" in caplog.text)
    with pytest.raises(web.HTTPTooManyRequests):
        await checks.is_right(sending("y"))
    await checks.close()


async def test_a_right_password_is_no_failure(verifier: Verifier, caplog: pytest.LogCaptureFixture) -> None:
    """Right logins do not bring a client nearer to its ban, and are not refused during it when they are known."""
    checks = PasswordChecks(FailedLogins(LoginLimits(free=2, most=2)))
    assert not await checks.is_right(WRONG)
    for number in range(5):
        assert await checks.is_right(replace(ATTEMPT, name=f"user{number}"))
    assert caplog.text.count("wrong password") == 1
    assert not await checks.is_right(sending("y"))
    with pytest.raises(web.HTTPTooManyRequests):
        await checks.is_right(sending("z"))
    checks.forget()
    assert await checks.is_right(replace(ATTEMPT, name="user0"))
    await checks.close()


async def test_logins_that_must_not_wait(verifier: Verifier) -> None:
    """Where no login is needed, one that would have to wait is refused at once."""
    checks = PasswordChecks(FailedLogins(LoginLimits(free=1, most=5, first_delay=600)))
    assert not await checks.is_right(WRONG)
    with pytest.raises(web.HTTPTooManyRequests):
        await checks.is_right(replace(sending("y"), is_needed=False))
    assert len(verifier.computed) == 1
    await checks.close()


async def test_unknown_users_cost_what_known_ones_do(verifier: Verifier, caplog: pytest.LogCaptureFixture) -> None:
    """An unknown name computes one hash of a kind that a user has, always the same; the result does not count."""
    kinds = {"a": "$2b$10$x", "b": "$6$x", "c": "$apr1$x"}
    logins = Logins(FailedLogins(NO_LIMITS))
    logins.accounts = Accounts({name: User(name, coded, ALL_RIGHTS) for name, coded in kinds.items()})
    used = set()
    for number in range(40):
        before = len(verifier.computed)
        for password in ("one", "two", "geheim"):
            assert await logins.verify(f"nobody{number}", password, "192.0.2.7") is None
        hashes = {coded for _, coded in verifier.computed[before:]}
        assert len(verifier.computed) - before == 3
        assert len(hashes) == 1
        used |= hashes
    assert used == {*kinds.values()}
    before = len(verifier.computed)
    for name in kinds:
        assert await logins.verify(name, "wrong", "192.0.2.7") is None
        assert await logins.verify(name, "geheim", "192.0.2.7")
    assert len(verifier.computed) - before == 6
    assert "nobody" not in caplog.text  # it may be a password in the wrong field
    assert "geheim" not in caplog.text
    await logins.checks.close()


async def test_without_users_nothing_is_computed(verifier: Verifier) -> None:
    """A password that a proxy passes on costs nothing while there are no users."""
    logins = Logins(FailedLogins(NO_LIMITS))
    assert await logins.verify("hans", "geheim", "192.0.2.7") is None
    assert not verifier.computed
    await logins.checks.close()


async def test_a_user_who_changes_during_the_verification(verifier: Verifier) -> None:
    """A password that was replaced or removed while it was verified is not accepted."""
    logins = Logins(FailedLogins(NO_LIMITS))
    for after in ({}, {"hans": User("hans", "$2b$new", ALL_RIGHTS)}):
        logins.accounts = Accounts({"hans": User("hans", "$2b$old", ALL_RIGHTS)})
        logins.checks.forget()
        verifier.gate.clear()
        task = asyncio.create_task(logins.verify("hans", "geheim", "192.0.2.7"))
        await until(lambda: verifier.running)
        logins.accounts = Accounts(after)
        verifier.gate.set()
        assert await task is None
    await logins.checks.close()


async def test_a_verification_that_fails(
    checks: PasswordChecks, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An error of the system is no right password, is logged, and is tried again at the next request."""

    def fail(_: str, __: str) -> bool:
        raise OSError("libcrypt.so.1: cannot open shared object file")

    monkeypatch.setattr(password_checks, "is_password", fail)
    for _ in range(2):
        with pytest.raises(OSError, match="libcrypt"):
            await checks.is_right(ATTEMPT)
    assert caplog.text.count("A password cannot be verified: libcrypt") == 2
