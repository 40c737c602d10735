"""A thread that reads the newest picture of a server, so that older ones never wait in the socket."""

import asyncio
import threading
import time
from contextlib import suppress

from yarl import URL

from soft_stream.cameras.base import NoFrame, NotLive
from soft_stream.cameras.http import faults
from soft_stream.cameras.http.faults import HttpFault, Waits
from soft_stream.cameras.http.pictures import Notice, Picture, Pictures
from soft_stream.cameras.http.standstill import Standstill
from soft_stream.cameras.http.upstream import Upstream, make_trust, open_session
from soft_stream.config.settings import Settings
from soft_stream.message import Message, message_of

# Seconds that the thread may take to end; only the resolver of the system can hold it longer.
STOP_TIMEOUT = 2.0
# Seconds beyond `start_timeout` until an answer must begin: a server like this one says then why there is none.
PATIENCE = 2.0
# Seconds until the next picture, if the watchdog is switched off.
LONGEST_SILENCE = 30.0


class PictureReader:
    """Connects to a server again and again, from `start` to `stop`; keeps one picture, the newest."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._changed = threading.Condition()
        self._newest: Picture | None = None
        self.fault: HttpFault | None = None
        """What is wrong with the server, while it gives no picture."""
        self._reason = ""
        self._stopped = False
        self._waits = Waits()
        self._standstill = Standstill(settings.watchdog_timeout)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="http source", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and the connection."""
        with self._changed:
            loop, task, self._stopped = self._loop, self._task, True
        if loop and task:
            with suppress(RuntimeError):  # it has ended already
                loop.call_soon_threadsafe(task.cancel)
        if self._thread.ident:
            self._thread.join(STOP_TIMEOUT)

    def take(self, timeout: float) -> Picture:
        """Wait for a picture that was not taken yet.

        Raises:
            NotLive: there is none, and it is known why.
            NoFrame: there is none.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._newest, max(0.0, timeout))
            return self._taken(timeout)

    def take_first(self, timeout: float) -> Picture:
        """Wait for a picture as `take`, but not after the first fault."""
        with self._changed:
            self._changed.wait_for(lambda: self._newest or self.fault, max(0.0, timeout))
            return self._taken(timeout)

    def _taken(self, timeout: float) -> Picture:
        picture, self._newest = self._newest, None
        if picture:
            return picture
        if self._reason:
            raise NotLive(self._reason)
        raise NoFrame(Message("no_frame_in", "no frame within {seconds:g} s", seconds=timeout))

    def _run(self) -> None:
        with asyncio.Runner() as runner:
            with self._changed:
                if self._stopped:
                    return
                self._loop = runner.get_loop()
                self._task = self._loop.create_task(self._read())
            with suppress(asyncio.CancelledError):
                self._loop.run_until_complete(self._task)

    async def _read(self) -> None:
        try:
            # it reads files of the system for some milliseconds
            trusted = await asyncio.to_thread(make_trust, self._settings.url_certificate)
        except HttpFault as fault:
            self._report(message_of(fault), fault)
            return
        settings = self._settings
        async with open_session(trusted) as session:
            upstream = Upstream(settings.url, session, settings.start_timeout + PATIENCE, settings.relays)
            while True:
                try:
                    await self._read_one(upstream)
                except HttpFault as fault:
                    self._report(message_of(fault), fault)
                    await asyncio.sleep(self._waits.after(fault))

    async def _read_one(self, upstream: Upstream) -> None:
        """Read one answer to its end, which is the next picture's time if it is that of a snapshot."""
        asked_at = time.monotonic()
        silence = max(self._settings.watchdog_timeout or LONGEST_SILENCE, 2 / self._settings.fps)
        async with upstream.answer() as answer:
            pictures = Pictures(upstream.url, answer)
            try:
                async with asyncio.timeout(silence) as limit:
                    async for picture in pictures.read():
                        limit.reschedule(asyncio.get_running_loop().time() + silence)
                        self._take_in(picture)
            except TimeoutError:
                raise faults.silent(upstream.url, silence) from None
        await asyncio.sleep(max(0.0, asked_at + 1 / self._settings.fps - time.monotonic()))

    def _take_in(self, picture: Picture | Notice | None) -> None:
        self._waits.reset()
        if isinstance(picture, Notice):
            self._report(picture.why)
        elif picture and not picture.is_judged and self._standstill.is_reached(picture.data):
            self._report(message_of(faults.frozen(URL(self._settings.url), self._standstill.limit)))
        elif picture:
            with self._changed:
                self._newest, self.fault, self._reason = picture, None, ""
                self._changed.notify()

    def _report(self, why: str, fault: HttpFault | None = None) -> None:
        """Record why there is no live picture."""
        with self._changed:
            self._reason, self.fault = why, fault
            self._changed.notify()
