"""The page of all cameras as a wall: last pictures at once, choices of the address, full screen, and dead cameras."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from playwright.async_api import Page, Route, expect

from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.web.pages.i18n import MESSAGES
from tests.end_to_end.browser.conftest import NOT_LIVE, StartVisit, Visit
from tests.end_to_end.browser.grid import begin_live, is_dim, is_live, page_of, portals, shows, tile
from tests.support.server import QUICK, Portal, StartPortal

WATCH_LOCKS = """
globalThis.locks = [];
navigator.wakeLock.request = async (kind) => {
    const lock = { released: false, release: async () => (lock.released = true) };
    locks.push(lock);
    return lock;
};
"""
# How much the page scrolls, and how much of the window the tiles leave at the right and at the bottom.
ROOM = """() => {
    const { scrollWidth, scrollHeight } = document.documentElement;
    const { right, bottom } = document.getElementById("grid").getBoundingClientRect();
    return [scrollWidth - innerWidth, scrollHeight - innerHeight, innerWidth - right, innerHeight - bottom];
}"""


async def had_client(portal: Portal) -> None:
    """Open a camera for a moment."""
    async with portal.http.get("/snapshot.jpg?size=stream") as answer:
        assert answer.status == 200
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    await portal.supervisor.thumbnails.newest()


def is_streaming(portal: Portal) -> bool:
    """Return whether the camera is open, and has focused."""
    return portal.supervisor.status.state is State.STREAMING


async def has_last_picture(page: Page, number: int) -> None:
    """Wait until a tile shows a picture that was loaded, with its age, and not as a live one."""
    await expect(tile(page, number).locator(".frame img").first).to_have_js_property("naturalWidth", 160)
    await expect(tile(page, number).locator(".age")).to_contain_text("ago")
    await is_dim(tile(page, number))


@asynccontextmanager
async def accepting() -> AsyncIterator[int]:
    """Listen at a port, accept connections, and answer nothing."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.sleep(0.1)  # for the clients that have left


async def test_the_last_pictures_are_there_at_once(start_portal: StartPortal, visit: Visit) -> None:
    """Closed cameras show their last frame and its age, also of another origin; nothing is opened or streamed."""
    cameras = await portals(start_portal)
    for each in cameras[:2]:
        await had_client(each)
    await visit.page.goto(page_of(cameras[0]))
    for number in (0, 1):
        await has_last_picture(visit.page, number)
        await expect(tile(visit.page, number).locator(".state")).to_have_text("Asleep")
    await expect(tile(visit.page, 2).locator(".note")).to_have_text("No picture yet")
    assert not [url for url in visit.requests if "snapshot" in url or "stream" in url]
    assert [each.device.opened for each in cameras] == [1, 1, 0]
    assert visit.complaints == []


async def test_a_newer_picture_replaces_the_last_one(start_portal: StartPortal, visit: Visit) -> None:
    """A page that stays open shows the picture of a session that it has not seen."""
    cameras = await portals(start_portal, 2)
    await visit.page.goto(page_of(cameras[0]))
    for number, each in enumerate(cameras):
        await expect(tile(visit.page, number).locator(".note")).to_have_text("No picture yet")
        await had_client(each)
        await has_last_picture(visit.page, number)


async def test_the_last_picture_stays_while_the_camera_opens(start_portal: StartPortal, visit: Visit) -> None:
    """A camera that is opened for the live mode shows its last picture, dimmed, until frames arrive."""
    cameras = await portals(start_portal, 2)
    for each in cameras:
        await had_client(each)
        each.device.slow_open(6)
    await visit.page.goto(f"{page_of(cameras[0])}?mode=live")
    for number in (0, 1):
        await shows(tile(visit.page, number), "starting")
        await has_last_picture(visit.page, number)
    for number in (0, 1):
        await is_live(tile(visit.page, number))


