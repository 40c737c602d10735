"""The cookie of a session: cookies belong to a host, so one login is valid on all its ports.

Browsers do not let http:// replace a cookie that https:// has set with `Secure`. With one name, a login over http://
would have no effect after one over https://. So the two have different names.
https://www.rfc-editor.org/rfc/rfc6265#section-5.3
"""

from aiohttp import web

from soft_stream.web.request import get_forwarded

NAME = "soft_stream_session"
# Browsers accept this prefix only from https://, with Secure, for this host alone and all its paths.
SECURE_NAME = f"__Host-{NAME}"
NAMES = (SECURE_NAME, NAME)
# Seconds; browsers keep no cookie longer. One that keeps a cookie without a session shows no dialog for a password.
KEPT = 400 * 86400
# The value without a session.
ENDED = "ended"


def write(request: web.Request, response: web.StreamResponse, value: str) -> None:
    """Set the cookie of a session."""
    _set(response, SECURE_NAME if _uses_tls(request) else NAME, value)


def clear(request: web.Request, response: web.StreamResponse) -> None:
    """Replace the values of the cookies that the browser has sent; the cookies stay."""
    for name in NAMES:
        if name in request.cookies and (name == NAME or _uses_tls(request)):
            _set(response, name, ENDED)


def _set(response: web.StreamResponse, name: str, value: str) -> None:
    is_secure = name == SECURE_NAME
    response.set_cookie(name, value, max_age=KEPT, path="/", httponly=True, samesite="Lax", secure=is_secure)


def _uses_tls(request: web.Request) -> bool:
    """Return True if the browser sent the request over TLS, to us or to a proxy on this machine."""
    return request.secure or get_forwarded(request, "Proto").lower() == "https"
