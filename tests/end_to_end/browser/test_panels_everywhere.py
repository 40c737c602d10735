"""The panels of settings and statistics in Firefox and in WebKit."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.end_to_end.browser.firefox import FIREFOX, firefox
from tests.end_to_end.browser.tab import STATE, Tab
from tests.end_to_end.browser.webkit import DRIVER, XVFB, WebKit, webkit
from tests.support.server import StartPortal

BROWSERS = [
    pytest.param("firefox", marks=pytest.mark.skipif(not FIREFOX, reason="Firefox is not installed")),
    pytest.param("webkit", marks=pytest.mark.skipif(not (DRIVER and XVFB), reason="WebKit or Xvfb is not installed")),
]
# A value is typed as a person does it: the event of the field bubbles to the form.
TYPE = """(() => {
    const field = document.querySelector("#setting-fps");
    field.value = 10;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    return document.getElementById("settings-panel").textContent;
})()"""
SAVE = "document.querySelector('#settings-panel [type=submit]').click()"
SAVED = "document.querySelector('#settings-panel [role=status]').textContent == 'Saved for everybody.'"
HOVER = """(() => {
    const chart = document.querySelector(".chart svg");
    const { left, top, width } = chart.getBoundingClientRect();
    chart.dispatchEvent(new PointerEvent("pointermove", { clientX: left + width - 2, clientY: top + 5 }));
    const tooltip = document.querySelector(".chart .tooltip");
    const box = tooltip.getBoundingClientRect();
    return [tooltip.textContent, box.width > 0 && box.left >= left && box.right <= left + width];
})()"""


@asynccontextmanager
async def running(browser: str) -> AsyncIterator[Tab]:
    """Run a browser."""
    if browser == "firefox":
        assert FIREFOX
        async with firefox(FIREFOX) as tab:
            yield tab
    else:
        with webkit() as driver:
            yield WebKit(driver)


async def open_panel(tab: Tab, name: str) -> None:
    """Press a button of the menu, and wait until its panel has its content."""
    await tab.evaluate(f"document.getElementById('more').click() || document.getElementById('{name}').click()")
    await tab.until(f"document.querySelectorAll('#{name}-panel > *').length > 1")


@pytest.mark.flaky(reruns=2, only_rerun="BrowserCrashed")
@pytest.mark.parametrize("browser", BROWSERS)
async def test_settings_and_charts(start_portal: StartPortal, tmp_path: Path, browser: str) -> None:
    """A setting is estimated and saved, and a chart shows its value under the pointer."""
    portal = await start_portal(fps=50.0, controls_file=tmp_path / "controls.env")
    async with running(browser) as tab:
        await tab.goto(f"http://127.0.0.1:{portal.port}/")
        await tab.until(f"{STATE} == 'streaming'")
        await open_panel(tab, "settings")
        await tab.until("document.querySelector('#setting-fps')?.value == '50'")
        assert "Estimated: 0.2 times the data" in await tab.evaluate(TYPE)
        assert portal.supervisor.settings.fps == 50
        await tab.evaluate(SAVE)
        await tab.until(SAVED)
        assert portal.supervisor.settings.fps == 10
        await open_panel(tab, "stats")
        await tab.until("document.querySelector('.chart path:not([class])').getAttribute('d')")
        text, fits = await tab.evaluate(HOVER)
        assert " · " in text
        assert fits
