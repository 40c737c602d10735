"""The pages for people: the live picture, the list of cameras, and what there is instead of WebRTC."""

import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from aiohttp import hdrs, web

from soft_stream.endpoints import in_url
from soft_stream.settings import Settings
from soft_stream.web.common import CAMERAS, NO_STORE, SOURCE, host_of

FILE_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# nginx publishes the camera on 18081 + N as 8081 + N
FIRST_PUBLIC_PORT = 8081
HEADERS = NO_STORE | {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}

_templates = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    auto_reload=False,
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
# Read here, once: the event loop must not wait for a disk. (aiohttp's own static files do that in a thread, and leave
# one open when a client leaves meanwhile.)
TEMPLATES = {name: _templates.get_template(name) for name in _templates.list_templates()}
STATIC = {file.name: file.read_bytes() for file in (Path(__file__).parent / "static").iterdir()}


async def landing(request: web.Request) -> web.Response:
    """Answer with the page of this camera; all its links are relative, so it works under any path prefix."""
    return _page("landing.html", request)


async def cameras(request: web.Request) -> web.Response:
    """Answer with the names of all cameras, and where each of them is."""
    return _page("cameras.html", request)


async def webrtc(request: web.Request) -> web.Response:
    """Answer that there is no WebRTC, and with what there is instead."""
    return _page("webrtc.html", request)


async def static(request: web.Request) -> web.Response:
    """Answer with a file that the pages need."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise web.HTTPNotFound
    headers = {hdrs.CACHE_CONTROL: "no-cache", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=STATIC[name], content_type=FILE_TYPES[Path(name).suffix], headers=headers)


def _page(template: str, request: web.Request) -> web.Response:
    source = request.app[SOURCE]
    html = TEMPLATES[template].render(
        title=source.settings.title,
        condition=source.condition,
        cameras=_cameras(request),
        own=source.settings.camera,
        client=f"page-{secrets.token_hex(4)}",
    )
    return web.Response(text=html, content_type="text/html", headers=HEADERS)


def _cameras(request: web.Request) -> list[dict[str, Any]]:
    """List all cameras with the address at which this browser can reach them.

    Behind one portal port they are folders, beside this page or beside its folder (nginx says so with
    X-Forwarded-Prefix: / or /camN), behind a port for each camera neighbouring ports, else the ports that the processes
    listen on; links without a scheme keep the page's.
    """
    own = request.app[SOURCE].settings.camera
    try:
        here = urlsplit(f"//{host_of(request)}")
    except ValueError:
        raise web.HTTPBadRequest(text=f"Host: {request.headers[hdrs.HOST]} is not a host.") from None
    host = in_url(here.hostname or "")
    public = here.netloc.endswith(f":{FIRST_PUBLIC_PORT + own}")
    prefix = request.headers.get("X-Forwarded-Prefix")
    cameras = []
    for number, settings in request.app[CAMERAS].items():
        if prefix is not None:
            url = f"cam{number}/" if prefix == "/" else f"../cam{number}/"
        elif number == own:
            url = "./"
        else:
            url = f"//{host}:{FIRST_PUBLIC_PORT + number}/" if public else _own_address(settings, host, request.secure)
        cameras.append({"number": number, "title": settings.title, "url": url})
    return cameras


def _own_address(settings: Settings, host: str, is_https: bool) -> str:
    """Return where the process of a camera listens: with TLS for a page that came with it, if there is such a place."""
    if not is_https:
        return f"//{host}:{settings.port}/"
    secure = next((endpoint.port for endpoint in settings.listen if endpoint.scheme == "https"), None)
    return f"https://{host}:{secure}/" if secure else f"http://{host}:{settings.port}/"
