"""Helpers for the tests of the page of all cameras: servers, tiles, and states of a picture."""

from dataclasses import replace
from typing import Any

from playwright.async_api import Locator, Page, expect

from soft_stream.config.endpoints import Endpoint
from tests.end_to_end.browser.conftest import NOT_LIVE
from tests.support.processes import free_ports
from tests.support.server import QUICK, Portal, StartPortal


async def portals(start_portal: StartPortal, count: int = 3, **changes: Any) -> list[Portal]:
    """Start servers in this process that know each other; each listens where the others expect it."""
    first = free_ports(count)
    ports = range(first, first + count)
    cameras = {n: replace(QUICK, camera=n, port=port, name=f"Cam {n}", **changes) for n, port in enumerate(ports)}
    return [
        await start_portal(
            cameras=cameras, camera=n, name=f"Cam {n}", listen=(Endpoint("http", "127.0.0.1", ports[n]),), **changes
        )
        for n in cameras
    ]


def page_of(portal: Portal) -> str:
    """Return the URL of a server's page of all cameras."""
    return f"http://127.0.0.1:{portal.supervisor.settings.listen[0].port}/cameras"


def tile(page: Page, number: int) -> Locator:
    """Return the tile of a camera."""
    return page.locator(f".tile[data-number='{number}']")


async def shows(where: Locator, state: str) -> None:
    """Wait until a tile or the lightbox shows a state."""
    await expect(where.locator(".state")).to_have_attribute("data-state", state)


async def is_live(where: Locator) -> None:
    """Wait until a picture is live, with a state and a frame rate."""
    await expect(where.locator(".state")).to_have_text("Live")
    await expect(where.locator(".frame")).not_to_have_class(NOT_LIVE)
    await expect(where.locator(".age")).to_contain_text("fps")


async def is_dim(where: Locator) -> None:
    """Wait until a picture is dimmed."""
    await expect(where.locator(".frame")).to_have_class(NOT_LIVE)


async def begin_live(page: Page) -> None:
    """Choose the live mode."""
    await page.get_by_role("button", name="Live", exact=True).first.click()
