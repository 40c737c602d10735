"""Checks of each request before the first handler: what aiohttp's parsers accept, or decode, in different ways.

The parser in C and the one in Python differ in what they accept, and both put bytes that are not UTF-8 into headers as
lone surrogates. Such text cannot be sent or logged, so no handler gets it.
"""

from collections.abc import Callable
from typing import Any

from aiohttp import StreamReader, hdrs, web
from aiohttp.http import HttpVersion11, RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

# Bytes of all headers, and of the address in the request line. Browsers send the cookies of all programs that have the
# same host name, also those of other ports; nginx passes on at most 32 kB.
MAX_HEAD = 64 * 1024
MAX_TARGET = 8190
# They say who requests what, so they must be readable; in other headers unreadable bytes are replaced.
READABLE = (hdrs.HOST, hdrs.ORIGIN, hdrs.REFERER)

RequestFactory = Callable[..., web.BaseRequest]


def with_checks(make_request: RequestFactory) -> RequestFactory:
    """Return a factory of requests with readable headers; the `HttpProtocol` of a request gets its refusal."""

    def make_checked(message: RawRequestMessage, payload: StreamReader, protocol: Any, *args: Any) -> web.BaseRequest:
        protocol.unread, protocol.body = 0, payload
        if isinstance(message.headers, dict):  # aiohttp's stand-in for what is no request
            message = message._replace(headers=CIMultiDictProxy(CIMultiDict()))
            return make_request(message, payload, protocol, *args)
        protocol.refusal = _check(message)
        return make_request(_clean(message, is_refused=bool(protocol.refusal)), payload, protocol, *args)

    return make_checked


def _check(message: RawRequestMessage) -> web.HTTPException | None:
    """Return the error that answers a request, if aiohttp should have refused it."""
    version, headers = message.version, message.headers
    if version.major != 1:
        return web.HTTPBadRequest(text=f"HTTP/{version.major}.{version.minor} is not supported, only 1.0 and 1.1.")
    if message.method == hdrs.METH_CONNECT:
        return web.HTTPBadRequest(text="CONNECT is not supported: this server is no proxy.")
    if len(message.path) > MAX_TARGET:
        return web.HTTPRequestURITooLong(text=f"The path and the query have more than {MAX_TARGET} characters.")
    if not message.path.isascii():  # only where `RequestTarget` does not know where the request begins
        return web.HTTPBadRequest(text="The path and the query must be percent-encoded.")
    size = sum(len(name) + len(value) + 4 for name, value in message.raw_headers)
    if size > MAX_HEAD:
        return web.HTTPRequestHeaderFieldsTooLarge(text=f"The headers have {size} bytes, more than {MAX_HEAD}.")
    for name in READABLE:
        value = ", ".join(headers.getall(name, []))
        if not value.isprintable():
            return web.HTTPBadRequest(text=f"{name}: {_readable(value)[:100]} has bytes that are no text.")
    expected = headers.get(hdrs.EXPECT, "")
    if expected and version >= HttpVersion11 and expected.lower() != "100-continue":
        return web.HTTPExpectationFailed(text=f"Expect: {_readable(expected)[:100]} is not supported.")
    return None


def _clean(message: RawRequestMessage, *, is_refused: bool) -> RawRequestMessage:
    """Return a message whose headers are readable, and with which aiohttp can make and answer a request."""
    headers = message.headers
    if not all(map(str.isascii, headers.values())):
        headers = CIMultiDictProxy(CIMultiDict((name, _readable(value)) for name, value in headers.items()))
    if hdrs.EXPECT in headers and (is_refused or message.version < HttpVersion11):  # aiohttp would answer it first
        headers = CIMultiDictProxy(CIMultiDict(each for each in headers.items() if each[0].lower() != "expect"))
    if headers is not message.headers:
        message = message._replace(headers=headers)
    if not message.path.isascii():  # aiohttp's router would raise an error
        message = message._replace(path="/", url=URL("/"))
    if message.version > HttpVersion11 or message.version.major < 1:
        message = message._replace(version=HttpVersion11, should_close=True)
    return message


def _readable(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
