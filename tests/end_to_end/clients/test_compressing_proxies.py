"""The stream of the page behind proxies that compress what they pass on."""

from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector

from soft_stream.config.endpoints import Endpoint
from tests.end_to_end.clients import tls_proxies
from tests.end_to_end.clients.tls_proxies import KINDS, Behind
from tests.support import nginx_process
from tests.support.processes import free_port
from tests.support.server import StartPortal

STREAM = "stream.mjpg?content_type=octet-stream"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("folder", ["/webcam/", "/cam0/"])
async def test_the_stream_is_not_compressed(start_portal: StartPortal, tmp_path: Path, kind: str, folder: str) -> None:
    """OctoPi's haproxy and Debian's nginx compress, but not this stream; the headers that forbid it arrive."""
    portal = await start_portal(
        listen=(Endpoint("unix", path=str(tmp_path / "cam0.sock")),),
        users_file=nginx_process.write_login(tmp_path / "htpasswd"),
        local_proxy_role="view",
    )
    behind = Behind(free_port(), dict.fromkeys(range(2), portal.port), tmp_path)
    async with tls_proxies.running(kind, tmp_path, behind) as proxy:
        headers = {"Accept-Encoding": "gzip, deflate, br", **nginx_process.login()}
        async with (
            ClientSession(auto_decompress=False, connector=TCPConnector(ssl=proxy.trusting)) as http,
            http.get(f"{proxy.url}{folder}{STREAM}", headers=headers) as answer,
        ):
            assert (answer.status, answer.content_type) == (200, "application/octet-stream")
            assert "Content-Encoding" not in answer.headers
            assert answer.headers["Cache-Control"] == "no-store, no-transform"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert await answer.content.readline() == b"--softstreamframe\r\n"
