"""The page of a camera is one screen: at no size it scrolls, all first buttons are in sight, and nothing moves."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.end_to_end.browser.firefox import FIREFOX, firefox
from tests.end_to_end.browser.logins import fill_in, locked_portals, url_of
from tests.end_to_end.browser.tab import STATE, Tab
from tests.end_to_end.browser.webkit import DRIVER, XVFB, WebKit, webkit
from tests.support.server import QUICK, Portal, StartPortal

DESKTOPS = [(1280, 720), (1366, 650), (1440, 900), (1920, 1080), (3840, 2160)]
PHONES = [(390, 844), (844, 390), (360, 740)]
SIZES = [*DESKTOPS, *PHONES]
each_kind_of_screen = pytest.mark.parametrize("sizes", [DESKTOPS, PHONES], ids=["desktops", "phones"])
FIRST = ("snapshot", "still", "zoom", "fullscreen", "focus", "lend", "controls", "more")
LONG = "The printer in the cellar behind the workshop, seen from above"
# A list of what is wrong with the layout; empty if all is well.
FAULTS = """((width, height, buttons) => {
    const faults = [];
    if (innerWidth !== width || innerHeight !== height) faults.push(`the window has ${innerWidth} x ${innerHeight}`);
    const { scrollWidth, scrollHeight } = document.documentElement;
    if (scrollWidth > width || scrollHeight > height) faults.push(`it scrolls: ${scrollWidth} x ${scrollHeight}`);
    const box = (each) => each.getBoundingClientRect();
    const outside = ({ left, top, right, bottom }) => left < 0 || top < 0 || right > width || bottom > height;
    const parts = [...document.querySelectorAll("h1, #state, #facts, #view, #switcher-button, #switcher a")];
    for (const each of [...parts, ...buttons.map((id) => document.getElementById(id))]) {
        const name = each?.id || each?.textContent;
        if (!each) faults.push("a button is missing");
        else if (each.checkVisibility() && outside(box(each))) faults.push(`${name} is outside`);
    }
    for (const each of buttons.map((id) => document.getElementById(id)).filter((each) => each?.checkVisibility())) {
        const { left, top, width, height } = box(each);
        if (Math.min(width, height) < 43.5) faults.push(`${each.id} is small: ${width} x ${height}`);
        const hit = document.elementFromPoint(left + width / 2, top + height / 2);
        if (!each.contains(hit)) faults.push(`${each.id} is covered by ${hit?.id || hit?.className}`);
        const label = each.querySelector("span");
        if (label.scrollWidth > each.clientWidth) faults.push(`the label of ${each.id} is wider than it`);
        if (box(label).bottom > box(each).bottom + 1) faults.push(`the label of ${each.id} is higher than it`);
    }
    for (const each of buttons) {
        if (!document.getElementById(each).checkVisibility()) faults.push(`${each} is hidden`);
    }
    const [title, state] = [box(document.querySelector("h1")), box(document.getElementById("state"))];
    if (state.width && title.right > state.left && title.bottom > state.top && title.top < state.bottom) {
        faults.push("the title covers the state");
    }
    const others = parts.filter((each) => each.matches("h1, #facts, #switcher-button"));
    const right = Math.max(...others.map((each) => box(each).right));
    if (state.width && right > state.right + 1) faults.push("the state is not at the right");
    const { width: seen, height: high } = box(document.getElementById("view"));
    if (seen * high < 0.3 * width * height) faults.push(`the picture is small: ${seen} x ${high}`);
    return faults;
})"""
PLACES = """[...document.querySelectorAll("header, h1, #state, #view, #actions, #actions button")].map((each) => {
    const { x, y, width, height } = each.getBoundingClientRect();
    return each.id === "state" ? [y, x + width] : [x, y, width, height];
})"""
LONG_WORDS = {
    "snapshot": "Schnappschuss",
    "still": "Volle Auflösung",
    "zoom": "Vergrößern",
    "fullscreen": "Vollbildmodus",
    "focus": "Scharfstellen",
    "lend": "Zurückholen",
    "controls": "Bildeinstellungen",
}
# The state is replaced, since the page writes its own word again.
LENGTHEN = """(words) => {
    for (const [id, word] of Object.entries(words)) document.querySelector(`#${id} span`).textContent = word;
    const state = document.getElementById("state");
    state.replaceWith(Object.assign(state.cloneNode(), { textContent: "Verliehen an Octolapse im Keller links" }));
}"""
# Record each box of the picture from the first paint on, and the aspect ratio of the canvas.
RECORD = """(() => {
    globalThis.boxes = new Set();
    globalThis.shapes = new Set();
    const look = () => {
        const [view, picture] = ["view", "picture"].map((id) => document.getElementById(id));
        if (document.getElementById("menu") && document.readyState !== "loading") {
            boxes.add(Object.values(view.getBoundingClientRect().toJSON()).join());
            if (document.getElementById("actions").hidden === false) {
                shapes.add((picture.width / picture.height).toFixed(3));
            }
        }
        requestAnimationFrame(look);
    };
    look();
})()"""


def faults_at(size: tuple[int, int], buttons: tuple[str, ...] = FIRST) -> str:
    """Return the expression that finds what is wrong with the layout."""
    return f"{FAULTS}({size[0]}, {size[1]}, {list(buttons)})"


def device(size: tuple[int, int]) -> dict[str, Any]:
    """Return the options of a Playwright context for a window, or a phone, of a size."""
    is_phone = min(size) < 500
    return {"viewport": {"width": size[0], "height": size[1]}, "has_touch": is_phone, "is_mobile": is_phone}


async def visit_live(start_visit: StartVisit, portal: Portal, size: tuple[int, int], **options: Any) -> Visit:
    """Open the page of a camera at a size, and wait until it is live."""
    visit = await start_visit(**device(size), **options)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_attribute("data-state", "streaming")
    return visit


async def resized(page: Page, sizes: list[tuple[int, int]]) -> AsyncIterator[tuple[int, int]]:
    """Give the window of a page each size, and yield it when the page is drawn."""
    for size in sizes:
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        await page.evaluate("new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))")
        yield size


@each_kind_of_screen
async def test_everything_is_in_sight(portal: Portal, start_visit: StartVisit, sizes: list[tuple[int, int]]) -> None:
    """Nothing scrolls, and the first buttons are inside, uncovered, large enough and with their words, also long ones.

    The labels are as long as those of German, and the state as that of a camera that is lent.
    """
    visit = await visit_live(start_visit, portal, sizes[0])
    page = visit.page
    found = {(size, "English"): await page.evaluate(faults_at(size)) async for size in resized(page, sizes)}
    await page.evaluate(LENGTHEN, LONG_WORDS)
    found |= {(size, "long"): await page.evaluate(faults_at(size)) async for size in resized(page, sizes)}
    assert {size: faults for size, faults in found.items() if faults} == {}
    assert visit.complaints == []


@each_kind_of_screen
async def test_panels_menus_and_buttons(portal: Portal, start_visit: StartVisit, sizes: list[tuple[int, int]]) -> None:
    """A panel and the menu are inside the window; the row of buttons does not move for them."""
    visit = await visit_live(start_visit, portal, sizes[0])
    page = visit.page
    async for size in resized(page, sizes):
        before = await page.locator("#more").bounding_box()
        await visit.open_panel("controls")
        assert await inside(page, "#panel", size), size
        assert await page.locator("#more").bounding_box() == before, size
        seen = await page.locator("#view").bounding_box()
        assert seen
        assert seen["height"] > 100, f"the picture stays in sight beside the panel: {size}"
        await page.locator("#panel-close").click()
        await page.locator("#more").click()
        assert await inside(page, "#menu", size), size
        assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight"), size
        await page.keyboard.press("Escape")
        await expect(page.locator("#menu")).to_be_hidden()
    assert visit.complaints == []


async def inside(page: Page, selector: str, size: tuple[int, int]) -> bool:
    """Return whether an element is visible and within the window."""
    box = await page.locator(selector).bounding_box()
    assert box, f"{selector} is hidden"
    right, bottom = box["x"] + box["width"], box["y"] + box["height"]
    return box["x"] >= 0 and box["y"] >= 0 and right <= size[0] and bottom <= size[1]


@each_kind_of_screen
@pytest.mark.parametrize("count", [1, 4, 20])
async def test_long_names(
    start_portal: StartPortal, start_visit: StartVisit, sizes: list[tuple[int, int]], count: int
) -> None:
    """Long names of one, four and twenty cameras: one line, and from five cameras on a menu that fits."""
    cameras = {n: replace(QUICK, camera=n, port=18081 + n, name=f"{LONG}, {n}") for n in range(count)}
    portal = await start_portal(cameras=cameras, name=LONG)
    page = (await visit_live(start_visit, portal, sizes[0])).page
    async for size in resized(page, sizes):
        assert (size, await page.evaluate(faults_at(size))) == (size, [])
        assert await page.evaluate("document.querySelector('h1').getClientRects().length") == 1, size
        heading = await page.locator("h1").bounding_box()
        assert heading
        line = await page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
        assert heading["height"] < 3 * line, size
        is_menu = await page.locator("#switcher-button").is_visible()
        assert is_menu == (count > 4 or (count > 1 and size[0] < 960)), size
        if is_menu:
            await page.locator("#switcher-button").click()
            assert await inside(page, "#switcher", size), size
            await expect(page.get_by_role("link", name=re.compile(f"{LONG}, 1$"))).to_be_visible()
            await expect(page.locator("#switcher a")).to_have_count(count)
            await page.keyboard.press("Escape")
            await expect(page.locator("#switcher")).to_be_hidden()
        elif count > 1:
            tops = await page.evaluate("[...document.querySelectorAll('#switcher a')].map((each) => each.offsetTop)")
            assert len(set(tops)) == 1, f"the switcher has more than one line: {size}"


@pytest.mark.parametrize("rotation", [0, 90])
@pytest.mark.parametrize("turned", [0, 90])
async def test_nothing_moves_when_the_first_frame_arrives(
    start_portal: StartPortal, visit: Visit, rotation: int, turned: int
) -> None:
    """The HTML has the aspect ratio, also of a camera that is rotated by its settings, or in this browser."""
    portal = await start_portal(rotation=rotation)
    page = visit.page
    if turned:
        await page.goto(f"http://127.0.0.1:{portal.port}/")
        await visit.press("#rotate")
        await expect(page.locator("#rotate")).to_contain_text("90°")
        await page.goto("about:blank")
        await portal.until(lambda: portal.device.opened == portal.device.closed)
    portal.device.slow_open(3600)
    await page.add_init_script(RECORD)
    await page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(page.locator("#actions")).to_be_visible()
    await page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
    places = await page.evaluate(PLACES)
    portal.device.let_go()
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await visit.sees_movement()
    assert await page.evaluate(PLACES) == places
    shape = 160 / 120 if (rotation == 90) == (turned == 90) else 120 / 160
    assert await page.evaluate("[...shapes]") == [f"{shape:.3f}"]
    assert len(await page.evaluate("[...boxes]")) == 1


async def test_the_type_grows_with_the_screen(portal: Portal, start_visit: StartVisit) -> None:
    """A label has the usual size up to 1920 pixels, and at least 1.5 times that on a 4K screen."""
    page = (await visit_live(start_visit, portal, DESKTOPS[0])).page
    font = "parseFloat(getComputedStyle(document.getElementById('snapshot')).fontSize)"
    sizes = [await page.evaluate(font) async for _ in resized(page, [(1280, 720), (1920, 1080), (3840, 2160)])]
    assert sizes[0] == sizes[1]
    assert sizes[2] >= 1.5 * sizes[1]


@each_kind_of_screen
async def test_a_user_who_may_only_view(
    start_portal: StartPortal, start_visit: StartVisit, tmp_path: Path, sizes: list[tuple[int, int]]
) -> None:
    """The login page and the page with fewer buttons fit as well."""
    portal, _ = await locked_portals(start_portal, tmp_path)
    page = (await start_visit(**device(sizes[0]))).page
    await page.goto(url_of(portal))
    async for size in resized(page, sizes):
        assert await page.evaluate("[innerWidth, innerHeight]") == [*size]
        for selector in ("#login", "#preferences"):
            assert await inside(page, selector, size), (selector, size)
        assert await page.evaluate("document.documentElement.scrollHeight <= innerHeight"), f"it scrolls: {size}"
    await fill_in(page, "vera")
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    async for size in resized(page, sizes):
        assert (size, await page.evaluate(faults_at(size, (*FIRST[:4], "more")))) == (size, [])


@each_kind_of_screen
async def test_without_javascript(
    start_portal: StartPortal, start_visit: StartVisit, sizes: list[tuple[int, int]]
) -> None:
    """The stream and the links are on one screen too; the menu of the cameras works."""
    cameras = {n: replace(QUICK, camera=n, port=18081 + n, name=f"Cam {n}") for n in range(8)}
    portal = await start_portal(cameras=cameras)
    page = (await start_visit(**device(sizes[0]), java_script_enabled=False)).page
    await page.goto(f"http://127.0.0.1:{portal.port}/", wait_until="commit")
    await portal.until(lambda: any(client.sent > 2 for client in portal.supervisor.subscribers.clients))
    for size in sizes:
        await page.set_viewport_size({"width": size[0], "height": size[1]})
        for selector in ("noscript img", "#menu nav"):
            assert await inside(page, selector, size), (selector, size)
    await expect(page.locator("#more")).to_be_hidden()
    await page.locator("#switcher-button").click()
    await expect(page.get_by_role("link", name="Cam 7")).to_be_visible()


async def faults_in(tab: Tab, size: tuple[int, int]) -> list[str]:
    """Return what is wrong with the page of a camera in another browser, when it is live."""
    await tab.until(f"{STATE} == 'streaming'")
    hidden = await tab.evaluate("[...document.querySelectorAll('#actions button[hidden]')].map((each) => each.id)")
    assert hidden in ([], ["fullscreen"]), "only a browser that has no full screen has fewer buttons"
    found: list[str] = await tab.evaluate(faults_at(size, tuple(each for each in FIRST if each not in hidden)))
    return found


@pytest.mark.skipif(not FIREFOX, reason="Firefox is not installed: sudo apt-get install firefox-esr")
async def test_firefox(portal: Portal) -> None:
    """Firefox shows the same at all sizes."""
    assert FIREFOX
    async with firefox(FIREFOX) as tab:
        for size in SIZES:
            await tab.resize(*size)
            await tab.goto(f"http://127.0.0.1:{portal.port}/")
            assert (size, await faults_in(tab, size)) == (size, [])
        assert tab.complaints == []


@pytest.mark.skipif(
    not (DRIVER and XVFB), reason="WebKit or Xvfb is not installed: sudo apt-get install webkit2gtk-driver xvfb"
)
@pytest.mark.flaky(reruns=2, only_rerun="BrowserCrashed")
async def test_webkit(portal: Portal) -> None:
    """WebKit shows the same in frames of all sizes."""
    url = f"http://127.0.0.1:{portal.port}"
    with webkit() as driver:
        tab = WebKit(driver)
        for size in SIZES:
            await tab.goto_in_frame(f"{url}/", f"{url}/healthz", *size)
            assert (size, await faults_in(tab, size)) == (size, [])
        await tab.goto("about:blank")
