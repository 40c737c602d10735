"""The HTML pages, their static files, and the answers to wrong requests."""

import re
from dataclasses import replace

import pytest

from tests.support.server import QUICK, Portal, StartPortal

VARY = "Accept-Language, Accept-Encoding, Cookie"
CAMERAS = {number: replace(QUICK, camera=number, port=18081 + number, name=f"Cam {number}") for number in range(3)}


async def test_the_landing_page_has_picture_name_state_and_links(start_portal: StartPortal) -> None:
    """The HTML has everything, so that the page works without JavaScript; it opens no camera."""
    portal = await start_portal(name="Bed & <nozzle>")
    async with portal.http.get("/") as answer:
        assert answer.content_type == "text/html"
        page = await answer.text()
    assert "<h1>Bed &amp; &lt;nozzle&gt;</h1>" in page
    assert 'data-state="idle" hidden>Asleep<' in page
    assert '<noscript><img src="stream.mjpg?client=page-' in page
    for link in ("stream.mjpg", "snapshot.jpg", "status.json", "webrtc"):
        assert f'href="{link}"' in page
    assert portal.device.opened == 0


async def test_no_address_on_the_page_is_absolute(portal: Portal) -> None:
    """The page finds its stream, scripts and styles behind any path prefix."""
    for path in ("/", "/cameras", "/webrtc"):
        async with portal.http.get(path) as answer:
            page = await answer.text()
        assert 'src="/' not in page
        assert 'href="/' not in page


@pytest.mark.parametrize(
    ("headers", "links"),
    [
        ({"Host": "127.0.0.1:18082"}, ["//127.0.0.1:18081/", "//127.0.0.1:18083/"]),
        ({"Host": "pi.local:8082"}, ["//pi.local:8081/", "//pi.local:8083/"]),
        ({"Host": "pi.local:8080", "X-Forwarded-Prefix": "/cam1"}, ["../cam0/", "../cam2/"]),
        ({"Host": "[::1]:8082"}, ["//[::1]:8081/", "//[::1]:8083/"]),
    ],
)
async def test_links_to_the_other_cameras(start_portal: StartPortal, headers: dict[str, str], links: list[str]) -> None:
    """Links lead where this browser can reach the other cameras: folders, public ports, or those of the processes."""
    portal = await start_portal(camera=1, cameras=CAMERAS)
    async with portal.http.get("/", headers=headers) as answer:
        page = await answer.text()
    for link, name in zip(links, ("Cam 0", "Cam 2"), strict=True):
        assert f'<a href="{link}">{name}</a>' in page
    assert ">Cam 1</a>" not in page


async def test_links_with_other_public_ports(start_portal: StartPortal) -> None:
    """cam_camera_port_base decides which port is that of nginx, and so where the links lead."""
    portal = await start_portal(camera=1, cameras=CAMERAS, camera_port_base=9000)
    for host, link in (("pi.local:9001", "//pi.local:9002/"), ("pi.local:8082", "//pi.local:18083/")):
        async with portal.http.get("/", headers={"Host": host}) as answer:
            assert f'<a href="{link}">Cam 2</a>' in await answer.text()


@pytest.mark.parametrize(
    ("headers", "links"),
    [
        ({"Host": "127.0.0.1:18082"}, ["//127.0.0.1:18081/", "./", "//127.0.0.1:18083/"]),
        ({"Host": "pi.local:8082"}, ["//pi.local:8081/", "./", "//pi.local:8083/"]),
        ({"Host": "pi.local:8080", "X-Forwarded-Prefix": "/cam1"}, ["../cam0/", "../cam1/", "../cam2/"]),
        ({"Host": "pi.local:8080", "X-Forwarded-Prefix": "/"}, ["cam0/", "cam1/", "cam2/"]),
    ],
)
async def test_the_page_of_all_cameras(start_portal: StartPortal, headers: dict[str, str], links: list[str]) -> None:
    """Each camera is listed once, in order, with a link that this browser can reach; none is opened."""
    portal = await start_portal(camera=1, cameras=CAMERAS)
    async with portal.http.get("/cameras", headers=headers) as answer:
        page = await answer.text()
    assert "<title>Cameras</title>" in page
    listed = re.findall('<a href="(.*)">(Cam .)</a>', page)
    assert listed == list(zip(links, ("Cam 0", "Cam 1", "Cam 2"), strict=True))
    assert portal.device.opened == 0


async def test_a_single_camera_has_no_others(portal: Portal) -> None:
    """Its page has no link to the page of all cameras, which lists that one camera."""
    async with portal.http.get("/") as answer:
        assert 'href="cameras"' not in await answer.text()
    async with portal.http.get("/cameras") as answer:
        assert '<a href="./">Camera 0</a>' in await answer.text()


async def test_webrtc_is_a_notice(portal: Portal) -> None:
    """The page says that there is no WebRTC, and what to use instead."""
    async with portal.http.get("/webrtc") as answer:
        assert answer.status == 200
        page = await answer.text()
    assert "does not" in page
    assert "stream.mjpg" in page


