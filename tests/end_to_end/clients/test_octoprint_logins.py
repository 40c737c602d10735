"""The examples for OctoPrint before and after the first `soft-stream user add`; OctoPrint itself is not needed."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector

from soft_stream.config.endpoints import Endpoint
from tests.end_to_end.clients import tls_proxies
from tests.end_to_end.clients.tls_proxies import KINDS, Behind
from tests.support import nginx_process
from tests.support.nginx_process import login
from tests.support.processes import ENVIRON, free_port
from tests.support.server import Portal, StartPortal

WATCHING = ("/?action=stream", "/?action=snapshot", "/stream.mjpg", "/snapshot.jpg?size=stream", "/", "/status.json")
CHANGES = ("/pause", "/resume", "/focus", "/controls")
SNAPSHOT = "/snapshot.jpg?size=stream&deadline_ms=4500"


class Site:
    """A camera behind an example: the address of the proxy, and that of the process, which OctoPrint uses."""

    def __init__(self, proxy: ClientSession, camera: Portal, users: Path) -> None:
        self.proxy, self.camera, self.users = proxy, camera, users

    async def get(self, path: str, **headers: str) -> int:
        """Return the status of a GET request of the proxy."""
        async with self.proxy.get(path, headers=headers) as answer:
            return answer.status

    async def post(self, path: str, **headers: str) -> int:
        """Return the status of a POST request of the proxy, as its own pages send it."""
        origin = {"Origin": str(self.proxy._base_url).rstrip("/")}
        async with self.proxy.post(path, headers=origin | headers) as answer:
            return answer.status

    async def add_user(self) -> None:
        """Add the first user by the command, and wait until the process knows that."""
        command = ("user", "add", nginx_process.USER, "--role", "admin")
        done = await asyncio.to_thread(run_with_input, nginx_process.PASSWORD, *command, cam_users_file=str(self.users))
        assert done == 0
        while await self.get("/cam0/status.json", **login()) != 200:  # noqa: ASYNC110 # the process reports no event
            await asyncio.sleep(0.05)

    async def check_promise(self, *, has_user: bool) -> None:
        """Check what the examples promise: everyone can watch, and the rest needs the login."""
        for path in WATCHING:
            assert await self.get(f"/webcam{path}") == 200, path
            assert await self.get(f"/cam0{path}") == 401, path
            assert (await self.get(f"/cam0{path}", **login()) == 200) == has_user, path
        for path in CHANGES:
            assert await self.post(f"/webcam{path}") == 401, path
            assert await self.post(f"/cam0{path}") == 401, path
        assert await self.get("/webcam/?action=command&dest=0&plugin=0&id=-1&value=0") == 401
        assert (await self.post("/webcam/focus", **login()) == 200) == has_user
        # OctoPrint fetches the snapshot from the process, without a login
        async with self.camera.http.get(SNAPSHOT) as answer:
            assert answer.status == 200


def run_with_input(text: str, *command: str, **environ: str) -> int:
    """Run a command of the program with a standard input; return its exit status."""
    words = [sys.executable, "-m", "soft_stream", *command]
    return subprocess.run(words, input=f"{text}\n", text=True, check=False, env=ENVIRON | environ).returncode


@asynccontextmanager
async def behind(kind: str, role: str, start_portal: StartPortal, folder: Path) -> AsyncIterator[Site]:
    """Run an example in front of a camera without users, whose settings give the proxy a role."""
    users = folder / "users"
    camera = await start_portal(
        users_file=str(users),
        local_proxy_role=role,
        legacy_control=True,
        listen=tuple(Endpoint("unix", path=str(folder / f"cam{n}.sock")) for n in range(2)),
    )
    places = Behind(free_port(), dict.fromkeys(range(2), camera.port), folder)
    async with tls_proxies.running(kind, folder, places) as proxy:
        connector = TCPConnector(ssl=proxy.trusting)
        async with ClientSession(proxy.url, connector=connector) as session:
            yield Site(session, camera, users)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_promise_holds_before_and_after_the_first_user(
    kind: str, start_portal: StartPortal, tmp_path: Path
) -> None:
    """With the setting that the examples name, the first user changes only that the login works."""
    async with behind(kind, "view", start_portal, tmp_path) as site:
        await site.check_promise(has_user=False)
        await site.add_user()
        await site.check_promise(has_user=True)


# OctoPi's haproxy sends X-Forwarded-For only for clients of other machines, and here all clients are on this machine
@pytest.mark.parametrize("kind", ["haproxy", "nginx"])
async def test_without_the_setting_the_first_user_closes_the_camera(
    kind: str, start_portal: StartPortal, tmp_path: Path
) -> None:
    """Watching at /webcam/ needs the login from then on; OctoPrint's snapshots do not."""
    async with behind(kind, "none", start_portal, tmp_path) as site:
        assert await site.get("/webcam/snapshot.jpg") == 200
        assert await site.post("/webcam/focus") == 401
        await site.add_user()
        assert await site.get("/webcam/snapshot.jpg") == 401
        assert await site.get("/webcam/snapshot.jpg", **login()) == 200
        async with site.camera.http.get(SNAPSHOT) as answer:
            assert answer.status == 200
