"""URLs of the other cameras for a browser; they depend on the URL through which it reached this one."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import web

from soft_stream.access.rights import Role
from soft_stream.config.endpoints import in_url
from soft_stream.config.settings import Settings
from soft_stream.web.api.camera_names import TITLES
from soft_stream.web.auth.guard import GUARD
from soft_stream.web.middleware.host import parse_host
from soft_stream.web.request import CAMERAS, SUPERVISOR, get_host


@dataclass(frozen=True)
class Address:
    """A camera and the URL of its page, relative to this page."""

    number: int
    title: str
    url: str


def addresses_for(request: web.Request) -> list[Address]:
    """Return the addresses of all cameras that the client may see, for the browser that sent a request.

    On nginx's port for all cameras they are folders below or beside this one (X-Forwarded-Prefix is / or /camN). On
    nginx's port for this camera they are the ports for the other cameras. Otherwise they are the ports of the
    processes. URLs without a scheme have that of the page.
    """
    ours = request.app[SUPERVISOR].settings
    # valid: it becomes part of the pages and of their Content-Security-Policy
    requested = parse_host(get_host(request))
    host = in_url(requested.host)
    is_public = requested.port == ours.public_port
    prefix = request.headers.get("X-Forwarded-Prefix")
    addresses = []
    for number, settings in request.app[CAMERAS].items():
        if request.app[GUARD].role_on(request, number) < Role.VIEW:
            continue
        if prefix is not None:
            url = f"cam{number}/" if prefix == "/" else f"../cam{number}/"
        elif number == ours.camera:
            url = "./"
        elif is_public:
            url = f"//{host}:{ours.camera_port_base + number}/"
        else:
            url = _process_url(settings, host, request.secure)
        addresses.append(Address(number, request.app[TITLES].get(number, settings.title), url))
    return addresses


def policy_sources(addresses: Iterable[Address]) -> list[str]:
    """Return the sources that a Content-Security-Policy needs beside 'self' for images of these cameras.

    CSP has no syntax for IPv6 addresses, so for these the source is any host with that port.
    https://www.w3.org/TR/CSP3/#grammardef-host-part
    """
    sources = []
    for address in addresses:
        url = urlsplit(address.url)
        if url.netloc:
            source = f"*:{url.port}" if ":" in (url.hostname or "") else url.netloc
            sources.append(f"{url.scheme}://{source}" if url.scheme else source)
    return sources


def _process_url(settings: Settings, host: str, is_https: bool) -> str:
    """Return the URL of the process of a camera; for a page with HTTPS its HTTPS endpoint, if it has one."""
    if not is_https:
        return f"//{host}:{settings.port}/"
    https_port = next((endpoint.port for endpoint in settings.listen if endpoint.scheme == "https"), None)
    return f"https://{host}:{https_port}/" if https_port else f"http://{host}:{settings.port}/"
