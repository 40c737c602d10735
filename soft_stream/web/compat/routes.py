"""The URLs of older programs for the stream and the snapshot."""

import re
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from urllib.parse import parse_qsl, unquote

from aiohttp import web

from soft_stream.web.api import snapshot as snapshots
from soft_stream.web.compat import camera_streamer, mjpg_streamer, ustreamer, webcamd
from soft_stream.web.middleware.prefix import WITHOUT_SLASH
from soft_stream.web.own_pages.handler import find_folder_page
from soft_stream.web.pages import pages
from soft_stream.web.request import READ_METHODS, SUPERVISOR, make_client, parse_float
from soft_stream.web.streaming import handler as streams

# Seconds for which a snapshot without a deadline of its own waits for the lens and the exposure during a stream.
# moonraker-timelapse drops a snapshot after two seconds:
# https://github.com/mainsail-crew/moonraker-timelapse/issues/173
PATIENCE = 1.5

# Some clients encode the query as a value: `/?action%3Dsnapshot%26t%3D17`.
ENCODED_ACTION = re.compile(r"(?:^|[?&])action%3d", re.IGNORECASE)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Action(StrEnum):
    """What an older program asks for with the query of `/`."""

    STREAM = "action=stream"
    SNAPSHOT = "action=snapshot"
    COMMAND = "action=command"
    WEBCAMD_STREAM = "stream"
    WEBCAMD_SNAPSHOT = "snapshot"
    WEBCAMD_INFO = "info"


def parse_action(query: str) -> Action | None:
    """Return the action of a query; None if it has none and the page is the answer.

    mjpg-streamer and webcamd compare only the beginning of the query; ustreamer accepts `action` anywhere in it. Only
    the value of `action` may end in the number of a plugin; other underscores belong to cache busters.

    Raises:
        HTTPNotFound: mjpg-streamer may have this action or plugin, this program does not.
        HTTPForbidden: the query is webcamd's `shutdown`.
    """
    query = query.lower()
    if query.startswith("shutdown"):
        raise web.HTTPForbidden(text="No request stops this process; use its service manager.")
    for action in (Action.WEBCAMD_STREAM, Action.WEBCAMD_SNAPSHOT, Action.WEBCAMD_INFO):
        if query.startswith(action):
            return action
    name = parse_fields(query).get("action")
    if name is None:
        return None
    known = re.match(r"(stream|snapshot|command)(?:_([0-9]+))?", name)
    if known is None:
        raise web.HTTPNotFound(text=f"There is no action={name[:60]}, only stream, snapshot and command.")
    if known[2] and known[2].strip("0"):
        raise web.HTTPNotFound(text=f"There is no plugin {known[2][:60]}, only 0.")
    return Action(f"action={known[1]}")


def parse_fields(query: str) -> dict[str, str]:
    """Return the first value of each field of a query by its name in lower case.

    Some clients append fields with a second `?`.
    """
    if ENCODED_ACTION.search(query):
        query = unquote(query)
    pairs = parse_qsl(query.replace("?", "&"), keep_blank_values=True)
    return {name.lower(): value for name, value in reversed(pairs)}


async def root(request: web.Request) -> web.StreamResponse:
    """Answer the action of the query, or the file with the folder's name, or a page of the owner, or our page."""
    action = parse_action(request.rel_url.raw_query_string)
    if action:
        return await _serve_action(request, action)
    folder = request.path.rstrip("/").rpartition("/")[2]
    if folder not in FILES and (own := await find_folder_page(request)):
        return own
    return await FILES.get(folder, pages.landing)(request)


async def _serve_action(request: web.Request, action: Action) -> web.StreamResponse:
    query, path = _get_fields(request), f"{request.path}?{action}"
    match action:
        case Action.STREAM:
            return await _serve_stream(request, query, path)
        case Action.SNAPSHOT:
            return await mjpg_streamer.with_server_name(_serve_snapshot)(request, query, path)
        case Action.COMMAND:
            return await mjpg_streamer.command(request, query, make_client(request, path, query))
        case Action.WEBCAMD_STREAM:
            return await _serve_stream(request, webcamd.with_degrees(query), path)
        case Action.WEBCAMD_SNAPSHOT:
            return await _serve_snapshot(request, webcamd.with_degrees(query), path)
        case Action.WEBCAMD_INFO:
            return await webcamd.info(request)


@web.middleware
async def root_without_slash(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer `/webcam?action=stream`, which users type, like `/webcam/?action=stream`."""
    is_missing = isinstance(request.match_info.http_exception, web.HTTPNotFound)
    if is_missing and WITHOUT_SLASH.fullmatch(request.path) and parse_action(request.rel_url.raw_query_string):
        if request.method not in READ_METHODS:
            raise web.HTTPMethodNotAllowed(request.method, READ_METHODS)
        handler = root
    return await handler(request)


async def stream(request: web.Request) -> web.StreamResponse:
    """Answer with the stream, for mjpg-streamer, ustreamer and camera-streamer."""
    return await _serve_stream(request, _get_fields(request), request.path)


async def snapshot(request: web.Request) -> web.StreamResponse:
    """Answer with a snapshot, for ustreamer and camera-streamer."""
    return await _serve_snapshot(request, _get_fields(request), request.path)


async def _serve_stream(request: web.Request, query: Mapping[str, str], path: str) -> web.StreamResponse:
    options = streams.parse_options(request, query)
    return await streams.serve_stream(request, options, make_client(request, path, query))


async def _serve_snapshot(request: web.Request, query: Mapping[str, str], path: str) -> web.StreamResponse:
    """Answer with a frame of the stream, as the older programs do, unless the query or the settings set a size."""
    settings = request.app[SUPERVISOR].settings
    defaults = {"size": "stream"} if settings.snapshot_size == "auto" else {}
    if "max_delay" in query:  # camera-streamer's name of max_age_ms
        parse_float(query, "max_delay", 0, 0, snapshots.MAX_MS)
        defaults["max_age_ms"] = query["max_delay"]
    snapshot_request = snapshots.parse_snapshot_request(defaults | dict(query), settings)
    if "deadline_ms" not in query:
        snapshot_request.patience = PATIENCE
    return await snapshots.serve_snapshot(request, snapshot_request, make_client(request, path, query))


def _get_fields(request: web.Request) -> dict[str, str]:
    return parse_fields(request.rel_url.raw_query_string)


FILES: Mapping[str, Handler] = {
    "stream.mjpg": streams.stream,
    "snapshot.jpg": snapshots.snapshot,
    "stream": stream,
    "snapshot": snapshot,
    "state": ustreamer.state,
    "status": camera_streamer.status,
}
"""Files that users also request with a trailing slash."""