async def test_a_thumbnail_of_a_stalled_camera_is_not_live(start_portal: StartPortal, visit: Visit) -> None:
    """While another client has the camera open and no frames arrive, the tile is dimmed and its age grows."""
    cameras = await portals(start_portal, 2, watchdog_timeout=0)
    for number, each in enumerate(cameras):
        with each.supervisor.subscribers.connected(Client("another", "/stream.mjpg", "", streams=True)):
            await each.until(partial(is_streaming, each))
            await visit.page.goto(page_of(cameras[0]))
            await expect(tile(visit.page, number).locator(".frame")).not_to_have_class(NOT_LIVE)
            each.device.stall()
            await is_dim(tile(visit.page, number))
            await expect(tile(visit.page, number).locator(".note")).to_contain_text("no frames for")
            await expect(tile(visit.page, number).locator(".age")).to_have_text("9 s ago")
            each.device.resume()


async def test_a_proxy_that_drops_the_age_of_thumbnails(start_portal: StartPortal, visit: Visit) -> None:
    """The tile has the age that the state of the camera has, not that of the request."""

    async def drop_age(route: Route) -> None:
        answer = await route.fetch()
        headers = {name: value for name, value in answer.headers.items() if name != "x-age-ms"}
        await route.fulfill(response=answer, headers=headers)

    camera, *_ = await portals(start_portal, 2)
    await had_client(camera)
    thumbnails = camera.supervisor.thumbnails
    assert thumbnails.last
    thumbnails.last = replace(thumbnails.last, captured_at=thumbnails.last.captured_at - 600)
    await visit.page.route("**/thumbnail.jpg*", drop_age)
    await visit.page.goto(page_of(camera))
    await expect(tile(visit.page, 0).locator(".age")).to_have_text("10 min ago")


async def test_a_kiosk_fills_the_display(start_portal: StartPortal, start_visit: StartVisit) -> None:
    """It shows the cameras of the address live, without a control, a pointer or a scroll bar, and keeps it on."""
    cameras = await portals(start_portal)
    visit = await start_visit(viewport={"width": 800, "height": 500})
    await visit.page.add_init_script(WATCH_LOCKS)
    await visit.page.goto(f"{page_of(cameras[0])}?mode=live&columns=3&cameras=2,0&kiosk=1")
    numbers = "each => each.map(({ dataset }) => dataset.number)"
    assert await visit.page.locator(".tile").evaluate_all(numbers) == ["2", "0"]
    for number in (2, 0):
        await is_live(tile(visit.page, number))
    assert await visit.page.evaluate(ROOM) == [0, 0, 0, 0]
    assert await visit.page.locator("a, button, select").count() == 0
    cursor = "each => getComputedStyle(each).cursor"
    assert {await each.evaluate(cursor) for each in await visit.page.locator("main, .tile *").all()} == {"none"}
    assert await visit.page.evaluate("locks.map(({ released }) => released)") == [False]
    assert cameras[1].device.opened == 0
    assert visit.complaints == []


async def test_full_screen(start_portal: StartPortal, visit: Visit) -> None:
    """The tiles fill the display, which stays on, until the button or the browser ends it; the lightbox works there."""
    cameras = await portals(start_portal)
    await visit.page.add_init_script(WATCH_LOCKS)
    await visit.page.goto(page_of(cameras[0]))
    await visit.page.get_by_role("button", name="Full screen", exact=True).click()
    leave = visit.page.get_by_role("button", name="Leave full screen")
    await expect(leave).to_be_visible()
    await visit.page.wait_for_function(f"({ROOM})().every((each) => each === 0)")
    assert await visit.page.evaluate("locks.map(({ released }) => released)") == [False]
    await tile(visit.page, 1).get_by_role("button", name="Enlarge Cam 1").click()
    await is_live(visit.page.locator("#lightbox"))
    await visit.page.locator("#lightbox .close").click()
    await leave.click()
    await expect(leave).to_be_hidden()
    await expect(visit.page.get_by_role("heading", level=1)).to_be_visible()
    assert await visit.page.evaluate("locks.map(({ released }) => released)") == [True]


