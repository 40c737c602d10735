"""What can be wrong with the server of a picture: sentences for people, and when to ask it again."""

import os
import socket
from collections.abc import Iterator

from aiohttp import ClientResponse, hdrs
from yarl import URL

from soft_stream.config.text import one_line
from soft_stream.config.urls import without_urls_secrets
from soft_stream.message import Message

# Characters of a text that another server has sent.
LONGEST = 200
# Seconds between two connections to a server that is gone; it may return at any moment.
SOON = (0.1, 0.2, 0.4, 0.5)
# Seconds after an answer that will stay the same until somebody changes a setting. Servers lock out wrong logins.
LATER = (5.0, 10.0, 30.0)
REDIRECTS = (301, 302, 303, 307, 308)
LOGIN_ANSWERS = (401, 407)


class HttpFault(Exception):
    """The server gives no picture; the message is a sentence for the user."""

    pauses: tuple[float, ...] = SOON


class LastingFault(HttpFault):
    """The server gives no picture, and will not until a setting is changed, here or there."""

    pauses = LATER


class Waits:
    """The pauses between connections: longer ones after each failure, until a picture arrives."""

    def __init__(self) -> None:
        self._faults = 0

    def reset(self) -> None:
        """Begin with the shortest pause again."""
        self._faults = 0

    def after(self, fault: HttpFault) -> float:
        """Return how many seconds to wait after a fault."""
        pause = fault.pauses[min(self._faults, len(fault.pauses) - 1)]
        self._faults += 1
        return pause


def server_of(url: URL) -> str:
    """Return the server of a URL for messages: the path and the query may have secrets."""
    return str(url.origin())


def excerpt(text: str) -> str:
    """Return the beginning of a text that another server has sent, on one line; it may quote the URL."""
    return without_urls_secrets(one_line(text.strip()))[:LONGEST]


def unreachable(url: URL, error: BaseException) -> HttpFault:
    """Return the fault of a connection that could not be made, or was lost."""
    reason = _system_reason(error) or excerpt(str(error)) or type(error).__name__
    template = "{server} cannot be reached: {reason}"
    return HttpFault(Message("http_unreachable", template, server=server_of(url), reason=reason))


def untrusted(url: URL, error: BaseException) -> HttpFault:
    """Return the fault of a certificate that is not accepted."""
    reason = next((each for fault in _causes(error) if (each := getattr(fault, "verify_message", ""))), "")
    template = "{server} has a certificate that is not trusted: {reason}"
    return LastingFault(
        Message("http_untrusted", template, server=server_of(url), reason=reason or excerpt(str(error)))
    )


def no_authority(file: str, error: BaseException) -> HttpFault:
    """Return the fault of a file of certificates that cannot be used."""
    template, reason = "the certificates in {file} cannot be read: {reason}", _system_reason(error) or str(error)
    return LastingFault(Message("http_authority", template, file=file, reason=reason))


def silent(url: URL, seconds: float) -> HttpFault:
    """Return the fault of a server that sends no whole picture, whatever else it sends."""
    template = "{server} sends no picture within {seconds:g} s"
    return HttpFault(Message("http_silent", template, server=server_of(url), seconds=seconds))


def frozen(url: URL, seconds: float) -> HttpFault:
    """Return the fault of a server whose picture does not change."""
    template = "{server} has sent the same picture for more than {seconds:g} s: its camera may hang"
    return HttpFault(Message("http_frozen", template, server=server_of(url), seconds=seconds))


def broken(url: URL, what: str) -> HttpFault:
    """Return the fault of an answer that is no stream of pictures."""
    template = "{server} sends no stream of JPEGs: {what}"
    return HttpFault(Message("http_broken", template, server=server_of(url), what=excerpt(what)))


def wrong_type(url: URL, content_type: str) -> HttpFault:
    """Return the fault of an answer that is something else, such as a page."""
    template = "{server} sends {type}, which is neither a JPEG nor an MJPEG stream: check the path of the URL"
    shown = excerpt(content_type) or "no content type"
    return LastingFault(Message("http_type", template, server=server_of(url), type=shown))


def redirected(url: URL, target: URL) -> HttpFault:
    """Return the fault of a redirection that is not followed."""
    template = "{server} redirects to {target}, which is not followed: if that is right, write that URL"
    place = excerpt(f"{target.scheme}://{target.host}" if target.host else f"{target.scheme}:")
    return LastingFault(Message("http_redirect", template, server=server_of(url), target=place))


def looped(url: URL) -> HttpFault:
    """Return the fault of a URL that leads back to this server."""
    template = "{server} gets its picture from this server: they would wait for each other"
    return LastingFault(Message("http_loop", template, server=server_of(url)))


def refused(url: URL, answer: ClientResponse, text: str, *, has_login: bool) -> HttpFault:
    """Return the fault of an answer with an error; `text` is the beginning of its body."""
    server, status = server_of(url), answer.status
    if status == 508:
        return looped(url)
    if status in LOGIN_ANSWERS and not has_login:
        template = "{server} needs a login: write http://USER:PASSWORD@HOST/... in the settings file"
        return LastingFault(Message("http_needs_login", template, server=server))
    if status in LOGIN_ANSWERS:
        template = "{server} refuses the user or the password of the URL"
        return LastingFault(Message("http_wrong_login", template, server=server))
    if status >= 500 and text and answer.content_type == "text/plain":
        template = "{server} has no picture: {why}"
        return HttpFault(Message("http_no_picture", template, server=server, why=excerpt(text).rstrip(".")))
    template = "{server} answers with {status} ({reason})"
    kind = HttpFault if status >= 500 else LastingFault
    reason = excerpt(answer.reason or "") or "no reason"
    return kind(Message("http_status", template, server=server, status=status, reason=reason))


def challenge(answer: ClientResponse) -> str:
    """Return the scheme of login that a server asks for first, which is the only one that aiohttp looks at."""
    return "digest" if answer.headers.get(hdrs.WWW_AUTHENTICATE, "").lower().startswith("digest") else "basic"


def _system_reason(error: BaseException) -> str:
    """Return what the system says about an error; asyncio's own texts have addresses."""
    for each in _causes(error):
        if isinstance(each, socket.gaierror):
            return each.strerror or ""
        if isinstance(each, OSError) and each.errno and each.errno > 0:
            return os.strerror(each.errno)
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(5):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__
