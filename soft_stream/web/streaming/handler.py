"""`/stream.mjpg`: live frames until the client leaves."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import hdrs, web

from soft_stream.capture.feed import Feed
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.settings import Settings
from soft_stream.frames import multipart
from soft_stream.frames.rendition import Rendition
from soft_stream.web.middleware.errors import answer_head, frame_or_503, rendition_or_503
from soft_stream.web.request import SUPERVISOR, make_client, parse_fps, parse_rendition
from soft_stream.web.streaming.broadcaster import get_broadcaster
from soft_stream.web.streaming.client_stream import open_client_stream
from soft_stream.web.transport.connection import CLIENT_TIMEOUT

log = logging.getLogger(__name__)

HEADERS = {
    hdrs.CONTENT_TYPE: multipart.CONTENT_TYPE,
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",  # nginx would buffer megabytes of old frames for a slow client
}


@dataclass(frozen=True)
class StreamOptions:
    """What a client asks of the stream."""

    fps_max: float
    """The most frames a second; 0 is all frames."""
    rendition: Rendition


class MultipartResponse(web.StreamResponse):
    """An endless response that ends with its connection.

    For HTTP/1.1 aiohttp would use chunked encoding. That costs a copy of each frame, and hand-written clients do not
    expect it of a camera. aiohttp's own WebSocketResponse switches the length check off in the same way. The headers
    are sent with the first boundary, in one packet (aiohttp 3.12 and later).
    """

    _length_check = False
    _send_headers_immediately = False


async def stream(request: web.Request) -> web.StreamResponse:
    """Answer with the stream that the query asks for."""
    options = parse_options(request.query, request.app[SUPERVISOR].settings)
    return await serve_stream(request, options, make_client(request))


def parse_options(query: Mapping[str, str], settings: Settings) -> StreamOptions:
    """Return the options of a query; `client_fps_max` limits the frame rate."""
    fps_max, cap = parse_fps(query), settings.client_fps_max
    return StreamOptions(min(fps_max or cap, cap or fps_max), parse_rendition(query, settings))


async def serve_stream(request: web.Request, options: StreamOptions, client: Client) -> web.StreamResponse:
    """Answer with frames from the next one on; raise HTTPServiceUnavailable without a frame in `start_timeout`."""
    supervisor = request.app[SUPERVISOR]
    if request.method == hdrs.METH_HEAD:
        return answer_head(supervisor, HEADERS)
    with rendition_or_503(), supervisor.subscribers.acquire_feed(options.rendition) as feed:
        client = replace(client, streams=True, fps_max=options.fps_max, rendition=options.rendition)
        return await _serve(request, supervisor, feed, client)


async def _serve(request: web.Request, supervisor: CameraSupervisor, feed: Feed, client: Client) -> web.StreamResponse:
    """Send the frames of a feed to a client until it leaves."""
    broadcaster = get_broadcaster(supervisor, feed)
    with supervisor.subscribers.connected(client):
        with frame_or_503(supervisor, supervisor.settings.start_timeout):
            async with asyncio.timeout(supervisor.settings.start_timeout):
                first = await feed.wait_newer(feed.newest)
        log.info("Client connected: %s", client)
        negotiated = supervisor.status.negotiated
        if negotiated and client.fps_max >= negotiated.fps:
            client.fps_max = 0.0  # the camera gives no more than that, so no limiter is needed
        reason = "closed by client"
        try:
            response = MultipartResponse(headers=HEADERS)
            response.force_close()
            await response.prepare(request)
            with open_client_stream(client, request, len(first.part)) as stream:
                await response.write(multipart.OPENING)
                stream.send_frame(first, time.monotonic())
                del first  # its memory must not be kept until the client leaves
                await broadcaster.serve(stream)
        except TimeoutError:
            reason = f"no data read for {CLIENT_TIMEOUT:g} s"
        except ConnectionError:
            reason = "connection lost"
        finally:
            age = time.time() - client.since
            reason = "server shuts down" if broadcaster.ended else reason
            facts = (client, age, client.sent, client.dropped, reason)
            log.info("Client disconnected: %s after %.0f s, %d frames sent, %d dropped (%s)", *facts)
    return response
