"""The number of requests that cost much, for each client."""

import asyncio
import time
from dataclasses import replace

import pytest
from aiohttp import web

from soft_stream.message import Message
from soft_stream.web import request_rates
from soft_stream.web.request_rates import (
    ARM,
    CONTROLS,
    FOCUS,
    KEEP_COST,
    LOGIN,
    PATIENCE,
    STILLS,
    Rate,
    RequestRates,
)
from tests.support.server import Portal, StartPortal

CLIENT, OTHER = "192.0.2.7", "192.0.2.8"


def count_until_refused(rates: RequestRates, rate: Rate, client: str = CLIENT, cost: int = 1) -> int:
    """Return how many requests are accepted, at once or after a wait."""
    for count in range(10_000):
        try:
            rates.spend(client, rate, cost)
        except web.HTTPTooManyRequests:
            return count
    raise AssertionError


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list of one time, which is what the clock shows."""
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_burst_and_then_a_number_each_second(clock: list[float]) -> None:
    """A refused request costs nothing: who waits as long as the answer says is served at once."""
    rates, rate = RequestRates(), Rate("things", 2, 10)
    waits = [rates.spend(CLIENT, rate) for _ in range(10 + 2 * int(PATIENCE))]
    assert waits == pytest.approx([0.0] * 10 + [0.5 * number for number in range(1, 2 * int(PATIENCE) + 1)])
    with pytest.raises(web.HTTPTooManyRequests) as refused:
        rates.spend(CLIENT, rate)
    assert refused.value.headers["Retry-After"] == "4"
    assert refused.value.text == "Too many things: one client may send 2 a second. Retry in 4 s."
    clock[0] += 4
    assert rates.spend(CLIENT, rate) == 0
    assert count_until_refused(rates, rate) == len(waits) - 9
    assert count_until_refused(rates, rate, OTHER) == len(waits)
    clock[0] += 100
    assert count_until_refused(rates, rate) == len(waits)
    assert count_until_refused(rates, Rate("others", 1, 3)) == 3 + PATIENCE


@pytest.mark.parametrize("rate", [CONTROLS, STILLS, ARM, FOCUS, LOGIN])
def test_who_sends_one_after_the_other_is_never_refused(clock: list[float], rate: Rate) -> None:
    """Four programs of one address as fast as they can: each waits for its answer before the next request."""
    rates, free_at = RequestRates(), [clock[0]] * 4
    for _ in range(20 * rate.burst):
        number = free_at.index(min(free_at))
        clock[0] = max(clock[0], free_at[number])
        free_at[number] = clock[0] + rates.spend(CLIENT, rate) + 0.001


def test_what_a_request_costs(clock: list[float]) -> None:
    """A change that is kept costs as much as many that are not, since it writes to the disk."""
    rates = RequestRates()
    waits = [rates.spend(CLIENT, CONTROLS, KEEP_COST) for _ in range(CONTROLS.burst // KEEP_COST + 1)]
    assert waits == pytest.approx([0.0] * (len(waits) - 1) + [KEEP_COST / CONTROLS.per_second])


def test_memory_is_bounded_and_keeps_the_busiest(clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """An attacker with many addresses does not get a new burst by making the server forget one."""
    monkeypatch.setattr(request_rates, "MAX_CLIENTS", 100)
    rates, rate = RequestRates(), Rate("things", 2, 10)
    assert count_until_refused(rates, rate) > 0
    for number in range(1000):
        rates.spend(f"2001:db8:0:{number:x}::/64", rate)
        assert len(rates._buckets[rate]) <= 100
    assert count_until_refused(rates, rate) == 0


@pytest.mark.parametrize(
    ("rate", "each_second", "at_once"),
    [
        (CONTROLS, 144, 200),  # a slider, at the rate of the screen; Octolapse sets all controls at once
        (STILLS, 25, 100),  # a page that polls in place of a stream
        (ARM, 1, 60),  # a script of Octolapse at each layer; several pages
        (FOCUS, 1, 10),
        (LOGIN, 4, 100),  # a school behind one router
    ],
)
def test_what_programs_and_people_send_is_accepted(
    clock: list[float], rate: Rate, each_second: float, at_once: int
) -> None:
    """For ten minutes, after a burst; none has to wait."""
    rates = RequestRates()
    for _ in range(at_once):
        assert rates.spend(CLIENT, rate) < 0.001
    for _ in range(int(600 * each_second)):
        clock[0] += 1 / each_second
        assert rates.spend(CLIENT, rate) < 0.001


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("CONTROLS", "POST", "/controls"),
        ("CONTROLS", "POST", "/cam0/controls?client=n{}"),
        ("CONTROLS", "GET", "/?action=command&id=9963776&value=0"),
        ("FOCUS", "POST", "/focus?client=n{}"),
        ("ZOOM", "POST", "/zoom?client=n{}"),
        ("SETTINGS_RATE", "POST", "/settings?client=n{}"),
        ("SETTINGS_RATE", "POST", "/settings/undo?client=n{}"),
        ("ARM", "POST", "/arm?seconds=1&client=n{}"),
        ("ARM", "POST", "/pause?client=n{}"),
        ("ARM", "POST", "/resume?client=n{}"),
        ("STILLS", "GET", "/snapshot.jpg?client=n{}"),
        ("STILLS", "GET", "/?action=snapshot&size=full&client=n{}"),
        ("LOGIN", "POST", "/login"),
    ],
)
async def test_requests_of_one_client(
    start_portal: StartPortal, monkeypatch: pytest.MonkeyPatch, name: str, method: str, path: str
) -> None:
    """Whatever name it has, and whatever address of its network it uses; others and other requests are served."""
    modules = {
        "CONTROLS": ["api.controls", "compat.mjpg_streamer"],
        "STILLS": ["api.snapshot"],
        "ZOOM": ["api.zoom"],
        "SETTINGS_RATE": ["api.settings"],
        "LOGIN": ["auth.login_page"],
    }
    few = replace(getattr(request_rates, name), per_second=0.01, burst=3)
    for module in modules.get(name, ["api.camera"]):
        monkeypatch.setattr(f"soft_stream.web.{module}.{name}", few)
    portal = await start_portal(legacy_control=True, local_proxy_role="admin")

    async def ask(number: int, client: str) -> int:
        body = {"data": "{}"} if "controls" in path else {"data": {"name": "x", "password": "y"}}
        data = body if method == "POST" else {}
        headers = {"X-Forwarded-For": client}
        async with portal.http.request(method, path.format(number), headers=headers, **data) as answer:
            await answer.read()
            assert answer.status != 429 or 0 < int(answer.headers["Retry-After"]) <= 100
            return answer.status

    statuses = [await ask(number, f"2001:db8::{number}") for number in range(5)]
    assert 429 not in statuses[:3]
    assert statuses[3:] == [429, 429]
    assert await ask(7, "2001:db8:0:1::1") != 429
    async with portal.http.get("/status.json", headers={"X-Forwarded-For": "2001:db8::1"}) as answer:
        assert answer.status == 200


async def test_a_request_waits_for_its_turn(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two programs that poll full-size stills faster than the limit are slowed, and get each of them."""
    monkeypatch.setattr("soft_stream.web.api.snapshot.STILLS", Rate("full-size stills", 10, 1))

    async def poll() -> None:
        for _ in range(4):
            async with portal.http.get("/snapshot.jpg?size=full") as answer:
                assert answer.status == 200

    began = time.monotonic()
    await asyncio.gather(poll(), poll())
    assert time.monotonic() - began > 0.69


