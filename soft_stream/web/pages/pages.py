"""The HTML pages and their static files: the page of a camera, of all cameras, and the one about WebRTC.

`web/auth/login_page.py` has the login page.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from posixpath import dirname, join, normpath
from typing import Any

import jinja2
from aiohttp import hdrs, web

from soft_stream.access.rights import Role
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.jpeg import rotated_size
from soft_stream.frames.raw import Orientation
from soft_stream.web.api.addresses import addresses_for, policy_sources
from soft_stream.web.api.notices import notices_for
from soft_stream.web.auth.guard import GUARD
from soft_stream.web.auth.identity import IDENTITY
from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.pages.i18n import MESSAGES, language_of, select_messages, theme_of, translate
from soft_stream.web.pages.wall import MAX_COLUMNS, parse_wall
from soft_stream.web.request import SUPERVISOR, make_page_name

FILE_TYPES = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
STATIC_FOLDER = Path(__file__).parent / "static"
TEMPLATES_FOLDER = Path(__file__).parent / "templates"
# Browsers need neither comments nor indentation, which are a fifth of what is sent before the picture; a template
# literal of a script keeps it. The lines of scripts stay, so that errors name those of the files.
INDENTATION = re.compile(r"^ +", re.M)
NEEDLESS = {
    ".js": re.compile(rb"(`(?:\\.|[^`\\])*`)|^ *//.*|^ +", re.M),
    ".css": re.compile(rb"/\*.*?\*/|^ +|;(?=\s*\})|(?<=[;{},\n])\n|(?<=:) (?=[^;{}]*;)|(?<=,) | (?=\{)", re.M | re.S),
}
HEADERS = NO_STORE | {"Referrer-Policy": "same-origin"}

_templates = jinja2.Environment(
    loader=jinja2.DictLoader({file.name: INDENTATION.sub("", file.read_text()) for file in TEMPLATES_FOLDER.iterdir()}),
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
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action {}; frame-ancestors {}"
)


def _read(file: Path) -> bytes:
    body = file.read_bytes()
    return (
        NEEDLESS[file.suffix].sub(lambda found: found[1] if found.lastindex else b"", body)
        if file.suffix in NEEDLESS
        else body
    )


STATIC = {str(file.relative_to(STATIC_FOLDER)): _read(file) for file in STATIC_FOLDER.glob("*/*")} | {
    f"words/{language}.json": json.dumps(words, ensure_ascii=False).encode() for language, words in MESSAGES.items()
}
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
_templates.filters["translate"] = translate
_templates.globals |= {
    "list_imports": list_imports,
    "select_messages": select_messages,
    "languages": MESSAGES,
    "max_columns": MAX_COLUMNS,
}


async def landing(request: web.Request) -> web.Response:
    """Return the page of this camera; all its links are relative, so it works under any path prefix."""
    return _page("landing.html", request)


async def cameras(request: web.Request) -> web.Response:
    """Return the page of all cameras; its policy allows pictures from their addresses."""
    wall = parse_wall(request.query, addresses_for(request))
    return _page("cameras.html", request, shows_others=True, wall=wall)


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
    }
    if any(known.value in (ETAGS[name], "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    response = web.Response(body=STATIC[name], content_type=FILE_TYPES[Path(name).suffix], headers=headers)
    response.enable_compression()
    return response


def _page(template: str, request: web.Request, *, shows_others: bool = False, **more: Any) -> web.Response:
    """Return a page with what its user may see and do."""
    supervisor, guard, identity = request.app[SUPERVISOR], request.app[GUARD], request[IDENTITY]
    addresses, notices = addresses_for(request), notices_for(request)
    return render(
        template,
        request,
        {
            "title": supervisor.settings.title,
            "status": supervisor.status,
            "size": _expected_size(supervisor),
            "cameras": addresses,
            "own": supervisor.settings.camera,
            "client": make_page_name(),
            "user": identity.name,
            "notices": notices.sentences if notices else [],
            "can_log_out": identity.kind == "session",
            "may_control": guard.role_on(request, supervisor.settings.camera) >= Role.CONTROL,
            "may_administer": guard.role_on(request, supervisor.settings.camera) >= Role.ADMIN,
        }
        | more,
        pictures=("blob:", *(policy_sources(addresses) if shows_others else ())),
    )


def _expected_size(supervisor: CameraSupervisor) -> tuple[int, int]:
    """Return the size of the next frame, as far as it is known before the camera is open."""
    settings, negotiated = supervisor.settings, supervisor.status.negotiated
    size = negotiated.size if negotiated else (settings.width, settings.height)
    return rotated_size(size, Orientation(rotation=settings.rotation))


def render(
    template: str,
    request: web.Request,
    values: Mapping[str, Any],
    *,
    pictures: Iterable[str] = (),
    forms: str = "'none'",
) -> web.Response:
    """Return a page in the language and the theme of the browser.

    Its policy allows pictures from further sources than the server, and forms that are sent to `forms`.
    """
    language = language_of(request)
    # cookies are for the folder of the page, or for the one that nginx has the folders of all cameras in
    home = "./" if request.headers.get("X-Forwarded-Prefix", "/") == "/" else "../"
    html = TEMPLATES[template].render(
        values, language=language, theme=theme_of(request), home=home, t=MESSAGES[language]
    )
    # There is no X-Frame-Options beside it, which cannot name origins.
    ancestors = ["'self'", *request.app[SUPERVISOR].settings.frame_ancestors]
    headers = HEADERS | {
        "Content-Security-Policy": POLICY.format(" ".join(["'self'", *pictures]), forms, " ".join(ancestors)),
        hdrs.CONTENT_LANGUAGE: language,
        hdrs.VARY: f"{hdrs.ACCEPT_LANGUAGE}, {hdrs.ACCEPT_ENCODING}, {hdrs.COOKIE}",
    }
    response = web.Response(text=html, content_type="text/html", headers=headers)
    response.enable_compression()
    return response
