"""How many requests that cost much one client may send: bursts, and then a number each second (token bucket).

A request too many waits for its turn, so that programs that send one after the other are slowed and never refused.
The client is an IPv4 address or an IPv6 network of 64 bits, whatever name it gives itself. The limits are far above
what pages, OctoPrint, Octolapse and home automation send, so there is no setting for them.
"""

import asyncio
import logging
import math
import time
from dataclasses import dataclass

from aiohttp import hdrs, web

from soft_stream.message import Message, message_header
from soft_stream.web.request import get_peer, network_of

log = logging.getLogger(__name__)

# Clients that are remembered for each rate; then a quarter is forgotten, those with the fewest requests first.
MAX_CLIENTS = 4096
# Seconds without a refusal after which the next one is logged again.
QUIET = 60.0
# Seconds that a request waits for its turn; programs wait at least five for a snapshot.
PATIENCE = 3.0


@dataclass(frozen=True)
class Rate:
    """A limit for the requests of one kind."""

    what: str
    per_second: float
    burst: int
    """Requests that may be sent at once, after a pause of `burst` / `per_second` seconds."""


# A page polls snapshots like a stream where the browser shows none. Stills beside a stream are paced for all clients
# together (`capture/stills.py`, `capture/still_pacing.py`).
STILLS = Rate(Message("rate_stills", "full-size stills"), 30, 300)
FOCUS = Rate(Message("rate_focus", "autofocus cycles"), 2, 20)
# Also pauses and their ends.
ARM = Rate(Message("rate_arm", "requests that open or close the camera"), 5, 200)
# A slider that is dragged sends one request for each event of the browser, 60 to 144 each second.
CONTROLS = Rate(Message("rate_controls", "changes of controls"), 150, 600)
# Each one changes what all clients see.
ZOOM = Rate(Message("rate_zoom", "zooms for everybody"), 2, 40)
# How many of these changes one costs that is kept, since it writes to the disk.
KEEP_COST = 30
# Each may open the camera again, and writes to the disk.
SETTINGS_RATE = Rate(Message("rate_settings", "changes of settings"), 1, 30)
# `auth/failed_logins.py` limits the wrong ones.
LOGIN = Rate("logins", 5, 100)
# Of one user, by the form: each session that a logout ends is kept for a month.
SESSIONS = Rate("sessions of one user", 0.02, 300)


@dataclass
class Bucket:
    """The requests of one client; times are monotonic seconds."""

    full_at: float = 0.0
    """When a whole burst may be sent again, if no request is sent before."""
    refused_at: float = float("-inf")


class RequestRates:
    """The buckets of all clients."""

    def __init__(self) -> None:
        self._buckets: dict[Rate, dict[str, Bucket]] = {}

    def spend(self, client: str, rate: Rate, cost: int = 1) -> float:
        """Count a request of a client, and return the seconds that it must wait.

        Raises:
            HTTPTooManyRequests: it has sent too many.
        """
        buckets, now = self._buckets.setdefault(rate, {}), time.monotonic()
        if client not in buckets and len(buckets) >= MAX_CLIENTS:
            for each in sorted(buckets, key=lambda each: buckets[each].full_at)[: MAX_CLIENTS // 4]:
                del buckets[each]
        bucket = buckets.setdefault(client, Bucket())
        full_at = max(bucket.full_at, now) + cost / rate.per_second
        seconds = full_at - now - rate.burst / rate.per_second
        if seconds <= PATIENCE:
            bucket.full_at = full_at
            return max(0.0, seconds)
        template = "Too many {what}: one client may send {rate:g} a second."
        sentence = Message("too_many", template, what=rate.what, rate=rate.per_second)
        if now - bucket.refused_at > QUIET:
            log.warning("Refused a request of %s: %s", client, sentence)
        bucket.refused_at = now
        wait = math.ceil(seconds)
        text = Message("retry_in", "{sentence} Retry in {seconds} s.", sentence=sentence, seconds=wait)
        headers = {hdrs.RETRY_AFTER: str(wait)} | message_header(text)
        raise web.HTTPTooManyRequests(text=text, headers=headers)


REQUEST_RATES = web.AppKey("request_rates", RequestRates)


async def limit_rate(request: web.Request, rate: Rate, cost: int = 1) -> None:
    """Count a request that costs much, and wait for its turn; raise HTTPTooManyRequests if that takes too long."""
    if seconds := request.app[REQUEST_RATES].spend(network_of(get_peer(request)), rate, cost):
        await asyncio.sleep(seconds)
