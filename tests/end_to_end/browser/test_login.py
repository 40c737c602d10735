"""People log in on a page, once for all cameras; the pages have what they may do, and end with their session."""

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.end_to_end.browser.conftest import NOT_LIVE, SEEN, StartVisit, Visit
from tests.end_to_end.browser.grid import begin_live, is_live, tile
from tests.end_to_end.browser.logins import fill_in, locked_portals, rewrite, url_of, wants_login
from tests.support.logins import PASSWORDS, write_logins
from tests.support.server import Portal, StartPortal

# Chromium writes each answer to the console that is an error, also the pages that are the answer to a navigation.
UNAUTHORIZED = re.compile(r"Failed to load resource: the server responded with a status of 40[13]")


@pytest.fixture
async def locked(start_portal: StartPortal, tmp_path: Path) -> list[Portal]:
    """Servers of two cameras that want a login."""
    return await locked_portals(start_portal, tmp_path)


def other_complaints(visit: Visit) -> list[str]:
    """Return the errors and warnings that are not about a login."""
    return [each for each in visit.complaints if not UNAUTHORIZED.match(each)]


async def is_live_page(visit: Visit) -> None:
    """Wait until the page of a camera is live."""
    await expect(visit.page.locator("#state")).to_have_attribute("data-state", "streaming")
    await visit.sees_movement()


async def no_streams(portal: Portal) -> None:
    """Wait until a camera has no client."""
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


@pytest.mark.parametrize("path", ["", "cameras", "a/b/", "webcam/cameras", "webrtc?x=1&y=%2F"])
async def test_a_deep_link(locked: list[Portal], visit: Visit, path: str) -> None:
    """The form is shown in place of the page, and the login leads to it, also below a prefix."""
    url = url_of(locked[0]) + path
    answer = await visit.page.goto(url)
    assert answer
    assert answer.status == 401
    await wants_login(visit.page)
    assert visit.page.url == url
    await fill_in(visit.page, "vera")
    await expect(visit.page.locator("h1")).not_to_have_text("Log in")
    assert visit.page.url == url
    assert other_complaints(visit) == []


