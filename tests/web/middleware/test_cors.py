"""CORS: what pages of other sites may read and do, by headers and in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright

from soft_stream.web.app import build_app
from tests.end_to_end.browser.conftest import CHROMIUM, NO_CHROMIUM
from tests.support import nginx_process
from tests.support.server import Portal, StartPortal

MAINSAIL = "http://mainsail.local"
CORS = ("Access-Control-Allow-Origin", "Access-Control-Allow-Credentials", "Access-Control-Expose-Headers")
READABLE = (
    "/",
    "/stream.mjpg",
    "/snapshot.jpg",
    "/status.json",
    "/healthz",
    "/controls.json",
    "/static/shared/style.css",
    "/x",
)
chromium = pytest.mark.skipif(not CHROMIUM, reason=NO_CHROMIUM)


async def answered(portal: Portal, method: str, path: str, **headers: str) -> tuple[int, dict[str, str], list[str]]:
    """Send a request; return the status, the CORS headers, and the values of Vary."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with portal.http.request(method, path, headers=names) as answer:
        cors = {name: value for name, value in answer.headers.items() if name.startswith("Access-Control-")}
        vary = ", ".join(answer.headers.getall("Vary", []))
        return answer.status, cors, vary.split(", ") if vary else []


@pytest.mark.parametrize("path", READABLE)
async def test_a_listed_origin_may_read_everything(start_portal: StartPortal, path: str) -> None:
    """Every response allows the origin, with credentials and our headers: frames, JSON and errors."""
    portal = await start_portal(cors_origins=("http://10.0.0.5:8080", MAINSAIL))
    for method in ("GET", "HEAD"):
        status, cors, vary = await answered(portal, method, path, Origin=MAINSAIL)
        assert status == (404 if path == "/x" else 200)
        assert [cors[name] for name in CORS[:2]] == [MAINSAIL, "true"]
        exposed = cors["Access-Control-Expose-Headers"].split(", ")
        assert {
            "X-Timestamp",
            "X-Age-Ms",
            "X-Frame-Size",
            "X-Snapshot-Size",
            "X-Focus",
            "X-Message",
            "Retry-After",
        } <= set(exposed)
        assert [name for name in vary if not name.startswith("Accept-") and name != "Cookie"] == ["Origin"]


async def test_an_error_may_be_read(start_portal: StartPortal) -> None:
    """A 503 has the headers too, so that a script can read the reason and Retry-After."""
    portal = await start_portal(cors_origins=(MAINSAIL,), start_timeout=1.0)
    portal.device.unplug()
    for path in ("/stream.mjpg", "/snapshot.jpg"):
        status, cors, _ = await answered(portal, "GET", path, Origin=MAINSAIL)
        assert (status, cors["Access-Control-Allow-Origin"]) == (503, MAINSAIL)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "*",
        "https://mainsail.local",
        "http://mainsail.local:8080",
        "http://mainsail.local.evil",
    ],
)
async def test_other_origins_may_do_nothing(start_portal: StartPortal, origin: str) -> None:
    """No header allows another origin; preflights and POST are 403; Vary still names Origin."""
    portal = await start_portal(cors_origins=(MAINSAIL,))
    status, cors, vary = await answered(portal, "GET", "/status.json", Origin=origin)
    assert (status, cors, vary) == (200, {}, ["Origin"])
    assert await answered(portal, "POST", "/focus", Origin=origin) == (403, {}, ["Origin"])
    for method in ("GET", "POST"):
        asked = {"Access_Control_Request_Method": method}
        assert await answered(portal, "OPTIONS", "/focus", Origin=origin, **asked) == (403, {}, ["Origin"])
    assert portal.device.opened == 0


async def test_responses_without_an_origin_vary_too(start_portal: StartPortal) -> None:
    """A response to a request without an origin has Vary, so that caches do not use it for one."""
    portal = await start_portal(cors_origins=(MAINSAIL,))
    assert await answered(portal, "GET", "/status.json") == (200, {}, ["Origin"])


async def test_nothing_changes_while_it_is_off(portal: Portal) -> None:
    """By default no response has CORS headers, and a preflight is 405."""
    assert await answered(portal, "GET", "/status.json", Origin=MAINSAIL) == (200, {}, [])
    asked = {"Origin": MAINSAIL, "Access_Control_Request_Method": "GET"}
    assert await answered(portal, "OPTIONS", "/status.json", **asked) == (405, {}, [])


