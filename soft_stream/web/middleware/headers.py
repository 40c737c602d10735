"""The headers of every response."""

from aiohttp import hdrs, web
from aiohttp.http import SERVER_SOFTWARE

SERVER = "camera-soft-stream"
# Browsers must not guess another type: text that a client has sent would be a script on this server's own origin.
NOSNIFF = {"X-Content-Type-Options": "nosniff"}


async def set_common_headers(_: web.BaseRequest, response: web.StreamResponse) -> None:
    """Add the headers that every response has, and replace aiohttp's `Server`, which has versions."""
    response.headers.update(NOSNIFF)
    if response.headers.get(hdrs.SERVER, SERVER_SOFTWARE) == SERVER_SOFTWARE:
        response.headers[hdrs.SERVER] = SERVER
