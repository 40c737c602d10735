"""Failed logins are slowed, then their client is banned for a while; clients that are logged in notice nothing."""

import asyncio
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from aiohttp import web

from soft_stream.access.passwords import is_password
from soft_stream.web.auth import guard, memory, password_checks
from soft_stream.web.auth.failed_logins import FailedLogins, LoginLimits
from tests.support.logins import PASSWORDS, basic, bearer, login_of, write_logins
from tests.support.raw_http import exchange
from tests.support.server import Portal, StartPortal

# No waiting between slowed logins; bans are long, unless a test ends them.
LIMITS = LoginLimits(free=3, most=6, first_delay=0.0, first_ban=100.0, longest_ban=1000.0)
ATTACKER, NEIGHBOUR = "192.0.2.7", "192.0.2.8"
LINE = re.compile(r"Login failed from (\S+): ")


async def fail(logins: FailedLogins, client: str, count: int = 1) -> None:
    """Send wrong passwords, one after the other."""
    for _ in range(count):
        await logins.wait_or_refuse(client)
        logins.failed(client, "unknown user")


async def is_banned(logins: FailedLogins, client: str) -> bool:
    """Return whether a login is refused; it counts no failed login."""
    try:
        await logins.wait_or_refuse(client)
    except web.HTTPTooManyRequests:
        return True
    logins.succeeded(client)
    return False


async def test_the_first_are_answered_at_once_and_the_next_ones_slowly() -> None:
    """Each slowed login takes twice as long as the one before, up to a limit."""
    logins = FailedLogins(replace(LIMITS, first_delay=0.2, longest_delay=0.4))
    for _ in range(3):
        await logins.wait_or_refuse(ATTACKER, may_wait=False)
        logins.failed(ATTACKER, "unknown user")
    await fail(logins, ATTACKER, 3)
    began = logins._records[ATTACKER].attempts
    seconds = [later - earlier for earlier, later in pairwise(began[2:])]
    assert seconds[0] > 0.19
    assert min(seconds[1:]) > 0.39


async def test_the_ban_names_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """The answer is 429 with Retry-After; the log has a line for each failed login, and one for the ban."""
    logins = FailedLogins(LIMITS)
    await fail(logins, ATTACKER, 6)
    with pytest.raises(web.HTTPTooManyRequests) as refused:
        await logins.wait_or_refuse(ATTACKER)
    assert refused.value.headers["Retry-After"] == "100"
    assert refused.value.text == "Logins of 192.0.2.7 are refused after too many failed ones. Retry in 100 s."
    assert not await is_banned(logins, NEIGHBOUR)
    assert caplog.messages == ["Login failed from 192.0.2.7: unknown user"] * 6 + [
        "Logins of 192.0.2.7 are refused for 100 s, after 6 failed ones"
    ]


async def test_bans_grow_up_to_a_limit(caplog: pytest.LogCaptureFixture) -> None:
    """Each takes twice as long; after it, fewer wrong passwords are enough for the next one."""
    logins = FailedLogins(replace(LIMITS, longest_ban=400.0))
    await fail(logins, ATTACKER, 3)
    for _ in range(4):
        await fail(logins, ATTACKER, 3)
        logins._end_ban(ATTACKER)
    assert [each.split()[6] for each in caplog.messages if "refused for" in each] == ["100", "200", "400", "400"]


async def test_a_ban_ends_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    """Its end is one line, also without a further login."""
    logins = FailedLogins(replace(LIMITS, first_ban=0.3))
    await fail(logins, ATTACKER, 6)
    assert await is_banned(logins, ATTACKER)
    while caplog.messages[-1] != "Logins of 192.0.2.7 are accepted again":  # noqa: ASYNC110 # there is no event
        await asyncio.sleep(0.01)
    assert not await is_banned(logins, ATTACKER)


async def test_old_failures_are_forgotten() -> None:
    """Someone who mistypes a password now and then is never slowed; after a long time, bans are short again."""
    logins = FailedLogins(replace(LIMITS, window=0.05, bans_kept=0.3, first_ban=0.2))
    for _ in range(10):
        await fail(logins, ATTACKER, 2)
        await asyncio.sleep(0.06)
    assert not await is_banned(logins, ATTACKER)
    for _ in range(2):
        await fail(logins, ATTACKER, 6)
        with pytest.raises(web.HTTPTooManyRequests):
            await logins.wait_or_refuse(ATTACKER)
        assert logins._records[ATTACKER].banned_until - time.monotonic() <= 0.2
        await asyncio.sleep(0.8)


