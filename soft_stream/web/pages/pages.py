"""The pages for people: the live picture, the list of cameras, and what there is instead of WebRTC."""

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
from soft_stream.web.pages.i18n import WORDS, language_of
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
# Read here, once: the event loop must not wait for a disk. (aiohttp's own static files do that in a thread, and leave
# one open when a client leaves meanwhile.)
TEMPLATES = {name: _templates.get_template(name) for name in _templates.list_templates()}
# It stands in the page, since it is there for what does not come; the policy names it.
RETRY = base64.b64encode(hashlib.sha256(TEMPLATES["retry.js"].render().encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; img-src {{}}; style-src 'self'; script-src 'self' 'sha256-{RETRY}'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
STATIC = {str(file.relative_to(STATIC_FOLDER)): file.read_bytes() for file in STATIC_FOLDER.glob("*/*")}
_IMPORT = re.compile(r"""^import [^;]*?["'](\.{1,2}/[\w./-]+)["'];""", re.MULTILINE)
ETAGS = {name: hashlib.sha256(body).hexdigest()[:16] for name, body in STATIC.items()}


@cache
def modules_of(name: str) -> tuple[str, ...]:
    """List the modules that a module imports, and those that they do: fetched all at once a page is there sooner."""
    modules = [name]
    for module in modules:
        imported = [normpath(join(dirname(module), path)) for path in _IMPORT.findall(STATIC[module].decode())]
        modules += [each for each in dict.fromkeys(imported) if each not in modules]
    return tuple(modules[1:])


def words_of(language: str, *groups: str) -> dict[str, str]:
    """Return the words that a page's scripts need at once: those whose keys begin so; the others they can fetch."""
    return {key: text for key, text in WORDS[language].items() if key.partition(".")[0] in groups}


_templates.globals |= {"modules_of": modules_of, "words_of": words_of}


async def landing(request: web.Request) -> web.Response:
    """Answer with the page of this camera; all its links are relative, so it works under any path prefix."""
    return _page("landing.html", request)


async def cameras(request: web.Request) -> web.Response:
    """Answer with the names of all cameras, where each of them is, and leave to show their pictures."""
    return _page("cameras.html", request, shows_others=True)


async def webrtc(request: web.Request) -> web.Response:
    """Answer that there is no WebRTC, and with what there is instead."""
    return _page("webrtc.html", request)


async def static(request: web.Request) -> web.Response:
    """Answer with a file that the pages need; browsers keep it, and ask each time whether it is still the same."""
    name = request.match_info["name"]
    if name not in STATIC:
        raise web.HTTPNotFound
    headers = {
        hdrs.CACHE_CONTROL: "no-cache",
        hdrs.ETAG: f'W/"{ETAGS[name]}"',  # weak: compressed it is other bytes
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
    language = language_of(request.headers.get(hdrs.ACCEPT_LANGUAGE, ""))
    html = TEMPLATES[template].render(
        language=language,
        t=WORDS[language],
        title=supervisor.settings.title,
        condition=supervisor.status,
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
