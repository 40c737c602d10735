"""The live picture of the page: it moves, is never shown as live when it is not, and recovers by itself."""

import re
import signal

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from playwright.async_api import Locator, Route, expect

from soft_stream.capture.status import State
from tests.end_to_end.browser.conftest import NOT_LIVE, SEEN, Relay, StartVisit, Visit, cut_own_stream
from tests.support.processes import free_port, serving
from tests.support.server import Portal, StartPortal

PASSED_ON = ("Content-Encoding", "Content-Type", "X-Monotonic")


def state_of(visit: Visit) -> Locator:
    """Return the state badge."""
    return visit.page.locator("#state")


async def is_live(visit: Visit) -> None:
    """Wait until the page is live, and the picture moves."""
    await expect(state_of(visit)).to_have_text("Live")
    await expect(visit.page.locator("#view")).not_to_have_class(NOT_LIVE)
    await visit.sees_movement()


async def is_not_live(visit: Visit, state: str, reason: str) -> None:
    """Wait until the page shows the state, and a dimmed picture with the reason and its age."""
    await expect(state_of(visit)).to_have_text(state)
    await expect(visit.page.locator("#view")).to_have_class(NOT_LIVE)
    await expect(visit.page.locator("#overlay")).to_contain_text(reason)
    await expect(visit.page.locator("#overlay")).to_contain_text(re.compile(r"this picture is \d+(\.\d)? s old"))


async def test_a_moving_picture_and_no_complaint(portal: Portal, visit: Visit) -> None:
    """The picture changes, size and rate are shown, all requests go to this server, and the console stays empty."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    facts = visit.page.locator("#facts")
    text = re.compile(r"^160 × 120 · \d+(\.\d)? fps$")  # noqa: RUF001 # as people write it
    await expect(facts).to_contain_text(text)
    assert visit.complaints == []
    assert visit.hosts() == {f"127.0.0.1:{portal.port}"}


async def test_the_frame_rate_is_the_received_one(start_portal: StartPortal, visit: Visit) -> None:
    """A browser with a rate limit shows its own rate, not that of the camera."""
    portal = await start_portal(client_fps_max=5)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#facts")).to_contain_text(re.compile(r"· [45]\.\d fps$"))


async def test_a_camera_that_focuses(portal: Portal, visit: Visit) -> None:
    """The picture is live, and the state is Focusing."""
    portal.device.slow_lens(10_000)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(state_of(visit)).to_have_text("Focusing")
    await expect(visit.page.locator("#view")).not_to_have_class(NOT_LIVE)


async def test_a_camera_that_starts_slowly(portal: Portal, visit: Visit) -> None:
    """Until the first frame arrives the page shows the state, and no picture."""
    portal.device.slow_open(3600)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(state_of(visit)).to_have_text("Starting")
    await expect(visit.page.locator("#overlay")).to_contain_text("No picture yet")
    await expect(visit.page.locator("#picture")).to_be_hidden()
    portal.device.let_go()
    await is_live(visit)


async def test_a_hidden_page_lets_the_camera_close(portal: Portal, visit: Visit) -> None:
    """It ends its stream and sends no requests; visible again, it shows the picture as old until it is live."""
    await visit.page.clock.install()
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    await visit.page.evaluate(SEEN, "hidden")
    await portal.until(lambda: portal.device.closed == 1 and portal.supervisor.status.state is State.IDLE)
    asked = len(visit.requests)
    await visit.page.clock.run_for(60_000)
    assert visit.requests[asked:] == []
    portal.device.slow_open(3600)
    await visit.page.evaluate(SEEN, "visible")
    await is_not_live(visit, "Starting", "")
    portal.device.let_go()
    await is_live(visit)


async def test_leaving_the_page_closes_the_camera_and_coming_back_opens_it(portal: Portal, visit: Visit) -> None:
    """The camera closes after the browser has left the page; after Back the picture is live again."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    await visit.page.goto("about:blank")
    await portal.until(lambda: portal.device.closed == 1)
    await visit.page.go_back(wait_until="commit")
    await is_live(visit)


