"""The quality that a person chooses in this browser: what the server is asked for, and what the page says."""

from playwright.async_api import Page, expect

from soft_stream.capture.subscribers import Client
from tests.end_to_end.browser.conftest import Visit
from tests.support.server import Portal, StartPortal

# What a stream is asked for after it was late, for a choice that this browser has stored.
FIXED = """async (choice) => {
    const { Quality } = await import("/static/camera/quality.js");
    const menu = document.getElementById("quality");
    const player = { setPace: (pace) => (player.pace = pace) };
    new Quality(player);
    menu.value = choice;
    menu.dispatchEvent(new Event("change"));
    for (let i = 0; i < 5; i++) player.pace.onLate(3000, { rate: 1, size: 200000, fps: 30, width: 1920 });
    return [player.pace.query, player.pace.onTime(1e6)];
}"""


async def open_page(visit: Visit, portal: Portal) -> Page:
    """Open the page, and wait for its picture."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#picture")).to_be_visible()
    return visit.page


async def choose(page: Page, label: str) -> None:
    """Choose in the menu as a person does."""
    if not await page.locator("#menu").is_visible():
        await page.click("#more")
    await page.select_option("#quality", label=label)


def stream_of(portal: Portal) -> Client | None:
    """Return the stream of the page, if it has exactly one."""
    streams = [each for each in portal.supervisor.subscribers.clients if each.streams]
    return streams[0] if len(streams) == 1 else None


async def asked(portal: Portal, fps: float, width: int) -> None:
    """Wait until the page has one stream with these limits."""
    await portal.until(
        lambda: (client := stream_of(portal)) and (client.fps_max, client.rendition.width) == (fps, width)
    )


async def test_each_choice_asks_the_server_and_is_remembered(start_portal: StartPortal, visit: Visit) -> None:
    """A chip says what is less than all, and opens the menu; a reload asks for the same at once."""
    portal = await start_portal(width=1280, height=720, fps=20.0)
    page = await open_page(visit, portal)
    chip = page.locator("#quality-chip")
    await asked(portal, 0, 0)
    await expect(chip).to_be_hidden()
    await choose(page, "5 pictures a second")
    await asked(portal, 5, 0)
    await expect(chip).to_have_text("5 pictures a second, in this browser")
    await choose(page, "640 pixels wide")
    await asked(portal, 0, 640)
    await expect(chip).to_have_text("640 pixels wide, in this browser")
    await expect(page.locator("#picture")).to_have_js_property("width", 640)
    visit.requests.clear()
    await page.reload()
    await asked(portal, 0, 640)
    streams = [url for url in visit.requests if "/stream.mjpg?" in url]
    assert all("width=640" in url for url in streams)
    await expect(chip).to_have_text("640 pixels wide, in this browser")
    await chip.click()
    await expect(page.locator("#quality")).to_be_visible()
    await choose(page, "Full")
    await asked(portal, 0, 0)
    await expect(chip).to_be_hidden()
    await choose(page, "Automatic")
    await asked(portal, 0, 0)
    assert visit.complaints == []


async def test_many_changes_leave_one_stream(start_portal: StartPortal, visit: Visit) -> None:
    """A person who tries all choices gets the last one, as a stream and not as snapshots."""
    portal = await start_portal(width=1280, height=720, fps=20.0)
    page = await open_page(visit, portal)
    for label in ("5 pictures a second", "640 pixels wide", "Full", "5 pictures a second", "Full", "640 pixels wide"):
        await choose(page, label)
    await asked(portal, 0, 640)
    await visit.sees_movement()
    assert not [url for url in visit.requests if "/snapshot.jpg" in url]


async def test_a_server_without_renditions_says_so(start_portal: StartPortal, visit: Visit) -> None:
    """The page shows whole pictures instead, and the chip says why."""
    portal = await start_portal(renditions_max=0)
    page = await open_page(visit, portal)
    await choose(page, "640 pixels wide")
    await expect(page.locator("#quality-chip")).to_have_text("Whole pictures: the server makes no smaller ones now")
    await asked(portal, 0, 0)
    await visit.sees_movement()


async def test_a_choice_is_kept_on_a_slow_network(portal: Portal, visit: Visit) -> None:
    """Only the automatic quality adapts: frames that are late change nothing else."""
    page = await open_page(visit, portal)
    assert await page.evaluate(FIXED, "full") == [{}, False]
    assert await page.evaluate(FIXED, "rate") == [{"fps": 5}, False]
    assert await page.evaluate(FIXED, "width") == [{"width": 640}, False]


async def test_a_stored_value_of_another_release_is_ignored(portal: Portal, visit: Visit) -> None:
    """The page is as without a choice."""
    await open_page(visit, portal)
    await visit.page.evaluate(
        """() => {
            const key = Object.keys(localStorage).find((each) => each.includes("quality of")) ?? "";
            const name = document.getElementById("view").dataset.name;
            localStorage.setItem(key || `camera-soft-stream quality of ${location.pathname} ${name}`, '["ultra"]');
        }"""
    )
    page = await open_page(visit, portal)
    await expect(page.locator("#quality")).to_have_value("auto")
    await asked(portal, 0, 0)
    assert visit.complaints == []