async def test_any_origin_may_read_and_nothing_else(start_portal: StartPortal) -> None:
    """With * any page may read without credentials; POST and its preflight are 403."""
    portal = await start_portal(cors_origins=("*",))
    for origin in (MAINSAIL, "null"):
        status, cors, vary = await answered(portal, "GET", "/status.json", Origin=origin)
        assert (status, cors[CORS[0]], vary) == (200, "*", ["Origin"])
        assert CORS[1] not in cors
    for origin in (MAINSAIL, "*", "null"):
        status, cors, _ = await answered(portal, "POST", "/focus", Origin=origin, Sec_Fetch_Site="cross-site")
        assert (status, CORS[1] in cors) == (403, False)
        status, cors, _ = await answered(
            portal, "OPTIONS", "/focus", Origin=origin, Access_Control_Request_Method="POST"
        )
        assert (status, "Access-Control-Allow-Methods" in cors) == (403, False)
    status, cors, _ = await answered(portal, "OPTIONS", "/x.jpg", Origin=MAINSAIL, Access_Control_Request_Method="GET")
    assert status == 404
    status, cors, _ = await answered(portal, "OPTIONS", "/", Origin=MAINSAIL, Access_Control_Request_Method="GET")
    assert (status, cors["Access-Control-Allow-Methods"]) == (204, "GET, HEAD")
    assert portal.device.opened == 0


async def test_preflights_return_the_methods_of_each_url(start_portal: StartPortal) -> None:
    """A preflight of every route is 204 with its methods, and opens no camera; unknown URLs are 404."""
    portal = await start_portal(cors_origins=(MAINSAIL,))
    table: dict[str, set[str]] = {}
    for route in build_app(portal.supervisor, {}).router.routes():
        assert route.resource
        table.setdefault(route.resource.canonical.format(name="style.css", prefix=""), set()).add(route.method)
    assert table["/controls"] == {"POST"}
    asked = {"Origin": MAINSAIL, "Access_Control_Request_Headers": "authorization,content-type"}
    for path, methods in table.items():
        status, cors, _ = await answered(portal, "OPTIONS", path, Access_Control_Request_Method=min(methods), **asked)
        assert (status, set(cors["Access-Control-Allow-Methods"].split(", "))) == (204, methods), path
        assert {"Authorization", "Content-Type", "Cache-Control"} <= set(
            cors["Access-Control-Allow-Headers"].split(", ")
        )
        assert int(cors["Access-Control-Max-Age"]) > 0
        assert cors["Access-Control-Allow-Credentials"] == "true"
    assert (await answered(portal, "OPTIONS", "/x", Access_Control_Request_Method="GET", **asked))[0] == 404
    for headers in ({}, {"Origin": MAINSAIL}, {"Access_Control_Request_Method": "GET"}):  # no preflights
        assert (await answered(portal, "OPTIONS", "/status.json", **headers))[0] == 405
    assert portal.device.opened == 0


@pytest.mark.parametrize("path", ["/webcam/?action=snapshot", "/webcam?action=snapshot"])
async def test_preflights_without_the_slash(start_portal: StartPortal, path: str) -> None:
    """Preflights without the trailing slash are answered like those with it, also for origins that are not listed."""
    portal = await start_portal(cors_origins=(MAINSAIL,))
    asked = {"Access_Control_Request_Method": "GET"}
    status, cors, _ = await answered(portal, "OPTIONS", path, Origin=MAINSAIL, **asked)
    assert (status, cors["Access-Control-Allow-Methods"]) == (204, "GET, HEAD")
    assert (await answered(portal, "OPTIONS", path, Origin="http://evil.example", **asked))[0] == 403


async def test_a_listed_origin_may_use_the_controls(start_portal: StartPortal) -> None:
    """A listed origin may POST, whatever Sec-Fetch-Site says."""
    portal = await start_portal(cors_origins=(MAINSAIL,))
    for site in ("cross-site", "same-site"):
        status, cors, _ = await answered(portal, "POST", "/focus", Origin=MAINSAIL, Sec_Fetch_Site=site)
        assert (status, cors["Access-Control-Allow-Origin"]) == (200, MAINSAIL)
        # without an origin it is not known which site that is
        assert (await answered(portal, "POST", "/focus", Sec_Fetch_Site=site))[0] == 403