@pytest.mark.parametrize("count", [6, 100])
async def test_logins_that_are_being_verified_count(count: int) -> None:
    """An attacker who sends all passwords at once has no more of them verified than one after the other."""
    logins = FailedLogins(replace(LIMITS, waiting=4))
    verified = []

    async def attempt() -> None:
        with suppress(web.HTTPTooManyRequests):
            await logins.wait_or_refuse(ATTACKER)
            verified.append(time.monotonic())
            await asyncio.sleep(0.01)
            logins.failed(ATTACKER, "unknown user")

    await asyncio.gather(*(attempt() for _ in range(count)))
    assert len(verified) == 6
    assert await is_banned(logins, ATTACKER)


async def test_a_ban_is_for_logins_that_have_failed() -> None:
    """Logins that are still being verified may be right: with them, one wrong password bans no one."""
    logins = FailedLogins(LIMITS)
    await fail(logins, ATTACKER, 2)
    for _ in range(4):
        await logins.wait_or_refuse(ATTACKER)
    logins.failed(ATTACKER, "unknown user")
    for _ in range(3):
        logins.succeeded(ATTACKER)
    assert not await is_banned(logins, ATTACKER)
    await fail(logins, ATTACKER, 3)
    assert await is_banned(logins, ATTACKER)


@pytest.mark.parametrize("count", [20, 100])
async def test_right_logins_at_the_same_time_are_not_slowed(count: int) -> None:
    """Many users behind one router log in at once: the verifications are spread, and none is refused."""
    logins = FailedLogins(replace(LIMITS, first_delay=100.0, longest_delay=100.0))

    async def log_in() -> None:
        await logins.wait_or_refuse(ATTACKER)
        await asyncio.sleep(0.01)
        logins.succeeded(ATTACKER)

    async with asyncio.timeout(10):
        await asyncio.gather(*(log_in() for _ in range(count)))
    assert not logins._records


async def test_a_right_login_resets_nothing() -> None:
    """An attacker with a user of their own cannot try passwords of others without a limit between right logins."""
    logins = FailedLogins(LIMITS)
    for _ in range(6):
        await fail(logins, ATTACKER)
        if not await is_banned(logins, ATTACKER):
            await logins.wait_or_refuse(ATTACKER)
            logins.succeeded(ATTACKER)
    assert await is_banned(logins, ATTACKER)


@pytest.mark.parametrize(
    ("addresses", "named"),
    [
        ((f"2001:db8:0:1::{number:x}" for number in range(6)), "2001:db8:0:1::/64"),
        ((f"2001:db8:0:1:{number:x}:5:6:7" for number in range(6)), "2001:db8:0:1::/64"),
        ((f"fe80::{number:x}%eth0" for number in range(6)), "fe80::/64"),
        (("::ffff:192.0.2.7", "192.0.2.7") * 3, "192.0.2.7"),
        (("unix socket", "127.0.0.1", "::1", "127.1.2.3", "::ffff:127.0.0.1", "127.0.0.1"), "127.0.0.1"),
    ],
)
async def test_other_addresses_of_one_client(
    addresses: Iterator[str], named: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A host has a whole IPv6 network (/64), all link-local addresses, and IPv4 addresses in two forms."""
    logins, tried = FailedLogins(LIMITS), list(addresses)
    for address in tried:
        await fail(logins, address)
    assert await is_banned(logins, tried[0])
    assert caplog.messages[-1].startswith(f"Logins of {named} are refused for ")
    assert not await is_banned(logins, "2001:db8:0:2::1")


async def test_many_addresses_do_not_push_out_a_ban(caplog: pytest.LogCaptureFixture) -> None:
    """Memory is bounded; clients with few failed logins are forgotten before those with many, and bans last."""
    logins = FailedLogins(replace(LIMITS, clients=100))
    await fail(logins, ATTACKER, 6)
    await fail(logins, NEIGHBOUR, 3)
    for number in range(1000):
        await fail(logins, f"2001:db8:0:{number:x}::1")
        assert len(logins._records) <= 100
    assert await is_banned(logins, ATTACKER)
    assert len(logins._records[NEIGHBOUR].attempts) == 3
    caplog.clear()
    for number in range(100):  # bans of all, which cost an attacker as many verifications as bans usually do
        await fail(logins, f"2001:db8:1:{number:x}::1", 6)
        assert len(logins._records) <= 100
    lines = [each for each in caplog.messages if "Logins of" in each]
    assert len({*lines}) == len(lines) > 100


async def test_bans_are_forgotten_although_others_log_in() -> None:
    """A right login of the same address now and then does not keep the bans of long ago."""
    logins = FailedLogins(replace(LIMITS, window=0.05, bans_kept=0.3, first_ban=0.01))
    await fail(logins, ATTACKER, 6)
    for _ in range(8):
        await asyncio.sleep(0.06)
        assert not await is_banned(logins, ATTACKER)
    assert not logins.was_banned(ATTACKER)


def count_slow_hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make each verification take a moment, and return the list of what is verified."""
    verified: list[str] = []

    def slowly(password: str, coded: str) -> bool:
        verified.append(password)
        time.sleep(0.02)
        return is_password(password, coded)

    monkeypatch.setattr(password_checks, "is_password", slowly)
    return verified


@pytest.fixture
async def locked(start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Portal:
    """Return a server that wants a login from all clients, with the limits of these tests."""
    monkeypatch.setattr(guard, "FailedLogins", lambda: FailedLogins(LIMITS))
    return await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))