async def test_a_wrong_password(locked: list[Portal], visit: Visit) -> None:
    """The form says so, keeps the name, and has the focus where the next password is typed."""
    page = visit.page
    await page.goto(url_of(locked[0]))
    await expect(page.get_by_label("User")).to_be_focused()
    await fill_in(page, "vera", "wrong")
    await expect(page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
    await expect(page.get_by_label("User")).to_have_value("vera")
    await expect(page.get_by_label("Password")).to_be_focused()
    await expect(page.get_by_label("Password")).to_have_value("")
    await fill_in(page, "vera")
    await is_live_page(visit)
    assert page.url == url_of(locked[0])


async def test_password_managers_find_the_fields(locked: list[Portal], visit: Visit) -> None:
    """The fields have what browsers and password managers look for."""
    await visit.page.goto(url_of(locked[0]))
    for label, expected in (("User", "username"), ("Password", "current-password")):
        await expect(visit.page.get_by_label(label)).to_have_attribute("autocomplete", expected)
    await expect(visit.page.get_by_label("Password")).to_have_attribute("type", "password")


async def test_who_may_only_view(locked: list[Portal], visit: Visit) -> None:
    """There are no controls of the camera, and zooming is in this browser only; nothing that fails is sent."""
    page = visit.page
    await page.goto(url_of(locked[0]))
    await fill_in(page, "vera")
    await is_live_page(visit)
    await expect(page.locator("#actions button:visible")).to_have_count(5)
    for name in ("Focus", "Lock focus", "Lend", "Controls"):
        await expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    await expect(page.locator("#account")).to_contain_text("vera")
    await page.locator("#picture").press("+")
    await expect(page.locator("#zoom-reset")).to_contain_text("in this browser")
    await page.locator("#snapshot").click()
    await expect(page.locator("#snapshot-dialog img")).to_be_visible()
    await page.keyboard.press("Escape")
    for panel in ("stats", "share"):
        await visit.open_panel(panel)
    assert locked[0].supervisor.controls.values == {}
    assert other_complaints(visit) == []


async def test_who_may_control(locked: list[Portal], visit: Visit) -> None:
    """All buttons are there and work; when the role is taken away, the page shows the sentence of the server."""
    page, (portal, _) = visit.page, locked
    await page.goto(url_of(portal))
    await fill_in(page, "conny")
    await is_live_page(visit)
    cycles = portal.device.cycles
    await page.locator("#focus").click()
    await portal.until(lambda: portal.device.cycles > cycles)
    rewrite(Path(portal.supervisor.settings.users_file).parent, "role=control", "role=view")
    await expect(page.locator("#focus")).to_be_enabled()

    async def is_refused() -> bool:
        """Press the button, and return whether the server has refused it."""
        await page.locator("#focus").click()
        await expect(page.locator("#focus")).to_be_enabled()
        return await page.locator("#problem").is_visible()

    while not await is_refused():
        pass
    await expect(page.locator("#problem")).to_have_text(
        "This needs the role control; the user conny has view for camera 0."
    )
    await is_live_page(visit)


async def test_a_camera_that_is_taken_away(locked: list[Portal], visit: Visit) -> None:
    """The picture is dimmed with the sentence of the server, and the page itself offers another login."""
    page, (portal, _) = visit.page, locked
    await page.goto(url_of(portal))
    await fill_in(page, "conny")
    await is_live_page(visit)
    rewrite(Path(portal.supervisor.settings.users_file).parent, "role=control", "role=control camera=1")
    await expect(page.locator("#overlay")).to_contain_text("the user conny has none for camera 0")
    await expect(page.locator("#view")).to_have_class(NOT_LIVE)
    await expect(page.locator("#state")).to_have_attribute("data-state", "fault")
    await page.reload()
    await expect(page.get_by_role("alert")).to_have_text("This user has no access to this camera.")
    await fill_in(page, "adam")
    await is_live_page(visit)


async def test_a_user_that_is_removed(locked: list[Portal], visit: Visit) -> None:
    """The login page replaces the picture, and the stream ends."""
    page, (portal, _) = visit.page, locked
    await page.goto(url_of(portal))
    await fill_in(page, "vera")
    await is_live_page(visit)
    rewrite(Path(portal.supervisor.settings.users_file).parent, "vera:", "wanda:")
    await wants_login(page)
    await no_streams(portal)
    assert other_complaints(visit) == []


async def test_the_wall_of_a_user_that_is_removed(locked: list[Portal], visit: Visit) -> None:
    """The login page replaces the pictures of all cameras."""
    page = visit.page
    await page.goto(f"{url_of(locked[0])}cameras")
    await fill_in(page, "vera")
    await begin_live(page)
    for number in (0, 1):
        await is_live(tile(page, number))
    rewrite(Path(locked[0].supervisor.settings.users_file).parent, "vera:", "wanda:")
    await wants_login(page)
    for portal in locked:
        await no_streams(portal)


async def test_a_user_of_one_camera(locked: list[Portal], visit: Visit) -> None:
    """The wall of any process shows that camera, live, and no other; so do the links of its page."""
    page = visit.page
    await page.goto(f"{url_of(locked[0])}cameras")
    await fill_in(page, "nina")
    await expect(page.locator(".tile")).to_have_count(1)
    await begin_live(page)
    await is_live(tile(page, 1))
    await page.get_by_role("link", name="Cam 1").click()
    await is_live_page(visit)
    await expect(page.locator("#switcher")).to_have_count(0)
    assert locked[0].device.opened == 0


async def test_the_logout(locked: list[Portal], visit: Visit) -> None:
    """It ends the streams of all tabs and cameras; the back button does not show what was there."""
    page, other = visit.page, await visit.page.context.new_page()
    wall = await page.context.new_page()
    await page.goto(f"{url_of(locked[0])}webrtc")
    await fill_in(page, "vera")
    await page.goto(url_of(locked[0]))
    await is_live_page(visit)
    await other.goto(url_of(locked[1]))
    await expect(other.locator("#state")).to_have_attribute("data-state", "streaming")
    await wall.goto(f"{url_of(locked[0])}cameras")
    await begin_live(wall)
    await is_live(tile(wall, 1))
    await visit.press("#log-out")
    for tab in (page, other, wall):
        await wants_login(tab)
    for portal in locked:
        await no_streams(portal)
    await page.go_back()
    await wants_login(page)
    assert other_complaints(visit) == []


async def test_a_login_in_another_tab(locked: list[Portal], visit: Visit) -> None:
    """A login page becomes the page that was requested when its tab becomes visible again."""
    page, other = visit.page, await visit.page.context.new_page()
    await page.goto(url_of(locked[0]))
    await wants_login(page)
    await other.goto(f"{url_of(locked[1])}webrtc")
    await fill_in(other, "vera")
    await expect(other.locator("#account")).to_be_visible()
    await page.evaluate(SEEN, "visible")
    await is_live_page(visit)


async def test_a_session_that_ends_without_the_server(locked: list[Portal], visit: Visit) -> None:
    """A browser that has lost its cookie opens no dialog for a password: the page becomes the login page."""
    await visit.page.goto(url_of(locked[0]))
    await fill_in(visit.page, "vera")
    await is_live_page(visit)
    await visit.page.context.clear_cookies()
    await wants_login(visit.page)


async def test_without_javascript(locked: list[Portal], start_visit: StartVisit) -> None:
    """Login and logout work; the page shows the picture."""
    page = (await start_visit(java_script_enabled=False)).page
    await page.goto(url_of(locked[0]), wait_until="commit")
    await fill_in(page, "vera")
    await expect(page.locator("noscript img")).to_be_visible()
    await page.get_by_role("link", name="Log out").click()
    await expect(page.get_by_text("Logged in as vera")).to_be_visible()
    await page.get_by_role("button", name="Log out").click()
    await expect(page.get_by_label("User")).to_be_visible()
    await expect(page.get_by_text("Logged in as")).to_have_count(0)
    await no_streams(locked[0])


@pytest.mark.parametrize("path", ["", "cameras"])
async def test_a_login_in_the_url(locked: list[Portal], visit: Visit, path: str) -> None:
    """A bookmark with a login works, as on a wall display; a wrong one shows the form, once."""
    own = url_of(locked[0])
    await visit.page.goto(own.replace("//", f"//vera:{PASSWORDS['vera']}@") + path)
    await expect(visit.page.locator("#account")).to_contain_text("vera")
    await visit.page.context.clear_cookies()
    await visit.page.goto(own.replace("//", "//vera:wrong@") + path)
    await expect(visit.page.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
    assert visit.hosts() == {own.split("/")[2]}


async def test_a_login_in_the_url_and_the_logout(locked: list[Portal], visit: Visit) -> None:
    """The logout ends the login also then: it leaves a URL without it. A % in a password needs no encoding."""
    folder = Path(locked[0].supervisor.settings.users_file).parent
    write_logins(folder, {"vera": "100% & more"})
    own = url_of(locked[0])
    await visit.page.goto(own.replace("//", "//vera:100% & more@"))
    await expect(visit.page.locator("#account")).to_contain_text("vera")
    await visit.press("#log-out")
    await wants_login(visit.page)
    assert await visit.page.evaluate("document.baseURI") == own
    assert other_complaints(visit) == []


async def lose_cookies(page: Page) -> list[str]:
    """Let a browser keep no cookie, as in a frame of another site; return its logins."""
    sent: list[str] = []

    async def pass_on(route: Route) -> None:
        sent.append(route.request.method)
        answer = await route.fetch(max_redirects=0)
        await page.context.clear_cookies()
        headers = {name: value for name, value in answer.headers.items() if name != "set-cookie"}
        await route.fulfill(response=answer, headers=headers)

    await page.route("**/login", pass_on)
    return sent


@pytest.mark.parametrize("is_in_url", [False, True])
async def test_a_browser_that_keeps_no_cookie(locked: list[Portal], visit: Visit, is_in_url: bool) -> None:
    """The form says so after a right login, and is not sent again and again."""
    sent, own = await lose_cookies(visit.page), url_of(locked[0])
    await visit.page.goto(own.replace("//", f"//vera:{PASSWORDS['vera']}@") if is_in_url else own)
    if not is_in_url:
        await expect(visit.page.get_by_role("alert")).to_be_hidden()
        await fill_in(visit.page, "vera")
    await expect(visit.page.get_by_role("alert")).to_contain_text("This browser has not kept the login.")
    assert sent == ["POST"]
    await visit.page.reload()
    if not is_in_url:
        await expect(visit.page.get_by_role("alert")).to_be_hidden()
    assert other_complaints(visit) == []


@pytest.mark.parametrize("path", ["", "cameras"])
async def test_a_login_that_ends_in_a_slow_network(locked: list[Portal], visit: Visit, path: str) -> None:
    """The page is reloaded once: further answers with 401 do not restart what takes long."""
    page = visit.page
    await page.goto(url_of(locked[0]) + path)
    await fill_in(page, "vera")
    await expect(page.locator("#account")).to_be_attached()
    reloads: list[str] = []

    async def delay(route: Route) -> None:
        if route.request.is_navigation_request():
            reloads.append(route.request.url)
            await asyncio.sleep(6)
        await route.continue_()

    await page.route("**", delay)
    rewrite(Path(locked[0].supervisor.settings.users_file).parent, "vera:", "wanda:")
    await wants_login(page)
    assert len(reloads) == 1
