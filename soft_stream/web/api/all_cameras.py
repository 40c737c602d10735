"""`/cameras.json`: the status of all cameras, since pages may not read `/status.json` of another port."""

import asyncio
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, hdrs, web

from soft_stream.access.internal import make_token
from soft_stream.capture.status import State
from soft_stream.config.settings import Settings
from soft_stream.frames.clock import unix_time
from soft_stream.message import Message, describe
from soft_stream.web.api.addresses import addresses_for
from soft_stream.web.api.status import build_status
from soft_stream.web.auth.guard import GUARD, Guard
from soft_stream.web.middleware.errors import json_response
from soft_stream.web.request import CAMERAS, SUPERVISOR, get_client_name

# Seconds after which another process counts as down; nginx waits 2 s for the answer about all cameras.
TIMEOUT = 1.2
# Seconds to wait for a process that did not answer the last time; its request goes on meanwhile.
SHORT_TIMEOUT = 0.2
# Seconds for which the answers are shared, so that many pages cause no more requests than one.
CACHE_TIME = 0.5
# Bytes of another process's answer, whose port may belong to another program. A client is up to 500 bytes of it.
MAX_ANSWER = 256 * 1024
# Characters of a text from it, and the values and the depth of a message.
MAX_TEXT, MAX_VALUES, MAX_DEPTH = 500, 10, 5

Status = dict[str, Any]
"""What pages need of a `/status.json`."""
Parse = Callable[[Any], Any]
"""Returns a value of a status; raises TypeError, or another error, if it has another type."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value[:MAX_TEXT].encode(errors="replace").decode()  # JSON may have halves of surrogate pairs


def _number(value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError
    return value


def _whole_number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return int(_number(value))


def _optional(parse: Parse) -> Parse:
    return lambda value: None if value is None else parse(value)


def _object(**keys: Parse) -> Parse:
    return lambda value: {key: parse(value[key]) for key, parse in keys.items()}


def _objects(**keys: Parse) -> Parse:
    parse = _object(**keys)

    def parse_all(value: Any) -> list[Any]:
        if not isinstance(value, list):
            raise TypeError
        return [parse(each) for each in value]

    return parse_all


def _message(value: Any, depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return the code and the values of a sentence: numbers, texts, and further messages."""
    if not depth or len(value["values"]) > MAX_VALUES:
        raise TypeError
    return {"code": _text(value["code"]), "values": {_text(k): _value(v, depth) for k, v in value["values"].items()}}


def _value(value: Any, depth: int) -> Any:
    if isinstance(value, dict):
        return _message(value, depth - 1)
    return _text(value) if isinstance(value, str) else _number(value)


def _pause(value: Any) -> dict[str, Any]:
    """Return who has a camera; an older release knows only the `owner`."""
    newer = {key: _text(value.get(key, "")) for key in ("kind", "name", "address", "user")}
    return {"owner": _text(value["owner"]), **newer, "since": _number(value["since"]), "until": _number(value["until"])}


# Only these keys are copied.
STATUS = _object(
    camera=_whole_number,
    state=State,
    state_since=_number,
    fault=_text,
    fault_message=_optional(_message),
    pause=_optional(_pause),
    captured_fps=_number,
    frame=_optional(_object(width=_whole_number, height=_whole_number, age=_number)),
    clients=_objects(client=_text, sent=_whole_number, sent_fps=_number, fps_max=_number, age=_optional(_number)),
)
THUMBNAIL = _optional(_object(age=_number))


def _parse(value: Any) -> Status:
    """Return what pages need of a status.

    That of an older release has no `thumbnail`, and no `/thumbnail.jpg`. Its sentences have no codes.
    """
    status: Status = STATUS({"fault_message": None} | value)
    return status | {"thumbnail": THUMBNAIL(value["thumbnail"])} if "thumbnail" in value else status


