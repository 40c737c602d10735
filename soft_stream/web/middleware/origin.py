"""Protection against requests that pages of other sites make (CSRF).

Browsers send `Sec-Fetch-Site` over HTTPS and to loopback addresses, and no page can set it. As the Host check excludes
DNS rebinding, `same-origin` proves that the page is ours, also if a proxy has changed Host. Over plain HTTP there is no
such header. Then the origin of the page is compared with that of the request, which is in `Host`.

A proxy that changes `Host` may pass it on in `X-Forwarded-Host`. A page cannot set that header for another site without
the permission of a CORS preflight. But it can if it uses DNS rebinding to reach the proxy. So a name in this header
counts only if the Host check accepts it.

The scheme of the request is known only on our own https:// endpoints. A proxy may have removed TLS, and
`X-Forwarded-Proto` may be that of a second proxy behind it. So on http:// endpoints a page of `https://NAME` is ours if
`NAME` was requested; the default port is that of the page's scheme.
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from soft_stream.message import Message, message_header
from soft_stream.web.authority import Authority, parse
from soft_stream.web.middleware.host import HOST_CHECK
from soft_stream.web.request import SUPERVISOR

DEFAULT_PORTS = {"http": 80, "https": 443}
SEC_FETCH_SITE = "Sec-Fetch-Site"
X_FORWARDED_HOST = "X-Forwarded-Host"
# Values of this header that are compared; each proxy may add one.
MAX_FORWARDED = 10
OTHER_SITE = f"The browser reports that the page is of another site or port ({SEC_FETCH_SITE}: {{site}})."
CHANGED_HOST = Message(
    "changed_host",
    "If that page is the server's own, a proxy has changed Host. It must pass on the Host of the browser; for nginx: "
    "proxy_set_header Host $http_host;",
)


@web.middleware
async def require_same_origin(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Reject requests other than GET, HEAD and OPTIONS from pages of origins that are neither ours nor listed.

    Browsers send the origin of the page with every POST, and a page cannot forge it; other programs send none.
    """
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS) and not is_listed(request):
        await _reject_other_origins(request, hdrs.ORIGIN)
    return await handler(request)


async def reject_other_sites(request: web.Request) -> None:
    """Reject a GET with side effects if a page of another site may have sent it.

    Browsers send no Origin for images and links, no Sec-Fetch-Site over plain HTTP, and no Referer if the page forbids
    it. A browser's request without any of these is rejected too.
    https://w3c.github.io/webappsec-fetch-metadata/#framework
    """
    await _reject_other_origins(request, hdrs.ORIGIN, hdrs.REFERER)
    proofs = {hdrs.ORIGIN, hdrs.REFERER, SEC_FETCH_SITE} & request.headers.keys()
    if "mozilla/" in request.headers.get(hdrs.USER_AGENT, "").lower() and not proofs:
        raise web.HTTPForbidden(text="Browsers may request this only from the server's own pages; use POST /controls.")


def is_listed(request: web.Request) -> bool:
    """Return whether a page sent the request whose origin `cors_origins` lists; `*` lists none."""
    origin = request.headers.get(hdrs.ORIGIN)
    return origin != "*" and origin in request.app[SUPERVISOR].settings.cors_origins


async def _reject_other_origins(request: web.Request, *headers: str) -> None:
    """Reject a request if one of the headers or Sec-Fetch-Site shows that a page of another site sent it."""
    site = ", ".join(request.headers.getall(SEC_FETCH_SITE, []))
    if site == "same-origin":
        return
    if site not in ("", "none"):
        page = next((request.headers[name] for name in headers if name in request.headers), "")
        raise _refusal(page, request, Message("other_site", OTHER_SITE, site=site[:100]))
    for name in headers:
        pages = request.headers.getall(name, [])
        if len(pages) > 1 or (pages and not await _is_own(pages[0], request)):
            raise _refusal(pages[0], request, CHANGED_HOST)


def _origin(page: str) -> str:
    """Return the origin in the value of Origin or Referer."""
    return "/".join(page.split("/")[:3])


async def _is_own(page_url: str, request: web.Request) -> bool:
    """Return True if a page has an origin under which the browser may have requested this server."""
    scheme, _, authority = _origin(page_url).lower().partition("://")
    if scheme not in DEFAULT_PORTS or (request.secure and scheme != "https"):
        return False
    try:
        page = parse(authority)
    except ValueError:
        return False
    if _is_same(page, request.headers.get(hdrs.HOST, ""), scheme):
        return True
    forwarded = ",".join(request.headers.getall(X_FORWARDED_HOST, [])).split(",", MAX_FORWARDED)[:MAX_FORWARDED]
    is_forwarded = any(_is_same(page, each.strip(), scheme) for each in forwarded)
    return is_forwarded and await request.app[HOST_CHECK].accepts(page)


def _is_same(page: Authority, requested: str, scheme: str) -> bool:
    """Return True if a page of this host and port is of the host that was requested."""
    try:
        own = parse(requested)
    except ValueError:
        return False
    default = DEFAULT_PORTS[scheme]
    return page.host == own.host and (page.port or default) == (own.port or default)


def _refusal(page: str, request: web.Request, reason: Message) -> web.HTTPForbidden:
    origin = _origin(page) if page != "null" else ""  # a local file, or a frame with `sandbox`
    text = Message(
        "page_refused",
        "A page of {origin} may not request this: the server was requested as {host}. {reason}",
        origin=origin[:100] or Message("unknown_origin", "an unknown origin"),
        host=request.headers.get(hdrs.HOST, "")[:100] or Message("no_host", "no host"),
        reason=reason,
    )
    return web.HTTPForbidden(text=text, headers=message_header(text))
