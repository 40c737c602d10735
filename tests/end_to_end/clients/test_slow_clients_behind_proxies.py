"""Buffers on the way to a slow client: the examples for haproxy and nginx, and the nginx of the deployment."""

import asyncio
import logging
import re
import ssl
from pathlib import Path

import pytest

from soft_stream.config.endpoints import Endpoint
from tests.end_to_end.clients import tls_proxies
from tests.end_to_end.clients.slow_client import SlowClient, slow_client
from tests.end_to_end.clients.tls_proxies import KINDS, Behind
from tests.support import nginx_process
from tests.support.checkout import ROOT
from tests.support.nginx_process import login
from tests.support.processes import free_port
from tests.support.server import Portal, StartPortal

log = logging.getLogger(__name__)
# A slow client reads this many bytes per second. No frame up to this size may be older than this many seconds.
SLOW = 400_000
LARGEST = 250_000
STALE = {"nginx": 1.5, "haproxy": 2.0, "octopi": 2.0}
FAST_FRAMES = 60

# The relevant part of Mainsail's site, which is the same on MainsailOS and of KIAUH:
# https://github.com/mainsail-crew/MainsailOS, src/modules/mainsail/filesystem/root/etc/nginx/sites-available/mainsail
MAINSAIL = """
UPSTREAMS
server {
    LISTEN
    location /webcam/ {
        postpone_output 0;
        proxy_buffering off;
        proxy_ignore_headers X-Accel-Buffering;
        proxy_pass http://mjpgstreamer1/;
    }
}
"""


@pytest.fixture
async def camera(start_portal: StartPortal, tmp_path: Path) -> Portal:
    """Start a camera that sends about 3 MB/s, at a port and at a unix socket."""
    sockets = (Endpoint("unix", path=str(tmp_path / "cam0.sock")),)
    users_file = nginx_process.write_login(tmp_path / "htpasswd")
    fast = {"width": 1280, "height": 720, "quality": 76, "fps": 30.0, "watchdog_timeout": 0.0}
    return await start_portal(**fast, listen=sockets, users_file=users_file, local_proxy_role="view")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("path", ["/webcam/?action=stream", "/cam0/stream.mjpg"])
async def test_behind_the_examples(camera: Portal, tmp_path: Path, kind: str, path: str) -> None:
    """A slow client sees new frames through TLS, through one proxy or two."""
    behind = Behind(free_port(), dict.fromkeys(range(2), camera.port), tmp_path)
    async with tls_proxies.running(kind, tmp_path, behind) as proxy:
        with slow_client(proxy.port, path, login(), proxy.trusting) as client:
            assert await oldest(camera, client) < STALE[kind]


@pytest.mark.parametrize("kind", KINDS)
async def test_no_http2_at_the_examples(start_portal: StartPortal, tmp_path: Path, kind: str) -> None:
    """The examples do not switch HTTP/2 on, for which haproxy would buffer half a megabyte more."""
    port = (await start_portal()).port
    async with tls_proxies.running(kind, tmp_path, Behind(free_port(), {0: port, 1: port}, tmp_path)) as proxy:
        proxy.trusting.set_alpn_protocols(["h2", "http/1.1"])
        _, writer = await asyncio.open_connection("127.0.0.1", proxy.port, ssl=proxy.trusting)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.transport.abort()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("tls", [False, True])
async def test_behind_the_deployed_nginx(camera: Portal, tmp_path: Path, address: str, tls: bool) -> None:
    """A slow client sees new frames through the nginx of the deployment, by IPv4 and IPv6, with TLS and without."""
    if ":" in address and not nginx_process.has_ipv6():
        pytest.skip("this machine has no IPv6")
    upstream = f"unix:{tmp_path}/cam{{number}}.sock"
    async with nginx_process.running(tmp_path, {0: camera.port}, upstream=upstream, tls=tls) as nginx:
        trusting = ssl.create_default_context(cafile=str(nginx.places.certificate)) if tls else None
        port, path = (nginx.port(), "/cam0/stream.mjpg") if tls else (nginx.port(0), "/stream.mjpg")
        with slow_client(port, path, login(), trusting, address) as client:
            assert await oldest(camera, client) < STALE["nginx"]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
