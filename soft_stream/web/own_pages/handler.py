"""Answers of the owner's pages: at all paths that are not ours, and `index.html` for a folder."""

import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

from aiohttp import hdrs, web

from soft_stream.config.settings import Settings
from soft_stream.web.middleware.large_answers import LARGE
from soft_stream.web.own_pages.folder import Folder, OpenFile
from soft_stream.web.own_pages.transfers import Transfers
from soft_stream.web.request import READ_METHODS, SUPERVISOR

log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

TRANSFERS = web.AppKey("own_pages", Transfers)
# The path of the owner's own index.html; / and the paths of proxies are those of our page.
HOME = "www"
# The last second of the year 9999: file systems have later ones, and the header `Last-Modified` has not.
LATEST = 253_402_300_799
OURS = re.compile(r"cam[0-9]+|webcam[0-9]*")


def add_own_pages(app: web.Application, settings: Settings) -> None:
    """Serve the files of `www` at the paths that no route has."""
    if settings.www:
        app[TRANSFERS] = Transfers(Folder(Path(settings.www), settings.www_links.split()))
        app.middlewares.append(serve_own_pages)
        app.cleanup_ctx.append(_open_and_close)


async def _open_and_close(app: web.Application) -> AsyncIterator[None]:
    number, path = app[SUPERVISOR].settings.camera, app[TRANSFERS].folder.path
    app[TRANSFERS].check(
        lambda error: log.warning("cam%d_www=%s: no page of this folder is served: %s", number, path, error.strerror)
    )
    yield
    app[TRANSFERS].close()


@web.middleware
async def serve_own_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer with a file of the owner's folder where no route has the path."""
    is_missing = isinstance(request.match_info.http_exception, web.HTTPNotFound)
    if is_missing and request.method in READ_METHODS and (answer := await _serve(request)):
        return answer
    return await handler(request)


async def find_folder_page(request: web.Request) -> web.StreamResponse | None:
    """Return the `index.html` of the owner's folder that a path with a slash at its end names; None without one."""
    return await _serve(request) if TRANSFERS in request.app else None


async def _serve(request: web.Request) -> web.StreamResponse | None:
    raw = request.rel_url.raw_path.removeprefix("/")
    is_folder = raw.endswith("/") or not raw
    parts = [unquote(part, errors="surrogateescape") for part in raw.removesuffix("/").split("/")]
    if is_folder and OURS.fullmatch(parts[-1].lower()):
        return None
    if is_folder and parts[-1] == HOME:
        parts = []
    elif is_folder and parts == [""]:
        return None
    transfers = request.app[TRANSFERS]
    found = await transfers.find(parts, is_folder=is_folder)
    if found is None:
        return None
    if found.file is None:
        query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
        raise web.HTTPFound(f"./{quote(parts[-1], errors='surrogateescape')}/{query}")
    return await _answer(request, transfers, found.file)


async def _answer(request: web.Request, transfers: Transfers, file: OpenFile) -> web.StreamResponse:
    """Answer with a file, which this closes."""
    try:
        headers = _headers(request, file)
        if _is_known(request, file):
            os.close(file.descriptor)
            return web.Response(status=304, headers=headers)
        begin, size, status = _range(request, file)
    except BaseException:
        os.close(file.descriptor)
        raise
    headers |= {hdrs.CONTENT_TYPE: file.content_type, hdrs.ACCEPT_RANGES: "bytes"}
    if status == 206:
        headers[hdrs.CONTENT_RANGE] = f"bytes {begin}-{begin + size - 1}/{file.size}"
    if request.method == hdrs.METH_HEAD:
        os.close(file.descriptor)
        return web.Response(status=status, headers=headers | {hdrs.CONTENT_LENGTH: str(size)})
    if size <= LARGE:  # the file is closed before the client reads
        try:
            return web.Response(status=status, body=await transfers.read(file, begin, size), headers=headers)
        except OSError:
            raise web.HTTPServiceUnavailable(
                text="The file cannot be read, or was changed meanwhile.", headers={hdrs.RETRY_AFTER: "1"}
            ) from None
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = size
    await transfers.send(request, response, file, begin, size)
    return response


def _headers(request: web.Request, file: OpenFile) -> dict[str, str]:
    """Return the headers that an answer has with or without the content.

    The pages are those of the owner, who also writes the settings: their scripts may do what their user may. The policy
    names only who may embed them, as for our pages.
    """
    ancestors = " ".join(("'self'", *request.app[SUPERVISOR].settings.frame_ancestors))
    changed = datetime.fromtimestamp(min(file.changed_ns // 1_000_000_000, LATEST), UTC)
    return {
        hdrs.ETAG: f'"{file.etag}"',
        hdrs.LAST_MODIFIED: changed.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        hdrs.CACHE_CONTROL: "private, no-cache",
        "Content-Security-Policy": f"frame-ancestors {ancestors}",
        "Referrer-Policy": "same-origin",
    }


def _is_known(request: web.Request, file: OpenFile) -> bool:
    """Return True if the client has this content already."""
    if hdrs.IF_NONE_MATCH in request.headers:
        return any(each.value in (file.etag, "*") for each in request.if_none_match or ())
    since = request.if_modified_since
    return since is not None and file.changed_ns // 1_000_000_000 <= since.timestamp()


def _range(request: web.Request, file: OpenFile) -> tuple[int, int, int]:
    """Return the first byte, the number of bytes, and the status; several ranges are answered with the whole file.

    Raises:
        HTTPRequestRangeNotSatisfiable: the range begins behind the end.
    """
    whole = 0, file.size, 200
    match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", request.headers.get(hdrs.RANGE, ""), re.ASCII)
    if request.method != hdrs.METH_GET or not match or not any(match.groups()) or not _is_same(request, file):
        return whole  # RFC 9110, 14.2: only GET has ranges
    first, last = match.groups()
    if not first:
        begin, end = max(0, file.size - int(last)), file.size
    else:
        begin, end = int(first), min(file.size, int(last) + 1) if last else file.size
        if last and int(last) < begin:
            return whole  # RFC 9110, 14.1.1: it is invalid, so it is ignored
    if begin >= file.size:
        raise web.HTTPRequestRangeNotSatisfiable(
            text=f"The file has {file.size} bytes.", headers={hdrs.CONTENT_RANGE: f"bytes */{file.size}"}
        )
    return begin, end - begin, 206


def _is_same(request: web.Request, file: OpenFile) -> bool:
    """Return True unless `If-Range` names another content."""
    condition = request.headers.get(hdrs.IF_RANGE)
    if condition is None or condition == f'"{file.etag}"':
        return True
    return request.if_range is not None and request.if_range.timestamp() == file.changed_ns // 1_000_000_000
