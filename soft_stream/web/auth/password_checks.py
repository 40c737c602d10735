"""Verifies passwords beside the event loop, two at a time, and remembers for ten minutes what was verified.

A hash takes a tenth of a second, and several on a small Raspberry Pi. Frames must flow meanwhile.
"""

import asyncio
import hashlib
import logging
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from aiohttp import hdrs, web

from soft_stream.access.passwords import is_password
from soft_stream.web.auth.failed_logins import FailedLogins
from soft_stream.web.auth.memory import Memory
from soft_stream.web.request import network_of

log = logging.getLogger(__name__)

THREADS = 2
# Verifications that run or wait. `FailedLogins` limits those of one client.
MAX_RUNNING = 64
# Seconds.
RETRY_AFTER = 5
# How many times the same wrong password of a client counts as a failed login. A program whose password was changed
# sends it again and again, and guesses nothing: it must not ban its address for ever. So after a first ban, repeated
# passwords do not count, nor those that are sent although no login is needed.
MAX_COUNTED = 10


@dataclass(frozen=True)
class Attempt:
    """A password that a client has sent."""

    client: str
    name: str
    password: str
    hash: str
    """Of the user, or of another one if there is no such user."""
    what: str
    """What was wrong if it is wrong, for the log."""
    is_known: bool
    """Whether there is such a user."""
    is_needed: bool = True
    """Whether it waits for its turn after failed logins."""
    is_counted: bool = True
    """Whether it counts as a failed login until it is right."""


class PasswordChecks:
    """Verifies passwords; equal attempts at the same time share one verification."""

    def __init__(self, failed_logins: FailedLogins, clock: Callable[[], float] = time.monotonic) -> None:
        self._failed_logins = failed_logins
        self._key = os.urandom(32)
        self._threads = ThreadPoolExecutor(THREADS, "password")
        self._right, self._wrong = Memory(clock), Memory(clock)
        self._once_right = Memory(clock, float("inf"))
        """What is verified again, but never refused because of the failed logins of others at the same address."""
        self._running: dict[bytes, Future[bool]] = {}
        self._waiting: Counter[bytes] = Counter()

    async def is_right(self, attempt: Attempt) -> bool:
        """Return whether a password is right.

        Raises:
            HTTPTooManyRequests: the client has sent too many wrong passwords.
            HTTPServiceUnavailable: too many verifications wait.
        """
        digest = self._digest(attempt.name, attempt.password, attempt.hash)
        known = self._recall(attempt, digest)
        if known is not None:
            return known
        if digest not in self._running:
            attempt = replace(attempt, is_counted=digest not in self._once_right)
            self._refuse_if_full(attempt)
            if attempt.is_counted:
                await self._failed_logins.wait_or_refuse(attempt.client, may_wait=attempt.is_needed)
            known = self._begin(attempt, digest)
            if known is not None:
                return known
        return await self._wait(attempt, digest)

    def recall_wrong_token(self, client: str, secret: str) -> bool:
        """Return whether a client has sent a wrong token within the last ten minutes; remember it."""
        digest = self._digest(network_of(client), secret)
        is_known = digest in self._wrong
        self._wrong.add(digest)
        return is_known

    def forget(self) -> None:
        """Forget everything, because the users have changed."""
        self._right.clear()
        self._wrong.clear()

    async def close(self) -> None:
        """End the threads; what waits is not verified."""
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def _recall(self, attempt: Attempt, digest: bytes) -> bool | None:
        """Return what a verification within the last ten minutes has found; None without one.

        What was wrong is remembered for its client only: a quick answer must not reveal what others have tried.
        """
        if digest in self._right:
            return True
        if digest in self._once_right:
            return None
        wrong, client = self._digest(network_of(attempt.client), digest.hex()), attempt.client
        counted = MAX_COUNTED if attempt.is_needed and not self._failed_logins.was_banned(client) else 1
        if self._wrong.count(wrong) < counted:
            return None
        self._wrong.add(wrong)
        self._failed_logins.refuse_if_banned(client)
        if attempt.is_needed:
            self._failed_logins.failed(client, attempt.what, counts=False)
        return False

    def _refuse_if_full(self, attempt: Attempt) -> None:
        """Raise HTTPServiceUnavailable if too many verifications wait; what was right before always has a place."""
        if attempt.is_counted and len(self._running) >= MAX_RUNNING:
            headers = {hdrs.RETRY_AFTER: str(RETRY_AFTER)}
            raise web.HTTPServiceUnavailable(text="Too many logins are being verified.", headers=headers)

    def _begin(self, attempt: Attempt, digest: bytes) -> bool | None:
        """Begin a verification, whose result counts also if the client disconnects; return a result that is known.

        An equal attempt may have begun or ended while this one waited for its turn.
        """
        has_begun = False
        try:
            known = self._recall(attempt, digest)
            if known is None and digest not in self._running:
                self._refuse_if_full(attempt)
                loop = asyncio.get_running_loop()
                running = self._running[digest] = self._threads.submit(is_password, attempt.password, attempt.hash)
                running.add_done_callback(lambda each: loop.call_soon_threadsafe(self._settle, attempt, digest, each))
                has_begun = True
        finally:
            if not has_begun:  # nothing is verified for it
                self._take_back(attempt)
        return known

    async def _wait(self, attempt: Attempt, digest: bytes) -> bool:
        """Wait for the verification of an attempt."""
        running = self._running[digest]
        self._waiting[digest] += 1
        try:
            is_right = await asyncio.shield(asyncio.wrap_future(running))
        finally:
            self._waiting[digest] -= 1
            if not self._waiting[digest] and running.cancel():  # it has not begun
                del self._running[digest]
            self._waiting = +self._waiting  # without the zeros
        return is_right and attempt.is_known

    def _settle(self, attempt: Attempt, digest: bytes, ended: Future[bool]) -> None:
        """Remember and count the result of a verification."""
        if ended.cancelled():  # nothing was verified
            self._take_back(attempt)
            return
        del self._running[digest]
        if error := ended.exception():
            log.error("A password cannot be verified: %s", error)
            self._take_back(attempt)
        elif ended.result() and attempt.is_known:
            self._right.add(digest)
            self._once_right.add(digest)
            self._take_back(attempt)
        else:
            self._wrong.add(self._digest(network_of(attempt.client), digest.hex()))
            self._failed_logins.failed(attempt.client, attempt.what, counts=attempt.is_counted)

    def _take_back(self, attempt: Attempt) -> None:
        if attempt.is_counted:
            self._failed_logins.succeeded(attempt.client)

    def _digest(self, *parts: str) -> bytes:
        """Return a keyed digest; the parts have lengths, so that no other parts have the same digest."""
        encoded = [part.encode(errors="surrogatepass") for part in parts]
        data = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
        return hashlib.blake2b(data, key=self._key, digest_size=32).digest()