async def ask(portal: Portal, headers: dict[str, str], client: str = ATTACKER) -> int:
    """Return the status of an answer to a client behind a proxy on this machine."""
    async with portal.http.get("/status.json", headers={**headers, "X-Forwarded-For": client}) as answer:
        await answer.read()
        return answer.status


def wrong(number: int = 0, name: str = "vera") -> dict[str, str]:
    """Return the header of a wrong login."""
    return {**basic(name, f"wrong-{number}")}


@pytest.mark.parametrize("limits", [LIMITS, replace(LIMITS, most=10)])
async def test_the_same_password_is_refused_during_a_ban(
    start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limits: LoginLimits
) -> None:
    """Also the one that is known to be wrong: the answer to a banned client is always 429."""
    monkeypatch.setattr(guard, "FailedLogins", lambda: FailedLogins(limits))
    locked = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    statuses = [await ask(locked, wrong()) for _ in range(limits.most + 10)]
    assert statuses == [401] * limits.most + [429] * 10


@pytest.mark.parametrize("is_same", [True, False])
async def test_a_ban_is_for_the_address(locked: Portal, caplog: pytest.LogCaptureFixture, is_same: bool) -> None:
    """Whether the wrong passwords are different ones or the same; a right one is refused too, others are not."""
    statuses = [await ask(locked, wrong(0 if is_same else number)) for number in range(8)]
    assert statuses == [401] * 6 + [429] * 2
    assert await ask(locked, dict(login_of("vera"))) == 429
    assert await ask(locked, {}) == 401
    assert await ask(locked, dict(login_of("vera")), NEIGHBOUR) == 200
    lines = [each for each in caplog.messages if "failed from" in each]
    assert lines == [f"Login failed from {ATTACKER}: wrong password of the user vera"] * 6


async def test_who_is_logged_in_stays_so(locked: Portal) -> None:
    """Behind the same router, or a proxy that forwards no address: a token, and a password that was right before."""
    assert await ask(locked, dict(login_of("conny"))) == 200
    for number in range(8):
        await ask(locked, wrong(number))
    assert await ask(locked, wrong(9)) == 429
    assert await ask(locked, dict(login_of("conny"))) == 200
    assert await ask(locked, dict(login_of("see"))) == 200


