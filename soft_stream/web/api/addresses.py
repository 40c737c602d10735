"""Where a browser can reach the other cameras: that depends on where it has found this one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from soft_stream.config.endpoints import FIRST_PUBLIC_PORT, in_url
from soft_stream.config.settings import Settings
from soft_stream.web.request import CAMERAS, SUPERVISOR, get_host

# It becomes part of the pages and of their policy.
HOST = re.compile(r"[0-9A-Za-z_.:-]+")


@dataclass(frozen=True)
class Address:
    """A camera, and the URL of its page as a link on this page has it."""

    number: int
    title: str
    url: str


def addresses_for(request: web.Request) -> list[Address]:
    """List all cameras with the address at which this browser can reach them.

    Behind one portal port they are folders, beside this page or beside its folder (nginx says so with
    X-Forwarded-Prefix: / or /camN), behind a port for each camera neighbouring ports, else the ports that the processes
    listen on; links without a scheme keep the page's.
    """
    own = request.app[SUPERVISOR].settings.camera
    here = _here(request)
    host = in_url(here.hostname or "")
    public = here.netloc.endswith(f":{FIRST_PUBLIC_PORT + own}")
    prefix = request.headers.get("X-Forwarded-Prefix")
    addresses = []
    for number, settings in request.app[CAMERAS].items():
        if prefix is not None:
            url = f"cam{number}/" if prefix == "/" else f"../cam{number}/"
        elif number == own:
            url = "./"
        else:
            url = f"//{host}:{FIRST_PUBLIC_PORT + number}/" if public else _own_address(settings, host, request.secure)
        addresses.append(Address(number, settings.title, url))
    return addresses


def policy_sources(addresses: Iterable[Address]) -> list[str]:
    """Return what a Content-Security-Policy has to name for pictures of these cameras, beside 'self'.

    It has no way to write an IPv6 address, so such a host is any host on that port.
    https://www.w3.org/TR/CSP3/#grammardef-host-part
    """
    sources = []
    for address in addresses:
        url = urlsplit(address.url)
        if url.netloc:
            place = f"*:{url.port}" if ":" in (url.hostname or "") else url.netloc
            sources.append(f"{url.scheme}://{place}" if url.scheme else place)
    return sources


def _here(request: web.Request) -> SplitResult:
    """Return the host and port that the browser asked, and 400 where that is none."""
    asked = get_host(request)
    try:
        here = urlsplit(f"//{asked}")
    except ValueError:
        here = urlsplit("")
    if not HOST.fullmatch(here.hostname or ""):
        raise web.HTTPBadRequest(text=f"Host: {asked[:100]} is not a host.")
    return here


def _own_address(settings: Settings, host: str, is_https: bool) -> str:
    """Return where the process of a camera listens: with TLS for a page that came with it, if there is such a place."""
    if not is_https:
        return f"//{host}:{settings.port}/"
    secure = next((endpoint.port for endpoint in settings.listen if endpoint.scheme == "https"), None)
    return f"https://{host}:{secure}/" if secure else f"http://{host}:{settings.port}/"
