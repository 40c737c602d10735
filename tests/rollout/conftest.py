"""A real nginx in front of the server, and sessions of HTTP requests to it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from tests.support import nginx_process
from tests.support.nginx_process import Nginx, StartNginx, login
from tests.support.server import Portal, StartPortal


@pytest.fixture
def users_file(tmp_path: Path) -> str:
    """Write a file with the login."""
    return nginx_process.write_login(tmp_path / "htpasswd")


@pytest.fixture
async def start_portal(start_portal: StartPortal, users_file: str) -> StartPortal:
    """Return a function that starts servers that know the login."""

    async def start(**options: Any) -> Portal:
        return await start_portal(**{"users_file": users_file, **options})

    return start


@pytest.fixture
async def start_nginx(tmp_path: Path) -> AsyncIterator[StartNginx]:
    """Return a function that starts nginx in front of ports (camera -> port); nginx stops when the test ends."""
    async with AsyncExitStack() as running:

        async def start(cameras: Mapping[int, int], **options: Any) -> Nginx:
            return await running.enter_async_context(nginx_process.running(tmp_path, cameras, **options))

        yield start


@pytest.fixture
async def front(portal: Portal, start_nginx: StartNginx) -> Nginx:
    """Start nginx in front of one server."""
    return await start_nginx({0: portal.port})


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    """Return an HTTP session with the right login."""
    async with ClientSession(headers=login()) as session:
        yield session


@pytest.fixture
async def stranger() -> AsyncIterator[ClientSession]:
    """Return an HTTP session without a login."""
    async with ClientSession() as session:
        yield session
