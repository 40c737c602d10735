"""The page of all cameras: its pictures, which of them are live, and the reasons why others are not."""

import re
from dataclasses import replace
from pathlib import Path

from playwright.async_api import expect

from soft_stream.capture.subscribers import Client
from tests.end_to_end.browser.conftest import NOT_LIVE, Relay, StartVisit, Visit
from tests.end_to_end.browser.grid import begin_live, is_dim, is_live, page_of, portals, shows, tile
from tests.end_to_end.browser.logins import fill_in
from tests.support import nginx_process
from tests.support.nginx_process import PASSWORD, USER
from tests.support.server import QUICK, Portal, StartPortal


def thumbnails(visit: Visit, portal: Portal) -> list[str]:
    """List the requests of thumbnails that a camera got."""
    port = portal.supervisor.settings.listen[0].port
    return [url for url in visit.requests if f":{port}/thumbnail.jpg" in url]


async def test_a_camera_with_another_client_has_thumbnails(start_portal: StartPortal, visit: Visit) -> None:
    """A camera that is open anyway has a thumbnail with its age, which is refreshed; the others stay closed."""
    cameras = await portals(start_portal)
    with cameras[1].supervisor.subscribers.connected(Client("another", "/stream.mjpg", "", streams=True)):
        await visit.page.goto(page_of(cameras[0]))
        await expect(tile(visit.page, 1).locator(".age")).to_contain_text("ago")
        await expect(tile(visit.page, 1).locator(".state")).to_have_text("Awake")
        await expect(tile(visit.page, 1).locator(".frame")).not_to_have_class(NOT_LIVE)
        await cameras[1].until(lambda: len(thumbnails(visit, cameras[1])) == 2)
        assert (await tile(visit.page, 1).locator(".frame img").count()) == 1
        assert not [url for url in visit.requests if "snapshot.jpg" in url]
    await expect(tile(visit.page, 1).locator(".state")).to_have_text("Asleep")
    await is_dim(tile(visit.page, 1))
    assert [each.device.opened for each in cameras] == [0, 1, 0]
    assert visit.complaints == []


async def test_a_camera_that_stays_open_has_thumbnails(start_portal: StartPortal, visit: Visit) -> None:
    """It has thumbnails without clients, since they do not keep it open."""
    (camera,) = await portals(start_portal, 1, close_after=3600)
    async with camera.http.get("/snapshot.jpg?size=stream"):
        await visit.page.goto(page_of(camera))
    await camera.until(lambda: len(thumbnails(visit, camera)) > 1)
    await expect(tile(visit.page, 0).locator(".age")).to_contain_text("ago")
    assert not camera.supervisor.subscribers.streaming


async def test_one_camera_is_woken(start_portal: StartPortal, visit: Visit) -> None:
    """The button of a tile starts that camera, and lets it close again."""
    cameras = await portals(start_portal)
    await visit.page.goto(page_of(cameras[0]))
    await tile(visit.page, 1).get_by_role("button", name="Wake").click()
    await is_live(tile(visit.page, 1))
    live = tile(visit.page, 1).get_by_role("button", name="Live")
    await expect(live).to_have_attribute("aria-pressed", "true")
    await live.click()
    await cameras[1].until(lambda: cameras[1].device.closed == 1)
    await expect(tile(visit.page, 1).get_by_role("button", name="Wake")).to_be_visible()
    assert [each.device.opened for each in cameras] == [0, 1, 0]


async def test_a_stall_and_a_pause_are_shown(start_portal: StartPortal, visit: Visit) -> None:
    """A picture without new frames is not shown as live, with the reason."""
    cameras = await portals(start_portal, watchdog_timeout=0)
    await visit.page.goto(page_of(cameras[0]))
    await begin_live(visit.page)
    for number in (0, 1):
        await is_live(tile(visit.page, number))
    cameras[1].device.stall()
    await shows(tile(visit.page, 1), "fault")
    await expect(tile(visit.page, 1).locator(".note")).to_contain_text("no frames for")
    await is_dim(tile(visit.page, 1))
    async with cameras[0].http.post("/pause?client=timelapse&seconds=60") as answer:
        assert answer.status == 200
    await shows(tile(visit.page, 0), "paused")
    await expect(tile(visit.page, 0).locator(".note")).to_have_text("Lent to timelapse")
    await is_dim(tile(visit.page, 0))
    cameras[1].device.resume()
    async with cameras[0].http.post("/resume?client=timelapse") as answer:
        assert answer.status == 200
    for number in range(3):
        await is_live(tile(visit.page, number))


