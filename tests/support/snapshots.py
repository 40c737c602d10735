"""Checks that the tests of snapshots share."""

import simplejpeg
from aiohttp import ClientResponse

from tests.support.server import Portal


async def taken(answer: ClientResponse) -> tuple[tuple[int, int], float]:
    """Check the response; return the size and the capture time of a snapshot."""
    assert answer.status == 200
    assert answer.content_type == "image/jpeg"
    assert answer.headers["Cache-Control"] == "no-store"
    body = await answer.read()
    height, width = simplejpeg.decode_jpeg_header(body)[:2]
    assert answer.headers["X-Frame-Size"] == f"{width}x{height}"
    assert answer.content_length == len(body)
    return (width, height), float(answer.headers["X-Timestamp"])


def captured_more_than(portal: Portal, count: int) -> bool:
    """Return whether the camera has captured more than this number of frames."""
    return portal.supervisor.status.counters.captured > count
