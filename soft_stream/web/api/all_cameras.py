"""`/cameras.json`: what all cameras do, for pages that may not read another port's `/status.json`; it opens none."""

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
from soft_stream.web.middleware.errors import NO_STORE
from soft_stream.web.request import CAMERAS, SUPERVISOR, get_client_name

# A process that does not answer within so many seconds is as good as down; nginx waits 2 s for the answer with all.
PATIENCE = 1.2
# Everybody who asks within so many seconds gets the same answers: many pages are no more work than one.
FRESH = 0.5
TOLD = ("state", "state_since", "fault", "pause", "captured_fps")
TOLD_OF_FRAME = ("width", "height", "age")
TOLD_OF_CLIENT = ("sent", "sent_fps", "fps_max", "age")

Facts = dict[str, Any]
"""What a process says in its `/status.json`."""


class Neighbours:
    """The processes of the other cameras, asked all at once, and once for all who want to know."""

    def __init__(self, http: ClientSession, cameras: Mapping[int, Settings]) -> None:
        self._http = http
        self._cameras = cameras
        self._round: asyncio.Task[dict[int, Facts | None]] | None = None
        self._began = 0.0

    async def facts(self) -> dict[int, Facts | None]:
        """Return what each of them says; None of one that does not answer."""
        now = time.monotonic()
        if self._round is None or (self._round.done() and now - self._began > FRESH):
            self._round, self._began = asyncio.create_task(self._ask_all(), name="neighbours"), now
        return await asyncio.shield(self._round)  # who leaves does not take it from the others

    async def end(self) -> None:
        """Ask no more."""
        if self._round:
            self._round.cancel()
            await asyncio.wait([self._round])

    async def _ask_all(self) -> dict[int, Facts | None]:
        questions = [self._ask(number, settings.local_url) for number, settings in self._cameras.items()]
        return dict(zip(self._cameras, await asyncio.gather(*questions), strict=True))

    async def _ask(self, number: int, url: str) -> Facts | None:
        try:
            async with self._http.get(f"{url}/status.json", allow_redirects=False) as answer:
                facts: Facts = await answer.json() if answer.ok else {}
            _told(facts, "")
            is_it = facts["camera"] == number and facts["state"] in set(State)
        # no JSON, or not like ours: another program, another camera, or another release has the port
        except (ClientError, TimeoutError, ValueError, RecursionError, LookupError, TypeError, AttributeError):
            return None
        return facts if is_it else None


NEIGHBOURS = web.AppKey("neighbours", Neighbours)


async def asked(app: web.Application) -> AsyncIterator[None]:
    """Have a session for the questions to the others while the application runs."""
    own = app[SUPERVISOR].settings.camera
    others = {number: settings for number, settings in app[CAMERAS].items() if number != own}
    # a connection for each question: one that was kept is dead when its process was restarted meanwhile
    connector, timeout = TCPConnector(force_close=True), ClientTimeout(total=PATIENCE)
    async with ClientSession(connector=connector, timeout=timeout, cookie_jar=DummyCookieJar()) as http:
        app[NEIGHBOURS] = neighbours = Neighbours(http, others)
        yield
        await neighbours.end()


async def cameras(request: web.Request) -> web.Response:
    """Answer with what each camera does; `?client=NAME` adds what the clients of that name get there."""
    supervisor, client = request.app[SUPERVISOR], get_client_name(request.query)
    known = await request.app[NEIGHBOURS].facts() | {supervisor.settings.camera: build_status(request.app)}
    answer = []
    for address in addresses_for(request):
        settings, facts = request.app[CAMERAS][address.number], known[address.number]
        place = asdict(address) | {"renditions": settings.renditions_max > 0, "close_after": settings.close_after}
        unreachable = {"state": "unreachable", "fault": f"nothing answers at {settings.local_url}"}
        answer.append(place | (_told(facts, client) if facts else unreachable))
    return web.json_response(answer, headers=NO_STORE)


def _told(facts: Facts, client: str) -> Facts:
    """Return what a page needs to know of what a process says."""
    frame, clients = facts["frame"], facts["clients"]
    named = [(each["client"], {key: each[key] for key in TOLD_OF_CLIENT}) for each in clients]
    return {key: facts[key] for key in TOLD} | {
        "frame": frame and {key: frame[key] for key in TOLD_OF_FRAME},
        "clients": len(clients),
        "own": [what for name, what in named if client and name == client],
    }