async def test_the_page_loads_nothing_from_elsewhere(portal: Portal) -> None:
    """The page has a strict policy, and its files come from this server."""
    async with portal.http.get("/") as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for file, kind in (
        ("shared/style.css", "text/css"),
        ("camera/main.js", "text/javascript"),
        ("icons/camera.svg", "image/svg+xml"),
        ("icons/apple.png", "image/png"),
    ):
        async with portal.http.get(f"/static/{file}") as answer:
            assert (answer.status, answer.content_type) == (200, kind)


@pytest.mark.parametrize("path", ["/", "/static/shared/style.css", "/static/camera/main.js"])
async def test_pages_are_compressed_on_request(portal: Portal, path: str) -> None:
    """Pages and files are compressed for browsers that accept it, and only for those."""
    async with portal.http.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.content_length
        assert answer.content_length < len(await answer.read()) / 1.5
    async with portal.http.get(path, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers


async def test_browsers_revalidate_static_files(portal: Portal) -> None:
    """A file that the browser has in its cache is not sent again while it is unchanged."""
    async with portal.http.get("/static/shared/style.css") as answer:
        assert answer.headers["Cache-Control"] == "no-cache"
        tag, size = answer.headers["ETag"], len(await answer.read())
    assert size
    for known in (tag, f'"other", {tag}', "*"):
        async with portal.http.get("/static/shared/style.css", headers={"If-None-Match": known}) as answer:
            assert (answer.status, await answer.read()) == (304, b"")
            assert answer.headers["ETag"] == tag
    async with portal.http.get("/static/shared/style.css", headers={"If-None-Match": '"other"'}) as answer:
        assert (answer.status, len(await answer.read())) == (200, size)


@pytest.mark.parametrize("path", ["/", "/cameras", "/webrtc"])
@pytest.mark.parametrize(("accepted", "language"), [("cs", "cs"), ("en-GB", "en"), ("", "en")])
async def test_pages_speak_the_language_of_the_browser(portal: Portal, path: str, accepted: str, language: str) -> None:
    """The page has the language of the browser, and `Vary` says on what it depends."""
    async with portal.http.get(path, headers={"Accept-Language": accepted}) as answer:
        assert (answer.headers["Content-Language"], answer.headers["Vary"]) == (language, VARY)
        assert f'<html lang="{language}">' in await answer.text()


@pytest.mark.parametrize("path", ["/", "/cameras", "/webrtc", "/login"])
async def test_pages_have_the_chosen_language_and_theme(portal: Portal, path: str) -> None:
    """The HTML has both at once, so that nothing flashes; without a choice it leaves the theme to the device."""
    chosen = {"Cookie": "language=de; theme=light", "Accept-Language": "cs"}
    async with portal.http.get(path, headers=chosen) as answer:
        assert (answer.headers["Content-Language"], answer.headers["Vary"]) == ("de", VARY)
        page = await answer.text()
    assert '<html lang="de" data-theme="light">' in page
    assert '<meta name="color-scheme" content="light">' in page
    async with portal.http.get(path) as answer:
        page = await answer.text()
    assert '<html lang="en">' in page
    assert '<meta name="color-scheme" content="dark light">' in page


@pytest.mark.parametrize(("prefix", "home"), [(None, "./"), ("/", "./"), ("/cam0", "../")])
async def test_a_choice_is_for_all_cameras(portal: Portal, prefix: str | None, home: str) -> None:
    """The folder of the cookies is the one in which nginx has the folders of all cameras, or that of the page."""
    async with portal.http.get("/", headers={"X-Forwarded-Prefix": prefix} if prefix else {}) as answer:
        assert f'<div id="preferences" data-home="{home}" hidden>' in await answer.text()


async def test_errors_are_short_and_have_the_right_status(portal: Portal) -> None:
    """An unknown path is 404, a wrong method 405 with the allowed ones; each has a message of one sentence."""
    for path in ("/nothing", "/static/nothing.css", "/static/shared/style.css.map"):
        async with portal.http.get(path) as answer:
            assert answer.status == 404
            assert (await answer.text()).startswith(f"Not found: {path}.")
    async with portal.http.post("/snapshot.jpg") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"
        assert await answer.text() == "/snapshot.jpg does not allow POST, only GET, HEAD.\n"
    assert portal.device.opened == 0


async def test_an_invalid_host_is_a_bad_request(portal: Portal) -> None:
    """A Host header that is no host is answered with 400."""
    async with portal.http.get("/", headers={"Host": "[::1"}) as answer:
        assert answer.status == 400
        assert await answer.text() == "Host: [::1 is not a host.\n"


@pytest.mark.parametrize("path", ["/", "/stream.mjpg", "/status.json", "/nothing"])
async def test_responses_name_only_the_program(portal: Portal, path: str) -> None:
    """The `Server` header has no version."""
    async with portal.http.get(path) as answer:
        assert answer.headers.getall("Server") == ["camera-soft-stream"]