class OtherCameras:
    """The status of the other cameras, requested from all processes at once and shared by concurrent requests.

    A process that did not answer the last time is waited for only shortly, so that it delays no other camera.
    """

    def __init__(self, http: ClientSession, cameras: Mapping[int, Settings], guard: Guard) -> None:
        self._http = http
        self._guard = guard
        self._cameras = cameras
        self._requests: asyncio.Task[dict[int, Status | None]] | None = None
        self._requested_at = 0.0
        self._running: dict[int, asyncio.Task[Status | None]] = {}
        self._silent = set[int]()

    async def get_statuses(self) -> dict[int, Status | None]:
        """Return the status of each camera; None if its process does not answer."""
        now = time.monotonic()
        if self._requests is None or (self._requests.done() and now - self._requested_at > CACHE_TIME):
            self._requests, self._requested_at = asyncio.create_task(self._fetch_all(), name="other cameras"), now
        return await asyncio.shield(self._requests)  # a client that disconnects must not cancel it for the others

    async def close(self) -> None:
        """Cancel the requests that are running."""
        for each in (tasks := [*self._running.values(), *filter(None, [self._requests])]):
            each.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _fetch_all(self) -> dict[int, Status | None]:
        for number, task in self._running.items():
            if task.done() and task.result():  # it has answered in the meantime
                self._silent.discard(number)
        tasks = {number: self._request(number) for number in self._cameras}
        patient = [task for number, task in tasks.items() if number not in self._silent]
        if patient:
            await asyncio.wait(patient)
        if len(patient) < len(tasks):
            await asyncio.wait(tasks.values(), timeout=SHORT_TIMEOUT)
        answers = {number: task.result() if task.done() else None for number, task in tasks.items()}
        self._silent = {number for number, status in answers.items() if status is None}
        return answers

    def _request(self, number: int) -> "asyncio.Task[Status | None]":
        """Return the request to a process that is still running, or a new one."""
        task = self._running.get(number)
        if task is None or task.done():
            task = asyncio.create_task(self._fetch(number, self._cameras[number].local_url), name=f"camera {number}")
            self._running[number] = task
        return task

    async def _fetch(self, number: int, url: str) -> Status | None:
        try:
            # a compressed answer could be of any size
            login = make_token(self._guard.key, unix_time(time.monotonic()), [number])
            headers = {hdrs.ACCEPT_ENCODING: "identity", hdrs.AUTHORIZATION: f"Bearer {login}"}
            async with self._http.get(f"{url}/status.json", headers=headers, allow_redirects=False) as answer:
                status = _parse(json.loads(await _read(answer)))
        # no JSON or other content: the port belongs to another program, camera or release
        except (
            ClientError,
            TimeoutError,
            ValueError,
            RecursionError,
            LookupError,
            TypeError,
            AttributeError,
            OverflowError,
        ):
            return None
        return status if status["camera"] == number else None


async def _read(answer: ClientResponse) -> bytes:
    """Return the body of an answer.

    Raises:
        ValueError: it is an error, or too long.
    """
    if not answer.ok:
        raise ValueError(answer.status)
    body = bytearray()
    async for piece in answer.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER:
            raise ValueError(len(body))
    return bytes(body)


OTHER_CAMERAS = web.AppKey("other_cameras", OtherCameras)


async def open_other_cameras(app: web.Application) -> AsyncIterator[None]:
    """Keep an HTTP session to the other processes open while the application runs."""
    own = app[SUPERVISOR].settings.camera
    others = {number: settings for number, settings in app[CAMERAS].items() if number != own}
    # a new connection for each request: a kept one is dead after its process was restarted
    connector, timeout = TCPConnector(force_close=True), ClientTimeout(total=TIMEOUT)
    async with ClientSession(
        connector=connector, timeout=timeout, cookie_jar=DummyCookieJar(), auto_decompress=False
    ) as http:
        app[OTHER_CAMERAS] = other_cameras = OtherCameras(http, others, app[GUARD])
        yield
        await other_cameras.close()


async def cameras(request: web.Request) -> web.Response:
    """Return the status of each camera that the client may see.

    `?client=NAME` adds the statistics of the clients with that name.
    """
    supervisor, client = request.app[SUPERVISOR], get_client_name(request.query)
    own = _parse(build_status(request.app))
    statuses = await request.app[OTHER_CAMERAS].get_statuses() | {supervisor.settings.camera: own}
    # all processes of a machine have the same monotonic clock; it is read now, because the statuses may be cached
    answer, now = [], round(time.monotonic(), 3)
    for address in addresses_for(request):
        settings, status = request.app[CAMERAS][address.number], statuses[address.number]
        place = asdict(address) | {
            "renditions": settings.renditions_max > 0,
            "close_after": settings.close_after,
            "monotonic": now,
        }
        fault = Message("no_answer_from", "no answer from {url}", url=settings.local_url)
        unreachable = {"state": "unreachable", "fault": fault, "fault_message": describe(fault)}
        answer.append(place | (_summarize(status, client) if status else unreachable))
    return json_response(answer)


def _summarize(status: Status, client: str) -> Status:
    """Return a status with the number of clients, and the statistics of those with the name `client`."""
    named = [dict(each) for each in status["clients"] if client and each["client"] == client]
    for each in named:
        del each["client"]
    facts = {key: value for key, value in status.items() if key != "camera"}
    return facts | {"clients": len(status["clients"]), "own": named}
