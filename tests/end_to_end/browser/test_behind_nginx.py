"""The pages behind a real nginx with the configuration of the project: a login, and a folder for each camera."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import expect

from tests.end_to_end.browser.conftest import StartVisit, Visit
from tests.end_to_end.browser.logins import fill_in
from tests.support import nginx_process
from tests.support.nginx_process import PASSWORD, USER, Nginx
from tests.support.processes import free_port
from tests.support.server import QUICK, Portal, StartPortal


@pytest.fixture
async def portals(start_portal: StartPortal, tmp_path: Path) -> list[Portal]:
    """A server for each of two cameras, which know each other."""
    shared: dict[str, Any] = {
        "users_file": nginx_process.write_login(tmp_path / "htpasswd"),
        "state_directory": tmp_path / "state",
    }
    cameras = {n: replace(QUICK, camera=n, port=free_port(), name=f"Cam {n}", **shared) for n in range(2)}
    return [
        await start_portal(cameras=cameras, camera=n, port=camera.port, name=camera.name, **shared)
        for n, camera in cameras.items()
    ]


@pytest.fixture
async def front(portals: list[Portal], tmp_path: Path) -> AsyncIterator[Nginx]:
    """A running nginx in front of them."""
    ports = {number: portal.port for number, portal in enumerate(portals)}
    async with nginx_process.running(tmp_path, ports) as front:
        yield front


@pytest.fixture(params=["typed", "in the address"])
async def logged_in(request: pytest.FixtureRequest, start_visit: StartVisit, front: Nginx) -> tuple[Visit, str]:
    """A browser with the login, typed or as part of the URL, and the URL of nginx."""
    visit, url = await start_visit(), front.url()
    await visit.page.goto(url if request.param == "typed" else url.replace("//", f"//{USER}:{quote(PASSWORD)}@"))
    if request.param == "typed":
        await fill_in(visit.page, USER, PASSWORD)
    await expect(visit.page.get_by_role("heading", name="Log in")).to_be_hidden()
    visit.complaints.clear()  # of the 401 before
    return visit, url


async def test_a_camera_in_its_folder(portals: list[Portal], logged_in: tuple[Visit, str]) -> None:
    """The picture moves, and snapshot and focus work."""
    visit, url = logged_in
    page = visit.page
    await page.goto(f"{url}/cam1/")
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await visit.sees_movement()
    cycles = portals[1].device.cycles
    await page.locator("#focus").click()
    await portals[1].until(lambda: portals[1].device.cycles > cycles)
    await page.locator("#snapshot").click()
    await expect(page.locator("#snapshot-dialog img")).to_be_visible()
    await expect(page.locator("#problem")).to_be_hidden()
    assert visit.complaints == []
    assert visit.hosts() == {url.rpartition("/")[2].rpartition("@")[2]}
    assert portals[0].device.opened == 0


async def test_all_cameras_on_the_portal_port(portals: list[Portal], logged_in: tuple[Visit, str]) -> None:
    """The page of all cameras shows both live, with a link to each."""
    visit, url = logged_in
    page = visit.page
    await page.goto(f"{url}/")
    await expect(page.locator(".tile .state")).to_have_text(["Asleep", "Asleep"])
    await page.locator("[data-mode=live]").click()
    await expect(page.locator(".tile .state")).to_have_text(["Live", "Live"])
    assert [portal.device.opened for portal in portals] == [1, 1]
    await page.get_by_role("link", name="Cam 1").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Cam 1")
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    assert visit.complaints == []
    assert visit.hosts() == {url.rpartition("/")[2].rpartition("@")[2]}


async def test_a_person_is_led_to_https(portals: list[Portal], start_visit: StartVisit, tmp_path: Path) -> None:
    """With TLS, http:// in the address bar becomes https:// before the form; after one login both ports are live."""
    ports = {number: portal.port for number, portal in enumerate(portals)}
    async with nginx_process.running(tmp_path, ports, tls=True) as front:
        visit = await start_visit(ignore_https_errors=True)
        page, camera = visit.page, f"127.0.0.1:{front.port(1)}"
        await page.goto(f"http://{camera}/?x=y")
        await expect(page).to_have_url(f"https://{camera}/?x=y")
        await fill_in(page, USER, PASSWORD)
        await expect(page).to_have_url(f"https://{camera}/?x=y")
        visit.complaints.clear()  # of the 401 before
        await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
        await visit.sees_movement()
        await page.goto(f"{front.url()}/cam0/")
        await expect(page).to_have_url(f"https://127.0.0.1:{front.port()}/cam0/")
        await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
        assert visit.complaints == []
        cookies = await page.context.cookies()
        assert [(each["secure"], each["httpOnly"]) for each in cookies] == [(True, True)]
