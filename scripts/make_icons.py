"""Draws the icons of an installed page, as PNG files, from icons/live.svg; Debian's Chromium renders them.

.venv/bin/python -m scripts.make_icons

Needs the packages that scripts/test.sh installs. Look at the icons before you commit them.
"""

import asyncio
import sys

from playwright.async_api import Page, async_playwright

from soft_stream.web.pages.manifest import GROUND
from soft_stream.web.pages.pages import STATIC_FOLDER
from tests.end_to_end.browser.conftest import CHROMIUM, NO_CHROMIUM

FOLDER = STATIC_FOLDER / "icons"
# Name of the file: its size, the share of it that the camera takes, and the radius of its corners, in pixels. Phones
# cut their own shape out of a maskable icon, and show at least a circle of 80 % of its width. iOS rounds the corners.
ICONS = {"app-192": (192, 0.78, 38), "app-512": (512, 0.78, 102), "maskable": (512, 0.56, 0), "apple": (180, 0.7, 0)}


async def draw(page: Page, name: str) -> None:
    """Draw one icon, and write its file."""
    size, share, radius = ICONS[name]
    await page.set_viewport_size({"width": size, "height": size})
    await page.set_content(
        "<style>body { margin: 0; background: none } div { display: grid; place-items: center }"
        f"div {{ background: {GROUND}; border-radius: {radius}px; height: {size}px }}"
        f"svg {{ width: {size * share}px }}</style><div>{(FOLDER / 'live.svg').read_text()}</div>"
    )
    await page.screenshot(path=FOLDER / f"{name}.png", omit_background=True)


async def main() -> None:
    """Draw all icons."""
    if not CHROMIUM:
        sys.exit(NO_CHROMIUM)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = await browser.new_page()
        for name in ICONS:
            await draw(page, name)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
