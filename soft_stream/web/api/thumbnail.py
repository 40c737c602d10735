"""`/thumbnail.jpg`: the last frame as a small JPEG; it neither opens the camera nor keeps it open."""

from aiohttp import hdrs, web

from soft_stream.web.request import SUPERVISOR

# A browser asks again each time whether its copy is the newest one; other caches keep none.
CACHE_CONTROL = "private, no-cache"


async def thumbnail(request: web.Request) -> web.Response:
    """Answer with the thumbnail and its age; raise HTTPNotFound if there has been no frame."""
    supervisor = request.app[SUPERVISOR]
    last = await supervisor.thumbnails.newest()
    if last is None:
        title = supervisor.settings.title
        raise web.HTTPNotFound(
            text=f"No picture of {title} yet: its camera has not been open since the server started."
        )
    headers = {
        hdrs.CACHE_CONTROL: CACHE_CONTROL,
        hdrs.ETAG: f'"{last.tag}"',
        "X-Timestamp": f"{last.timestamp:.6f}",
        "X-Age-Ms": f"{last.age * 1000:.0f}",
        "X-Frame-Size": f"{last.size[0]}x{last.size[1]}",
    }
    if any(known.value in (last.tag, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    return web.Response(body=last.jpeg, content_type="image/jpeg", headers=headers)
