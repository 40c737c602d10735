"""The addresses of the default, machines without IPv6, and endpoints that the network can reach."""

import errno
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, web

from soft_stream.config.endpoints import parse
from soft_stream.config.loader import load
from soft_stream.config.network_settings import DEFAULT_BIND
from soft_stream.config.settings import Settings
from soft_stream.web.transport.listener import Listener, ListenError
from tests.support.checkout import ROOT
from tests.support.processes import ENVIRON, free_port, run
from tests.support.server import StartPortal
from tests.web.transport.test_listener import HAS_IPV6

needs_ipv6 = pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
EVERY, LAN = "0.0.0.0", "192.168.1.7"  # noqa: S104 # the default of other programs


@needs_ipv6
def test_the_default_is_this_machine(tmp_path: Path) -> None:
    """The server listens on 127.0.0.1 and ::1, with one port and no warning."""
    port = free_port()
    command = [sys.executable, "-m", "soft_stream", "serve", "--source", "test-pattern", "--port", str(port)]
    environ = ENVIRON | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ, cwd=tmp_path) as process:
        assert process.stderr
        limit = threading.Timer(120, process.kill)
        limit.start()
        lines = [process.stderr.readline() for _ in range(2)]
        limit.cancel()
        assert lines[1]
        for host in ("127.0.0.1", "[::1]"):
            with urllib.request.urlopen(f"http://{host}:{port}/status.json") as answer:
                assert json.load(answer)["state"] == "idle"
        process.send_signal(signal.SIGTERM)
        lines += process.stderr
    assert lines == [f"INFO cam0 Listening on http://{host}:{port}\n" for host in ("127.0.0.1", "[::1]")]


@needs_ipv6
async def test_a_port_that_the_kernel_chooses_is_that_of_all_addresses(start_portal: StartPortal) -> None:
    """Both addresses of the default get the same port."""
    portal = await start_portal()
    async with ClientSession() as http, http.get(f"http://[::1]:{portal.port}/healthz") as answer:
        assert answer.status == 200


@pytest.fixture
def without_ipv6(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A machine that cannot bind IPv6 addresses, with an error number."""
    create_server = socket.create_server

    def create(address: Any, *, family: int = socket.AF_INET, **more: Any) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(request.param, os.strerror(request.param))
        return create_server(address, family=family, **more)

    monkeypatch.setattr(socket, "create_server", create)


async def listen(settings: Settings) -> None:
    """Listen on the endpoints of settings for a moment."""

    async def answer(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    listener = Listener(settings, web.Server(answer))
    try:
        await listener.begin()
    finally:
        await listener.end()


NO_IPV6 = pytest.mark.parametrize("without_ipv6", [errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL], indirect=True)


@NO_IPV6
@pytest.mark.usefixtures("without_ipv6")
async def test_the_default_without_ipv6(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """The server listens on 127.0.0.1 only, and logs nothing about ::1."""
    caplog.set_level(logging.INFO)
    portal = await start_portal()
    assert (await portal.status())["state"] == "idle"
    assert [each for each in caplog.messages if "::1" in each] == []


@NO_IPV6
@pytest.mark.usefixtures("without_ipv6")
@pytest.mark.parametrize("bind", [("::1",), ("::1", "127.0.0.1"), ("127.0.0.1", "::")])
async def test_an_ipv6_address_of_the_owner_without_ipv6(bind: tuple[str, ...]) -> None:
    """It is an error; only ::1 of the default is left out."""
    with pytest.raises(ListenError, match=r"Cannot listen on http://\[::1?\]:\d+ \(cam0_bind, cam0_port\): "):
        await listen(Settings(bind=bind, port=free_port()))


@pytest.mark.parametrize("without_ipv6", [errno.EADDRINUSE, errno.EACCES], indirect=True)
@pytest.mark.usefixtures("without_ipv6")
async def test_another_error_of_the_default() -> None:
    """It ends the start, with the address."""
    with pytest.raises(ListenError, match=r"Cannot listen on http://\[::1\]:"):
        await listen(Settings(port=free_port()))


@needs_ipv6
def test_another_program_on_the_ipv6_port() -> None:
    """The error names the address."""
    port = free_port()
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        result = run("serve", "--source", "test-pattern", "--port", str(port))
    assert result.returncode == 75
    assert f"Cannot listen on http://[::1]:{port} (cam0_bind, cam0_port): Address already in use" in result.stderr


def test_the_default_beside_an_endpoint_with_the_same_port() -> None:
    """Settings of earlier releases stay valid: ::1 of the default gives way to `::` and ::1 of cam0_listen."""
    for endpoint in ("http://[::]:18081", "http://[::1]:18081"):
        settings = load({"cam0_listen": endpoint}, file=Path(os.devnull)).cameras[0]
        assert settings.bind == DEFAULT_BIND
        assert list(map(str, settings.endpoints)) == ["http://127.0.0.1:18081", endpoint]
    assert list(map(str, Settings(listen=(parse("http://[::]:1"),)).endpoints)) == [
        "http://127.0.0.1:18081",
        "http://[::1]:18081",
        "http://[::]:1",
    ]


@pytest.mark.parametrize(
    ("endpoint", "is_public"),
    [
        (f"http://{EVERY}:1", True),
        ("https://[::]:1", True),
        (f"http://{LAN}:1", True),
        ("https://[fe80::1%eth0]:1", True),
        ("http://127.1.2.3:1", False),
        ("http://localhost:1", False),
        ("https://[::1]:1", False),
        ("unix:/run/a", False),
    ],
)
def test_what_the_network_can_reach(endpoint: str, *, is_public: bool) -> None:
    """Every TCP address that is not loopback."""
    assert parse(endpoint).is_public == is_public