@pytest.fixture
async def elsewhere() -> AsyncIterator[str]:
    """The origin of an empty page on another port of this machine."""
    app = web.Application()

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<title>A dashboard</title>", content_type="text/html")

    app.router.add_get("/", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.fixture
async def dashboard(elsewhere: str) -> AsyncIterator[Page]:
    """A browser that shows that page."""
    async with page_in_chromium(elsewhere) as page:
        yield page


@asynccontextmanager
async def page_in_chromium(origin: str, **options: Any) -> AsyncIterator[Page]:
    """Show the page of an origin in a browser."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        page = await browser.new_page(**options)
        await page.goto(origin)
        yield page
        await browser.close()


READ_FRAMES = """async (url) => {
    const answer = await fetch(`${url}/stream.mjpg`);
    const reader = answer.body.getReader();
    let text = "";
    while (text.split("X-Timestamp: ").length < 6)
        text += new TextDecoder("latin1").decode((await reader.read()).value);
    await reader.cancel();
    return text.split("Content-Type: image/jpeg\\r\\n").length;
}"""
READ_FACTS = """async (url) => {
    const answer = await fetch(`${url}/snapshot.jpg?size=stream`, {credentials: "include"});
    return [(await answer.blob()).type, answer.headers.get("X-Frame-Size"), answer.headers.get("X-Timestamp")];
}"""
READ_STATE = "async (url) => (await (await fetch(`${url}/status.json`)).json()).state"
# JSON makes the browser send a preflight
POST = """async (url) => {
    const options = {method: "POST", headers: {"Content-Type": "application/json"}, body: '{"Brightness": 0.1}'};
    return (await fetch(`${url}/controls`, options)).status;
}"""
POST_BLINDLY = "async (url) => { await fetch(`${url}/focus`, {method: 'POST', mode: 'no-cors'}); }"


async def asked(dashboard: Page, script: str, portal: Portal, url: str = "") -> Any:
    """Run a script in the page; return its result, or None if the browser blocked it."""
    attempt = f"async (url) => {{ try {{ return await ({script})(url); }} catch (error) {{ return `${{error}}`; }} }}"
    got = await dashboard.evaluate(attempt, url or f"http://127.0.0.1:{portal.port}")
    return None if got == "TypeError: Failed to fetch" else got


@chromium
async def test_a_page_that_is_listed(start_portal: StartPortal, elsewhere: str, dashboard: Page) -> None:
    """A listed page reads frames, the snapshot with its headers, and the status, and sets controls."""
    portal = await start_portal(cors_origins=(elsewhere,))
    assert await asked(dashboard, READ_FRAMES, portal) >= 5
    kind, size, time = await asked(dashboard, READ_FACTS, portal)
    assert (kind, size) == ("image/jpeg", "160x120")
    assert float(time) > 0
    assert isinstance(await asked(dashboard, READ_STATE, portal), str)
    assert await asked(dashboard, POST, portal) == 200
    assert portal.supervisor.controls.values["Brightness"] == 0.1


@chromium
async def test_a_page_that_is_not_listed(start_portal: StartPortal, elsewhere: str, dashboard: Page) -> None:
    """The browser blocks everything for a page that is not listed, or when CORS is off; nothing changes."""
    for origins in (("http://mainsail.local",), ()):
        portal = await start_portal(cors_origins=origins)
        for script in (READ_FRAMES, READ_FACTS, READ_STATE, POST):
            assert await asked(dashboard, script, portal) is None
        assert not portal.supervisor.controls.values
        assert elsewhere not in portal.supervisor.settings.cors_origins


@chromium
async def test_any_page(start_portal: StartPortal, dashboard: Page) -> None:
    """With * a page reads without credentials, and cannot POST with or without a preflight."""
    portal = await start_portal(cors_origins=("*",))
    assert await asked(dashboard, READ_FRAMES, portal) >= 5
    assert await asked(dashboard, READ_FACTS, portal) is None
    assert await asked(dashboard, POST, portal) is None
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    focused = portal.supervisor.status.last_focus
    assert await asked(dashboard, POST_BLINDLY, portal) is None
    assert await asked(dashboard, READ_STATE, portal)
    assert portal.supervisor.status.last_focus is focused
    assert not portal.supervisor.controls.values


POST_WITH_LOGIN = POST.replace("{method", '{credentials: "include", method')


@chromium
async def test_a_page_that_is_listed_and_logged_in(start_portal: StartPortal, elsewhere: str, tmp_path: Path) -> None:
    """Behind nginx a page sends the login with `credentials: "include"`; its preflights need none."""
    users_file = nginx_process.write_login(tmp_path / "htpasswd")
    portal = await start_portal(cors_origins=(elsewhere,), users_file=users_file)
    login = {"username": nginx_process.USER, "password": nginx_process.PASSWORD}
    async with (
        nginx_process.running(tmp_path, {0: portal.port}) as front,
        page_in_chromium(elsewhere, http_credentials=login) as page,
    ):
        for url in (front.url(0), front.url() + "/cam0"):
            assert (await asked(page, READ_FACTS, portal, url))[:2] == ["image/jpeg", "160x120"]
            assert await asked(page, POST_WITH_LOGIN, portal, url) == 200
            assert "A login is needed" in await asked(page, READ_STATE, portal, url)  # without its login