async def test_a_stall_is_shown(start_portal: StartPortal, visit: Visit) -> None:
    """Without frames the page shows the reason and the age of the picture; later the same stream is live again."""
    portal = await start_portal(watchdog_timeout=0)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    streams = [url for url in visit.requests if "stream.mjpg" in url]
    portal.device.stall()
    await is_not_live(visit, "Not live", "no frames for")
    portal.device.resume()
    await is_live(visit)
    assert [url for url in visit.requests if "stream.mjpg" in url] == streams


async def test_an_unplugged_camera_is_shown(portal: Portal, visit: Visit) -> None:
    """The page shows the problem in the words of the server, and is live after the camera is plugged in."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    portal.device.unplug()
    await expect(state_of(visit)).to_have_text(re.compile("Retrying|Starting"))
    await is_not_live(visit, "Retrying", "is unplugged")
    portal.device.plug()
    await is_live(visit)


async def test_a_pause_is_shown_with_its_owner(start_portal: StartPortal, visit: Visit) -> None:
    """The page shows who has paused the camera, and is live again after the pause."""
    portal = await start_portal(pause_max=600)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    async with portal.http.post("/pause?client=Octolapse") as answer:
        assert answer.status == 200
    await is_not_live(visit, "Lent", "Lent to Octolapse")
    async with portal.http.post("/resume?client=Octolapse") as answer:
        assert answer.status == 200
    await is_live(visit)


async def test_a_stream_that_was_cut_is_requested_again(start_portal: StartPortal, visit: Visit) -> None:
    """After a proxy has cut the stream of the page, while the camera stays open, the picture is live again."""
    portal = await start_portal(close_after=60)
    relay = await Relay.to(portal.port)
    await visit.page.goto(f"http://127.0.0.1:{relay.port}/")
    await cut_own_stream(portal, relay)
    await is_live(visit)
    await relay.close()


async def test_a_network_that_swallows_everything(portal: Portal, visit: Visit) -> None:
    """Lost Wi-Fi ends no connection: the page notices it, shows it, and is live after the network is back."""
    relay = await Relay.to(portal.port)
    await visit.page.goto(f"http://127.0.0.1:{relay.port}/")
    await is_live(visit)
    relay.swallow()
    await is_not_live(visit, "Unreachable", "The server does not answer")
    relay.pass_on()
    await is_live(visit)
    await relay.close()


async def test_a_network_that_forgets_connections(portal: Portal, visit: Visit) -> None:
    """A restarted router ends no connection and passes new ones on: the page sends its requests again."""
    relay = await Relay.to(portal.port)
    await visit.page.clock.install()
    await visit.page.goto(f"http://127.0.0.1:{relay.port}/")
    await is_live(visit)
    relay.lose()
    # longer than requests wait for an answer, shorter than a stream may be silent
    step, pause = 4500, 0.5
    await visit.fast_forward(visit.page.locator("#state[data-state=unreachable]").is_visible, step, pause)
    await is_not_live(visit, "Unreachable", "")
    await visit.fast_forward(visit.page.locator("#state[data-state=streaming]").is_visible, step, pause)
    await is_live(visit)
    await relay.close()


async def test_a_request_that_was_lost_is_sent_again(portal: Portal, visit: Visit) -> None:
    """If the request for the stream is lost, the camera stays closed: the page gives up and sends it again."""
    lost = []

    async def lose(route: Route) -> None:
        lost.append(route)
        if len(lost) > 1:
            await route.continue_()

    await visit.page.route("**/stream.mjpg*", lose)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    assert len(lost) > 1


async def test_a_clock_that_was_set_back_makes_no_picture_live(start_portal: StartPortal, visit: Visit) -> None:
    """A server whose clock is set back by half an hour does not make an old picture live."""
    portal = await start_portal(watchdog_timeout=0)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)

    async def earlier(route: Route) -> None:
        answer = await route.fetch()
        facts = await answer.json()
        await route.fulfill(response=answer, json=facts | {"monotonic": facts["monotonic"] - 1800})

    await visit.page.route("**/status.json*", earlier)
    portal.device.stall()
    await is_not_live(visit, "Not live", "no frames for")
    portal.device.resume()
    await is_live(visit)


async def test_a_browser_that_is_given_few_frames_sees_them_live(start_portal: StartPortal, visit: Visit) -> None:
    """The age of a live picture depends on the rate limit of this browser."""
    portal = await start_portal(client_fps_max=0.5)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await portal.until(lambda: any(client.sent > 1 for client in portal.supervisor.subscribers.clients))
    await is_live(visit)
    dimmed = """() => new Promise(done => {
        const seen = new MutationObserver(() => document.querySelector(".not-live") && done(true));
        seen.observe(document.getElementById("view"), { attributes: true });
        setTimeout(() => done(false), 5000);
    })"""
    assert not await visit.page.evaluate(dimmed)


async def test_a_server_that_was_killed_and_restarted(visit: Visit) -> None:
    """The page shows that the server does not answer, dims the picture, and recovers by itself."""
    port = free_port()
    with serving(port=port) as (_, url):
        await visit.page.goto(f"{url}/")
        await is_live(visit)
    await is_not_live(visit, "Unreachable", "The server does not answer")
    with serving(port=port):
        await is_live(visit)


@pytest.mark.parametrize("file", ["camera/main.js", "shared/multipart.js", "shared/style.css"])
async def test_a_page_without_one_of_its_files(portal: Portal, visit: Visit, file: str) -> None:
    """If a file cannot be loaded, the page is reloaded when the network is back."""
    lost = []

    async def lose(route: Route) -> None:
        lost.append(route)
        await (route.continue_() if len(lost) > 2 else route.abort("internetdisconnected"))

    await visit.page.route(f"**/static/{file}", lose)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/", wait_until="commit")
    await portal.until(lambda: len(lost) > 2)
    await is_live(visit)


async def test_a_server_that_hangs(visit: Visit) -> None:
    """A process that accepts connections and does not answer is shown as unreachable."""
    with serving() as (process, url):
        await visit.page.goto(f"{url}/")
        await is_live(visit)
        process.send_signal(signal.SIGSTOP)
        await is_not_live(visit, "Unreachable", "The server does not answer")
        process.send_signal(signal.SIGCONT)
        await is_live(visit)


@pytest.mark.parametrize("way", ["collects streams", "answers itself"])
async def test_where_no_stream_gets_through_there_are_snapshots(portal: Portal, visit: Visit, way: str) -> None:
    """If a proxy lets no stream through, the page shows snapshots instead, and says so."""

    async def collect(request: web.Request) -> web.StreamResponse:
        if way == "answers itself" and request.path == "/stream.mjpg":
            return web.Response(text="<h1>Not here</h1>", content_type="text/html")
        async with ClientSession(auto_decompress=False) as http:
            url = f"http://127.0.0.1:{portal.port}{request.rel_url}"
            async with http.request(request.method, url, data=await request.read()) as answer:
                headers = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
                return web.Response(status=answer.status, body=await answer.read(), headers=headers)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", collect)
    async with TestServer(app) as proxy:
        await visit.page.clock.install()
        await visit.page.goto(str(proxy.make_url("/")))
        facts = visit.page.locator("#facts", has_text="snapshots only")
        await visit.fast_forward(facts.is_visible)
        await is_live(visit)


async def test_the_page_speaks_czech(portal: Portal, start_visit: StartVisit) -> None:
    """The texts of scripts are in the language of the browser too."""
    visit = await start_visit(locale="cs-CZ")
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(state_of(visit)).to_have_text("Živě")
    await expect(visit.page.locator("#facts")).to_contain_text("sn./s")


async def test_without_javascript_there_is_a_picture(portal: Portal, start_visit: StartVisit) -> None:
    """The page shows the stream without JavaScript."""
    page = (await start_visit(java_script_enabled=False)).page
    await page.goto(f"http://127.0.0.1:{portal.port}/", wait_until="commit")
    await portal.until(lambda: any(client.sent > 5 for client in portal.supervisor.subscribers.clients))
    await expect(page.get_by_role("link", name="Snapshot")).to_be_visible()
