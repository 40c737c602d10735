"""The live picture of the page: it moves, it never lies, and it comes back by itself."""

import re
import signal

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from playwright.async_api import Locator, Route, expect

from soft_stream.capture.status import State
from tests.conftest import Portal, StartPortal
from tests.end_to_end.browser.conftest import NOT_LIVE, SEEN, Relay, StartVisit, Visit, cut_own_stream
from tests.support.processes import free_port, serving

PASSED_ON = ("Content-Encoding", "Content-Type", "X-Timestamp")


def state_of(visit: Visit) -> Locator:
    """Where the page says what the camera does."""
    return visit.page.locator("#state")


async def is_live(visit: Visit) -> None:
    """Make sure that the page says so, and that the picture moves."""
    await expect(state_of(visit)).to_have_text("Live")
    await expect(visit.page.locator("#view")).not_to_have_class(NOT_LIVE)
    await visit.sees_movement()


async def is_not_live(visit: Visit, state: str, reason: str) -> None:
    """Make sure that the page says so, dims the picture, and says why and how old it is."""
    await expect(state_of(visit)).to_have_text(state)
    await expect(visit.page.locator("#view")).to_have_class(NOT_LIVE)
    await expect(visit.page.locator("#overlay")).to_contain_text(reason)
    await expect(visit.page.locator("#overlay")).to_contain_text(re.compile(r"this picture is \d+(\.\d)? s old"))


async def test_a_moving_picture_and_no_complaint(portal: Portal, visit: Visit) -> None:
    """The picture changes, the facts are told, everything comes from here, and the console stays empty."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    facts = visit.page.locator("#facts")
    await expect(facts).to_contain_text("160 × 120")  # noqa: RUF001 # as people write it
    await expect(facts).to_contain_text(re.compile(r"\d+\.\d of \d+\.\d fps"))
    assert visit.complaints == []
    assert visit.hosts() == {f"127.0.0.1:{portal.port}"}


async def test_what_is_told_of_the_rate_is_what_arrives(start_portal: StartPortal, visit: Visit) -> None:
    """A browser that gets fewer frames than the camera gives says both numbers."""
    portal = await start_portal(client_fps_max=5)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(visit.page.locator("#facts")).to_contain_text(re.compile(r"· [45]\.\d of [1-5]\d\.\d fps"))


async def test_a_camera_that_focuses_says_so(portal: Portal, visit: Visit) -> None:
    """The picture is live meanwhile, and the page says that it is not sharp yet."""
    portal.device.slow_lens(10_000)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(state_of(visit)).to_have_text("Focusing")
    await expect(visit.page.locator("#view")).not_to_have_class(NOT_LIVE)


async def test_a_camera_that_starts_slowly_says_so(portal: Portal, visit: Visit) -> None:
    """Until the first picture comes the page says what is going on, and shows no picture."""
    portal.device.slow_open(3600)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(state_of(visit)).to_have_text("Starting")
    await expect(visit.page.locator("#overlay")).to_contain_text("No picture yet")
    await expect(visit.page.locator("#picture")).to_be_hidden()
    portal.device.let_go()
    await is_live(visit)


async def test_a_hidden_page_lets_the_camera_close(portal: Portal, visit: Visit) -> None:
    """It drops its stream and asks for nothing; shown again it is live, and until then its picture is none."""
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
    """A browser that goes elsewhere is noticed, and its way back leads to a live picture, from its cache as well."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    await visit.page.goto("about:blank")
    await portal.until(lambda: portal.device.closed == 1)
    await visit.page.go_back(wait_until="commit")
    await is_live(visit)


async def test_a_stall_is_shown_and_over(start_portal: StartPortal, visit: Visit) -> None:
    """While no frames come the page says so and how old the picture is; afterwards it is live without a new stream."""
    portal = await start_portal(watchdog_timeout=0)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    streams = [url for url in visit.requests if "stream.mjpg" in url]
    portal.device.stall()
    await is_not_live(visit, "Not live", "no frames for")
    portal.device.resume()
    await is_live(visit)
    assert [url for url in visit.requests if "stream.mjpg" in url] == streams


async def test_an_unplugged_camera_is_shown_and_comes_back(portal: Portal, visit: Visit) -> None:
    """The page says what is wrong with the camera, in the portal's own words."""
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    portal.device.unplug()
    await expect(state_of(visit)).to_have_text(re.compile("Retrying|Starting"))
    await is_not_live(visit, "Retrying", "is unplugged")
    portal.device.plug()
    await is_live(visit)


async def test_a_pause_is_shown_with_its_owner(start_portal: StartPortal, visit: Visit) -> None:
    """The page says who has the camera, and is live again when it is given back."""
    portal = await start_portal(pause_max=600)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)
    async with portal.http.post("/pause?client=Octolapse") as answer:
        assert answer.status == 200
    await is_not_live(visit, "Paused", "Paused by Octolapse")
    async with portal.http.post("/resume?client=Octolapse") as answer:
        assert answer.status == 200
    await is_live(visit)


