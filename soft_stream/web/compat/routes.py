"""The URLs of older programs: what they say is put into our words, and our own handlers answer."""

import re
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from functools import partial
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from soft_stream.web.api import snapshot as snapshots
from soft_stream.web.compat import camera_streamer, mjpg_streamer, ustreamer, webcamd
from soft_stream.web.middleware.prefix import WITHOUT_SLASH
from soft_stream.web.pages import pages
from soft_stream.web.request import READING, SUPERVISOR, parse_float
from soft_stream.web.streaming import handler as streams

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Words = Callable[[Mapping[str, str]], dict[str, str]]
"""Puts what an older program's query says into our words."""


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
        request.match_info["asked"] = f"{request.path}?{call}"
        return await CALLS[call](request)
    folder = request.path.rstrip("/").rpartition("/")[2]
    return await FILES.get(folder, pages.landing)(request)


@web.middleware
async def root_without_slash(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Take `/webcam?action=stream` for `/webcam/?action=stream`, as people type it."""
    is_missing = isinstance(request.match_info.http_exception, web.HTTPNotFound)
    if is_missing and WITHOUT_SLASH.fullmatch(request.path) and called(request.rel_url.raw_query_string):
        if request.method not in READING:
            raise web.HTTPMethodNotAllowed(request.method, READING)
        handler = root
    return await handler(request)


async def stream(request: web.Request, words: Words = dict) -> web.StreamResponse:
    """Answer with the stream."""
    return await streams.stream(_meaning(request, words(_fields_of(request))))


async def snapshot(request: web.Request, words: Words = dict) -> web.StreamResponse:
    """Answer with a frame of the stream, which is all that older programs have, unless the settings say more."""
    asked = words(_fields_of(request))
    usual = {"size": "stream"} if request.app[SUPERVISOR].settings.snapshot_size == "auto" else {}
    if "max_delay" in asked:  # camera-streamer's
        parse_float(_meaning(request, asked), "max_delay", 0, 0, snapshots.LONGEST_MS)
        usual["max_age_ms"] = asked["max_delay"]
    return await snapshots.snapshot(_meaning(request, usual | asked))


async def command(request: web.Request) -> web.StreamResponse:
    """Set a control."""
    return await mjpg_streamer.command(_meaning(request, _fields_of(request)))


def _fields_of(request: web.Request) -> dict[str, str]:
    return fields(request.rel_url.raw_query_string)


def _meaning(request: web.Request, meant: Mapping[str, str]) -> web.Request:
    """Note what a request means, where `query_of` looks; a clone would keep notes of its own from the middlewares."""
    request.match_info["query"] = urlencode(meant)
    return request


CALLS: Mapping[Call, Handler] = {
    Call.STREAM: stream,
    Call.SNAPSHOT: mjpg_streamer.named(snapshot),
    Call.COMMAND: mjpg_streamer.named(command),
    Call.WEBCAMD_STREAM: partial(stream, words=webcamd.turned),
    Call.WEBCAMD_SNAPSHOT: partial(snapshot, words=webcamd.turned),
    Call.WEBCAMD_INFO: webcamd.info,
}
FILES: Mapping[str, Handler] = {
    "stream.mjpg": streams.stream,
    "snapshot.jpg": snapshots.snapshot,
    "stream": stream,
    "snapshot": snapshot,
    "state": ustreamer.state,
    "status": camera_streamer.status,
}
"""What people ask for with a slash behind it."""
