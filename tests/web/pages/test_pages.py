"""What people see, and what they get where there is nothing."""

import re
from dataclasses import replace

import pytest

from tests.conftest import QUICK, Portal, StartPortal

VARY = "Accept-Language, Accept-Encoding"
CAMERAS = {number: replace(QUICK, camera=number, port=18081 + number, name=f"Cam {number}") for number in range(3)}


async def test_the_landing_page_has_picture_name_state_and_links(start_portal: StartPortal) -> None:
    """Everything stands in the page itself, so that it works without JavaScript; it opens no camera."""
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
    """Behind any path prefix the page finds its own picture, script and style."""
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
    """The other cameras are where this browser can reach them: folders, public ports, or the processes' own."""
    portal = await start_portal(camera=1, cameras=CAMERAS)
    async with portal.http.get("/", headers=headers) as answer:
        page = await answer.text()
    for link, name in zip(links, ("Cam 0", "Cam 2"), strict=True):
        assert f'<a href="{link}">{name}</a>' in page
    assert ">Cam 1</a>" not in page


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
    """Each camera is listed once, in order, where this browser can reach it; none is opened."""
    portal = await start_portal(camera=1, cameras=CAMERAS)
    async with portal.http.get("/cameras", headers=headers) as answer:
        page = await answer.text()
    assert "<title>Cameras</title>" in page
    listed = re.findall('<a href="(.*)">(Cam .)</a>', page)
    assert listed == list(zip(links, ("Cam 0", "Cam 1", "Cam 2"), strict=True))
    assert portal.device.opened == 0


async def test_a_single_camera_has_no_others(portal: Portal) -> None:
    """Its page links no list, and the list is that one camera."""
    async with portal.http.get("/") as answer:
        assert 'href="cameras"' not in await answer.text()
    async with portal.http.get("/cameras") as answer:
        assert '<a href="./">Camera 0</a>' in await answer.text()


async def test_webrtc_is_a_notice(portal: Portal) -> None:
    """There is no WebRTC, and the page says what there is."""
    async with portal.http.get("/webrtc") as answer:
        assert answer.status == 200
        page = await answer.text()
    assert "does not" in page
    assert "stream.mjpg" in page


async def test_the_page_loads_nothing_from_elsewhere(portal: Portal) -> None:
    """A strict policy holds for the page, and what it needs is served here."""
    async with portal.http.get("/") as answer:
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for file, kind in (
        ("shared/style.css", "text/css"),
        ("camera/main.js", "text/javascript"),
        ("shared/icon.svg", "image/svg+xml"),
    ):
        async with portal.http.get(f"/static/{file}") as answer:
            assert (answer.status, answer.content_type) == (200, kind)


@pytest.mark.parametrize("path", ["/", "/static/shared/style.css", "/static/camera/main.js"])
async def test_pages_are_compressed_for_who_takes_that(portal: Portal, path: str) -> None:
    """From far away a page comes sooner; who does not ask for it gets it as it is."""
    async with portal.http.get(path, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert "Accept-Encoding" in answer.headers["Vary"]
        assert answer.content_length
        assert answer.content_length < len(await answer.read()) / 1.5
    async with portal.http.get(path, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers


async def test_browsers_ask_whether_a_file_is_still_the_same(portal: Portal) -> None:
    """What a browser has of the files is not sent again, as long as it is the same."""
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
    """The page, its title and what scripts say are in one language, and caches are told what that depends on."""
    async with portal.http.get(path, headers={"Accept-Language": accepted}) as answer:
        assert (answer.headers["Content-Language"], answer.headers["Vary"]) == (language, VARY)
        assert f'<html lang="{language}">' in await answer.text()


async def test_errors_are_short_and_have_the_right_status(portal: Portal) -> None:
    """A wrong path is 404, a wrong method 405 with the right ones; each with one sentence."""
    for path in ("/nothing", "/static/nothing.css", "/static/shared/style.css.map"):
        async with portal.http.get(path) as answer:
            assert answer.status == 404
            assert (await answer.text()).startswith(f"Not found: {path}.")
    async with portal.http.post("/snapshot.jpg") as answer:
        assert answer.status == 405
        assert answer.headers["Allow"] == "GET,HEAD"
        assert await answer.text() == "/snapshot.jpg does not allow POST, only GET, HEAD.\n"
    assert portal.device.opened == 0


async def test_a_host_that_is_none_is_a_bad_request(portal: Portal) -> None:
    """A broken Host header is the client's fault."""
    async with portal.http.get("/", headers={"Host": "[::1"}) as answer:
        assert answer.status == 400
        assert await answer.text() == "Host: [::1 is not a host.\n"


@pytest.mark.parametrize("path", ["/", "/stream.mjpg", "/status.json", "/nothing"])
async def test_answers_name_the_program_only(portal: Portal, path: str) -> None:
    """Strangers need not know the versions of what it is made of."""
    async with portal.http.get(path) as answer:
        assert answer.headers.getall("Server") == ["camera-soft-stream"]