async def test_behind_the_example_of_listen_md(camera: Portal, tmp_path: Path, address: str) -> None:
    """A slow client sees new frames through the example for an nginx of your own."""
    if ":" in address and not nginx_process.has_ipv6():
        pytest.skip("this machine has no IPv6")
    (example,) = examples("docs/listen.md")
    assert len(re.findall(r"listen .*\b8090 sndbuf=", example)) == example.count("listen ") == 2
    port = free_port()
    site = example.replace("8090", str(port)).replace(f"{tls_proxies.SOCKETS}/", f"{tmp_path}/")
    if not nginx_process.has_ipv6():
        site = re.sub(r".*\[::\].*\n", "", site)
    async with nginx_process.running(tmp_path, {0: camera.port}, others=site):
        with slow_client(port, "/cam0/stream.mjpg", {}, address=address) as client:
            assert await oldest(camera, client) < STALE["nginx"]


async def test_behind_mainsail(camera: Portal, tmp_path: Path) -> None:
    """A slow client sees new frames through Mainsail's nginx with the lines of moonraker.md."""
    upstreams, listen, _ = examples("docs/clients/moonraker.md")  # the last one is about logins
    port = free_port()
    site = MAINSAIL.replace("UPSTREAMS", upstreams.replace(f"{tls_proxies.SOCKETS}/", f"{tmp_path}/"))
    site = site.replace("LISTEN", listen.replace("listen 80 default_server ", f"listen {port} "))
    async with nginx_process.running(tmp_path, {0: camera.port}, others=site):
        with slow_client(port, "/webcam/stream.mjpg", {}) as client:
            assert await oldest(camera, client) < STALE["nginx"]


async def test_buffers_without_a_limit_are_noticed(camera: Portal, tmp_path: Path) -> None:
    """The measurement detects a proxy whose kernel buffers grow."""
    port = free_port()
    site = (
        f"server {{ listen {port}; location / {{ proxy_pass http://127.0.0.1:{camera.port}; proxy_buffering off; }} }}"
    )
    async with nginx_process.running(tmp_path, {0: camera.port}, others=site):
        with slow_client(port, "/stream.mjpg", {}) as client:
            assert await oldest(camera, client) > max(STALE.values())


def test_every_example_for_nginx_is_tested() -> None:
    """No other document has a configuration of nginx or haproxy."""
    texts = {file: file.read_text() for file in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]}
    found = {
        str(file.relative_to(ROOT)) for file, text in texts.items() if re.search("^```(nginx|haproxy)", text, re.M)
    }
    assert found == {"docs/listen.md", "docs/clients/moonraker.md", "docs/clients/octoprint.md"}


def examples(document: str) -> list[str]:
    """Return the examples for nginx in a document."""
    return re.findall(r"```nginx\n(.*?)```", (ROOT / document).read_text(), re.DOTALL)


async def oldest(camera: Portal, client: SlowClient) -> float:
    """Return the age in seconds at which a frame of the largest size reaches a client with full buffers before it."""
    # The kernel enlarges its buffers for a client that reads everything at first.
    await asyncio.to_thread(client.read_frames, FAST_FRAMES)
    (stream,) = camera.supervisor.subscribers.clients
    sent = -1
    while sent < stream.sent:
        sent = stream.sent
        for _ in range(10):  # frames are encoded only while a client is ready for them
            async with camera.http.get("/snapshot.jpg?size=stream") as answer:
                assert answer.status == 200
    frames = sent - FAST_FRAMES
    count = await asyncio.to_thread(client.read_frames, frames)
    buffered = count - count / frames  # the last frame is on its way, too
    age = (buffered + LARGEST) / SLOW
    log.info("%d kB on the way; a frame of %d kB is %.1f s old", count // 1000, LARGEST // 1000, age)
    return age