async def test_the_address_chooses_and_the_page_remembers(start_portal: StartPortal, visit: Visit) -> None:
    """The address overrides what the browser remembers; a choice on the page changes both."""
    (camera,) = await portals(start_portal, 1)
    columns = visit.page.get_by_role("combobox", name="Columns")
    await visit.page.goto(f"{page_of(camera)}?columns=3")
    await expect(columns).to_have_value("3")
    await visit.page.goto(page_of(camera))
    await expect(columns).to_have_value("auto")
    await visit.page.goto(f"{page_of(camera)}?columns=3&mode=thumbnails")
    await columns.select_option("2")
    await begin_live(visit.page)
    await expect(visit.page).to_have_url(f"{page_of(camera)}?columns=2&mode=live")
    await visit.page.reload()
    await expect(columns).to_have_value("2")
    await visit.page.goto(page_of(camera))
    await expect(columns).to_have_value("2")


async def test_the_menu_leads_to_a_kiosk(start_portal: StartPortal, start_visit: StartVisit) -> None:
    """The link has what the page shows, and opens it without buttons; the menu fits on a phone in each language."""
    cameras = await portals(start_portal)
    visit = await start_visit(viewport={"width": 360, "height": 740})
    page = visit.page
    for language in MESSAGES:
        await page.context.add_cookies([{"name": "language", "value": language, "url": page_of(cameras[0])}])
        await page.goto(f"{page_of(cameras[0])}?cameras=2,0")
        await page.locator("#more").click()
        for select in await page.locator("#menu select").all():
            room = await select.bounding_box()
            assert room is not None
            assert room["width"] > 100, language
            await expect(select).to_be_in_viewport(ratio=1)
        await page.keyboard.press("Escape")
    await page.locator("[data-mode=live]").click()
    await page.locator("#more").click()
    await page.locator("#kiosk").click()
    await page.wait_for_url(f"{page_of(cameras[0])}?mode=live&columns=auto&cameras=2,0&kiosk=1")
    await expect(page.locator("#grid.kiosk .tile h2")).to_have_text(["Cam 2", "Cam 0"])
    await expect(page.get_by_role("button")).to_have_count(0)
    assert visit.complaints == []


async def test_a_dead_camera_delays_no_other(start_portal: StartPortal, visit: Visit) -> None:
    """A camera that accepts connections and never answers leaves the others their pictures and streams."""
    async with accepting() as dead:
        other = await start_portal(camera=2)
        ports = {0: 1, 1: dead, 2: other.port}
        cameras = {n: replace(QUICK, camera=n, port=port, name=f"Cam {n}") for n, port in ports.items()}
        portal = await start_portal(camera=0, cameras=cameras)
        await had_client(portal)
        await had_client(other)
        await visit.page.goto(f"http://127.0.0.1:{portal.port}/cameras")
        for number in (0, 2):
            await has_last_picture(visit.page, number)
        await shows(tile(visit.page, 1), "unreachable")
        await begin_live(visit.page)
        for number in (0, 2):
            await is_live(tile(visit.page, number))
        await is_dim(tile(visit.page, 1))


async def test_a_camera_of_an_older_release(start_portal: StartPortal, visit: Visit) -> None:
    """A process without thumbnails gets no request for one: closed it is dark, and open it has snapshots."""
    cameras = await portals(start_portal, 2)
    await had_client(cameras[1])

    async def answer_as_older(route: Route) -> None:
        facts = await (answer := await route.fetch()).json()
        del facts[1]["thumbnail"]
        await route.fulfill(response=answer, json=facts)

    await visit.page.route("**/cameras.json*", answer_as_older)
    await visit.page.goto(page_of(cameras[0]))
    await shows(tile(visit.page, 1), "idle")
    with cameras[1].supervisor.subscribers.connected(Client("another", "/stream.mjpg", "", streams=True)):
        await expect(tile(visit.page, 1).locator(".frame")).not_to_have_class(NOT_LIVE)
        await expect(tile(visit.page, 1).locator(".age")).to_contain_text("ago")
    port = cameras[1].supervisor.settings.listen[0].port
    asked = [url for url in visit.requests if f":{port}/" in url]
    others = [url for url in asked if "/snapshot.jpg?wake=0" not in url]
    assert len(others) < len(asked)
    assert len(others) <= 1  # before the states arrive, as on a busy machine, the page cannot know the release
    assert visit.complaints == []
