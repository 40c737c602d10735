"""The table of URLs; nothing is served that does not stand here."""

from collections.abc import Mapping

from aiohttp import hdrs, web
from aiohttp.http import SERVER_SOFTWARE

from soft_stream.settings import Settings
from soft_stream.source import Source
from soft_stream.web import control, cors, http_log, legacy, neighbours, page, snapshot, status, stream
from soft_stream.web.common import CAMERAS, SOURCE, plain_errors, same_origin
from soft_stream.web.connection import accompany
from soft_stream.web.legacy import camera_streamer, mjpg_streamer, ustreamer, webcamd
from soft_stream.web.prefix import anywhere, only_own_camera

# No request has more to say.
MAX_BODY = 16 * 1024
SERVER = "camera-soft-stream"
MIDDLEWARES = (accompany, plain_errors, same_origin, only_own_camera)
# All of them also work below any path prefix.
ROUTES = [
    web.get("/", legacy.root),
    web.get("/stream.mjpg", stream.stream),
    web.get("/snapshot.jpg", snapshot.snapshot),
    web.get("/cameras", page.cameras),
    web.get("/cameras.json", neighbours.cameras),
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
    # older programs; what they have at / with a query is in legacy
    web.get("/stream", legacy.stream),
    web.post("/stream", legacy.stream),
    web.get("/snapshot", legacy.snapshot),
    web.get("/state", ustreamer.state),
    web.get("/status", camera_streamer.status),
    web.get("/info.json", webcamd.info),
    web.get("/input.json", mjpg_streamer.inputs),
    web.get("/input_0.json", mjpg_streamer.inputs),
    web.get("/output.json", mjpg_streamer.outputs),
    web.get("/output_0.json", mjpg_streamer.outputs),
    web.get("/program.json", mjpg_streamer.program),
    web.get("/program_0.json", mjpg_streamer.program),
]


def build_app(source: Source, cameras: Mapping[int, Settings]) -> web.Application:
    """Wire a source to its URLs; `cameras` are all configured ones, which the page links."""
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=MAX_BODY)
    app[SOURCE] = source
    app[CAMERAS] = cameras
    app[control.ARMING] = control.Arming()
    app[control.GESTURES] = control.Gestures(source.condition)
    app.add_routes(anywhere(ROUTES))
    app.on_response_prepare.append(_sign)
    cors.allow(app, source.settings.cors_origins)
    app.middlewares.append(legacy.root_without_slash)  # after those that look at what it refuses
    if source.settings.loghttp:
        app.middlewares.insert(0, http_log.log_requests)
    app.cleanup_ctx.append(neighbours.asked)
    app.on_shutdown.append(_let_go)
    return app


async def _sign(_: web.Request, response: web.StreamResponse) -> None:
    """Name this program, and not the versions of what it is made of."""
    if response.headers[hdrs.SERVER] == SERVER_SOFTWARE:
        response.headers[hdrs.SERVER] = SERVER


async def _let_go(app: web.Application) -> None:
    app[control.ARMING].end()
    app[control.GESTURES].end()
    app[SOURCE].demand.end()
