"""A real OctoPrint and two cameras behind the haproxy and nginx examples, and behind OctoPi's haproxy as documented."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession, CookieJar, FormData, TCPConnector
from multidict import CIMultiDict
from playwright.async_api import async_playwright

from soft_stream.config.endpoints import Endpoint
from tests.end_to_end.browser.logins import fill_in
from tests.end_to_end.clients import octoprint_server, tls_proxies
from tests.end_to_end.clients.octoprint_server import OctoPrint
from tests.end_to_end.clients.programs import STUCK_AFTER, needs_package, started
from tests.end_to_end.clients.tls_proxies import KINDS, Behind, Proxy
from tests.support import nginx_process
from tests.support.nginx_process import login
from tests.support.processes import free_port
from tests.support.server import QUICK, Portal, StartPortal

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = needs_package("octoprint")
UPLOAD_BYTES = 30_000_000
BOUNDARY = b"--softstreamframe\r\n"
WATCHING = ("/?action=stream", "/?action=snapshot", "/stream.mjpg", "/snapshot.jpg?size=stream", "/?snapshot", "/")
SETS_A_CONTROL = (
    "/?action=command&dest=0&plugin=0&id=-1&value=0",
    "/?x=1?ACTION=Command&id=-1",
    "/?%61ction=%63ommand&id=-1",
)


@pytest.fixture(scope="module")
def octoprint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OctoPrint]:
    """Start OctoPrint once for all tests."""
    with octoprint_server.octoprint(tmp_path_factory.mktemp("octoprint")) as running:
        yield running


@pytest.fixture
async def cameras(request: pytest.FixtureRequest, start_portal: StartPortal, tmp_path: Path) -> list[Portal]:
    """Start the processes of two cameras, which know each other and listen on unix sockets too.

    They have the setting that the examples name, or another role of the proxy.
    """
    users_file, role = nginx_process.write_login(tmp_path / "htpasswd"), getattr(request, "param", "view")
    settings = {
        n: replace(QUICK, camera=n, name=f"Cam {n}", users_file=users_file, local_proxy_role=role) for n in range(2)
    }
    return [
        await start_portal(
            cameras=settings,
            camera=n,
            name=camera.name,
            users_file=users_file,
            local_proxy_role=role,
            state_directory=tmp_path / "state",
            legacy_control=True,
            start_timeout=3600.0,
            listen=(Endpoint("unix", path=str(tmp_path / f"cam{n}.sock")),),
        )
        for n, camera in settings.items()
    ]


@pytest.fixture(params=KINDS)
async def proxy(
    request: pytest.FixtureRequest, octoprint: OctoPrint, cameras: list[Portal], tmp_path: Path
) -> AsyncIterator[Proxy]:
    """Start each kind of proxy."""
    behind = Behind(octoprint.port, {n: camera.port for n, camera in enumerate(cameras)}, tmp_path)
    async with tls_proxies.running(request.param, tmp_path, behind) as running:
        yield running


@pytest.fixture
async def browser(proxy: Proxy) -> AsyncIterator[ClientSession]:
    """Return a session without a login."""
    async with session(proxy) as browser:
        yield browser


def session(proxy: Proxy) -> ClientSession:
    """Return a session that trusts the certificate, and keeps cookies of IP addresses too, as browsers do."""
    return ClientSession(proxy.url, connector=TCPConnector(ssl=proxy.trusting), cookie_jar=CookieJar(unsafe=True))


async def log_in(browser: ClientSession) -> dict[str, Any]:
    """Log in to OctoPrint, whose page redirects to its login; return its answer."""
    async with browser.get("/") as answer:
        assert (answer.status, answer.url.path, answer.url.scheme) == (200, "/login/", "https")
    account = {"user": octoprint_server.USER, "pass": octoprint_server.PASSWORD}
    async with browser.post("/api/login", json=account, headers=csrf_token(browser)) as answer:
        assert answer.status == 200, await answer.text()
        facts: dict[str, Any] = await answer.json()
        return facts


def csrf_token(browser: ClientSession) -> dict[str, str]:
    """Return the header that OctoPrint's pages send, from the cookie of this host and port."""
    (token,) = (cookie.value for cookie in browser.cookie_jar if cookie.key.startswith("csrf_token"))
    return {"X-CSRF-Token": token}


