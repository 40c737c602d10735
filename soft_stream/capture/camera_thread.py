"""The one thread that touches the camera."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from soft_stream.cameras.base import CameraHung
from soft_stream.capture.loop_channel import LoopChannel
from soft_stream.message import Message

Args = TypeVarTuple("Args")
T = TypeVar("T")

NAME = "camera"


@dataclass(eq=False)
class Call:
    """A call into the camera that has not returned."""

    what: str
    limit: float
    """Seconds after which the call counts as hanging."""
    began: float = field(default_factory=time.monotonic)
    """Monotonic seconds: when the call was requested, then when it began."""
    fault: Exception | None = None
    """The error of a callback that the call has posted to the event loop."""

    @property
    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    @property
    def next_check(self) -> float:
        """Seconds until the call should be checked again: at half of its limit, and at its end."""
        half = self.limit / 2
        return max(0.001, half - self.seconds % half) if half else 0.0


class CameraThread:
    """Runs one call after the other; after a call that does not return in time it cannot be used again."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=NAME)
        self._queued = set[Call]()
        """Calls that have not begun; both threads change it, each time in one step of the interpreter."""
        self._call: Call | None = None
        self._native_id = 0
        self._in_kernel = False
        self._channel = LoopChannel()

    async def run(self, what: str, limit: float, call: Callable[[*Args], T], *args: *Args) -> T:
        """Run a call and wait for it; a cancellation does not stop the call, and the next one queues behind it.

        Raises:
            CameraHung: it has not returned in `limit` seconds.
            Exception: what the call raised, or a callback that it posted.
        """
        loop = asyncio.get_running_loop()
        self._channel.attach(loop)
        this = Call(what, limit)
        self._queued.add(this)
        future = loop.run_in_executor(self._executor, self._run, this, call, *args)
        try:
            while True:
                await asyncio.wait([future], timeout=this.next_check)
                if future.done():
                    self._channel.run_pending()
                    if this.fault:
                        raise this.fault
                    return future.result()
                if this.seconds >= limit:
                    raise CameraHung(self.hanging or f"the camera has not begun with '{what}' for {limit:g} s")
                if this.seconds >= limit / 2:
                    self._in_kernel = await asyncio.to_thread(_is_uninterruptible, self._native_id)
        except asyncio.CancelledError:
            future.cancel()
            raise
        finally:
            self._queued.discard(this)

    def post(self, callback: Callable[[], None]) -> None:
        """Run a callback in the event loop; `run` returns only after it. For other threads."""
        self._channel.post(partial(_run_callback, self._call, callback))

    def restart_timer(self) -> None:
        """Measure the time of the running call from now on; for a call that is a loop."""
        assert self._call  # noqa: S101 # the running call calls this
        self._call.began = time.monotonic()

    def end(self) -> None:
        """Let the thread end after its running call."""
        self._channel.detach()
        self._executor.submit(self._channel.close)  # the running call may still post
        self._executor.shutdown(wait=False)

    @property
    def has_waiters(self) -> bool:
        """Whether the running call should return: another call is queued, or a callback has failed."""
        return bool(self._queued) or (self._call is not None and self._call.fault is not None)

    @property
    def backlog_empty(self) -> bool:
        """Whether the event loop has taken all callbacks; if not, it is behind."""
        return self._channel.is_empty

    @property
    def late(self) -> bool:
        """Whether a call takes so long that something must be wrong, although it may still return."""
        call = self._call
        return call is not None and call.seconds > call.limit / 2

    @property
    def overrun(self) -> bool:
        """Whether a call has not returned within its limit."""
        call = self._call
        return call is not None and call.seconds > call.limit

    @property
    def hanging(self) -> str:
        """Which call does not return, for how long, and whether it hangs in the kernel; empty when no call runs."""
        call = self._call
        if call is None:
            return ""
        template = "the camera has not returned from '{call}' for {seconds} s"
        hangs = Message("call_hangs", template, call=call.what, seconds=round(call.seconds))
        if not self._in_kernel:
            return hangs
        return Message(
            "call_hangs_in_driver",
            "{hangs}; it hangs in the driver, uninterruptible (state D): if a new process does not help, reboot",
            hangs=hangs,
        )

    def _run(self, this: Call, call: Callable[[*Args], T], *args: *Args) -> T:
        self._native_id = threading.get_native_id()
        self._in_kernel = False
        self._queued.discard(this)
        this.began = time.monotonic()
        self._call = this
        try:
            return call(*args)
        finally:
            self._call = None


def _run_callback(call: Call | None, callback: Callable[[], None]) -> None:
    """Run a callback; its error becomes the error of the call that has posted it."""
    try:
        callback()
    except Exception as fault:
        if call is None:
            raise
        call.fault = fault


def _is_uninterruptible(native_id: int) -> bool:
    """Return whether a thread is in uninterruptible sleep: `man proc_pid_stat`, the field after the name."""
    try:
        return Path(f"/proc/self/task/{native_id}/stat").read_text().rpartition(")")[2].split()[0] == "D"
    except OSError:  # there is no such thread, or no /proc
        return False