async def test_a_stream_that_was_cut_is_requested_again(start_portal: StartPortal, visit: Visit) -> None:
    """After the end of a stream, while the camera stays open, the picture is live again."""
    other = await start_portal(camera=1, close_after=60)
    relay = await Relay.to(other.port)
    cameras = {n: replace(QUICK, camera=n, port=port, name=f"Cam {n}") for n, port in enumerate((1, relay.port))}
    portal = await start_portal(camera=0, cameras=cameras)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/cameras")
    await begin_live(visit.page)
    await is_live(tile(visit.page, 1))
    (mine,) = [client for client in other.supervisor.subscribers.clients if client.streams]
    relay.cut()
    await other.until(lambda: mine not in other.supervisor.subscribers.clients)
    await other.until(lambda: any(client.sent for client in other.supervisor.subscribers.clients))
    await is_live(tile(visit.page, 1))
    await relay.close()


async def test_a_server_without_renditions(start_portal: StartPortal, visit: Visit) -> None:
    """Without renditions the page requests the original, and that causes no error."""
    cameras = await portals(start_portal, renditions_max=0)
    await visit.page.goto(page_of(cameras[0]))
    await begin_live(visit.page)
    for number in range(3):
        await is_live(tile(visit.page, number))
    assert not [url for url in visit.requests if "width=" in url]
    assert visit.complaints == []


async def test_too_many_renditions(start_portal: StartPortal, visit: Visit) -> None:
    """If the server refuses another rendition, the page requests the original."""
    (camera,) = await portals(start_portal, 1, renditions_max=1, width=1280, height=720, fps=10.0)
    async with camera.http.get("/stream.mjpg?quality=10"):
        await visit.page.set_viewport_size({"width": 600, "height": 600})
        await visit.page.goto(page_of(camera))
        await begin_live(visit.page)
        await is_live(tile(visit.page, 0))
        widths = [client.rendition.width for client in camera.supervisor.subscribers.clients if client.name]
        assert widths == [0]
        assert [url for url in visit.requests if "width=" in url]


async def test_four_streams_behind_one_address(
    start_portal: StartPortal, start_visit: StartVisit, tmp_path: Path
) -> None:
    """Browsers open six connections to a host: four cameras stream, the others have snapshots at the tile's size."""
    users_file = nginx_process.write_login(tmp_path / "htpasswd")
    cameras = await portals(start_portal, 6, users_file=users_file, state_directory=tmp_path / "state")
    ports = {number: each.port for number, each in enumerate(cameras)}
    visit = await start_visit(viewport={"width": 1600, "height": 1000})
    async with nginx_process.running(tmp_path, ports) as front:
        await visit.page.goto(f"{front.url()}/")
        await fill_in(visit.page, USER, PASSWORD)
        visit.complaints.clear()  # of the 401 before
        await begin_live(visit.page)
        for number in range(4):
            await is_live(tile(visit.page, number))
        for number in (4, 5):
            await expect(tile(visit.page, number).locator(".state")).to_have_text("Awake")
            await expect(tile(visit.page, number).locator(".frame")).not_to_have_class(NOT_LIVE)
            await expect(tile(visit.page, number).locator(".age")).to_contain_text("ago")
        assert [each.supervisor.subscribers.streaming for each in cameras] == [True] * 4 + [False] * 2
        assert {re.findall("width=[0-9]+", url)[0] for url in visit.requests if "snapshot" in url} == {"width=640"}
        await tile(visit.page, 5).get_by_role("button", name="Live").click()
        await is_live(tile(visit.page, 5))
        await expect(tile(visit.page, 3).locator(".state")).to_have_text("Awake")
        assert [each.supervisor.subscribers.streaming for each in cameras] == [True] * 3 + [False] * 2 + [True]
        assert visit.complaints == []
        assert visit.hosts() == {f"127.0.0.1:{front.port()}"}
