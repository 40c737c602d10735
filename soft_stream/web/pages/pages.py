"""The HTML pages and their static files: the page of a camera, of all cameras, and the one about WebRTC."""

import base64
import hashlib
import re
import secrets
from functools import cache
from pathlib import Path
from posixpath import dirname, join, normpath

import jinja2
from aiohttp import hdrs, web

from soft_stream.web.api.addresses import addresses_for, policy_sources
from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.pages.i18n import MESSAGES, choose_language, select_messages
from soft_stream.web.request import SUPERVISOR

FILE_TYPES = {".css": "text/css", ".js": "text/javascript", ".json": "application/json", ".svg": "image/svg+xml"}
STATIC_FOLDER = Path(__file__).parent / "static"
HEADERS = NO_STORE | {
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
# All files are read at import: the event loop must not wait for a disk. (aiohttp's static routes read in a thread, and
# leave a file open if the client disconnects during that.)
TEMPLATES = {name: _templates.get_template(name) for name in _templates.list_templates()}
# This script is inline, since it handles files that could not be loaded; the policy allows it by its hash.
RETRY = base64.b64encode(hashlib.sha256(TEMPLATES["retry.js"].render().encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; img-src {{}}; style-src 'self'; script-src 'self' 'sha256-{RETRY}'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
STATIC = {str(file.relative_to(STATIC_FOLDER)): file.read_bytes() for file in STATIC_FOLDER.glob("*/*")}
ETAGS = {name: hashlib.sha256(body).hexdigest()[:16] for name, body in STATIC.items()}
_IMPORT = re.compile(r"""^import [^;]*?["'](\.{1,2}/[\w./-]+)["'];""", re.MULTILINE)


@cache
def list_imports(name: str) -> tuple[str, ...]:
    """Return all modules that a module imports, directly or not: the page preloads them in one round trip."""
    modules = [name]
    for module in modules:
        imported = [normpath(join(dirname(module), path)) for path in _IMPORT.findall(STATIC[module].decode())]
        modules += [each for each in imported if each not in modules]
    return tuple(modules[1:])


# compact JSON: an escaped Czech letter takes six bytes
_templates.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":")}
_templates.globals |= {"list_imports": list_imports, "select_messages": select_messages}


async def landing(request: web.Request) -> web.Response:
    """Return the page of this camera; all its links are relative, so it works under any path prefix."""
    return _page("landing.html", request)


async def cameras(request: web.Request) -> web.Response:
    """Return the page of all cameras; its policy allows pictures from their addresses."""
    return _page("cameras.html", request, shows_others=True)


async def webrtc(request: web.Request) -> web.Response:
    """Return the page that explains why there is no WebRTC, and what to use instead."""
    return _page("webrtc.html", request)


async def static(request: web.Request) -> web.Response:
    """Return a static file; browsers cache it, and revalidate it each time."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise web.HTTPNotFound
    headers = {
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.ETAG: f'W/"{ETAGS[name]}"',  # weak, since the compressed bytes differ
        hdrs.VARY: hdrs.ACCEPT_ENCODING,
        "X-Content-Type-Options": "nosniff",
    }
    if any(known.value in (ETAGS[name], "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    response = web.Response(body=STATIC[name], content_type=FILE_TYPES[Path(name).suffix], headers=headers)
    response.enable_compression()
    return response


def _page(template: str, request: web.Request, *, shows_others: bool = False) -> web.Response:
    supervisor, addresses = request.app[SUPERVISOR], addresses_for(request)
    language = choose_language(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
    html = TEMPLATES[template].render(
        language=language,
        t=MESSAGES[language],
        title=supervisor.settings.title,
        status=supervisor.status,
        cameras=addresses,
        own=supervisor.settings.camera,
        client=f"page-{secrets.token_hex(4)}",
    )
    pictures = ["'self'", "blob:", *(policy_sources(addresses) if shows_others else ())]
    headers = HEADERS | {
        "Content-Security-Policy": POLICY.format(" ".join(pictures)),
        hdrs.CONTENT_LANGUAGE: language,
        hdrs.VARY: f"{hdrs.ACCEPT_LANGUAGE}, {hdrs.ACCEPT_ENCODING}",
    }
    response = web.Response(text=html, content_type="text/html", headers=headers)
    response.enable_compression()
    return response
