"""The language and the theme of the pages: chosen in a menu, known to the server, in all sentences."""

import json
from dataclasses import replace
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from soft_stream.web.pages.i18n import MESSAGES
from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.support.server import QUICK, Portal, StartPortal

LANGUAGE, THEME = "#preferences [name=language]", "#preferences [name=theme]"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
DARK, LIGHT = "rgb(16, 19, 22)", "rgb(243, 245, 246)"
# Cookies as a browser has them in a frame of another site, or where a person has blocked them.
BLOCKED = "Object.defineProperty(document, 'cookie', { get: () => '', set: () => {} });"
GERMAN, CZECH = MESSAGES["de"], MESSAGES["cs"]
# The first row of buttons, and what sticks out of the window or is cut off.
STICKS_OUT = """[...document.querySelectorAll("header *, #actions button, #actions span")].filter((each) => {
    const { left, top, right, bottom, width } = each.getBoundingClientRect();
    const isOutside = left < 0 || top < 0 || right > innerWidth || bottom > innerHeight;
    return width && (isOutside || (each.tagName === "SPAN" && each.scrollWidth > each.clientWidth + 1));
}).map((each) => each.outerHTML)"""


def url_of(portal: Portal, path: str = "") -> str:
    """Return the URL of a page of a server."""
    return f"http://127.0.0.1:{portal.port}/{path}"


async def open_menus(page: Page) -> None:
    """Open the menu that has those of the language and the theme; on the login page they are visible."""
    if await page.locator("#more").count():
        await page.locator("#more").click()
    await expect(page.locator(LANGUAGE)).to_be_visible()


async def choose_language(page: Page, language: str) -> None:
    """Choose a language, and wait for the page in it; empty is that of the browser."""
    await open_menus(page)
    async with page.expect_navigation():
        await page.locator(LANGUAGE).select_option(language)


@pytest.mark.parametrize(
    ("path", "german"), [("", "action.snapshot"), ("cameras", "grid.title"), ("login", "login.heading")]
)
async def test_a_person_chooses_the_language(portal: Portal, visit: Visit, path: str, german: str) -> None:
    """Each page gets it at once and after a reload, until the person leaves the choice to the browser again."""
    page = visit.page
    await page.goto(url_of(portal, path))
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    await choose_language(page, "de")
    await expect(page.locator("html")).to_have_attribute("lang", "de")
    await expect(page.get_by_text(GERMAN[german], exact=True).first).to_be_visible()
    await page.reload()
    await open_menus(page)
    await expect(page.locator(LANGUAGE)).to_have_value("de")
    async with page.expect_navigation():
        await page.locator(LANGUAGE).select_option("")
    await expect(page.locator("html")).to_have_attribute("lang", "en")
    assert await page.context.cookies() == []
    assert visit.complaints == []


@pytest.mark.parametrize("device", ["dark", "light"])
async def test_a_person_chooses_the_theme(portal: Portal, start_visit: StartVisit, device: Any) -> None:
    """The page changes at once, whatever the device has, and keeps it; without a choice it is as the device."""
    visit = await start_visit(color_scheme=device)
    page, of_device = visit.page, DARK if device == "dark" else LIGHT
    await page.goto(url_of(portal))
    assert await page.evaluate(BACKGROUND) == of_device
    await open_menus(page)
    for theme, colour in (("light", LIGHT), ("dark", DARK), ("light", LIGHT)):
        await page.locator(THEME).select_option(theme)
        assert await page.evaluate(BACKGROUND) == colour
    await page.goto(url_of(portal, "cameras"))
    assert await page.evaluate(BACKGROUND) == LIGHT
    assert await page.evaluate("getComputedStyle(document.documentElement).colorScheme || true")
    await open_menus(page)
    await page.locator(THEME).select_option("")
    assert await page.evaluate(BACKGROUND) == of_device
    assert await page.context.cookies() == []


@pytest.mark.parametrize(
    ("prefix", "path", "folder"),
    [("/cam0", "cam0/", "/"), ("/", "", "/"), (None, "webcams/printer/", "/webcams/printer/")],
)
async def test_the_choice_is_for_all_cameras_and_no_other_program(
    portal: Portal, start_visit: StartVisit, prefix: str | None, path: str, folder: str
) -> None:
    """Behind nginx the cookie is for the folders of all cameras, behind another proxy for the folder of the page."""
    visit = await start_visit(extra_http_headers={"X-Forwarded-Prefix": prefix} if prefix else {})
    await visit.page.goto(url_of(portal, path))
    await choose_language(visit.page, "cs")
    (cookie,) = await visit.page.context.cookies()
    assert (cookie["name"], cookie["value"], cookie["path"], cookie["sameSite"]) == ("language", "cs", folder, "Lax")
    await expect(visit.page.locator("html")).to_have_attribute("lang", "cs")