async def test_a_stream_that_was_cut_is_asked_for_again(start_portal: StartPortal, visit: Visit) -> None:
    """A proxy that drops the page's stream, while others go on watching, leaves no frozen picture behind."""
    portal = await start_portal(close_after=60)
    relay = await Relay.to(portal.port)
    await visit.page.goto(f"http://127.0.0.1:{relay.port}/")
    await cut_own_stream(portal, relay)
    await is_live(visit)
    await relay.close()


async def test_a_network_that_swallows_everything(portal: Portal, visit: Visit) -> None:
    """Wi-Fi that is lost ends no connection: the page notices by itself, says so, and is live when it is back."""
    relay = await Relay.to(portal.port)
    await visit.page.goto(f"http://127.0.0.1:{relay.port}/")
    await is_live(visit)
    relay.swallow()
    await is_not_live(visit, "Unreachable", "The server does not answer")
    relay.pass_on()
    await is_live(visit)
    await relay.close()


async def test_a_network_that_forgets_connections(portal: Portal, visit: Visit) -> None:
    """A router that was restarted ends no connection, and lets new ones through: the page asks anew."""
    relay = await Relay.to(portal.port)
    await visit.page.clock.install()
    await visit.page.goto(f"http://127.0.0.1:{relay.port}/")
    await is_live(visit)
    relay.lose()
    # longer than requests wait for an answer, shorter than a stream may be silent
    step, pause = 4500, 0.5
    await visit.fast_forward(visit.page.locator("[data-state=unreachable]").is_visible, step, pause)
    await is_not_live(visit, "Unreachable", "")
    await visit.fast_forward(visit.page.locator("[data-state=streaming]").is_visible, step, pause)
    await is_live(visit)
    await relay.close()


async def test_a_request_that_was_lost_is_sent_again(portal: Portal, visit: Visit) -> None:
    """The camera sleeps on, since the request that would wake it never came: the page does not wait for it for ever."""
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
    """A portal without a clock of its own may come back half an hour earlier: the old picture stays old."""
    portal = await start_portal(watchdog_timeout=0)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await is_live(visit)

    async def earlier(route: Route) -> None:
        answer = await route.fetch()
        facts = await answer.json()
        await route.fulfill(response=answer, json=facts | {"now": facts["now"] - 1800})

    await visit.page.route("**/status.json*", earlier)
    portal.device.stall()
    await is_not_live(visit, "Not live", "no frames for")
    portal.device.resume()
    await is_live(visit)


async def test_a_browser_that_is_given_few_frames_sees_them_live(start_portal: StartPortal, visit: Visit) -> None:
    """What counts as late is reckoned by the frames that this browser may have."""
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


async def test_a_server_that_was_killed_and_came_back(visit: Visit) -> None:
    """The page says that nobody answers, dims the picture that is no longer live, and recovers by itself."""
    port = free_port()
    with serving(port=port) as (_, url):
        await visit.page.goto(f"{url}/")
        await is_live(visit)
    await is_not_live(visit, "Unreachable", "The server does not answer")
    with serving(port=port):
        await is_live(visit)


@pytest.mark.parametrize("file", ["camera/main.js", "camera/multipart.js", "shared/style.css"])
async def test_a_page_that_came_without_its_files(portal: Portal, visit: Visit, file: str) -> None:
    """Wi-Fi that changes while the page is loaded leaves none that is dead: it is loaded anew."""
    lost = []

    async def lose(route: Route) -> None:
        lost.append(route)
        await (route.continue_() if len(lost) > 2 else route.abort("internetdisconnected"))

    await visit.page.route(f"**/static/{file}", lose)
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/", wait_until="commit")
    await portal.until(lambda: len(lost) > 2)
    await is_live(visit)


async def test_a_server_that_hangs(visit: Visit) -> None:
    """A process that takes requests and answers none is as good as none."""
    with serving() as (process, url):
        await visit.page.goto(f"{url}/")
        await is_live(visit)
        process.send_signal(signal.SIGSTOP)
        await is_not_live(visit, "Unreachable", "The server does not answer")
        process.send_signal(signal.SIGCONT)
        await is_live(visit)


@pytest.mark.parametrize("way", ["collects streams", "answers itself"])
async def test_where_no_stream_gets_through_there_are_snapshots(portal: Portal, visit: Visit, way: str) -> None:
    """A proxy that lets no stream pass leaves a picture that moves, and the page says how."""

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
    """What scripts say is in the language of the browser, too."""
    visit = await start_visit(locale="cs-CZ")
    await visit.page.goto(f"http://127.0.0.1:{portal.port}/")
    await expect(state_of(visit)).to_have_text("Živě")
    await expect(visit.page.locator("#facts")).to_contain_text("sn./s")


async def test_without_javascript_there_is_a_picture(portal: Portal, start_visit: StartVisit) -> None:
    """The page works with nothing but HTML."""
    page = (await start_visit(java_script_enabled=False)).page
    await page.goto(f"http://127.0.0.1:{portal.port}/", wait_until="commit")
    await portal.until(lambda: any(client.sent > 5 for client in portal.supervisor.subscribers.clients))
    await expect(page.get_by_role("link", name="Snapshot")).to_be_visible()
