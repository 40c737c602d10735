"""The URLs of older programs: what they say is put into our words, and our own handlers answer."""

import re
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from urllib.parse import parse_qsl

from aiohttp import web

from soft_stream.web.api import snapshot as snapshots
from soft_stream.web.compat import camera_streamer, mjpg_streamer, ustreamer, webcamd
from soft_stream.web.middleware.prefix import WITHOUT_SLASH
from soft_stream.web.pages import pages
from soft_stream.web.request import READ_METHODS, SUPERVISOR, make_client, parse_float
from soft_stream.web.streaming import handler as streams

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Call(StrEnum):
    """What an older program does at `/` for a query that begins like this."""

    STREAM = "action=stream"
    SNAPSHOT = "action=snapshot"
    COMMAND = "action=command"
    WEBCAMD_STREAM = "stream"
    WEBCAMD_SNAPSHOT = "snapshot"
    WEBCAMD_INFO = "info"


def called(query: str) -> Call | None:
    """Return what a query calls for; None where that is the page.

    mjpg-streamer and webcamd look at how the query begins and do not mind what follows; ustreamer takes `action`
    anywhere. Only `action` may have the number of a plugin behind it: other underscores belong to cache busters.

    Raises:
        HTTPNotFound: these are mjpg-streamer's words for something that is not here.
        HTTPForbidden: this is webcamd's word for ending the process.
    """
    query = query.lower()
    if query.startswith("shutdown"):
        raise web.HTTPForbidden(text="No request ends this process; only its service manager does.")
    for call in (Call.WEBCAMD_STREAM, Call.WEBCAMD_SNAPSHOT, Call.WEBCAMD_INFO):
        if query.startswith(call):
            return call
    action = fields(query).get("action")
    if action is None:
        return None
    known = re.match(r"(stream|snapshot|command)(?:_([0-9]+))?", action)
    if known is None:
        raise web.HTTPNotFound(text=f"There is no action={action[:60]} here, only stream, snapshot and command.")
    if known[2] and known[2].strip("0"):
        raise web.HTTPNotFound(text=f"There is no plugin {known[2][:60]} here, only 0.")
    return Call(f"action={known[1]}")


def fields(query: str) -> dict[str, str]:
    """Return the fields of a query by name in small letters, the first one of each.

    Some clients begin theirs with a second `?`.
    """
    pairs = parse_qsl(query.replace("?", "&"), keep_blank_values=True)
    return {name.lower(): value for name, value in reversed(pairs)}


async def root(request: web.Request) -> web.StreamResponse:
    """Answer with what an older program has for the query, or as a file of the folder's name, or with the page."""
    call = called(request.rel_url.raw_query_string)
    if call:
        return await _answer(call, request)
    folder = request.path.rstrip("/").rpartition("/")[2]
    return await FILES.get(folder, pages.landing)(request)


async def _answer(call: Call, request: web.Request) -> web.StreamResponse:
    query, path = _fields_of(request), f"{request.path}?{call}"
    match call:
        case Call.STREAM:
            return await _serve_stream(request, query, path)
        case Call.SNAPSHOT:
            return await mjpg_streamer.named(_serve_snapshot)(request, query, path)
        case Call.COMMAND:
            return await mjpg_streamer.command(request, query, make_client(request, path, query))
        case Call.WEBCAMD_STREAM:
            return await _serve_stream(request, webcamd.turned(query), path)
        case Call.WEBCAMD_SNAPSHOT:
            return await _serve_snapshot(request, webcamd.turned(query), path)
        case Call.WEBCAMD_INFO:
            return await webcamd.info(request)


@web.middleware
async def root_without_slash(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take `/webcam?action=stream` for `/webcam/?action=stream`, as people type it."""
    is_missing = isinstance(request.match_info.http_exception, web.HTTPNotFound)
    if is_missing and WITHOUT_SLASH.fullmatch(request.path) and called(request.rel_url.raw_query_string):
        if request.method not in READ_METHODS:
            raise web.HTTPMethodNotAllowed(request.method, READ_METHODS)
        handler = root
    return await handler(request)


async def stream(request: web.Request) -> web.StreamResponse:
    """Answer with the stream."""
    return await _serve_stream(request, _fields_of(request), request.path)


async def snapshot(request: web.Request) -> web.StreamResponse:
    """Answer with a snapshot."""
    return await _serve_snapshot(request, _fields_of(request), request.path)


async def _serve_stream(request: web.Request, query: Mapping[str, str], path: str) -> web.StreamResponse:
    options = streams.parse_options(query, request.app[SUPERVISOR].settings)
    return await streams.serve_stream(request, options, make_client(request, path, query))


async def _serve_snapshot(request: web.Request, query: Mapping[str, str], path: str) -> web.StreamResponse:
    """Answer with a frame of the stream, as the older programs do, unless the query or the settings set a size."""
    settings = request.app[SUPERVISOR].settings
    defaults = {"size": "stream"} if settings.snapshot_size == "auto" else {}
    if "max_delay" in query:  # camera-streamer's name of max_age_ms
        parse_float(query, "max_delay", 0, 0, snapshots.LONGEST_MS)
        defaults["max_age_ms"] = query["max_delay"]
    ask = snapshots.parse_ask(defaults | dict(query), settings)
    return await snapshots.serve_snapshot(request, ask, make_client(request, path, query))


def _fields_of(request: web.Request) -> dict[str, str]:
    return fields(request.rel_url.raw_query_string)


FILES: Mapping[str, Handler] = {
    "stream.mjpg": streams.stream,
    "snapshot.jpg": snapshots.snapshot,
    "stream": stream,
    "snapshot": snapshot,
    "state": ustreamer.state,
    "status": camera_streamer.status,
}
"""What people ask for with a slash behind it."""
