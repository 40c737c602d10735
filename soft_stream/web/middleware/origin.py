"""Which web pages may change something."""

from collections.abc import Awaitable, Callable

from aiohttp import hdrs, web

from soft_stream.web.request import SUPERVISOR


@web.middleware
async def same_origin(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse requests that change something when a page sent them that is neither ours nor listed in the settings.

    Browsers name the page's origin with every POST, and cannot be made to lie; programs send none.
    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    """
    if request.method not in (hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS) and not is_listed(request):
        _refuse_pages_from_elsewhere(request, hdrs.ORIGIN)
    return await handler(request)


def refuse_other_sites(request: web.Request) -> None:
    """Refuse a GET that changes something, with 403, when a page that is not ours can have sent it.

    Browsers send no Origin with pictures and links, no Sec-Fetch-Site to plain http, and no Referer where a page tells
    them so: one that proves nothing is refused. https://w3c.github.io/webappsec-fetch-metadata/#framework
    """
    _refuse_pages_from_elsewhere(request, hdrs.ORIGIN, hdrs.REFERER)
    proofs = {hdrs.ORIGIN, hdrs.REFERER, "Sec-Fetch-Site"} & request.headers.keys()
    if "mozilla/" in request.headers.get(hdrs.USER_AGENT, "").lower() and not proofs:
        raise web.HTTPForbidden(text="A browser may do this from the portal's own pages only; use POST /controls.")


def _refuse_pages_from_elsewhere(request: web.Request, *names: str) -> None:
    """Refuse what the headers of these names, or Sec-Fetch-Site, say that another site's page has sent."""
    for name in names:
        page = request.headers.get(name)
        if page is not None and not _is_here("/".join(page.split("/")[:3]), request):
            raise web.HTTPForbidden(text=f"A page of {page[:100]} may not do this here.")
    if request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        raise web.HTTPForbidden(text="A page of another site may not do this here.")


def is_listed(request: web.Request) -> bool:
    """Whether a page asks whose origin stands in `cors_origins`; `*` is nobody's name."""
    origin = request.headers.get(hdrs.ORIGIN)
    return origin != "*" and origin in request.app[SUPERVISOR].settings.cors_origins


def _is_here(origin: str, request: web.Request) -> bool:
    scheme, _, host = origin.lower().partition("://")
    return scheme in ("http", "https") and host == request.headers.get(hdrs.HOST, "").lower()
