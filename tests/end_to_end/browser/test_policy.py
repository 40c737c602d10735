"""The Content-Security-Policy of the pages is strict, and the pages do not violate it."""

from dataclasses import replace

import pytest
from playwright.async_api import expect

from tests.end_to_end.browser.conftest import Visit
from tests.support.server import QUICK, StartPortal

PATHS = ("/", "/cameras", "/webrtc", "/login")
# Chromium writes it to the console as well, but not what a page catches
REPORT = "addEventListener('securitypolicyviolation', (event) => console.error(`policy: ${event.violatedDirective}`));"


@pytest.fixture
async def strict(visit: Visit) -> Visit:
    """A page that reports all violations of its policy to the console."""
    await visit.page.add_init_script(REPORT)
    return visit


def directives(policy: str) -> dict[str, list[str]]:
    """Parse a Content-Security-Policy: the sources of each directive."""
    parts = (each.split() for each in policy.split(";"))
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_is_allowed_that_is_not_needed(start_portal: StartPortal, path: str) -> None:
    """Scripts and styles are files of the server, except one inline script with its hash."""
    portal = await start_portal()
    async with portal.http.get(path) as answer:
        policy = directives(answer.headers["Content-Security-Policy"])
    own, named = policy.pop("script-src")
    assert own == "'self'"
    assert named.startswith("'sha256-")
    for name in ("style-src", "connect-src", "manifest-src"):
        assert policy.pop(name) == ["'self'"]
    assert policy.pop("form-action") == ["'self'" if path == "/login" else "'none'"]
    for name in ("default-src", "base-uri"):
        assert policy.pop(name) == ["'none'"]
    assert policy == {"img-src": ["'self'", "blob:"][: 1 if path == "/login" else 2], "frame-ancestors": ["'self'"]}


async def test_a_violation_is_reported(start_portal: StartPortal, strict: Visit) -> None:
    """An inline handler and a picture from another host are reported."""
    portal = await start_portal()
    await strict.page.goto(f"http://127.0.0.1:{portal.port}/webrtc")
    # some releases of Chromium look at a handler only when its event occurs
    await strict.page.evaluate("document.body.innerHTML = '<img src=http://[::1]:9/ onerror=close()>'")
    await portal.until(lambda: sum(complaint.startswith("policy: ") for complaint in strict.complaints) >= 2)


async def test_a_camera_with_all_its_panels_open(start_portal: StartPortal, strict: Visit) -> None:
    """The page violates no policy, sends requests only to its server, and writes nothing to the console."""
    portal = await start_portal()
    page = strict.page
    await page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(page.locator("#state")).to_have_attribute("data-state", "streaming")
    await strict.open_panels()
    await page.locator("#snapshot").click()
    await expect(page.locator("#snapshot-dialog img")).to_be_visible()
    assert strict.complaints == []
    assert strict.hosts() == {f"127.0.0.1:{portal.port}"}


async def test_all_cameras(start_portal: StartPortal, strict: Visit) -> None:
    """The page of all cameras loads pictures from the other ports, as its policy allows, and nothing else."""
    other = await start_portal(camera=1, name="Cam 1")
    cameras = {0: replace(QUICK, name="Cam 0"), 1: replace(QUICK, camera=1, port=other.port, name="Cam 1")}
    portal = await start_portal(cameras=cameras)
    await strict.page.goto(f"http://127.0.0.1:{portal.port}/cameras")
    await strict.page.locator("[data-mode=live]").click()
    await expect(strict.page.locator(".tile .state")).to_have_text(["Live", "Live"])
    assert strict.complaints == []
    assert strict.hosts() == {f"127.0.0.1:{portal.port}", f"127.0.0.1:{other.port}"}


async def test_the_page_about_webrtc(start_portal: StartPortal, strict: Visit) -> None:
    """The page loads only its own files."""
    portal = await start_portal()
    await strict.page.goto(f"http://127.0.0.1:{portal.port}/webrtc", wait_until="networkidle")
    assert strict.complaints == []
    assert strict.hosts() == {f"127.0.0.1:{portal.port}"}