async def test_existing_frames_cost_nothing(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Snapshots of a stream, and frames that are new enough, have no limit."""
    monkeypatch.setattr("soft_stream.web.api.snapshot.STILLS", Rate("full-size stills", 0.01, 1))
    async with portal.http.get("/stream.mjpg") as stream:
        assert stream.status == 200
        for path in ("/snapshot.jpg", "/?action=snapshot", "/snapshot.jpg?max_age_ms=60000"):
            for _ in range(3):
                async with portal.http.get(path) as answer:
                    assert answer.status == 200


def test_refusals_are_logged_once(clock: list[float], caplog: pytest.LogCaptureFixture) -> None:
    """Again after a quiet minute."""
    rates, rate = RequestRates(), Rate("things", 0.001, 1)
    for _ in range(10):
        count_until_refused(rates, rate)
    clock[0] += 61
    count_until_refused(rates, rate)
    sentence = "Refused a request of 192.0.2.7: Too many things: one client may send 0.001 a second."
    assert caplog.messages == [sentence] * 2


def test_what_is_limited_has_words_in_every_language() -> None:
    """The page shows the sentence of each limit; the login form has words of its own."""
    rates = {name: each for name, each in vars(request_rates).items() if isinstance(each, Rate)}
    plain = {name for name, each in rates.items() if not isinstance(each.what, Message)}
    assert plain == {"LOGIN", "SESSIONS"}
