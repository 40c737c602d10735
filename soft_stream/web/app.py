"""The aiohttp application with all routes and middlewares."""

import time
from collections.abc import Mapping

from aiohttp import hdrs, web
from aiohttp.http import SERVER_SOFTWARE

from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.settings import Settings
from soft_stream.web.api import all_cameras, camera, controls, snapshot, status
from soft_stream.web.compat import camera_streamer, mjpg_streamer, routes, ustreamer, webcamd
from soft_stream.web.middleware import access_log, cors
from soft_stream.web.middleware.errors import plain_text_errors
from soft_stream.web.middleware.origin import require_same_origin
from soft_stream.web.middleware.prefix import reject_other_cameras, with_any_prefix
from soft_stream.web.pages import pages
from soft_stream.web.request import CAMERAS, SUPERVISOR
from soft_stream.web.streaming import handler
from soft_stream.web.transport.connection import track_request

# Bytes of a request body.
MAX_BODY = 16 * 1024
SERVER = "camera-soft-stream"
MIDDLEWARES = (track_request, plain_text_errors, require_same_origin, reject_other_cameras)
# All routes also work below any path prefix.
ROUTES = [
    web.get("/", routes.root),
    web.get("/stream.mjpg", handler.stream),
    web.get("/snapshot.jpg", snapshot.snapshot),
    web.get("/cameras", pages.cameras),
    web.get("/cameras.json", all_cameras.cameras),
    web.get("/webrtc", pages.webrtc),
    web.get("/status.json", status.status),
    web.get("/healthz", status.healthz),
    web.get("/snap.jpg", snapshot.photo),
    web.get("/controls.json", controls.controls),
    web.post("/controls", controls.set_controls),
    web.post("/focus", camera.focus),
    web.post("/arm", camera.arm),
    web.post("/pause", camera.pause),
    web.post("/resume", camera.resume),
    web.get(r"/static/{name:[\w./-]+}", pages.static),
    # older programs; root() handles their queries of /
    web.get("/stream", routes.stream),
    web.post("/stream", routes.stream),
    web.get("/snapshot", routes.snapshot),
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


def build_app(supervisor: CameraSupervisor, cameras: Mapping[int, Settings]) -> web.Application:
    """Return the application for a camera; `cameras` are the settings of all cameras, which the pages link."""
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=MAX_BODY)
    app[SUPERVISOR] = supervisor
    app[CAMERAS] = cameras
    app[status.STARTED] = round(time.time(), 3)
    app[camera.KEEP_READY] = camera.KeepReady()
    app[controls.CONTROL_LOG] = controls.ControlLogBuffer(supervisor.status)
    app.add_routes(with_any_prefix(ROUTES))
    app.on_response_prepare.append(set_server_header)
    cors.allow(app, supervisor.settings.cors_origins)
    app.middlewares.append(routes.root_without_slash)  # last: the others must see what it rejects
    if supervisor.settings.loghttp:
        app.middlewares.insert(0, access_log.log_requests)
    app.cleanup_ctx.append(all_cameras.open_other_cameras)
    app.on_shutdown.append(_shut_down)
    return app


async def set_server_header(_: web.Request, response: web.StreamResponse) -> None:
    """Replace aiohttp's `Server` header, which has the versions of Python and aiohttp."""
    if response.headers[hdrs.SERVER] == SERVER_SOFTWARE:
        response.headers[hdrs.SERVER] = SERVER


async def _shut_down(app: web.Application) -> None:
    app[camera.KEEP_READY].cancel()
    app[controls.CONTROL_LOG].flush()
    app[SUPERVISOR].subscribers.end()
