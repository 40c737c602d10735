"""Failed logins by password: the first ones of a client are answered at once, the next ones slowly, then it is banned.

The client is an IPv4 address or an IPv6 network of 64 bits, because a host may use any address of its network. A ban
is only for logins that must be verified. A session, a token and a password that was right before are never refused, so
that an attacker behind the same router or proxy locks out no client that is logged in.
"""

import asyncio
import logging
import math
import time
from dataclasses import dataclass, field

from aiohttp import hdrs, web

from soft_stream.web.request import network_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoginLimits:
    """The limits of one client; times are in seconds."""

    free: int = 5
    """Failed logins after which the next ones are slowed."""
    most: int = 10
    """Failed logins within `window` after which the client is banned."""
    window: float = 600.0
    first_delay: float = 1.0
    """Between the first two slowed logins; then twice as much each time."""
    longest_delay: float = 8.0
    patience: float = 30.0
    """The longest time that a login waits for its turn."""
    first_ban: float = 60.0
    """Each further ban takes twice as long."""
    longest_ban: float = 3600.0
    bans_kept: float = 86400.0
    """Without a failed login for this time, the next ban takes `first_ban` again."""
    waiting: int = 128
    """Logins of one client that may wait for their turn; each is a connection, and these are limited as well."""
    lines: int = 30
    """Lines of one client within `lines_window` about logins that do not count, so that it hides no lines of others."""
    lines_window: float = 10.0
    clients: int = 4096
    """Clients that are remembered; if there are more, a quarter is forgotten, and bans last."""


@dataclass(eq=False)
class Record:
    """The logins of one client; all times are monotonic seconds."""

    attempts: list[float] = field(default_factory=list)
    """When logins began that have failed, or are being verified."""
    running: int = 0
    """How many of these are being verified."""
    failed_at: float = float("-inf")
    banned_until: float = float("-inf")
    bans: int = 0
    waiting: int = 0
    logged: list[float] = field(default_factory=list)
    """When lines were written about logins that do not count."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a login was right or a ban has begun; then replaced."""
    ban_end: asyncio.TimerHandle | None = None

    def notify(self) -> None:
        """Wake the logins that wait."""
        self.changed.set()
        self.changed = asyncio.Event()


