"""The logins that a request has, as programs and browsers send them."""

import base64
import re
from dataclasses import dataclass
from urllib.parse import unquote

from aiohttp import hdrs, web

from soft_stream.access.tokens import TOKEN
from soft_stream.web.auth import session_cookie
from soft_stream.web.request import READ_METHODS

# The scripts of our pages send it.
SCRIPT_HEADER = "X-Requested-With"
# What programs in Java ask for unless they say otherwise (sun.net.www.protocol.http.HttpURLConnection).
JAVA_ACCEPTS = "text/html, image/gif, image/jpeg, *"
# Characters of a header with a login, and of a session; those that this program makes are much shorter.
MAX_HEADER, MAX_SESSION = 2048, 1024
# Sessions of a request that are read: a program on another port of the host, or a page of a parent domain, can set
# cookies of the same name, which browsers send first if their paths are longer.
MAX_SESSIONS = 100
# Characters of Base64 in which a token fits.
BASE64, URL_SAFE = re.compile(r"[A-Za-z0-9+/]{56,}"), str.maketrans("-_", "+/")
# How many times a URL is read: as it is, and decoded up to three times. Each costs a millisecond for the longest one.
READINGS = 4


@dataclass(frozen=True)
class Credentials:
    """What a client sent; nothing of it is verified."""

    password: tuple[str, str] | None = None
    """Name and password of Basic."""
    token: str = ""
    """The token of Bearer, or the one that was sent as the password of Basic."""
    sessions: tuple[str, ...] = ()
    """The values of the session's cookie."""

    def __bool__(self) -> bool:
        return bool(self.password or self.token or self.sessions)


def parse(request: web.Request) -> Credentials:
    """Return the logins of a request; what cannot be read is no login.

    Of several Authorization headers none counts: proxies and programs disagree which one does.
    """
    headers = request.headers.getall(hdrs.AUTHORIZATION, [])
    sessions = _parse_sessions(request)
    if len(headers) != 1 or len(headers[0]) > MAX_HEADER:
        return Credentials(sessions=sessions)
    scheme, _, value = headers[0].strip().partition(" ")
    if scheme.lower() == "bearer":
        return Credentials(token=value.strip(), sessions=sessions)
    password = _parse_basic(value.strip()) if scheme.lower() == "basic" else None
    if password and TOKEN.fullmatch(password[1]):
        return Credentials(token=password[1], sessions=sessions)
    return Credentials(password=password, sessions=sessions)


def is_of_page(request: web.Request) -> bool:
    """Return True if a script of a page sent the request, or a browser that had a session, even if it has expired."""
    return SCRIPT_HEADER in request.headers or bool(_parse_sessions(request))


def is_navigation(request: web.Request) -> bool:
    """Return True if a person opens a page in a browser, without a login in the request."""
    accepted = request.headers.get(hdrs.ACCEPT, "").lower()
    accepts_pages = "text/html" in accepted and not accepted.startswith(JAVA_ACCEPTS)
    return request.method in READ_METHODS and accepts_pages and hdrs.AUTHORIZATION not in request.headers


def find_token(request: web.Request) -> str:
    """Return the token in the URL of a request, however it is encoded; empty if there is none."""
    target = request.raw_path
    for _ in range(READINGS):
        if found := TOKEN.search(target) or _search_base64(target):
            return found[0]
        decoded = unquote(target)
        if decoded == target:
            break
        target = decoded
    return ""


def _parse_basic(value: str) -> tuple[str, str] | None:
    """Return the name and password; older clients encode them as Latin-1, all others as UTF-8."""
    try:
        decoded = base64.b64decode(value, validate=True)
    except ValueError:
        return None
    try:
        text = decoded.decode()
    except UnicodeDecodeError:
        text = decoded.decode("latin-1")
    name, colon, password = text.partition(":")
    return (name, password) if colon else None


def _parse_sessions(request: web.Request) -> tuple[str, ...]:
    """Return all values of the cookie, first those that were set over TLS; aiohttp's `cookies` has only the last one.

    Browsers send the oldest cookie first, but the newest login over TLS must count there.
    """
    pieces = ";".join(request.headers.getall(hdrs.COOKIE, [])).split(";")
    pairs = (piece.strip().partition("=") for piece in pieces)
    named = [(name.strip(), value.strip('"')) for name, _, value in pairs]
    values = [value for known in session_cookie.NAMES for name, value in named if name == known]
    return tuple(value for value in values[:MAX_SESSIONS] if 0 < len(value) <= MAX_SESSION)


def _search_base64(target: str) -> "re.Match[str] | None":
    """Return the token in the Base64 of a Basic login, which some programs add to a URL."""
    for word in BASE64.findall(target.translate(URL_SAFE)):
        for start in range(4):
            piece = word[start:]
            piece = piece[:-1] if len(piece) % 4 == 1 else piece
            decoded = base64.b64decode(piece + "=" * (-len(piece) % 4)).decode("latin-1")
            if found := TOKEN.search(decoded):
                return found
    return None
