"""Real proxies in front of a server that answers with the Host that it receives."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import ClientSession, web

from tests.support.nginx_process import HAPROXY, NGINX, listening
from tests.support.processes import free_ports

NGINX_CONF = """
worker_processes 1;
pid {etc}/nginx.pid;
error_log {etc}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {etc}/temp; proxy_temp_path {etc}/temp; fastcgi_temp_path {etc}/temp;
    uwsgi_temp_path {etc}/temp; scgi_temp_path {etc}/temp;
    server_names_hash_bucket_size 128;
    server {{ listen 127.0.0.1:{front} default_server; return 404; }}
    include {etc}/conf.d/*.conf;
}}
"""
RECEIVED = "X-Received"
HAPROXY_DEFAULTS = """
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
"""


@dataclass(frozen=True)
class Ports:
    """The port of the proxy, and those of two cameras behind it, which follow each other."""

    front: int
    camera: int


def ports() -> Ports:
    """Return free ports."""
    front = free_ports(3)
    return Ports(front, front + 1)


def write_nginx(etc: Path, ports: Ports, site: str) -> None:
    """Write nginx's files; FRONT and CAMERA in a site are ports."""
    (etc / "nginx/conf.d").mkdir(parents=True)
    (etc / "nginx/nginx.conf").write_text(NGINX_CONF.format(etc=etc / "nginx", front=ports.front))
    (etc / "nginx/conf.d/site.conf").write_text(_with_ports(site, ports))


def write_haproxy(etc: Path, ports: Ports, text: str) -> None:
    """Write haproxy's file; FRONT and CAMERA in a text are ports, and ETC is its folder."""
    (etc / "haproxy").mkdir()
    text = _with_ports(text, ports).replace("ETC", str(etc / "haproxy"))
    (etc / "haproxy/haproxy.cfg").write_text(HAPROXY_DEFAULTS + text)


def received(kind: str, etc: Path, ports: Ports, names: Iterable[str]) -> list[str]:
    """Run a proxy with the files that were written, and request each name; return what the cameras receive as Host."""
    return asyncio.run(_received(kind, etc, ports, names))


async def _received(kind: str, etc: Path, ports: Ports, names: Iterable[str]) -> list[str]:
    found = []
    async with _running(kind, etc, ports), ClientSession() as http:
        for name in names:
            url = f"http://127.0.0.1:{ports.front}/webcam/"
            async with http.get(url, headers={"Host": name}, allow_redirects=False) as answer:
                if RECEIVED in answer.headers:
                    found.append(answer.headers[RECEIVED].partition(":")[0])
    return found


@asynccontextmanager
async def _running(kind: str, etc: Path, ports: Ports) -> AsyncIterator[None]:
    """Run a proxy, and two cameras behind it."""
    if kind == "nginx":
        command = [NGINX, "-c", str(etc / "nginx/nginx.conf"), "-e", str(etc / "nginx/error.log"), "-g", "daemon off;"]
    else:
        command = [HAPROXY, "-db", "-f", str(etc / "haproxy/haproxy.cfg")]
    async with _cameras([ports.camera, ports.camera + 1]):
        process = await asyncio.create_subprocess_exec(*command)
        try:
            await listening(ports.front, process)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()


@asynccontextmanager
async def _cameras(ports: Collection[int]) -> AsyncIterator[None]:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(headers={RECEIVED: request.headers.get("Host", "")})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    for port in ports:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


def _with_ports(text: str, ports: Ports) -> str:
    return text.replace("FRONT", str(ports.front)).replace("CAMERA", str(ports.camera))