class FailedLogins:
    """Counts the failed logins of each client, in memory: each camera's process for itself.

    Around each verification of a password, call:

        await failed_logins.wait_or_refuse(client)
        ...  # verify; finish also if the client disconnects meanwhile
        failed_logins.succeeded(client)  # or .failed(client, "wrong password of user anna")

    `client` is the address as `get_peer` returns it. Do not call `wait_or_refuse` for a session, a token, or a
    name and password that were right before (a digest of them is known), also if they have to be verified again. Call
    only `failed(..., counts=False)` for a wrong token, which cannot be guessed. For a wrong password that needs no
    further verification, call `refuse_if_banned` before it.
    """

    def __init__(self, limits: LoginLimits = LoginLimits()) -> None:
        self._limits = limits
        self._records: dict[str, Record] = {}
        """The last one had the last login."""

    async def wait_or_refuse(self, client: str, *, may_wait: bool = True) -> None:
        """Wait until a login of a client may be verified, and count it as failed until `succeeded` is called.

        Raises:
            HTTPTooManyRequests: the client is banned, too many of its logins wait, or this one must not wait.
        """
        network = network_of(client)
        record = self._newest(network)
        deadline = time.monotonic() + self._limits.patience
        while (seconds := self._seconds_to_wait(record, network)) > 0:
            if not may_wait or record.waiting >= self._limits.waiting or time.monotonic() > deadline:
                raise _too_many(f"Too many logins of {network} wait to be verified.", self._limits.longest_delay)
            record.waiting += 1
            try:
                async with asyncio.timeout(seconds):
                    await record.changed.wait()
            except TimeoutError:
                pass
            finally:
                record.waiting -= 1
        record.attempts.append(time.monotonic())
        record.running += 1

    def refuse_if_banned(self, client: str) -> None:
        """Raise HTTPTooManyRequests during a ban of a client."""
        network = network_of(client)
        if (record := self._records.get(network)) and (rest := record.banned_until - time.monotonic()) > 0:
            raise _too_many(f"Logins of {network} are refused after too many failed ones.", rest)

    def was_banned(self, client: str) -> bool:
        """Return whether a ban of a client is remembered, so that the next one takes longer."""
        record = self._records.get(network_of(client))
        return record is not None and record.bans > 0

    def failed(self, client: str, what: str, *, counts: bool = True) -> None:
        """Log a failed login, in the form that fail2ban reads, and ban the client if there were too many.

        `what` says what was wrong, and never has a secret: also the name of an unknown user may be a password.
        """
        network = network_of(client)
        if not counts and not self._may_log(network):
            return
        log.warning("Login failed from %s: %s", client.partition("%")[0], what)
        record = self._records.get(network)
        if not counts or not record:
            return
        record.failed_at = time.monotonic()
        record.running = max(0, record.running - 1)
        if not record.ban_end and len(record.attempts) - record.running >= self._limits.most:
            self._ban(network, record)

    def succeeded(self, client: str) -> None:
        """Take back what `wait_or_refuse` has counted; other failed logins of the client stay counted."""
        network = network_of(client)
        record = self._records.get(network)
        if record:
            record.running = max(0, record.running - 1)
        if record and record.attempts and not record.ban_end:
            record.attempts.pop()
            record.notify()
            if not (record.attempts or record.bans or record.waiting):
                del self._records[network]

    def _may_log(self, network: str) -> bool:
        """Return whether a client has not had too many lines about logins that do not count; count this one."""
        record, now = self._newest(network), time.monotonic()
        record.logged = [each for each in record.logged if now - each < self._limits.lines_window]
        if len(record.logged) >= self._limits.lines:
            return False
        record.logged.append(now)
        return True

    def _newest(self, network: str) -> Record:
        """Return the record of a client, which is the last one now."""
        record = self._records.pop(network, None)
        if record is None and len(self._records) >= self._limits.clients:
            self._forget()
        self._records[network] = record or Record()
        return self._records[network]

    def _forget(self) -> None:
        """Forget a quarter of the clients: those with the fewest failed logins, the oldest ones of these.

        So an attacker with many addresses cannot push out a ban with a login from each, which costs nothing.
        """

        def weight(network: str) -> tuple[float, int, int]:
            record = self._records[network]
            return record.banned_until, record.bans, len(record.attempts)

        for network in sorted(self._records, key=weight)[: self._limits.clients // 4 + 1]:
            if self._records[network].ban_end:
                self._end_ban(network)
            del self._records[network]

    def _seconds_to_wait(self, record: Record, network: str) -> float:
        """Return the seconds until a login of a client may be verified; raise HTTPTooManyRequests during a ban."""
        self.refuse_if_banned(network)
        now, limits = time.monotonic(), self._limits
        if now - record.failed_at > limits.bans_kept:
            record.bans = 0
        record.attempts = [each for each in record.attempts if now - each < limits.window]
        if (count := len(record.attempts)) < limits.free:
            return 0.0
        if count >= limits.most:  # the last one is being verified
            return limits.patience
        delay = min(limits.first_delay * 2.0 ** (count - limits.free), limits.longest_delay)
        return record.attempts[-1] + delay - now

    def _ban(self, network: str, record: Record) -> None:
        """Refuse the logins of a client for a while."""
        limits = self._limits
        seconds = min(limits.first_ban * 2.0 ** min(record.bans, 32), limits.longest_ban)
        record.bans += 1
        record.banned_until = time.monotonic() + seconds
        record.ban_end = asyncio.get_running_loop().call_later(seconds, self._end_ban, network)
        log.warning("Logins of %s are refused for %.0f s, after %d failed ones", network, seconds, limits.most)
        record.notify()

    def _end_ban(self, network: str) -> None:
        """Accept logins of a client again, slowly; its bans stay counted."""
        record = self._records[network]
        record.banned_until = float("-inf")
        record.attempts = [time.monotonic()] * self._limits.free
        if record.ban_end:
            record.ban_end.cancel()
            record.ban_end = None
        log.warning("Logins of %s are accepted again", network)


def _too_many(sentence: str, seconds: float) -> web.HTTPTooManyRequests:
    wait = max(1, math.ceil(seconds))
    return web.HTTPTooManyRequests(text=f"{sentence} Retry in {wait} s.", headers={hdrs.RETRY_AFTER: str(wait)})
