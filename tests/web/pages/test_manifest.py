"""The manifests and the icons with which a browser installs the pages as apps."""

import io
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from PIL import Image

from soft_stream.web.pages.manifest import GROUND, TYPE
from soft_stream.web.pages.pages import STATIC
from tests.support.logins import login_of, write_logins
from tests.support.server import Portal, StartPortal

PAGES = {"": "camera.webmanifest", "cameras": "cameras.webmanifest"}


@pytest.mark.parametrize("prefix", ["/", "/cam0/", "/a/webcam/"])
@pytest.mark.parametrize("path", PAGES)
async def test_an_app_starts_with_its_page_below_any_prefix(portal: Portal, prefix: str, path: str) -> None:
    """The page links its manifest, whose first URL is the page again; each icon is a PNG of the size that it states."""
    async with portal.http.get(prefix + path) as answer:
        link = f'<link rel="manifest" href="{PAGES[path]}" crossorigin="use-credentials">'
        assert link in await answer.text()
    where = prefix + PAGES[path]
    async with portal.http.get(where) as answer:
        assert answer.content_type == TYPE
        manifest = await answer.json(content_type=TYPE)
    assert urljoin(where, manifest["start_url"]) == prefix + path
    assert manifest["display"] == "standalone"
    purposes = set()
    for icon in manifest["icons"]:
        async with portal.http.get(urljoin(where, icon["src"])) as answer:
            image = Image.open(io.BytesIO(await answer.read()))
        assert (answer.content_type, image.format) == (icon["type"], "PNG")
        assert icon["sizes"] == f"{image.width}x{image.height}"
        purposes.add((image.width, icon["purpose"]))
    assert {(192, "any"), (512, "any"), (512, "maskable")} <= purposes
    assert portal.device.opened == 0


async def test_an_app_has_the_name_of_its_camera(start_portal: StartPortal) -> None:
    """So two installed cameras differ; the app of all cameras is named in the language of the browser."""
    portal = await start_portal(name='Bed & "nozzle"')
    expected = {
        ("camera", "en"): 'Bed & "nozzle"',
        ("cameras", "en"): "All cameras",
        ("cameras", "cs"): "Všechny kamery",
    }
    for (name, language), title in expected.items():
        async with portal.http.get(f"/{name}.webmanifest", headers={"Accept-Language": language}) as answer:
            manifest = await answer.json(content_type=TYPE)
        assert (manifest["name"], manifest["lang"]) == (title, language)


async def test_icons_need_no_login_and_names_do(start_portal: StartPortal, tmp_path: Path) -> None:
    """A phone loads the icon without the cookie of the login; the name of a camera is only for its users."""
    portal = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    for name in PAGES.values():
        async with portal.http.get(f"/{name}") as answer:
            assert answer.status == 401
        async with portal.http.get(f"/{name}", headers=login_of("vera")) as answer:
            assert answer.status == 200
    async with portal.http.get("/static/icons/apple.png") as answer:
        assert answer.status == 200


@pytest.mark.parametrize(
    ("name", "is_opaque", "share"),
    [("maskable", True, 0.8), ("apple", True, 1.0), ("app-192", False, 1.0), ("app-512", False, 1.0)],
)
def test_a_mask_cuts_off_only_the_ground(name: str, is_opaque: bool, share: float) -> None:
    """What a phone may cut off has the colour of the corner; iOS paints transparent pixels black.

    https://www.w3.org/TR/appmanifest/#icon-masks
    """
    image = Image.open(io.BytesIO(STATIC[f"icons/{name}.png"])).convert("RGBA")
    assert (image.getchannel("A").getextrema() == (255, 255)) is is_opaque
    middle, corner = image.width / 2, image.getpixel((0, 0))
    camera = [
        (x, y)
        for x in range(image.width)
        for y in range(image.height)
        if is_opaque and image.getpixel((x, y)) != corner
    ]
    assert bool(camera) is is_opaque
    assert all((x - middle) ** 2 + (y - middle) ** 2 < (middle * share) ** 2 for x, y in camera)


def test_the_first_window_has_the_colour_of_the_page() -> None:
    """An app shows this colour before its page is loaded."""
    ground = re.search(rb"--ground: ?(#\w+);", STATIC["shared/style.css"])
    assert ground
    assert ground[1].decode() == GROUND