async def test_plain_http_is_redirected(proxy: Proxy) -> None:
    """Nothing is served without TLS; the redirect keeps the path, the query and the method."""
    async with ClientSession(f"http://127.0.0.1:{proxy.plain}") as stranger:
        for path in ("/", "/api/login", "/webcam/?action=stream", "/cam0/"):
            async with stranger.post(path, allow_redirects=False) as answer:
                assert answer.status == 307
                assert re.fullmatch(r"https://127\.0\.0\.1(:\d+)?" + re.escape(path), answer.headers["Location"])


async def test_octoprint_sees_the_address_of_the_browser(proxy: Proxy, browser: ClientSession) -> None:
    """OctoPrint's own test of reverse proxies passes, also if the client sends the headers of a proxy itself."""
    forged = {
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Port": "1",
        "X-Forwarded-Server": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "X-Script-Name": "/evil",
        "X-Forwarded-For": "192.0.2.7",
    }
    other_spelling = {name.replace("-", "_"): value for name, value in forged.items()}
    # OctoPi's own lines let clients set them.
    for headers in ({},) if proxy.kind == "octopi" else ({}, forged, other_spelling):
        async with browser.get("/reverse_proxy_test/", headers=headers) as answer:
            seen = dict(re.findall(r'var (\w+) = "?([^";]*)"?;', await answer.text()))
        assert (seen["SERVER_PROTOCOL"], seen["SERVER_NAME"]) == ("https", "127.0.0.1")
        assert (seen["SERVER_PORT"], seen["SERVER_PATH"]) == (str(proxy.port), "/")
        assert (seen["CLIENT_IP"], seen["COOKIE_SUFFIX"]) == ("127.0.0.1", f"_P{proxy.port}")


async def test_octoprint_pushes_through_a_websocket(browser: ClientSession) -> None:
    """After the login, OctoPrint's WebSocket accepts the session and sends the state."""
    session = await log_in(browser)
    async with browser.ws_connect("/sockjs/000/push/websocket") as push:
        assert await push.receive_str() == "o"
        assert '"connected"' in await push.receive_str()
        await push.send_json([f'{{"auth": "{session["name"]}:{session["session"]}"}}'])
        while '"history"' not in await push.receive_str():
            pass


