"""A line in the log for every HTTP request, when it is over: `loghttp`."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from soft_stream.web.request import get_peer

log = logging.getLogger(__name__)

# None of our own keys is a secret, but programs add theirs to any URL.
SECRET = re.compile(r"(?i)([?&][^=&]*(?:key|token|pass|pwd|auth|secret|sig)[^=&]*=)[^&]+")
LONGEST_PATH = 300
# The status of a client that left in the middle.
STREAM_THAT_BEGAN = 200


@web.middleware
async def log_requests(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Tell about a request when its task ends, all bytes sent: aiohttp's own log forgets clients that leave."""
    began, status = time.monotonic(), 0

    def tell(_: "asyncio.Task[Any]") -> None:
        path = SECRET.sub(r"\1...", request.rel_url.raw_path_qs)[:LONGEST_PATH]
        sent, seconds = request.writer.output_size, time.monotonic() - began
        answer = status or (STREAM_THAT_BEGAN if sent else "no answer")
        log.info("HTTP: %s %s %s: %s, %d bytes, %.3f s", get_peer(request), request.method, path, answer, sent, seconds)

    if task := asyncio.current_task():
        task.add_done_callback(tell)
    try:
        response = await handler(request)
    except web.HTTPException as error:
        status = error.status
        raise
    status = response.status
    return response
