"""Names of the server in a real browser: a page that rebinds its name, and buttons behind proxies that change Host."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Browser, Page, expect

from tests.end_to_end.browser.conftest import Relay
from tests.support import certificates, nginx_process
from tests.support.processes import free_ports
from tests.support.server import Portal, StartPortal

# What a page of evil.example tries after its name has got the address of the server.
ATTACK = """async () => {
    const statuses = [];
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"Brightness": 0.5}' };
    for (const path of ["/status.json", "/snapshot.jpg", "/?action=command&id=9963776&value=1"])
        statuses.push((await fetch(path)).status);
    statuses.push((await fetch("/controls", options)).status);
    const image = new Image();
    statuses.push(await new Promise((resolve) => {
        image.onload = () => resolve("frames");
        image.onerror = () => resolve("none");
        image.src = "/snapshot.jpg?image";
    }));
    return statuses;
}"""


@asynccontextmanager
async def hostile_site() -> AsyncIterator[int]:
    """Serve an empty page; its port."""
    app = web.Application()

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<title>Evil</title>", content_type="text/html", headers={"Connection": "close"})

    app.router.add_get("/page", page)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port: int = runner.addresses[0][1]
    yield port
    await runner.cleanup()


@pytest.mark.parametrize(
    ("hosts", "statuses"),
    [((), [421, 421, 421, 421, "none"]), (("evil.example",), [200, 200, 200, 200, "frames"])],
)
async def test_a_page_that_rebinds_its_name(
    start_portal: StartPortal, chromium: Browser, hosts: tuple[str, ...], statuses: list[object]
) -> None:
    """The page gets no frame and changes nothing; without the check it would be a page of the server."""
    portal = await start_portal(hosts=hosts, legacy_control=True)
    page = await chromium.new_page()
    async with hostile_site() as port:
        relay = await Relay.to(port)
        await page.goto(f"http://evil.example:{relay.port}/page")
        relay.target = portal.port  # as if the name had another address now
        relay.cut()
        got = await page.evaluate(ATTACK)
    await relay.close()
    assert got == statuses
    assert (portal.device.opened > 0, bool(portal.supervisor.controls.values)) == (bool(hosts), bool(hosts))


@pytest.fixture
async def proxies(portal: Portal, tmp_path: Path) -> AsyncIterator[dict[str, int]]:
    """The ports of a real nginx that changes Host, as it does by default: without TLS, with TLS, and with our line."""
    pair, first = certificates.make(tmp_path, "proxy"), free_ports(3)
    ports = {"http": first, "https": first + 1, "kept": first + 2}
    extra = {
        "http": "",
        "https": f"ssl_certificate {pair.certificate}; ssl_certificate_key {pair.key};",
        "kept": "proxy_set_header Host $http_host;",
    }
    others = "".join(
        f"server {{ listen 127.0.0.1:{port}{' ssl' if kind == 'https' else ''}; {extra[kind]}"
        f" location / {{ proxy_pass http://127.0.0.1:{portal.port}; proxy_buffering off; }} }}"
        for kind, port in ports.items()
    )
    async with nginx_process.running(tmp_path, {0: portal.port}, others=others):
        yield ports


async def press_focus(chromium: Browser, url: str, **options: Any) -> Page:
    """Open the page of the camera, and press a button."""
    page = await (await chromium.new_context(**options)).new_page()
    await page.goto(url)
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await page.locator("#focus").click()
    return page


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("https", "https://cam.example:{port}/"),
        ("http", "http://127.0.0.1:{port}/"),
        ("kept", "http://cam.local:{port}/"),
    ],
)
async def test_buttons_work_behind_a_proxy(
    portal: Portal, chromium: Browser, proxies: dict[str, int], kind: str, url: str
) -> None:
    """Where Chromium says that the page is of the server, Host does not matter; elsewhere the proxy must keep it."""
    page = await press_focus(chromium, url.format(port=proxies[kind]), ignore_https_errors=True)
    await expect(page.locator("#result")).to_contain_text("ocus")
    await expect(page.locator("#problem")).to_be_hidden()
    assert portal.supervisor.status.last_focus


async def test_the_page_shows_why_a_button_does_not_work(
    portal: Portal, chromium: Browser, proxies: dict[str, int]
) -> None:
    """Over plain HTTP Chromium sends only Origin; if the proxy changes Host, the page shows what to change there."""
    page = await press_focus(chromium, f"http://cam.local:{proxies['http']}/")
    await expect(page.locator("#problem")).to_contain_text(f"A page of http://cam.local:{proxies['http']} may not")
    await expect(page.locator("#problem")).to_contain_text(f"was requested as 127.0.0.1:{portal.port}.")
    await expect(page.locator("#problem")).to_contain_text("proxy_set_header Host $http_host;")
