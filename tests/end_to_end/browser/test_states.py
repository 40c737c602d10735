"""The state of the picture in words: what the page waits for, and why there are few frames."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from soft_stream.cameras.http.camera import HttpCamera
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.frames.raw import RawFrame
from tests.end_to_end.browser.conftest import NOT_LIVE, SEEN, Relay, StartVisit, Visit, cut_own_stream
from tests.support.server import QUICK, Portal, StartPortal, running

# Collects the texts of the badge from now on.
WATCH_BADGE = """() => {
    const badge = document.getElementById("state");
    globalThis.states = [badge.textContent];
    new MutationObserver(() => states.push(badge.textContent)).observe(badge, { childList: true });
}"""
# Records the milliseconds from the first live picture until the warning is visible; from the beginning of the page.
RECORD_WARNING = """window.warnedAfter = new Promise((resolve) => {
    let liveAt = null;
    const look = () => {
        if (document.getElementById("state")?.dataset.state === "streaming") liveAt ??= performance.now();
        if (document.getElementById("slow")?.hidden ?? true) requestAnimationFrame(look);
        else resolve(performance.now() - liveAt);
    };
    look();
})"""


class SlowCamera(SyntheticCamera):
    """A camera that delivers fewer frames than it has agreed to."""

    def capture(self, timeout: float) -> RawFrame:
        """Wait for a frame, and then for some time more."""
        time.sleep(0.05)
        return super().capture(timeout)


async def open_page(visit: Visit, portal: Portal) -> Page:
    """Open the page, and wait until it is live."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(state_of(visit)).to_have_text("Live")
    return visit.page


def state_of(visit: Visit) -> Locator:
    """Return the state badge."""
    return visit.page.locator("#state")


@asynccontextmanager
async def falsified(page: Page, **changes: Any) -> AsyncIterator[None]:
    """Change the answers to requests for the status."""

    async def answer(route: Route) -> None:
        response = await route.fetch()
        await route.fulfill(response=response, json=await response.json() | changes)

    await page.route("**/status.json*", answer)
    yield
    await page.unroute_all(behavior="wait")


async def test_a_camera_that_starts_again_has_a_spinner_over_the_last_picture(portal: Portal, visit: Visit) -> None:
    """The last picture is dimmed behind the spinner, with its age, until the camera delivers frames."""
    page = await open_page(visit, portal)
    await page.evaluate(SEEN, "hidden")
    await portal.until(lambda: portal.device.closed == 1)
    portal.device.slow_open(3600)
    await page.evaluate(SEEN, "visible")
    await expect(state_of(visit)).to_have_text("Starting")
    await expect(page.locator("#reason")).to_have_text("Starting the camera…")
    await expect(page.locator("#age")).to_have_text(re.compile(r"this picture is \d+(\.\d)? s old"))
    await expect(page.locator("#view")).to_have_class(NOT_LIVE)
    await expect(page.locator("#picture")).to_be_visible()
    spinner = "() => getComputedStyle(document.getElementById('overlay'), '::before').animationName"
    assert await page.evaluate(spinner) == "turn"
    portal.device.let_go()
    await expect(state_of(visit)).to_have_text("Live")
    await expect(page.locator("#overlay")).to_be_hidden()


@pytest.mark.parametrize("state", ["Starting", "Lent"])
async def test_a_new_page_shows_the_last_picture(portal: Portal, visit: Visit, state: str) -> None:
    """Before the camera delivers frames, a page has the server's last one: dimmed, with its age, never as live."""
    async with portal.http.get("/snapshot.jpg") as answer:
        assert answer.status == 200
    await portal.until(lambda: portal.device.closed == 1)
    await asyncio.sleep(2.5)
    if state == "Lent":
        async with portal.http.post("/pause?client=Octolapse"):
            pass
    portal.device.slow_open(3600)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(state_of(visit)).to_have_text(state)
    await expect(visit.page.locator("#picture")).to_be_visible()
    age = visit.page.locator("#age")
    await expect(age).to_have_text(re.compile(r"this picture is (\d\d|[2-9])(\.\d)? s old"))
    await expect(visit.page.locator("#view")).to_have_class(NOT_LIVE)
    await expect(visit.page.locator("#facts")).to_have_text("")  # the size is not that of the camera
    portal.device.let_go()
    if state == "Lent":
        await visit.page.click("#take-back")
    await expect(state_of(visit)).to_have_text("Live")
    await expect(visit.page.locator("#facts")).to_contain_text("160 × 120")  # noqa: RUF001
    assert visit.complaints == []


async def test_a_spinner_with_less_motion(portal: Portal, start_visit: StartVisit) -> None:
    """A browser that prefers less motion gets a slow one, and the same words."""
    visit = await start_visit(reduced_motion="reduce")
    portal.device.slow_open(3600)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#reason")).to_have_text("Starting the camera…")
    duration = "() => getComputedStyle(document.getElementById('overlay'), '::before').animationDuration"
    assert await visit.page.evaluate(duration) == "8s"


