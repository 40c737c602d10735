"""The statistics panel: charts, clients, facts of the camera, and the log."""

import re

import pytest
from playwright.async_api import Locator, expect

from soft_stream.capture.subscribers import Client
from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.end_to_end.browser.tab import FITS
from tests.support.multipart_reader import StreamReader
from tests.support.server import Portal, StartPortal


async def watched(portal: Portal) -> None:
    """Read the stream for a while, and wait until the camera is closed again."""
    closed = portal.device.closed
    reader = await StreamReader.get(portal.port)
    await portal.until(lambda: any(client.sent > 20 for client in portal.supervisor.subscribers.clients))
    await reader.close()
    await portal.until(lambda: portal.device.closed > closed)
    await portal.until(lambda: portal.supervisor.status.state == "idle")


async def open_stats(visit: Visit, portal: Portal) -> Locator:
    """Open the page and its statistics panel."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await visit.open_panel("stats")
    stats = visit.page.locator("#stats-panel")
    await expect(stats.get_by_role("table")).to_be_visible()
    return stats


async def test_charts_show_the_last_hour(portal: Portal, visit: Visit) -> None:
    """Each session of the camera is a line of its own; the label has newest, smallest and largest value."""
    await watched(portal)
    await watched(portal)
    (fps, *_) = portal.supervisor.history.facts()["fps"]
    stats = await open_stats(visit, portal)
    chart = stats.get_by_role("img", name="Frames per second: newest")
    await expect(chart).to_be_visible()
    lines = await chart.locator("path:not([class])").first.get_attribute("d")
    assert lines
    assert lines.count("M") == 2
    figure = stats.get_by_role("figure", name="Restarts")
    await expect(figure.get_by_role("img", name="Restarts: newest 0, smallest 0, largest 0")).to_be_visible()
    await expect(figure).to_contain_text("now")
    await chart.focus()
    await chart.press("ArrowLeft")
    await chart.press("ArrowLeft")
    figure = stats.get_by_role("figure", name="Frames per second")
    await expect(figure.get_by_role("status")).to_contain_text(f"{fps:.1f} · ")
    await chart.press("End")
    await expect(chart.locator("path:not([class])").nth(1)).to_have_attribute("d", re.compile("M600,0|M5[0-9]"))
    assert visit.complaints == []


async def test_the_axes_have_labels(portal: Portal, visit: Visit) -> None:
    """The lines of the grid have round values, with a unit, and the times below are spread over the width."""
    await watched(portal)
    stats = await open_stats(visit, portal)
    encode = portal.supervisor.history.facts()["encode"]
    fps = stats.get_by_role("figure", name="Frames per second")
    await expect(fps.locator(".values span").last).to_have_text("0.0")
    top, middle = [float(await fps.locator(".values span").nth(i).inner_text()) for i in (0, 1)]
    assert top == 2 * middle
    assert max(portal.supervisor.history.facts()["fps"]) <= top
    await expect(fps.locator(".times span")).to_have_text(["2 min ago", "60 s ago", "now"])
    milliseconds = stats.get_by_role("figure", name="Encoding time").locator(".values span").first
    assert float((await milliseconds.inner_text()).removesuffix(" ms")) >= max(encode) * 1000
    clients = stats.get_by_role("figure", name="Clients").locator(".values span")
    await expect(clients).to_have_text(["2", "1", "0"])


async def test_the_value_under_the_pointer(portal: Portal, visit: Visit) -> None:
    """A tooltip within the chart shows the nearest sample with its time; without a pointer there is none."""
    await watched(portal)
    stats = await open_stats(visit, portal)
    figure = stats.get_by_role("figure", name="Clients")
    chart, tooltip = figure.get_by_role("img", name="Clients: newest 0"), figure.locator(".tooltip")
    await expect(figure.locator(".readout")).to_have_text("0")
    await expect(tooltip).to_be_hidden()
    await chart.scroll_into_view_if_needed()
    box = await chart.bounding_box()
    assert box
    for place in (0.01, 0.99):
        await visit.page.mouse.move(box["x"] + place * box["width"], box["y"] + 20)
        await expect(tooltip).to_have_text(re.compile(r"^[01] · \d"))
        shown = await tooltip.bounding_box()
        assert shown
        assert box["x"] <= shown["x"]
        assert shown["x"] + shown["width"] <= box["x"] + box["width"]
    await visit.page.locator("#panel-title").hover()
    await expect(tooltip).to_be_hidden()


async def test_the_value_under_a_finger(portal: Portal, start_visit: StartVisit) -> None:
    """A tap shows the tooltip, which stays until the next tap elsewhere."""
    await watched(portal)
    visit = await start_visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    stats = await open_stats(visit, portal)
    figure = stats.get_by_role("figure", name="Frames per second")
    await figure.get_by_role("img").tap()
    await expect(figure.locator(".tooltip")).to_have_text(re.compile(r"^\d+\.\d · \d"))
    await visit.page.locator("#panel-title").tap()
    await expect(figure.locator(".tooltip")).to_be_hidden()


async def test_the_log_has_the_events(start_portal: StartPortal, visit: Visit) -> None:
    """A stall of the camera is in the log as a warning, above older lines."""
    portal = await start_portal(close_after=60)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#state")).to_have_attribute("data-state", "streaming")
    portal.device.stall()
    await portal.until(lambda: portal.device.restarted == 1)
    await portal.until(lambda: portal.supervisor.status.state == "streaming")
    await visit.open_panel("stats")
    lines = visit.page.get_by_role("list", name="Log").get_by_role("listitem")
    await expect(lines.first).to_have_text(re.compile(r"Live[A-Z][^:]*\.$"))
    await expect(lines.first.locator("b")).to_have_attribute("data-state", "streaming")
    await expect(lines.last).to_have_text(re.compile(r"StartingFor 127\.0\.0\.1 .*\.$"))
    warning = lines.filter(has_text="No frames for")
    await expect(warning).to_have_text(re.compile(r"WarningRetryingNo frames for .*\.$"))
    await expect(visit.page.locator("#stats-panel dl")).to_contain_text("No frames for")


async def test_new_lines_appear_while_it_is_open(portal: Portal, visit: Visit) -> None:
    """The log is requested repeatedly, but only while the panel is open."""
    await visit.page.clock.install()
    stats = await open_stats(visit, portal)
    await expect(stats.get_by_role("listitem").first).to_be_visible()
    portal.supervisor.status.log_event("Something new")
    await visit.fast_forward(stats.get_by_role("list", name="Log").get_by_text("Something new").is_visible)
    await visit.page.locator("#panel-close").click()
    asked = sum("history=1" in url for url in visit.requests)
    seen = len(visit.requests)

    async def has_polled() -> bool:
        """Return whether the page has polled for longer than the interval of the history."""
        return sum("status.json" in url for url in visit.requests[seen:]) > 11

    await visit.fast_forward(has_polled)
    assert sum("history=1" in url for url in visit.requests) == asked
    assert visit.complaints == []


async def test_clients_are_listed(portal: Portal, visit: Visit) -> None:
    """All clients are listed with their frame rates, and this page is marked."""
    with portal.supervisor.subscribers.connected(Client("10.1.2.3", "/stream.mjpg", "tablet", streams=True)):
        stats = await open_stats(visit, portal)
        other = stats.get_by_role("row", name="10.1.2.3")
        await expect(other).to_contain_text("/stream.mjpg tablet")
        own = stats.get_by_role("row", name="this page")
        await expect(own).to_contain_text("127.0.0.1")
        await expect(own.get_by_role("cell").nth(1)).not_to_have_text("0.0")
    await expect(other).to_have_count(0)


async def test_facts_of_the_camera(portal: Portal, visit: Visit) -> None:
    """Size, format, sensor mode, focus, start and version are listed."""
    stats = await open_stats(visit, portal)
    facts = stats.locator("dl")
    for fact in (
        "test pattern",
        "160 × 120, YUV420, sYCC, 15.0 fps",  # noqa: RUF001 # as people write it
        "2304x1296",
        "focused in",
        "first frame",
        "0.1.0",
    ):
        await expect(facts).to_contain_text(fact)


@pytest.mark.parametrize("language", ["en-GB", "cs-CZ"])
async def test_it_fits_on_a_phone(portal: Portal, start_visit: StartVisit, language: str) -> None:
    """The page does not scroll sideways, in any language."""
    await watched(portal)
    visit = await start_visit(viewport={"width": 360, "height": 740}, locale=language)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await visit.open_panel("stats")
    await expect(visit.page.locator("#stats-panel tbody tr")).to_have_count(1)
    await expect(visit.page.locator("#stats-panel li").first).to_be_visible()
    assert await visit.page.evaluate(FITS)
