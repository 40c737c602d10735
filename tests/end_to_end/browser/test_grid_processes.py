"""The page of all cameras with a process for each camera, as on a Raspberry Pi."""

import asyncio
import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.async_api import expect

from tests.end_to_end.browser.conftest import SEEN, StartVisit, Visit
from tests.end_to_end.browser.grid import begin_live, is_dim, is_live, shows, tile
from tests.end_to_end.browser.logins import fill_in
from tests.support import nginx_process
from tests.support.nginx_process import PASSWORD, USER
from tests.support.processes import free_ports, serving

NAMES = ("Bed", "Nozzle", "Workshop")
SETTINGS = "cam_width=320\ncam_height=180\ncam_close_after=0.2\ncam_autofocus=off\ncam_source=test-pattern\n"


@dataclass
class Process:
    """A process that serves one of three cameras, and can be ended and started again."""

    arguments: tuple[str, ...]
    port: int
    life: ExitStack
    environ: dict[str, str]
    running: "subprocess.Popen[str] | None" = None

    def start(self) -> None:
        """Start it."""
        self.running, _ = self.life.enter_context(serving(*self.arguments, port=self.port, environ=self.environ))

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.running
        self.running.send_signal(number)

    def kill(self) -> None:
        """Kill it."""
        self.send(signal.SIGKILL)
        assert self.running
        self.running.wait()

    async def status(self) -> dict[str, Any]:
        """Return its status.json."""
        with await asyncio.to_thread(urlopen, f"http://127.0.0.1:{self.port}/status.json") as answer:
            facts: dict[str, Any] = json.load(answer)
            return facts

    async def until_streams(self, count: int) -> list[dict[str, Any]]:
        """Wait until this number of clients get frames, and return them."""
        while True:
            clients: list[dict[str, Any]] = (await self.status())["clients"]
            if len(clients) == count and all(client["sent"] for client in clients):
                return clients
            await asyncio.sleep(0.05)

    async def until_closed(self) -> None:
        """Wait until the camera has been opened and closed."""
        while True:
            counters = (await self.status())["counters"]
            if counters["opened"] == counters["closed"] > 0:
                return
            await asyncio.sleep(0.05)


@pytest.fixture
def three(tmp_path: Path) -> Iterator[list[Process]]:
    """Three processes that know each other."""
    first = free_ports(len(NAMES))
    ports = range(first, first + len(NAMES))
    file = tmp_path / "three.env"
    lines = [f"cam{n}_name={name}\ncam{n}_port={ports[n]}\n" for n, name in enumerate(NAMES)]
    users = nginx_process.write_login(tmp_path / "htpasswd")
    file.write_text(f"{SETTINGS}cam_users_file={users}\n" + "".join(lines))
    (tmp_path / "state").mkdir()
    environ = {"STATE_DIRECTORY": str(tmp_path / "state")}
    with ExitStack() as life:
        processes = [
            Process(("--env-file", str(file), "--camera", str(n)), port, life, environ) for n, port in enumerate(ports)
        ]
        for process in processes:
            process.start()
        yield processes


async def test_thumbnails_open_no_camera(three: list[Process], visit: Visit) -> None:
    """Closed cameras are shown as asleep, and no request can open one, or fail."""
    await visit.page.clock.install()
    await visit.page.goto(f"http://127.0.0.1:{three[0].port}/cameras")
    for number, name in enumerate(NAMES):
        await expect(tile(visit.page, number).locator(".state")).to_have_text("Asleep")
        await expect(tile(visit.page, number).get_by_role("link")).to_have_text(name)
        await expect(tile(visit.page, number).get_by_role("button", name="Wake")).to_be_visible()

    async def has_polled() -> bool:
        """Return whether the page has asked for the states of the cameras several times."""
        return sum("cameras.json" in url for url in visit.requests) >= 4

    await visit.fast_forward(has_polled)
    assert not [url for url in visit.requests if "stream" in url or "snapshot" in url]
    assert [(await each.status())["counters"]["opened"] for each in three] == [0, 0, 0]
    assert visit.complaints == []


async def test_live_streams_while_the_page_is_visible(three: list[Process], visit: Visit) -> None:
    """The live mode opens all cameras; they close while the page is hidden, and open again afterwards."""
    await visit.page.clock.install()
    await visit.page.goto(f"http://127.0.0.1:{three[0].port}/cameras")
    await begin_live(visit.page)
    for number, each in enumerate(three):
        await is_live(tile(visit.page, number))
        (client,) = await each.until_streams(1)
        assert client["rendition"]["width"] == 640
        assert client["client"].startswith("page-")
    await visit.page.evaluate(SEEN, "hidden")
    for each in three:
        await each.until_closed()
    visit.requests.clear()
    await visit.page.clock.run_for(60_000)
    assert visit.requests == []
    await visit.page.evaluate(SEEN, "visible")
    for number, each in enumerate(three):
        await is_live(tile(visit.page, number))
        await each.until_streams(1)
    assert visit.complaints == []


async def test_a_process_that_was_killed_and_came_back(three: list[Process], visit: Visit) -> None:
    """Its picture is dimmed, with the reason and its age; the others stay live; later it is live again."""
    await visit.page.goto(f"http://127.0.0.1:{three[0].port}/cameras")
    await begin_live(visit.page)
    for number in range(3):
        await is_live(tile(visit.page, number))
    three[1].kill()
    await shows(tile(visit.page, 1), "unreachable")
    await is_dim(tile(visit.page, 1))
    await expect(tile(visit.page, 1).locator(".note")).to_contain_text(
        f"no answer from http://127.0.0.1:{three[1].port}"
    )
    await expect(tile(visit.page, 1).locator(".age")).to_contain_text("ago")
    await is_live(tile(visit.page, 2))
    three[1].start()
    await is_live(tile(visit.page, 1))


async def test_the_server_of_the_page_itself_returns(three: list[Process], visit: Visit) -> None:
    """While it is down no picture is shown as live, and the page shows one alert; later all are live again."""
    await visit.page.goto(f"http://127.0.0.1:{three[0].port}/cameras")
    await begin_live(visit.page)
    await is_live(tile(visit.page, 2))
    three[0].kill()
    await expect(visit.page.get_by_role("alert")).to_contain_text("does not answer")
    for number in range(3):
        await shows(tile(visit.page, number), "unreachable")
        await is_dim(tile(visit.page, number))
    three[0].start()
    for number in range(3):
        await is_live(tile(visit.page, number))
    await expect(visit.page.get_by_role("alert")).to_be_hidden()


async def test_a_process_that_hangs_behind_one_address(
    three: list[Process], start_visit: StartVisit, tmp_path: Path
) -> None:
    """Every process that nginx asks reports the one that hangs, and the others stay live."""
    visit = await start_visit()
    async with nginx_process.running(tmp_path, {n: each.port for n, each in enumerate(three)}) as front:
        await visit.page.goto(f"{front.url()}/")
        await fill_in(visit.page, USER, PASSWORD)
        await begin_live(visit.page)
        for number in range(3):
            await is_live(tile(visit.page, number))
        three[1].send(signal.SIGSTOP)
        await shows(tile(visit.page, 1), "unreachable")
        await is_dim(tile(visit.page, 1))
        for _ in range(6):  # nginx asks one process after the other
            async with visit.page.expect_response("**/cameras.json*") as answer:
                assert (await answer.value).ok
            await is_live(tile(visit.page, 0))
            await is_live(tile(visit.page, 2))
        await expect(visit.page.get_by_role("alert")).to_be_hidden()
        three[1].send(signal.SIGCONT)
        await is_live(tile(visit.page, 1))