@pytest.mark.parametrize("fault", ["stall", "lost network", "stall after a cut"])
async def test_connecting_never_means_a_stall(start_portal: StartPortal, visit: Visit, fault: str) -> None:
    """When frames stop, the badge says so; it says that the page connects only when it does."""
    portal = await start_portal(watchdog_timeout=0, close_after=60)
    relay = await Relay.to(portal.port)
    await visit.page.goto(f"http://127.0.0.1:{relay.port}/")
    await expect(state_of(visit)).to_have_text("Live")
    if fault == "stall after a cut":
        await cut_own_stream(portal, relay)
        await visit.sees_movement()
        await expect(state_of(visit)).to_have_text("Live")
    await visit.page.evaluate(WATCH_BADGE)
    if fault == "lost network":
        relay.swallow()
    else:
        portal.device.stall()
    await expect(visit.page.locator("#view")).to_have_class(NOT_LIVE)
    await asyncio.sleep(8)  # longer than a stream may be silent
    relay.pass_on()
    portal.device.resume()
    await expect(state_of(visit)).to_have_text("Live")
    states = await visit.page.evaluate("states")
    assert "Connecting" not in states, states
    assert {"Not live", "Unreachable", "Frozen"} & set(states), states
    await relay.close()


async def test_a_page_that_connects(portal: Portal, visit: Visit) -> None:
    """Until the answer to its first request begins, the page connects."""
    held: list[Route] = []
    await visit.page.route("**/stream.mjpg*", lambda route: held.append(route))
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(state_of(visit)).to_have_text("Connecting")
    await expect(visit.page.locator("#reason")).to_have_text("Connecting…")
    await portal.until(lambda: held)
    await held[0].continue_()
    await expect(state_of(visit)).to_have_text("Live")


async def test_one_figure_for_the_frame_rate(start_portal: StartPortal, visit: Visit) -> None:
    """The rate is the one that arrives here; a limit that the settings make is no reason for a warning."""
    portal = await start_portal(client_fps_max=5)
    page = await open_page(visit, portal)
    await expect(page.locator("#facts")).to_have_text(re.compile(r"^160 × 120 · [45]\.\d fps$"))  # noqa: RUF001
    await asyncio.sleep(7)
    await expect(page.locator("#slow")).to_be_hidden()


async def test_a_camera_that_delivers_few_frames(visit: Visit) -> None:
    """After five seconds the page warns that the camera is the reason, and no sooner."""
    async with running(QUICK, new_camera=partial(SlowCamera)) as portal:
        await visit.page.add_init_script(RECORD_WARNING)
        await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
        assert await visit.page.evaluate("warnedAfter") > 4900
        words = "Fewer than 50 frames per second: the camera delivers no more"
        await expect(visit.page.locator("#slow")).to_have_text(words)
        await expect(state_of(visit)).to_have_text("Live")
        portal.device.stall(survives_restart=True, survives_reopening=True)
        await expect(visit.page.locator("#slow")).to_be_hidden()  # then the picture says more


async def test_a_reason_that_begins_with_a_url(portal: Portal, visit: Visit) -> None:
    """The URL keeps its small letters, in which it can be copied."""
    settings = replace(QUICK, source="http", url=f"http://127.0.0.1:{portal.port}/stream.mjpg")
    async with running(settings, new_camera=lambda settings, _: HttpCamera(settings)) as relay:
        page = await open_page(visit, relay)
        (await portal.http.post("/pause")).close()
        await expect(page.locator("#reason")).to_have_text(re.compile(r"^http://127\.0\.0\.1:\d+ "))
        shown = "getComputedStyle(document.getElementById('reason'), '::first-letter').textTransform"
        assert await page.evaluate(shown) == "none"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"captured_fps": 400.0}, "the connection is slow"),
        ({"captured_fps": 400.0, "adaptive_quality": {"fps": 50.0}}, "the Raspberry Pi is hot or busy"),
        ({"captured_fps": 50.0, "frame": {"exposure_time": 0.02}}, "it is too dark for more"),
        ({"captured_fps": 50.0, "frame": {"exposure_time": None}}, "the camera delivers no more"),
        ({"captured_fps": 50.0, "frame": None}, "the camera delivers no more"),
    ],
)
async def test_the_reason_for_few_frames(portal: Portal, visit: Visit, changes: dict[str, Any], words: str) -> None:
    """The first part of the way that lets too few frames through is named."""
    negotiated = {"fps": 400.0}
    async with falsified(visit.page, negotiated=negotiated, **changes):
        await open_page(visit, portal)
        await expect(visit.page.locator("#slow")).to_have_text(f"Fewer than 400 frames per second: {words}")


@pytest.mark.parametrize(("part", "is_warned"), [(0.7, True), (0.95, False)])
async def test_only_far_fewer_frames_are_worth_a_warning(
    portal: Portal, visit: Visit, part: float, is_warned: bool
) -> None:
    """Four of five expected frames are enough."""
    page = await open_page(visit, portal)
    await expect(page.locator("#facts")).to_contain_text("fps")
    await asyncio.sleep(3)  # as long as the rate is measured
    fps = float((await page.locator("#facts").inner_text()).split()[-2])
    async with falsified(page, negotiated={"fps": fps / part}):
        if is_warned:
            await expect(page.locator("#slow")).to_be_visible()
        else:
            await asyncio.sleep(8)
            await expect(page.locator("#slow")).to_be_hidden()