async def test_a_password_that_was_right_stays_so_after_ten_minutes(
    start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is verified again although its address is banned, and counts as no failed login of others."""
    monkeypatch.setattr(guard, "FailedLogins", lambda: FailedLogins(LIMITS))
    monkeypatch.setattr(memory.Memory.__init__, "__defaults__", (0.0,))
    locked = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    verified = count_slow_hashes(monkeypatch)
    assert await ask(locked, dict(login_of("conny"))) == 200
    statuses = []
    for number in range(7):
        statuses.append(await ask(locked, wrong(number)))
        assert await ask(locked, dict(login_of("conny"))) == 200
    assert statuses == [401] * 6 + [429]
    assert verified.count(PASSWORDS["conny"]) == 8


@pytest.mark.parametrize("programs", [1, 3])
async def test_programs_with_old_passwords_are_banned_once(
    start_portal: StartPortal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    programs: int,
) -> None:
    """They send the same passwords for ever; the owner at the same address can log in after the first ban.

    Each of their requests is a line, so that fail2ban and the owner find them.
    """
    limits = replace(LIMITS, most=10, first_ban=0.05, longest_ban=0.05)
    monkeypatch.setattr(guard, "FailedLogins", lambda: FailedLogins(limits))
    locked = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    addresses = ["2001:db8::1", "2001:db8::2"]  # as privacy addresses change
    statuses = [await ask(locked, wrong(number % programs), addresses[0]) for number in range(10)]
    await asyncio.sleep(0.1)
    statuses += [await ask(locked, wrong(number % programs), addresses[number % 2]) for number in range(30)]
    assert statuses == [401] * 40
    assert await ask(locked, dict(login_of("vera")), addresses[0]) == 200
    assert sum("are refused for" in each for each in caplog.messages) == 1
    assert sum(LINE.match(each) is not None for each in caplog.messages) == 40


async def test_a_wrong_token_bans_no_one(locked: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """Tokens cannot be guessed; each request with one is a line."""
    tokens = [f"css_{number % 10:043d}" for number in range(20)]
    assert {await ask(locked, dict(bearer(token))) for token in tokens} == {401}
    assert await ask(locked, dict(login_of("old"))) == 401
    assert await ask(locked, dict(login_of("vera"))) == 200
    lines = [LINE.sub("", each) for each in caplog.messages if LINE.match(each)]
    assert lines == ["unknown token"] * 20 + ["the token old has expired"]


async def test_lines_of_a_client_are_limited(caplog: pytest.LogCaptureFixture) -> None:
    """A flood of tokens, or of a password that is known to be wrong, hides no failed logins of others."""
    logins = FailedLogins(replace(LIMITS, lines=5, lines_window=0.2))
    for _ in range(100):
        logins.failed(ATTACKER, "unknown token", counts=False)
    logins.failed(NEIGHBOUR, "unknown token", counts=False)
    await fail(logins, ATTACKER)
    assert [LINE.match(each)[1] for each in caplog.messages] == [ATTACKER] * 5 + [NEIGHBOUR, ATTACKER]  # type: ignore[index]
    await asyncio.sleep(0.21)
    logins.failed(ATTACKER, "unknown token", counts=False)
    assert len(caplog.messages) == 8


async def test_parallel_connections_and_pipelining(locked: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred verifications at once, on connections of their own or one after the other on one connection."""
    verified = count_slow_hashes(monkeypatch)
    statuses = await asyncio.gather(*(ask(locked, wrong(number)) for number in range(100)))
    assert sorted(statuses) == [401] * 6 + [429] * 94
    assert len(verified) == 6
    head = "GET /status.json HTTP/1.1\r\nHost: pi\r\nX-Forwarded-For: 192.0.2.9\r\n"
    login = [wrong(number)["Authorization"] for number in range(30)]
    reader, writer = await asyncio.open_connection("127.0.0.1", locked.port)
    writer.write("".join(f"{head}Authorization: {each}\r\n\r\n" for each in login).encode())
    writer.write(f"{head.replace('1.1', '1.0')}\r\n".encode())  # so that the connection ends
    answers = await reader.read()
    writer.close()
    assert answers.count(b"HTTP/1.1 401") == 6
    assert answers.count(b"HTTP/1.1 429") == 24
    assert len(verified) == 12


@pytest.mark.parametrize(
    "header", ["X-Forwarded-For: 192.0.2.%d", "Forwarded: for=192.0.2.%d", "X-Real-IP: 192.0.2.%d"]
)
async def test_forwarded_addresses_of_the_network(
    locked: Portal, monkeypatch: pytest.MonkeyPatch, header: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A client of the network may write what it wants into such headers: its own address counts."""
    monkeypatch.setattr("soft_stream.web.request.LOOPBACK", ("::1",))  # 127.0.0.1 is a client like others
    for number in range(6):
        request = f"GET /status.json HTTP/1.1\r\nHost: pi\r\nAuthorization: {wrong(number)['Authorization']}\r\n"
        answer = await exchange(locked.port, f"{request}{header % number}\r\n\r\n".encode())
        assert answer.status == 401
    answer = await exchange(locked.port, f"{request}{header % 77}\r\n\r\n".replace("wrong", "right").encode())
    assert answer.status == 429
    assert sum(each.startswith("Login failed from 127.0.0.1: ") for each in caplog.messages) == 6


async def test_a_client_that_disconnects_is_counted(locked: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who does not wait for the answer gains nothing: what was verified counts."""
    verified = count_slow_hashes(monkeypatch)
    for number in range(12):
        asking = asyncio.create_task(ask(locked, wrong(number)))
        expected = len(verified) + 1
        while len(verified) < expected and not asking.done():  # noqa: ASYNC110 # there is no event
            await asyncio.sleep(0.002)
        asking.cancel()
        await asyncio.wait([asking])
    assert len(verified) == 6
    assert await ask(locked, wrong(99)) == 429
