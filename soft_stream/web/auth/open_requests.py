"""The requests that are being answered: they end when their clients may no longer make them."""

import asyncio
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from soft_stream.access.rights import Role
from soft_stream.config.text import one_line
from soft_stream.web.auth.identity import Ended, Identity
from soft_stream.web.request import MAX_PATH, get_peer
from soft_stream.web.url_secrets import without_secrets

log = logging.getLogger(__name__)

# Seconds between two looks at the wall clock while a login has an end: the clock may be set meanwhile.
CHECK_INTERVAL = 1.0
# The key of the reason for which a request was ended; aiohttp has typed keys for it since 3.14, and warns of others.
END_REASON: Any = web.RequestKey("end_reason", str) if hasattr(web, "RequestKey") else "end_reason"


@dataclass(eq=False, frozen=True)
class OpenRequest:
    """A request that is being answered."""

    request: web.Request
    identity: Identity
    needs: Role


class OpenRequests:
    """All requests of clients that need a role; `role_now` returns the role that a client has now, or raises Ended."""

    def __init__(self, role_now: Callable[[web.Request, Identity], Role]) -> None:
        self._role_now = role_now
        self._open: dict[OpenRequest, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @contextmanager
    def entered(self, request: web.Request, identity: Identity, needs: Role) -> Iterator[None]:
        """End the request when its client has no longer the role that it needs."""
        each = OpenRequest(request, identity, needs)
        self._open[each] = None
        self._start_timer()
        try:
            yield
        finally:
            del self._open[each]

    def check(self) -> None:
        """End the requests whose clients may no longer make them."""
        for each in [*self._open]:
            try:
                role = self._role_now(each.request, each.identity)
            except Ended as reason:
                _end(each, one_line(str(reason)))
            else:
                if role < each.needs:
                    _end(each, f"the {each.identity} now has the role {role}")

    def close(self) -> None:
        """Stop the timer."""
        if self._timer:
            self._timer.cancel()

    def _start_timer(self) -> None:
        if self._timer is None and any(each.identity.expires_at < math.inf for each in self._open):
            self._timer = asyncio.get_running_loop().call_later(CHECK_INTERVAL, self._check_time)

    def _check_time(self) -> None:
        self._timer = None
        self.check()
        self._start_timer()


def _end(each: OpenRequest, reason: str) -> None:
    """Close the connection of a request; aiohttp then cancels its handler."""
    if END_REASON in each.request:  # it ends already
        return
    each.request[END_REASON] = reason
    peer, path = get_peer(each.request), one_line(without_secrets(each.request.path)[:MAX_PATH])
    log.info("Ended %s %s of %s: %s", each.request.method, path, peer, reason)
    if each.request.transport:
        each.request.transport.abort()  # close() would wait until the client has read the rest
