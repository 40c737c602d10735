"""aiohttp's protocol of one connection, with refusals that have the form of our other errors.

aiohttp answers by itself what its parser cannot read: with its version in `Server`, some lines that repeat the request,
and a traceback in the log. Nothing of the request is repeated here, since behind a proxy it may be that of another
user.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Any, cast

from aiohttp import EMPTY_PAYLOAD, StreamReader, hdrs, http_exceptions, web
from aiohttp.http import HttpProcessingError
from aiohttp.web_protocol import _ErrInfo

from soft_stream.config.settings import Settings
from soft_stream.web.middleware import access_log
from soft_stream.web.middleware.errors import BAD_BODY, INTERNAL_ERROR, NO_STORE
from soft_stream.web.middleware.headers import NOSNIFF, SERVER
from soft_stream.web.request import get_peer
from soft_stream.web.transport.connection import KEEPALIVE_TIMEOUT
from soft_stream.web.transport.message_checks import MAX_HEAD

log = logging.getLogger(__name__)

HEADERS = NO_STORE | NOSNIFF | {hdrs.SERVER: SERVER}
# The parser in Python counts each line of the head; the bytes are limited by MAX_HEAD.
MAX_LINES = 1024
# Seconds for which the rest of a refused request is read: an answer is lost if the client still sends when the
# connection is closed.
LINGER = 2.0
# The sentences for the errors of the parsers, by their classes; the first class counts.
SENTENCES: tuple[tuple[type[Exception], int, str], ...] = (
    (http_exceptions.LineTooLong, 431, f"The request line or a header is longer than {MAX_HEAD} bytes."),
    (http_exceptions.BadStatusLine, 400, "The request line must be like GET / HTTP/1.1, with CRLF at its end."),
    (http_exceptions.InvalidURLError, 400, "The request line has no valid path."),
    (http_exceptions.InvalidHeader, 400, "A header has no valid name or value."),
    (http_exceptions.PayloadEncodingError, 400, BAD_BODY),
)
TLS_RECORD, LINE_END = "Received HTTPS traffic", "\n"


class Refusal(web.Response):
    """The answer to a malformed request."""


class HttpProtocol(web.RequestHandler):
    """Parses requests and sends the answers; `server` has the handler of the requests.

    The names with an underscore are the same in aiohttp 3.9 to 3.14, and the tests fail if they change. Older ones than
    3.14 refuse less; what they refuse has the same form.
    """

    def __init__(self, server: web.Server, settings: Settings) -> None:
        limits: dict[str, int] = {"max_line_size": MAX_HEAD, "max_field_size": MAX_HEAD, "max_headers": MAX_LINES}
        options: dict[str, Any] = limits | {"access_log": None, "keepalive_timeout": KEEPALIVE_TIMEOUT}
        # 200 kB can be 200 MB when they are unpacked, and the event loop would do that before any limit holds
        options["auto_decompress"] = False
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._settings = settings
        self._has_failed = False
        self.refusal: web.HTTPException | None = None
        """The error that answers the request which is handled; `message_checks` sets it."""
        self.unread = 0
        """Bytes of requests that have not begun; `message_checks` sets it to 0 when one begins."""
        self.body: StreamReader = EMPTY_PAYLOAD
        """The body of the last request that has begun; it may still arrive after the answer."""

    def data_received(self, data: bytes) -> None:
        """Parse bytes; nothing can be parsed any more after an error."""
        if self._has_failed:
            return
        is_in_body = not self.body.is_eof()
        if self.unread > MAX_HEAD and not is_in_body:
            self._fail(http_exceptions.LineTooLong(b"", MAX_HEAD))
            return
        self.unread += 0 if is_in_body else len(data)
        super().data_received(data)
        if self._messages and isinstance(self._messages[-1][0], _ErrInfo):
            self._has_failed = True
            if is_in_body:  # the answer to its request is the only one
                self._messages.pop()
                self.close()
                self.body.set_exception(web.RequestPayloadError(BAD_BODY))

    def _fail(self, error: HttpProcessingError) -> None:
        """Refuse what was received, as aiohttp does."""
        self._has_failed = True
        self._messages.append((_ErrInfo(status=error.code, exc=error, message=error.message), EMPTY_PAYLOAD))
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what the parser cannot read, or to an error in code that no middleware surrounds."""
        if isinstance(exc, HttpProcessingError):
            status, sentence = _describe(exc)
        elif isinstance(exc, ConnectionError):  # the client has left before a middleware could write anything
            raise exc
        else:
            log.error("A request of %s failed", get_peer(cast("web.Request", request)), exc_info=exc)
            status, sentence = 500, INTERNAL_ERROR
        if request.writer.output_size:  # a second answer would be read as a part of the first one
            raise ConnectionError("the answer has begun")
        refusal = Refusal(status=status, text=f"{sentence}\n", headers=HEADERS)
        refusal.force_close()
        return refusal

    def log_exception(self, *args: Any, **kwargs: Any) -> None:
        """Log an error of aiohttp, but not that of a damaged body that no handler has read: its answer is sent."""
        if not isinstance(kwargs.get("exc_info"), HttpProcessingError | web.RequestPayloadError):
            super().log_exception(*args, **kwargs)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send the answer; log a refusal, and read the rest of what the client sends."""
        finished = await super().finish_response(request, resp, start_time)
        if isinstance(resp, Refusal):
            sent = request.writer.output_size
            if self._settings.loghttp:
                kind = "malformed" if resp.status < 500 else "failed"
                facts = (get_peer(cast("web.Request", request)), kind, resp.status, sent, str(resp.text).rstrip())
                access_log.log.info("HTTP: %s %s request: %d, %d bytes (%s)", *facts)
            if self.transport and self.transport.can_write_eof():
                with suppress(OSError):  # the client has reset the connection
                    self.transport.write_eof()
            await asyncio.sleep(LINGER)  # cancelled when the client has left
        return finished


def _describe(error: HttpProcessingError) -> tuple[int, str]:
    """Return the status and the sentence for an error of a parser."""
    if TLS_RECORD in error.message:
        return 400, "This port serves HTTP, not HTTPS."
    for kind, status, sentence in SENTENCES:
        if isinstance(error, kind):
            return status, sentence
    # the reason of the parser; the lines that follow repeat the request
    return 400, f"The request is malformed: {error.message.partition(LINE_END)[0].rstrip(':.')[:100]}."
