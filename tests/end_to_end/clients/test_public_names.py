"""Proxies that pass a public name to the TCP port of the process, as the documents describe them."""

import asyncio
import os
import re
import shutil
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession, TCPConnector

from soft_stream.diagnostics.sites.search import find_sites
from tests.diagnostics.sites import proxies
from tests.end_to_end.clients.tls_proxies import HAPROXY_EXAMPLE, haproxy_file
from tests.support import certificates
from tests.support.checkout import ROOT
from tests.support.logins import write_logins
from tests.support.nginx_process import HAPROXY, NGINX, listening
from tests.support.processes import free_port
from tests.support.server import StartPortal

NAME = "cam.example.org"
CADDY = shutil.which("caddy")
PATHS = {"octoprint": "/webcam/"}
NGINX_SITE = """server {{ listen 127.0.0.1:{front}; server_name {name};
    location / {{ proxy_set_header Host $http_host; proxy_pass http://127.0.0.1:{camera}; }} }}"""
KINDS = ["haproxy", "nginx", "octoprint", "caddy"]


def example(language: str) -> str:
    """Return the example of a language in the document about addresses."""
    (text,) = re.findall(rf"```{language}\n(.*?)```", (ROOT / "docs/listen.md").read_text(), re.DOTALL)
    return str(text)


def write(kind: str, etc: Path, front: int, camera: int) -> list[str]:
    """Write the configuration of a proxy as the documents have it, with other ports; return the command."""
    pair = certificates.make(etc, "cam", names=f"DNS:{NAME}")
    if kind == "nginx":
        site = NGINX_SITE.format(front=front, camera=camera, name=NAME)
        proxies.write_nginx(etc, proxies.Ports(free_port(), camera), site)
        return [NGINX, "-c", f"{etc}/nginx/nginx.conf", "-e", f"{etc}/nginx/error.log", "-g", "daemon off;"]
    if kind == "caddy":
        (etc / "caddy").mkdir()
        # with https:// Caddy would request a certificate from the internet
        text = example("caddy").replace(f"{NAME} {{", f"http://{NAME}:{front} {{").replace("18081", str(camera))
        (etc / "caddy/Caddyfile").write_text(f"{{\n    admin off\n}}\n{text}")
        return [CADDY or "", "run", "--config", f"{etc}/caddy/Caddyfile"]
    text = HAPROXY_EXAMPLE.read_text() if kind == "octoprint" else example("haproxy")
    places = {80: free_port(), 443: front, 5000: free_port(), 8080: free_port()}
    text = haproxy_file(text, etc, pair, places).read_text().replace("127.0.0.1:18081", f"127.0.0.1:{camera}")
    proxies.write_haproxy(etc, proxies.Ports(front, camera), text)
    return [HAPROXY, "-db", "-f", f"{etc}/haproxy/haproxy.cfg"]


@asynccontextmanager
async def running(kind: str, etc: Path, camera: int) -> AsyncIterator[tuple[ClientSession, str]]:
    """Run a proxy; return a session and the URL of the camera."""
    front = free_port()
    command = await asyncio.to_thread(write, kind, etc, front, camera)
    process = await asyncio.create_subprocess_exec(*command, env={**os.environ, "HOME": str(etc)})
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    scheme = "https" if kind in ("haproxy", "octoprint") else "http"
    try:
        await listening(front, process)
        async with ClientSession(connector=TCPConnector(ssl=context)) as http:
            yield http, f"{scheme}://127.0.0.1:{front}{PATHS.get(kind, '/')}"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def asked(kind: str, etc: Path, camera: int) -> tuple[int, str]:
    """Request the state of the camera by its public name through a proxy."""
    async with (
        running(kind, etc, camera) as (http, url),
        http.get(f"{url}status.json", headers={"Host": NAME}) as answer,
    ):
        return answer.status, await answer.text()


def names_found(etc: Path, camera: int) -> Iterable[str]:
    """Return the names that a rollout would add; those of Caddy's sites are not read."""
    (site,) = find_sites([camera], etc)
    return site.names or (NAME,)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_public_name(start_portal: StartPortal, tmp_path: Path, kind: str) -> None:
    """It is 421 with the line to set; with the names that a rollout finds in the configuration it is answered."""
    if kind == "caddy" and not CADDY:
        pytest.skip("caddy is not installed")
    folders = [tmp_path / "before", tmp_path / "after"]
    for folder in folders:
        folder.mkdir()
    portal = await start_portal()
    status, text = await asked(kind, folders[0], portal.port)
    assert status == 421
    assert f"cam_hosts={NAME}" in text
    hosts = tuple(await asyncio.to_thread(names_found, folders[0], portal.port))
    assert hosts == (NAME,)
    accepting = await start_portal(hosts=hosts)
    status, text = await asked(kind, folders[1], accepting.port)
    assert status == 200
    assert '"state"' in text


@pytest.mark.parametrize("document", ["docs/listen.md", "docs/deploy.md", "docs/clients/octoprint.md"])
def test_the_documents_name_the_setting(document: str) -> None:
    """Each document that describes such a proxy has the line to set."""
    text = (ROOT / document).read_text()
    assert re.search(r"cam_hosts=(cam|printer)\.example\.org", text)


@pytest.mark.parametrize("kind", ["haproxy", "octoprint", "caddy"])
async def test_clients_of_a_proxy_need_a_login(start_portal: StartPortal, tmp_path: Path, kind: str) -> None:
    """With users, clients of a proxy are no programs of this machine: the examples forward their addresses."""
    if kind == "caddy" and not CADDY:
        pytest.skip("caddy is not installed")
    users_file = str(write_logins(tmp_path).users)
    portal = await start_portal(hosts=(NAME,), users_file=users_file)
    etc = tmp_path / "etc"
    etc.mkdir()
    status, _ = await asked(kind, etc, portal.port)
    assert status == 401
