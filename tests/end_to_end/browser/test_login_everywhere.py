"""One login for several processes, ports and schemes, as on a Raspberry Pi, in each engine."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from soft_stream.config.endpoints import Endpoint
from tests.end_to_end.browser.conftest import Visit
from tests.end_to_end.browser.firefox import FIREFOX, firefox
from tests.end_to_end.browser.grid import begin_live, is_live, tile
from tests.end_to_end.browser.logins import fill_in, wants_login
from tests.end_to_end.browser.tab import STATE, Tab
from tests.end_to_end.browser.webkit import DRIVER, XVFB, WebKit, webkit
from tests.support import certificates
from tests.support.logins import PASSWORDS, write_logins
from tests.support.processes import free_ports, serving
from tests.support.server import StartPortal

NAMES = ("Bed", "Nozzle", "Workshop")
SETTINGS = "cam_width=320\ncam_height=180\ncam_autofocus=off\ncam_source=test-pattern\ncam_auth=always\n"
HEADING = "document.querySelector('h1')?.textContent"
RATES = "[...document.querySelectorAll('.tile .age')].filter((age) => age.textContent.includes('fps')).length"
# Chromium trusts loopback addresses as https, and sends them Secure cookies; other names of this machine are untrusted.
NAME = "cam.local"


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[str]]:
    """Three processes that want a login, and know each other; the addresses of their pages."""
    first = free_ports(len(NAMES))
    users = write_logins(tmp_path).users
    text = "".join(line for line in users.read_text().splitlines(keepends=True) if not line.startswith("nora:"))
    users.write_text(text)
    file = tmp_path / "three.env"
    lines = [f"cam{n}_name={name}\ncam{n}_port={first + n}\n" for n, name in enumerate(NAMES)]
    file.write_text(f"{SETTINGS}cam_users_file={users}\n" + "".join(lines))
    (tmp_path / "state").mkdir()
    environ = {"STATE_DIRECTORY": str(tmp_path / "state")}
    with ExitStack() as life:
        yield [
            life.enter_context(serving("--env-file", str(file), "--camera", str(n), port=first + n, environ=environ))[1]
            for n in range(len(NAMES))
        ]


async def test_one_login_for_three_processes(three: list[str], visit: Visit) -> None:
    """After one login the wall is live on all ports, and so is each page; one logout ends all of it."""
    page, others = visit.page, [await visit.page.context.new_page() for _ in three]
    await page.goto(f"{three[0]}/cameras")
    await fill_in(page, "vera")
    await expect(page).to_have_url(f"{three[0]}/cameras")
    await begin_live(page)
    for number in range(len(three)):
        await is_live(tile(page, number))
    for url, other in zip(three, others, strict=True):
        await other.goto(f"{url}/")
        await expect(other.locator("#state")).to_have_attribute("data-state", "streaming")
    await Visit(others[2]).press("#log-out")
    for each in (page, *others):
        await wants_login(each)
    assert visit.hosts() == {url.partition("//")[2] for url in three}


async def log_in(tab: Tab, user: str) -> None:
    """Send the form of the login page in a browser that Playwright does not drive."""
    await tab.until(f"{HEADING} == 'Log in' && document.readyState == 'complete'")
    await tab.evaluate(f"""(() => {{
        const {{ name, password }} = document.getElementById("login").elements;
        [name.value, password.value] = ["{user}", "{PASSWORDS[user]}"];
        setTimeout(() => document.querySelector("#login button").click());
    }})()""")


async def uses_all(tab: Tab, urls: list[str]) -> None:
    """Log in once, and see the wall live and each camera; then log out."""
    await tab.goto(f"{urls[0]}/cameras")
    await log_in(tab, "vera")
    await tab.until(f"{HEADING} == 'Cameras' && !document.getElementById('layout').hidden")
    await tab.evaluate("document.querySelector('[data-mode=live]').click()")
    await tab.until(f"{RATES} == {len(urls)}")
    for url, name in zip(urls, NAMES, strict=True):
        await tab.goto(f"{url}/")
        await tab.until(f"{HEADING} == '{name}' && {STATE} == 'streaming'")
        await tab.sees_movement()
    await tab.evaluate("setTimeout(() => document.getElementById('log-out').click()) && 0")
    await tab.until(f"{HEADING} == 'Log in'")
    await tab.goto(f"{urls[0]}/")
    assert await tab.evaluate(HEADING) == "Log in"


@pytest.mark.skipif(not FIREFOX, reason="Firefox is not installed: sudo apt-get install firefox-esr")
async def test_firefox(three: list[str]) -> None:
    """Firefox logs in once for all ports."""
    assert FIREFOX
    async with firefox(FIREFOX) as tab:
        await uses_all(tab, three)


@pytest.mark.skipif(
    not (DRIVER and XVFB), reason="WebKit or Xvfb is not installed: sudo apt-get install webkit2gtk-driver xvfb"
)
async def test_webkit(three: list[str]) -> None:
    """WebKit logs in once for all ports."""
    with webkit() as session:
        tab = WebKit(session)
        await uses_all(tab, three)
        await tab.goto("about:blank")


@pytest.mark.parametrize("order", ["https first", "http first"])
async def test_http_and_https(start_portal: StartPortal, chromium: Browser, tmp_path: Path, order: str) -> None:
    """A login over either scheme has an effect after one over the other; one over http is also valid for https."""
    pair, first = certificates.make(tmp_path, names=f"DNS:{NAME}"), free_ports(2)
    await start_portal(
        auth="always",
        users_file=str(write_logins(tmp_path).users),
        listen=(Endpoint("http", "127.0.0.1", first), Endpoint("https", "127.0.0.1", first + 1)),
        tls_certificate=str(pair.certificate),
        tls_key=str(pair.key),
    )
    plain, tls = f"http://{NAME}:{first}/webrtc", f"https://{NAME}:{first + 1}/webrtc"
    page = await chromium.new_page(ignore_https_errors=True)
    if order == "https first":
        await logs_in(page, tls)
    await logs_in(page, plain)
    await is_logged_in(page, tls)
    await is_logged_in(page, plain)
    cookies = {each["name"]: each["secure"] for each in await page.context.cookies()}
    assert cookies.pop("soft_stream_session") is False
    assert cookies == ({"__Host-soft_stream_session": True} if order == "https first" else {})


async def logs_in(page: Page, url: str) -> None:
    """Open a page that wants a login, and log in."""
    await page.goto(url)
    await fill_in(page, "vera")
    await expect(page.locator("#account")).to_contain_text("vera")


async def is_logged_in(page: Page, url: str) -> None:
    """Open a page that wants no login again."""
    await page.goto(url)
    await expect(page.locator("#account")).to_contain_text("vera")
