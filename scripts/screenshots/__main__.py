"""Takes the screenshots of README.md and docs/, with test cameras and Debian's Chromium; or those for a review.

    .venv/bin/python -m scripts.screenshots [--folder docs/screens] [NAME...]
    .venv/bin/python -m scripts.screenshots --review FOLDER [--language cs...] [--theme light...] [SCENE...]

A review has a sheet of each scene, language and theme with all sizes, and lists what does not fit. Needs the packages
that scripts/test.sh installs. Look at the screenshots before you commit them.
"""

import argparse
import asyncio
import io
import sys
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.async_api import Browser, Page, async_playwright

from soft_stream.web.pages.i18n import MESSAGES, THEMES
from tests.end_to_end.browser.conftest import CHROMIUM, NO_CHROMIUM

from .scenes import SCENES, portals

QUALITY = 85
LARGEST = 150_000  # bytes
Look = dict[str, Any]  # options of a Playwright context
DESKTOP: Look = {"viewport": {"width": 1280, "height": 720}}
PHONE: Look = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True}
SMALL: Look = {"viewport": {"width": 560, "height": 400}}
DARK: Look = {"color_scheme": "dark"}
# For each file of docs/screens, the scene and the look.
SHOTS: dict[str, tuple[str, Look]] = {
    "phone": ("live", PHONE),
    "desktop": ("live", DESKTOP),
    "desktop-dark": ("live", DESKTOP | DARK),
    "grid": ("grid", DESKTOP | DARK),
    "stalled": ("stalled", DESKTOP),
    "lent": ("lent", DESKTOP | DARK),
    "controls": ("controls", DESKTOP),
    "settings": ("settings", DESKTOP),
    "stats": ("stats", DESKTOP),
    "login": ("login", SMALL),
}
# The sizes of a review, and the options of their browser.
SIZES: dict[tuple[tuple[int, int], ...], Look] = {
    ((1280, 720), (1366, 650), (1440, 900), (1920, 1080), (3840, 2160)): {},
    ((390, 844), (844, 390), (360, 740)): {"has_touch": True, "is_mobile": True},
}
SHEET_WIDTH, SHOT_HEIGHT, GAP = 2000, 480, 8  # pixels of a sheet, and of each screenshot on it
# What is cut off or does not fit, as one text.
MISFITS = """
() => {
  const { scrollWidth, scrollHeight } = document.documentElement;
  const outside = [...document.querySelectorAll("#actions button, #state")].filter((each) => {
    const { left, right, top, bottom, width } = each.getBoundingClientRect();
    return width && (left < 0 || top < 0 || right > innerWidth || bottom > innerHeight);
  });
  const found = outside.map((each) => `#${each.id} is outside`);
  if (scrollWidth > innerWidth) found.push(`scrolls ${scrollWidth - innerWidth} pixels to the right`);
  if (scrollHeight > innerHeight) found.push(`scrolls ${scrollHeight - innerHeight} pixels down`);
  return found.join(", ");
}
"""


async def shoot(browser: Browser, name: str, folder: Path) -> bool:
    """Take one screenshot for the documentation; return True if the file is small enough."""
    scene, look = SHOTS[name]
    context = await browser.new_context(reduced_motion="reduce", locale="en-US", **look)
    async with portals() as portal:
        page = await context.new_page()
        await SCENES[scene](page, portal)
        jpeg = await page.screenshot(path=folder / f"{name}.jpg", type="jpeg", quality=QUALITY)
        await context.close()
    print(f"{name}.jpg: {len(jpeg)} bytes")
    return len(jpeg) <= LARGEST


async def review(browser: Browser, scene: str, language: str, themes: list[str], folder: Path) -> None:
    """Write the sheets of a scene in one language."""
    shots: dict[str, list[Image.Image]] = {theme: [] for theme in themes}
    for sizes, look in SIZES.items():
        context = await browser.new_context(
            reduced_motion="reduce", locale=language, viewport={"width": sizes[0][0], "height": sizes[0][1]}, **look
        )
        async with portals() as portal:
            page = await context.new_page()
            await SCENES[scene](page, portal)
            for width, height in sizes:
                await page.set_viewport_size({"width": width, "height": height})
                for theme, images in shots.items():
                    images.append(await shoot_theme(page, theme, f"{scene} {language} {theme} {width}x{height}"))
            await context.close()
    for theme, images in shots.items():
        make_sheet(images).save(folder / f"{scene}-{language}-{theme}.jpg", quality=QUALITY)


def make_sheet(images: list[Image.Image]) -> Image.Image:
    """Return the images side by side, in rows."""
    places, left, top = [], 0, 0
    for each in images:
        if left + each.width > SHEET_WIDTH:
            left, top = 0, top + SHOT_HEIGHT + GAP
        places.append((left, top))
        left += each.width + GAP
    sheet = Image.new("RGB", (SHEET_WIDTH, top + SHOT_HEIGHT), "#888")
    for each, place in zip(images, places, strict=True):
        sheet.paste(each, place)
    return sheet


async def shoot_theme(page: Page, theme: Any, title: str) -> Image.Image:
    """Take one screenshot of a review, and print what does not fit."""
    await page.emulate_media(color_scheme=theme)
    await asyncio.sleep(0.5)  # until the layout has settled
    if misfits := await page.evaluate(MISFITS):
        print(f"{title}: {misfits}")
    image = Image.open(io.BytesIO(await page.screenshot())).convert("RGB")
    return image.resize((round(image.width * SHOT_HEIGHT / image.height), SHOT_HEIGHT))


async def main() -> int:
    """Take the selected screenshots, or all; return the exit status."""
    parser = argparse.ArgumentParser("screenshots", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[2] / "docs" / "screens")
    parser.add_argument("--review", type=Path, metavar="FOLDER")
    parser.add_argument("--language", nargs="*", choices=list(MESSAGES), default=list(MESSAGES))
    parser.add_argument("--theme", nargs="*", choices=THEMES, default=list(THEMES))
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"{', '.join(SHOTS)}; scenes: {', '.join(SCENES)}")
    arguments = parser.parse_args()
    known = SCENES if arguments.review else SHOTS
    if not CHROMIUM or not known.keys() >= set(arguments.names):
        parser.error(f"NAME must be one of: {', '.join(known)}" if CHROMIUM else NO_CHROMIUM)
    folder = arguments.review or arguments.folder
    folder.mkdir(parents=True, exist_ok=True)
    are_small = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for name in arguments.names or known:
            if not arguments.review:
                are_small.append(await shoot(browser, name, folder))
                continue
            for language in arguments.language:
                await review(browser, name, language, arguments.theme, folder)
        await browser.close()
    return 0 if all(are_small) else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
