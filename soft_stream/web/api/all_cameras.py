"""`/cameras.json`: the status of all cameras, since pages may not read `/status.json` of another port."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web

from soft_stream.capture.status import State
from soft_stream.config.settings import Settings
from soft_stream.web.api.addresses import addresses_for
from soft_stream.web.api.status import build_status
from soft_stream.web.middleware.errors import json_response
from soft_stream.web.request import CAMERAS, SUPERVISOR, get_client_name

# Seconds after which another process counts as down; nginx waits 2 s for the answer about all cameras.
TIMEOUT = 1.2
# Seconds for which the answers are shared, so that many pages cause no more requests than one.
CACHE_TIME = 0.5
# The keys of `/status.json` that are copied.
CAMERA_KEYS = ("state", "state_since", "fault", "pause", "captured_fps")
FRAME_KEYS = ("width", "height", "age")
CLIENT_KEYS = ("sent", "sent_fps", "fps_max", "age")

Status = dict[str, Any]
"""The content of a `/status.json`."""


class OtherCameras:
    """The status of the other cameras, requested from all processes at once and shared by concurrent requests."""

    def __init__(self, http: ClientSession, cameras: Mapping[int, Settings]) -> None:
        self._http = http
        self._cameras = cameras
        self._requests: asyncio.Task[dict[int, Status | None]] | None = None
        self._requested_at = 0.0

    async def get_statuses(self) -> dict[int, Status | None]:
        """Return the status of each camera; None if its process does not answer."""
        now = time.monotonic()
        if self._requests is None or (self._requests.done() and now - self._requested_at > CACHE_TIME):
            self._requests, self._requested_at = asyncio.create_task(self._fetch_all(), name="other cameras"), now
        return await asyncio.shield(self._requests)  # a client that disconnects must not cancel it for the others

    async def close(self) -> None:
        """Cancel the requests that are running."""
        if self._requests:
            self._requests.cancel()
            await asyncio.wait([self._requests])

    async def _fetch_all(self) -> dict[int, Status | None]:
        requests = [self._fetch(number, settings.local_url) for number, settings in self._cameras.items()]
        return dict(zip(self._cameras, await asyncio.gather(*requests), strict=True))

    async def _fetch(self, number: int, url: str) -> Status | None:
        try:
            async with self._http.get(f"{url}/status.json", allow_redirects=False) as answer:
                status: Status = await answer.json() if answer.ok else {}
            _summarize(status, "")
            is_expected = status["camera"] == number and status["state"] in set(State)
        # no JSON or other content: the port belongs to another program, camera or release
        except (ClientError, TimeoutError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
            return None
        return status if is_expected else None


OTHER_CAMERAS = web.AppKey("other_cameras", OtherCameras)


async def open_other_cameras(app: web.Application) -> AsyncIterator[None]:
    """Keep an HTTP session to the other processes open while the application runs."""
    own = app[SUPERVISOR].settings.camera
    others = {number: settings for number, settings in app[CAMERAS].items() if number != own}
    # a new connection for each request: a kept one is dead after its process was restarted
    connector, timeout = TCPConnector(force_close=True), ClientTimeout(total=TIMEOUT)
    async with ClientSession(connector=connector, timeout=timeout, cookie_jar=DummyCookieJar()) as http:
        app[OTHER_CAMERAS] = other_cameras = OtherCameras(http, others)
        yield
        await other_cameras.close()


async def cameras(request: web.Request) -> web.Response:
    """Return the status of each camera; `?client=NAME` adds the statistics of the clients with that name."""
    supervisor, client = request.app[SUPERVISOR], get_client_name(request.query)
    statuses = await request.app[OTHER_CAMERAS].get_statuses() | {supervisor.settings.camera: build_status(request.app)}
    answer = []
    for address in addresses_for(request):
        settings, status = request.app[CAMERAS][address.number], statuses[address.number]
        place = asdict(address) | {"renditions": settings.renditions_max > 0, "close_after": settings.close_after}
        unreachable = {"state": "unreachable", "fault": f"no answer from {settings.local_url}"}
        answer.append(place | (_summarize(status, client) if status else unreachable))
    return json_response(answer)


def _summarize(status: Status, client: str) -> Status:
    """Return the part of a status that pages need; raise an error if it is not that of this release."""
    frame, clients = status["frame"], status["clients"]
    named = [(each["client"], {key: each[key] for key in CLIENT_KEYS}) for each in clients]
    return {key: status[key] for key in CAMERA_KEYS} | {
        "frame": frame and {key: frame[key] for key in FRAME_KEYS},
        "clients": len(clients),
        "own": [statistics for name, statistics in named if client and name == client],
    }
