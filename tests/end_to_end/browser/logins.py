"""What the tests of the login in browsers need: servers that want one, and its form."""

from pathlib import Path
from typing import Any

from playwright.async_api import Page, expect

from tests.end_to_end.browser.grid import portals
from tests.support.logins import PASSWORDS, LoginFiles, write_logins
from tests.support.server import Portal, StartPortal


async def locked_portals(start_portal: StartPortal, folder: Path, count: int = 2, **changes: Any) -> list[Portal]:
    """Start servers that want a login from every client, and share the users and sessions of a folder."""
    files = write_logins(folder)
    return await portals(
        start_portal, count, auth="always", users_file=str(files.users), state_directory=folder / "state", **changes
    )


def url_of(portal: Portal) -> str:
    """Return the URL of a server."""
    return f"http://127.0.0.1:{portal.supervisor.settings.listen[0].port}/"


def rewrite(folder: Path, old: str, new: str) -> None:
    """Replace a text in the users' file of a folder."""
    file = LoginFiles(folder).users
    text = file.read_text()
    assert old in text
    file.with_name("new").write_text(text.replace(old, new))
    file.with_name("new").replace(file)


async def fill_in(page: Page, user: str, password: str = "") -> None:
    """Send the form of the login page, by default with the right password."""
    await page.get_by_label("User").fill(user)
    await page.get_by_label("Password").fill(password or PASSWORDS[user])
    await page.get_by_role("button", name="Log in").click()


async def wants_login(page: Page) -> None:
    """Wait until a page has been replaced by the login page."""
    await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    await expect(page.locator("canvas, img")).to_have_count(0)
