"""The aiohttp application with all routes and middlewares."""

import time
from collections.abc import Mapping

from aiohttp import web

from soft_stream.access.rights import Role
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.page_settings import PageLayer
from soft_stream.config.settings import Settings
from soft_stream.frames.clock import Moment
from soft_stream.web.api import (
    all_cameras,
    camera,
    camera_names,
    control_log,
    controls,
    notices,
    outputs,
    photo,
    settings,
    snapshot,
    status,
    thumbnail,
    zoom,
)
from soft_stream.web.api.settings_facts import PAGE_SETTINGS, PageSettings
from soft_stream.web.auth import login_page
from soft_stream.web.auth.guard import GUARD, Guard, watch_accounts
from soft_stream.web.auth.required_role import OF_ALL_CAMERAS, ROLES, require_role
from soft_stream.web.compat import camera_streamer, mjpg_streamer, routes, ustreamer, webcamd
from soft_stream.web.middleware import access_log, cors
from soft_stream.web.middleware.errors import plain_text_errors
from soft_stream.web.middleware.headers import set_common_headers
from soft_stream.web.middleware.host import HOST_CHECK, HostCheck, require_known_host
from soft_stream.web.middleware.large_answers import LARGE_ANSWERS, LARGE_PARTS, LargeAnswers, send_in_slices
from soft_stream.web.middleware.origin import require_same_origin
from soft_stream.web.middleware.prefix import reject_other_cameras, with_any_prefix
from soft_stream.web.middleware.relays import refuse_loops
from soft_stream.web.own_pages.handler import add_own_pages
from soft_stream.web.pages import manifest, pages
from soft_stream.web.request import CAMERAS, SUPERVISOR
from soft_stream.web.request_rates import REQUEST_RATES, RequestRates
from soft_stream.web.streaming import handler
from soft_stream.web.streaming.stream_limits import STREAM_LIMITS, StreamLimits
from soft_stream.web.transport.connection import track_request

# Bytes of a request body.
MAX_BODY = 16 * 1024
MIDDLEWARES = (
    track_request,
    plain_text_errors,
    send_in_slices,
    require_known_host,
    refuse_loops,
    require_same_origin,
    login_page.offer_login,
    require_role,
    reject_other_cameras,
)
# Each route and the role that it needs. All routes also work below any path prefix.
ROUTES: dict[Role, list[web.RouteDef]] = {
    Role.NONE: [
        web.get(r"/static/{name:[\w./-]+}", pages.static),
        web.get("/login", login_page.show_form),
        web.post("/login", login_page.log_in),
        web.post("/logout", login_page.log_out),
    ],
    Role.VIEW: [
        web.get("/", routes.root),  # /?action=command needs the role control
        web.get("/stream.mjpg", handler.stream),
        web.get("/snapshot.jpg", snapshot.snapshot),
        web.get("/thumbnail.jpg", thumbnail.thumbnail),
        web.get("/cameras", pages.cameras),
        web.get("/cameras.json", all_cameras.cameras),
        web.get("/camera.webmanifest", manifest.of_camera),
        web.get("/cameras.webmanifest", manifest.of_all_cameras),
        web.get("/webrtc", pages.webrtc),
        web.get("/status.json", status.status),
        web.get("/healthz", status.healthz),
        web.get("/snap.jpg", photo.photo),
        web.get("/controls.json", controls.controls),
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
        web.get("/clients.json", mjpg_streamer.clients),
    ],
    Role.CONTROL: [
        web.post("/controls", controls.set_controls),
        web.post("/zoom", zoom.set_zoom),
        web.post("/focus", camera.focus),
        web.post("/arm", camera.arm),
        web.post("/pause", camera.pause),
        web.post("/resume", camera.resume),
    ],
    Role.ADMIN: [
        web.get("/settings.json", settings.settings),
        web.post("/settings", settings.change_settings),
        web.post("/settings/undo", settings.undo),
    ],
}


def build_app(
    supervisor: CameraSupervisor, cameras: Mapping[int, Settings], layers: Mapping[int, PageLayer] | None = None
) -> web.Application:
    """Return the application for a camera; `cameras` are the settings of all cameras, which the pages link.

    `layers` have the values that the page of each camera has set; without it there are none.
    """
    app = web.Application(middlewares=MIDDLEWARES, client_max_size=MAX_BODY)
    app[SUPERVISOR] = supervisor
    app[CAMERAS] = cameras
    app[LARGE_ANSWERS] = LargeAnswers()
    app[LARGE_PARTS] = LargeAnswers(are_parts=True)
    app[HOST_CHECK] = HostCheck(supervisor.settings.hosts)
    app[STREAM_LIMITS] = StreamLimits(supervisor)
    app[REQUEST_RATES] = RequestRates()
    app[notices.NOTICES] = notices.NoticeBoard()
    app[outputs.OUTPUTS] = []
    app[status.STARTED] = Moment(time.monotonic())
    app[camera.KEEP_READY] = camera.KeepReady()
    app[photo.PHOTOS] = photo.SharedPhotos()
    app[control_log.CONTROL_LOG] = control_log.ControlLogBuffer(supervisor.status)
    app[PAGE_SETTINGS] = PageSettings((layers or {}).get(supervisor.settings.camera) or PageLayer(supervisor.settings))
    app[camera_names.LAYERS] = {number: layer for number, layer in (layers or {}).items() if number in cameras}
    app[camera_names.TITLES] = {supervisor.settings.camera: supervisor.settings.title} if layers else {}
    app[GUARD] = Guard(supervisor.settings)
    roles: dict[object, Role] = {route.handler: role for role, each in ROUTES.items() for route in each}
    app[ROLES] = roles
    app[OF_ALL_CAMERAS] = (pages.cameras, all_cameras.cameras, manifest.of_all_cameras)
    for each in ROUTES.values():
        app.add_routes(with_any_prefix(each))
    app.on_response_prepare.append(set_common_headers)
    cors.allow(app, supervisor.settings.cors_origins)
    app.middlewares.append(routes.root_without_slash)  # late: the others must see what it rejects
    add_own_pages(app, supervisor.settings)
    if supervisor.settings.loghttp:
        app.middlewares.insert(0, access_log.log_requests)
    app.cleanup_ctx.append(watch_accounts)
    app.cleanup_ctx.append(all_cameras.open_other_cameras)
    app.cleanup_ctx.append(camera_names.follow_names)
    app.on_shutdown.append(_shut_down)
    return app


async def _shut_down(app: web.Application) -> None:
    app[camera.KEEP_READY].cancel()
    app[control_log.CONTROL_LOG].flush()
    app[SUPERVISOR].subscribers.end()
