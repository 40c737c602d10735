"""The access log (`loghttp`): one line for each HTTP request when it has ended."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from soft_stream.web.request import get_peer
from soft_stream.web.url_secrets import without_secrets

log = logging.getLogger(__name__)

# The status of a response that the client did not wait for.
ABORTED_STATUS = 200


@web.middleware
async def log_requests(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Log a request when its task ends; aiohttp's access log omits requests whose client disconnected."""
    started, status = time.monotonic(), 0

    def log_request(_: "asyncio.Task[Any]") -> None:
        path = without_secrets(request.rel_url.raw_path_qs)
        sent, seconds = request.writer.output_size, time.monotonic() - started
        answer = status or (ABORTED_STATUS if sent else "no answer")
        log.info("HTTP: %s %s %s: %s, %d bytes, %.3f s", get_peer(request), request.method, path, answer, sent, seconds)

    if task := asyncio.current_task():
        task.add_done_callback(log_request)
    try:
        response = await handler(request)
    except web.HTTPException as error:
        status = error.status
        raise
    status = response.status
    return response
