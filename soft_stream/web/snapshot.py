"""`/snapshot.jpg`: one picture, with its facts in the headers."""

from aiohttp import hdrs, web

from soft_stream import snapshots
from soft_stream.web.common import NO_STORE, SOURCE, client_of, head_of_picture, picture_or_503


async def snapshot(request: web.Request) -> web.Response:
    """Answer with a picture captured after the request, or with 503."""
    source = request.app[SOURCE]
    if request.method == hdrs.METH_HEAD:
        return head_of_picture(source, NO_STORE | {hdrs.CONTENT_TYPE: "image/jpeg"})
    with source.demand.wanted_by(client_of(request, streams=False)), picture_or_503(source):
        frame = await snapshots.take(source)
    source.condition.counters.snapshots += 1
    return web.Response(
        body=frame.jpeg,
        content_type="image/jpeg",
        headers=NO_STORE
        | {
            "X-Timestamp": f"{frame.captured_at:.6f}",
            "X-Frame-Size": f"{frame.size[0]}x{frame.size[1]}",
            "X-Focus": frame.focus,
        },
    )
