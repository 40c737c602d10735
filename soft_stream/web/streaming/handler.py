"""`/stream.mjpg`: live frames until the client leaves."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from aiohttp import hdrs, web

from soft_stream.capture.feed import Feed
from soft_stream.capture.subscribers import Client
from soft_stream.frames import multipart
from soft_stream.frames.rendition import Rendition
from soft_stream.web.auth.open_requests import END_REASON
from soft_stream.web.middleware.errors import answer_head, frame_or_503, rendition_or_503
from soft_stream.web.request import SUPERVISOR, make_client, parse_choice, parse_fps, parse_rendition
from soft_stream.web.streaming.broadcaster import get_broadcaster
from soft_stream.web.streaming.client_stream import open_client_stream
from soft_stream.web.streaming.repeats import parse_repeats
from soft_stream.web.streaming.stream_limits import STREAM_LIMITS
from soft_stream.web.transport.connection import CLIENT_TIMEOUT

log = logging.getLogger(__name__)

HEADERS = {
    hdrs.CONTENT_TYPE: multipart.CONTENT_TYPE,
    hdrs.CACHE_CONTROL: "no-store",
    "X-Accel-Buffering": "no",  # nginx would buffer megabytes of old frames for a slow client
}
# By content_type=. WebKit cancels a fetch() of multipart/x-mixed-replace after the first part, because only images may
# have that type (SubresourceLoader::didReceiveResponse in its sources). Proxies that compress leave multipart alone,
# but not this type; no-transform forbids it (RFC 9111, 5.2.2.6).
HEADERS_BY_TYPE: Mapping[str, Mapping[str, str]] = {
    "multipart": HEADERS,
    "octet-stream": HEADERS
    | {
        hdrs.CONTENT_TYPE: "application/octet-stream",
        hdrs.CACHE_CONTROL: "no-store, no-transform",
    },
}


@dataclass(frozen=True)
class StreamOptions:
    """What a client asks of the stream."""

    fps_max: float
    """The most frames a second; 0 is all frames."""
    rendition: Rendition
    headers: Mapping[str, str]
    """The headers of the answer, with the content type that the client can read."""
    repeats: bool
    """Whether it needs a frame once more when no newer one follows soon."""


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
    options = parse_options(request, request.query)
    return await serve_stream(request, options, make_client(request))


def parse_options(request: web.Request, query: Mapping[str, str]) -> StreamOptions:
    """Return the options of a request with this query; `client_fps_max` limits the frame rate."""
    settings = request.app[SUPERVISOR].settings
    fps_max, cap = parse_fps(query), settings.client_fps_max
    headers = HEADERS_BY_TYPE[parse_choice(query, "content_type", "multipart", *HEADERS_BY_TYPE)]
    return StreamOptions(
        fps_max=min(fps_max or cap, cap or fps_max),
        rendition=parse_rendition(query, settings),
        headers=headers,
        repeats=parse_repeats(query, request.headers),
    )


async def serve_stream(request: web.Request, options: StreamOptions, client: Client) -> web.StreamResponse:
    """Answer with frames from the next one on; raise HTTPServiceUnavailable without a frame in `start_timeout`."""
    supervisor = request.app[SUPERVISOR]
    if request.method == hdrs.METH_HEAD:
        return answer_head(supervisor, options.headers)
    request.app[STREAM_LIMITS].require_room(client)
    with rendition_or_503(), supervisor.subscribers.acquire_feed(options.rendition) as feed:
        client = replace(
            client, streams=True, fps_max=options.fps_max, rendition=options.rendition, repeats=options.repeats
        )
        return await _serve(request, options.headers, feed, client)


async def _serve(request: web.Request, headers: Mapping[str, str], feed: Feed, client: Client) -> web.StreamResponse:
    """Send the frames of a feed to a client until it leaves."""
    supervisor = request.app[SUPERVISOR]
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
            response = MultipartResponse(headers=headers)
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
            age = time.monotonic() - client.since
            reason = "server shuts down" if broadcaster.ended else request.get(END_REASON, reason)
            facts = (client, age, client.sent, client.dropped, reason)
            log.info("Client disconnected: %s after %.0f s, %d frames sent, %d dropped (%s)", *facts)
    return response
