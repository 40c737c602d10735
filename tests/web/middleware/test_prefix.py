"""Path prefixes: proxies that pass them on, and the folders of other cameras."""

from dataclasses import replace

import pytest
from yarl import URL

from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, Portal, StartPortal

CAMERAS = {number: replace(QUICK, camera=number) for number in (0, 1, 12)}


@pytest.mark.parametrize("prefix", ["/webcam", "/printer/cam", "/cam1", "//", "/a.b~c/d_e-1"])
async def test_every_url_below_a_prefix(portal: Portal, prefix: str) -> None:
    """Pages, snapshots, files and POST URLs also work below a prefix."""
    for path, kind in (
        ("/", "text/html"),
        ("/static/shared/style.css", "text/css"),
        ("/cameras", "text/html"),
        ("/status.json", "application/json"),
        ("/snapshot.jpg", "image/jpeg"),
        ("/?action=snapshot", "image/jpeg"),
        ("/info.json", "application/json"),
    ):
        async with portal.http.get(prefix + path) as answer:
            assert (answer.status, answer.content_type) == (200, kind), path
    async with portal.http.post(f"{prefix}/controls", json={"Brightness": 0.5}) as answer:
        assert answer.status == 200
    assert portal.supervisor.controls.values == {"Brightness": 0.5}


async def test_a_stream_below_a_prefix(portal: Portal) -> None:
    """Frames flow, and the client is shown with the requested path."""
    reader = await StreamReader.get(portal.port, "/printer/cam/stream.mjpg")
    await reader.opening()
    assert (await reader.part()).jpeg
    assert [client["path"] for client in (await portal.status())["clients"]] == ["/printer/cam/stream.mjpg"]
    await reader.close()


@pytest.mark.parametrize("path", ["/cam1/", "/cam1/stream.mjpg", "/x/cam12/snapshot.jpg", "/CAM1/?action=stream",
                                  "/cam1?action=snapshot"])  # fmt: skip
async def test_no_client_gets_the_wrong_camera(start_portal: StartPortal, path: str) -> None:
    """All paths below the folder of another camera are 404, including the page."""
    portal = await start_portal(camera=0, cameras=CAMERAS)
    async with portal.http.get(path) as answer:
        assert answer.status == 404
        assert await answer.text() == f"Not found: {path.partition('?')[0]}. This is camera 0.\n"
    async with portal.http.post("/cam1/controls", json={"Brightness": 0.5}) as answer:
        assert answer.status == 404
    assert (portal.device.opened, portal.supervisor.controls.values) == (0, {})


@pytest.mark.parametrize(
    "path",
    ["/cam1/x/", "/cam1/snapshot/", "/cam1/snapshot.jpg/", "/cam1/stream.mjpg/", "/cam1/webcam/snapshot.jpg",
     "/cam1/x?action=snapshot", "/Cam1/snapshot/?action=snapshot", "/x/CAM12/y/state", "/cam1/./snapshot.jpg",
     "/cam1/%2e/snapshot.jpg", "/cam1/x/../snapshot.jpg", "/%63am1/x/snapshot.jpg", "//cam1//snapshot.jpg"],
)  # fmt: skip
async def test_no_client_gets_the_wrong_camera_further_below(start_portal: StartPortal, path: str) -> None:
    """The folder of another camera is rejected anywhere in the path, which is not normalized."""
    portal = await start_portal(camera=0, cameras=CAMERAS)
    async with portal.http.get(URL(f"http://127.0.0.1:{portal.port}{path}", encoded=True)) as answer:
        assert answer.status == 404
        assert ". This is camera 0." in await answer.text()
    assert portal.device.opened == 0


@pytest.mark.parametrize("path", ["/cam0/", "/cam2/", "/cam0/x/", "/mycam1/", "/cam01/"])
async def test_folders_that_are_not_another_camera(start_portal: StartPortal, path: str) -> None:
    """The own number, one that is not configured, and similar names are ordinary prefixes."""
    portal = await start_portal(camera=0, cameras=CAMERAS)
    async with portal.http.get(path) as answer:
        assert (answer.status, answer.content_type) == (200, "text/html")


@pytest.mark.parametrize(
    "path", ["/nothing", "/webcam/nothing", "/webcam", "/webcam/static/nothing", "/webcam/stream.mj"]
)
async def test_unknown_names(portal: Portal, path: str) -> None:
    """Unknown paths are 404 below a prefix too, with any method."""
    for method in ("GET", "POST"):
        async with portal.http.request(method, path) as answer:
            status = 405 if (method, path) == ("POST", "/webcam/static/nothing") else 404
            assert answer.status == status
    async with portal.http.get(path) as answer:
        assert (await answer.text()).startswith(f"Not found: {path}. Try /, ")


async def test_wrong_methods(portal: Portal) -> None:
    """Wrong methods are 405 below a prefix too."""
    for method, path, allowed in (("GET", "/x/pause", "POST"), ("POST", "/x/snapshot.jpg", "GET,HEAD")):
        async with portal.http.request(method, path) as answer:
            assert (answer.status, answer.headers["Allow"]) == (405, allowed)


@pytest.mark.parametrize("prefix", ["/a%0Ab", "/a%20b", "/%1b[31m", "/%E2%80%A8"])
async def test_no_prefix_breaks_a_line_of_the_log(portal: Portal, prefix: str) -> None:
    """Paths with line breaks, spaces or control characters are 404, since paths are logged."""
    for path in ("/stream.mjpg", "?action=stream", "/?action=stream", "/snapshot"):
        async with portal.http.get(prefix + path) as answer:
            assert answer.status == 404
    assert portal.device.opened == 0