async def test_a_browser_without_cookies(portal: Portal, visit: Visit) -> None:
    """The page says that the choice is not kept, and is not loaded again in the old language."""
    page = visit.page
    await page.add_init_script(BLOCKED)
    await page.goto(url_of(portal))
    await open_menus(page)
    await page.locator(LANGUAGE).select_option("de")
    await expect(page.locator("#preferences [role=alert]")).to_have_text(MESSAGES["en"]["preferences.blocked"])
    assert sum(url == url_of(portal) for url in visit.requests) == 1


async def test_faults_in_the_language_of_the_page(start_portal: StartPortal, start_visit: StartVisit) -> None:
    """A fault of the camera, the answer to a button, and the fault on the page of all cameras are in German."""
    portal = await start_portal(retry_pause=0.2)
    portal.device.unplug()
    visit = await start_visit(locale="de-DE")
    await visit.page.goto(url_of(portal))
    unplugged = GERMAN["server.test_camera_unplugged"].replace("{number}", "0")
    await expect(visit.page.locator("#reason")).to_contain_text(unplugged)
    async with visit.page.expect_response(lambda answer: "/focus" in answer.url) as waiting:
        await visit.page.locator("#focus").click()
    answer = await waiting.value
    message = json.loads(answer.headers["x-message"])
    assert message["code"] == "no_frame"
    assert "unplugged" in await answer.text()
    await expect(visit.page.locator("#problem")).to_contain_text(f"Kein Bild: {unplugged}")
    await visit.page.goto(url_of(portal, "cameras"))
    await visit.page.locator("#layout [data-mode=live]").click()
    await expect(visit.page.locator("#grid .note")).to_contain_text(unplugged)


async def test_a_sentence_without_words_is_shown_as_it_is(portal: Portal, start_visit: StartVisit) -> None:
    """The page of one release may show the camera of a later one: an unknown code is the English sentence."""
    visit = await start_visit(locale="de-DE")

    async def add_fault(route: Route) -> None:
        facts = await (await route.fetch()).json()
        unknown = {"code": "of_a_later_release", "values": {}}
        message = {"code": "trying_again", "values": {"why": unknown}}
        await route.fulfill(json=facts | {"state": "retrying", "fault": "the lens fell off", "fault_message": message})

    await visit.page.route("**/status.json*", add_fault)
    await visit.page.route("**/stream.mjpg*", lambda route: route.abort())
    await visit.page.goto(url_of(portal))
    await expect(visit.page.locator("#reason")).to_have_text("the lens fell off")


async def test_the_words_cannot_be_loaded(portal: Portal, start_visit: StartVisit) -> None:
    """The fault is then shown in English at once; the page requests the words again later, not with each state."""
    visit = await start_visit(locale="de-DE")
    await visit.page.route("**/words/*", lambda route: route.abort())
    portal.device.unplug()
    await visit.page.goto(url_of(portal))
    await expect(visit.page.locator("#reason")).to_contain_text("test camera 0 is unplugged")
    asked = [url for url in visit.requests if "/words/" in url]
    states = len(visit.requests)
    while len(visit.requests) < states + 5:
        await visit.page.wait_for_event("request")
    assert len(asked) == len([url for url in visit.requests if "/words/" in url]) == 1


@pytest.mark.parametrize("language", ["de", "cs"])
@pytest.mark.parametrize(("width", "height"), [(360, 740), (844, 390), (1280, 720)])
async def test_long_words_fit(
    start_portal: StartPortal, start_visit: StartVisit, language: str, width: int, height: int
) -> None:
    """Header and buttons are inside of the window, and no word is cut off; also while the camera is lent."""
    cameras = {number: replace(QUICK, camera=number, name=f"Kamera {number}") for number in range(2)}
    portal = await start_portal(cameras=cameras, name="Kamera im Gewächshaus")
    visit = await start_visit(locale=language, viewport={"width": width, "height": height})
    await visit.page.goto(url_of(portal))
    await expect(visit.page.locator("#picture")).to_be_visible()
    assert await visit.page.evaluate("[innerWidth, innerHeight]") == [width, height]
    assert await visit.page.evaluate(STICKS_OUT) == []
    async with portal.http.post("/pause?seconds=60&client=Octolapse") as answer:
        assert answer.status == 200
    await expect(visit.page.locator("#lend span")).to_have_text(MESSAGES[language]["action.resume"])
    assert await visit.page.evaluate(STICKS_OUT) == []
    assert await visit.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
