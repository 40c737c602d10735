"""The table of URLs; nothing is served that does not stand here."""

from collections.abc import Mapping

from aiohttp import web

from soft_stream.notices import Notices
from soft_stream.settings import Settings
from soft_stream.source import Source
from soft_stream.web import control, page, snapshot, status, stream
from soft_stream.web.broadcast import Broadcast
from soft_stream.web.common import BROADCAST, CAMERAS, SOURCE, plain_errors, same_origin

# No request has more to say.
MAX_BODY = 16 * 1024


def build_app(source: Source, cameras: Mapping[int, Settings]) -> web.Application:
    """Wire a source to its URLs; `cameras` are all configured ones, which the page links."""
    app = web.Application(middlewares=[plain_errors, same_origin], client_max_size=MAX_BODY)
    app[SOURCE] = source
    app[BROADCAST] = Broadcast(source, Notices(source.settings.title, source.condition))
    source.demand.feed.takers.append(app[BROADCAST])
    app[CAMERAS] = cameras
    app[control.ARMING] = control.Arming()
    app.add_routes(
        [
            web.get("/", page.landing),
            web.get("/stream.mjpg", stream.stream),
            web.get("/snapshot.jpg", snapshot.snapshot),
            web.get("/cameras", page.cameras),
            web.get("/webrtc", page.webrtc),
            web.get("/status.json", status.status),
            web.get("/healthz", status.healthz),
            web.get("/snap.jpg", snapshot.photo),
            web.get("/controls.json", control.controls),
            web.post("/controls", control.set_controls),
            web.post("/focus", control.focus),
            web.post("/arm", control.arm),
            web.post("/pause", control.pause),
            web.post("/resume", control.resume),
            web.get("/static/{name}", page.static),
        ]
    )
    app.on_shutdown.append(_let_go)
    return app


async def _let_go(app: web.Application) -> None:
    app[control.ARMING].end()
    app[SOURCE].demand.end()
