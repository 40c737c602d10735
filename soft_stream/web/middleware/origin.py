"""Protection against requests that pages of other sites make (CSRF)."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from soft_stream.web.request import SUPERVISOR


@web.middleware
async def require_same_origin(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Reject requests other than GET, HEAD and OPTIONS from pages of origins that are neither ours nor listed.

    Browsers send the origin of the page with every POST, and a page cannot forge it; other programs send none.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS) and not is_listed(request):
        _reject_other_origins(request, hdrs.ORIGIN)
    return await handler(request)


def reject_other_sites(request: web.Request) -> None:
    """Reject a GET with side effects if a page of another site may have sent it.

    Browsers send no Origin for images and links, no Sec-Fetch-Site over plain HTTP, and no Referer if the page forbids
    it. A browser's request without any of these is rejected too.
    https://w3c.github.io/webappsec-fetch-metadata/#framework
    """
    _reject_other_origins(request, hdrs.ORIGIN, hdrs.REFERER)
    proofs = {hdrs.ORIGIN, hdrs.REFERER, "Sec-Fetch-Site"} & request.headers.keys()
    if "mozilla/" in request.headers.get(hdrs.USER_AGENT, "").lower() and not proofs:
        raise web.HTTPForbidden(text="Browsers may request this only from the server's own pages; use POST /controls.")


def _reject_other_origins(request: web.Request, *headers: str) -> None:
    """Reject a request if one of the headers or Sec-Fetch-Site shows that a page of another site sent it."""
    for name in headers:
        page = request.headers.get(name)
        if page is not None and not _is_own("/".join(page.split("/")[:3]), request):
            raise web.HTTPForbidden(text=f"Pages of {page[:100]} may not request this.")
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise web.HTTPForbidden(text="Pages of other sites may not request this.")


def is_listed(request: web.Request) -> bool:
    """Return whether a page sent the request whose origin `cors_origins` lists; `*` lists none."""
    origin = request.headers.get(hdrs.ORIGIN)
    return origin != "*" and origin in request.app[SUPERVISOR].settings.cors_origins


def _is_own(origin: str, request: web.Request) -> bool:
    scheme, _, host = origin.lower().partition("://")
    return scheme in ("http", "https") and host == request.headers.get(hdrs.HOST, "").lower()