async def test_large_uploads_reach_octoprint(octoprint: OctoPrint, proxy: Proxy, browser: ClientSession) -> None:
    """A file that is larger than the limits of proxies arrives whole, and no proxy writes it to the disk."""
    await log_in(browser)
    body, written = b"G1 X1 Y1 ; a line of a large file\n" * (UPLOAD_BYTES // 33), list[str]()

    class Upload(BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            written.extend(proxy.nginx.temporary_files())
            return super().read(size)

    form = FormData()
    form.add_field("file", Upload(body), filename=f"{proxy.kind}.gcode")
    async with browser.post("/api/files/local", data=form, headers=csrf_token(browser)) as answer:
        assert answer.status == 201, await answer.text()
    assert (octoprint.folder / "uploads" / f"{proxy.kind}.gcode").stat().st_size == len(body)
    assert written == []


async def test_everyone_may_watch(proxy: Proxy, cameras: list[Portal], browser: ClientSession) -> None:
    """Stream, snapshot and page need no login at /webcam/; the server does not see a forged prefix."""
    for number, folder in enumerate(folders(proxy)):
        for path in WATCHING:
            async with browser.get(folder + path, headers={"X-Forwarded-Prefix": "/evil"}) as answer:
                assert answer.status == 200, path
                if "stream" in path.partition("size")[0]:
                    assert await answer.content.readline() == BOUNDARY
                    assert not {"Content-Encoding", "Transfer-Encoding"} & answer.headers.keys()
                    assert [client.peer for client in cameras[number].supervisor.subscribers.clients] == ["127.0.0.1"]
                elif "snapshot" in path:
                    assert (await answer.read()).startswith(b"\xff\xd8\xff")
                else:
                    assert f"Cam {number}</h1>" in await answer.text()
                    assert "evil" not in await answer.text()
        async with browser.head(f"{folder}/snapshot.jpg") as answer:
            assert answer.status == 200


async def test_changes_need_the_login(proxy: Proxy, cameras: list[Portal], browser: ClientSession) -> None:
    """POST, and the GET that sets a control, are 401 without the login of the cameras, and work with it."""
    own = {"Origin": proxy.url}
    for number, folder in enumerate(folders(proxy)):
        for path in ("/pause", "/controls", "/focus", "/arm"):
            async with browser.post(folder + path, headers=own) as answer:
                assert answer.status == 401, path
                assert answer.headers["WWW-Authenticate"].startswith('Basic realm="cameras"')
        for path in SETS_A_CONTROL:
            async with browser.get(f"{proxy.url}{folder}{path}") as answer:
                assert answer.status == 401, path
        assert cameras[number].device.opened == 0
        async with browser.post(f"{folder}/focus", headers=own | login()) as answer:
            assert (answer.status, (await answer.json())["result"]) == (200, "focused")
        async with browser.post(f"{folder}/focus", headers={"Origin": "https://evil.example"} | login()) as answer:
            assert answer.status == 403
        async with browser.get(folder + SETS_A_CONTROL[0], headers=login()) as answer:
            assert answer.status == 200


async def test_the_processes_get_the_login(
    proxy: Proxy, browser: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processes get the host and the folder that the browser requested, and its login, which they verify."""
    got = CIMultiDict[str]()  # haproxy sends names in lower case

    def spy(request: Any) -> Any:
        got.update(request.headers)
        return []

    monkeypatch.setattr("soft_stream.web.pages.pages.addresses_for", spy)
    for folder in (*folders(proxy), "/cam0"):
        got.clear()
        async with browser.get(f"{folder}/", headers=login()) as answer:
            assert answer.status == 200
        assert got["Authorization"] == login()["Authorization"]
        assert (got["Host"], got["X-Forwarded-Prefix"]) == (proxy.host, folder)


@pytest.mark.parametrize("path", ["/webcam/focus", "/cam0/focus"])
async def test_failed_logins_are_limited(browser: ClientSession, path: str) -> None:
    """Too many wrong passwords are refused; one that was right before is not."""
    async with browser.post(path, headers=login()) as answer:
        assert answer.status == 200

    async def attempt() -> int:
        async with browser.post(path, headers=login("wrong")) as answer:
            return answer.status

    attempts = [asyncio.create_task(attempt()) for _ in range(50)]
    for done in asyncio.as_completed(attempts):
        status = await done
        assert status in (401, 429)
        if status == 429:
            break
    async with browser.post(path, headers=login()) as answer:
        assert answer.status == 200
    for task in attempts:
        task.cancel()
    await asyncio.wait(attempts)


async def test_links_lead_to_all_cameras(proxy: Proxy, browser: ClientSession) -> None:
    """The page at /webcam/ links to the pages of the other cameras, which need the login and work with it."""
    async with browser.get("/webcam/cameras") as answer:
        links = re.findall('<a href="(.*)">Cam .</a>', await answer.text())
        assert links == ["../cam0/", "../cam1/"]
    for link in links:
        path = link.removeprefix("..")
        async with browser.get(path) as answer:
            assert answer.status == 401
        async with browser.get(path.rstrip("/"), headers=login()) as answer:
            assert (answer.status, answer.url.path) == (200, path)
        async with browser.post(f"{path}focus", headers={"Origin": proxy.url} | login()) as answer:
            assert answer.status == 200
        async with browser.get(f"{path}cameras", headers=login()) as answer:
            assert re.findall('<a href="(.*)">Cam .</a>', await answer.text()) == links
        async with browser.get(f"{path}stream.mjpg", headers=login()) as answer:
            assert await answer.content.readline() == BOUNDARY


async def test_the_camera_closes_when_the_client_leaves(proxy: Proxy, cameras: list[Portal]) -> None:
    """A client that leaves, even before the first frame, does not keep the camera open."""
    camera = cameras[0]
    for seconds in (0, 3600):
        await camera.until(lambda: camera.supervisor.status.state == "idle")
        camera.device.slow_open(seconds)
        async with started("curl", "-sk", f"{proxy.url}/webcam/?action=stream") as curl:
            await camera.until(lambda: camera.supervisor.subscribers.clients)
            curl.kill()  # the kernel closes its connection as it does for a browser
        await camera.until(lambda: not camera.supervisor.subscribers.clients)


# What the comments of the examples name.
LOGIN_FOR_WATCHING = {
    "haproxy": partial(re.sub, " unless reads !sets_control\n", "\n"),
    "octopi": partial(re.sub, " unless reads !sets_control\n", "\n"),
    "nginx": partial(re.sub, r'\n *"~\*\^\(GET.*\n', "\n"),
}
NO_LOGIN = {
    "haproxy": partial(re.sub, ".*unless reads !sets_control\n", ""),
    "octopi": partial(re.sub, ".*unless reads !sets_control\n", ""),
    "nginx": partial(re.sub, r"\bdefault +always;", 'default "";'),
}


@pytest.mark.parametrize("kind", KINDS)
async def test_the_login_may_be_required_for_watching(cameras: list[Portal], tmp_path: Path, kind: str) -> None:
    """With the change that the example names, stream and snapshot need the login too."""
    behind = Behind(free_port(), {n: camera.port for n, camera in enumerate(cameras)}, tmp_path)
    async with (
        tls_proxies.running(kind, tmp_path, behind, LOGIN_FOR_WATCHING[kind]) as proxy,
        session(proxy) as browser,
    ):
        for path in WATCHING:
            async with browser.get(f"/webcam{path}") as answer:
                assert answer.status == 401, path
        assert cameras[0].device.opened == 0
        for path in WATCHING:
            async with browser.get(f"/webcam{path}", headers=login()) as answer:
                assert answer.status == 200, path


@pytest.mark.parametrize("cameras", ["control"], indirect=True)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_login_may_be_required_for_changes(cameras: list[Portal], tmp_path: Path, kind: str) -> None:
    """With the changes that the example names, changes need no login, but pages of other sites are rejected."""
    behind = Behind(free_port(), {n: camera.port for n, camera in enumerate(cameras)}, tmp_path)
    async with tls_proxies.running(kind, tmp_path, behind, NO_LOGIN[kind]) as proxy, session(proxy) as browser:
        for origin, status in ((proxy.url, 200), ("https://evil.example", 403)):
            async with browser.post("/webcam/focus", headers={"Origin": origin}) as answer:
                assert answer.status == status
        async with browser.get("/cam0/") as answer:
            assert answer.status == 401


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed: sudo apt-get install chromium")
@pytest.mark.parametrize("proxy", ["haproxy", "nginx"], indirect=True)
async def test_in_chromium(proxy: Proxy, cameras: list[Portal]) -> None:
    """After OctoPrint's login its page has a WebSocket and the stream; the camera's page has buttons that work."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page(ignore_https_errors=True)
        page.set_default_timeout(1000 * STUCK_AFTER)
        sockets: list[str] = []
        page.on("websocket", lambda socket: sockets.append(socket.url))
        await page.goto(proxy.url)
        await page.fill("#login-user", octoprint_server.USER)
        await page.fill("#login-password", octoprint_server.PASSWORD)
        await page.click("#login-button")
        await page.click("#control_link a")
        await page.wait_for_function("document.getElementById('webcam_image')?.naturalWidth > 0")
        (client,) = cameras[0].supervisor.subscribers.clients
        assert (client.path, client.streams) == ("/?action=stream", True)
        assert {urlsplit(url)[:2] for url in sockets} == {("wss", proxy.host)}

        await page.goto(f"{proxy.url}/webcam/")
        await page.wait_for_selector("canvas, img")
        assert await page.locator("#focus").count() == 0 or await page.locator("#focus").is_hidden()
        await page.goto(f"{proxy.url}/cam0/")  # as docs/clients/octoprint.md says
        await fill_in(page, nginx_process.USER, nginx_process.PASSWORD)
        await page.wait_for_selector("#focus")
        await page.goto(f"{proxy.url}/webcam/")
        cycles = cameras[0].device.cycles
        await page.click("#focus")
        await cameras[0].until(lambda: cameras[0].device.cycles > cycles)
        assert await page.locator("#problem").is_hidden()
        await page.click("text=Cam 1")
        await page.wait_for_url(f"{proxy.url}/cam1/")
        await cameras[1].until(lambda: cameras[1].supervisor.subscribers.clients)
        await browser.close()


def folders(proxy: Proxy) -> tuple[str, ...]:
    """Return the folders for watching; OctoPi has one."""
    return ("/webcam",) if proxy.kind == "octopi" else ("/webcam", "/webcam2")
