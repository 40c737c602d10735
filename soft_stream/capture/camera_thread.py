"""The one thread that touches the camera, what it is doing, and what it has to tell."""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from soft_stream.cameras.base import CameraHung

Args = TypeVarTuple("Args")
T = TypeVar("T")

NAME = "camera"


@dataclass(eq=False)
class Call:
    """A call into the camera that has not returned."""

    what: str
    limit: float
    """Seconds after which it counts as hanging."""
    began: float = field(default_factory=time.monotonic)
    """Monotonic seconds; when it was asked for, until it begins."""
    fault: Exception | None = None
    """What went wrong in the event loop with something that it told."""

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self.began

    @property
    def patience(self) -> float:
        """Seconds until somebody should look at it again: after half of its limit, and at its end."""
        half = self.limit / 2
        return max(0.001, half - self.seconds % half) if half else 0.0


class CameraThread:
    """Runs one call after the other; one that does not return in time is a hang, and the thread is lost."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=NAME)
        self._asked = set[Call]()
        """Those that have not begun; changed by both threads, each time in one step of the interpreter."""
        self._call: Call | None = None
        self._native_id = 0
        self._in_kernel = False
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._news = deque[tuple[Call | None, Callable[[], None]]]()
        self._listener: asyncio.AbstractEventLoop | None = None

    async def run(self, what: str, limit: float, call: Callable[[*Args], T], *args: *Args) -> T:
        """Run a call and wait for it; a cancellation does not stop the call, and the next one queues behind it.

        Raises:
            CameraHung: it has not returned in `limit` seconds.
            Exception: what the call raised, or something that it told.
        """
        loop = asyncio.get_running_loop()
        if self._listener is None:
            self._listener = loop
            loop.add_reader(self._bell, self._listen)
        this = Call(what, limit)
        self._asked.add(this)
        future = loop.run_in_executor(self._executor, self._do, this, call, *args)
        try:
            while True:
                await asyncio.wait([future], timeout=this.patience)
                if future.done():
                    self._hear()
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
            self._asked.discard(this)

    def tell(self, news: Callable[[], None]) -> None:
        """Have something done in the event loop, before the call ends that tells it; for other threads.

        `call_soon_threadsafe` does the same for four times the CPU time (0.1 ms on a machine with little else to do): a
        handle, a context, and a byte through a pair of sockets that is read until an exception says that it is empty.
        """
        self._news.append((self._call, news))
        os.eventfd_write(self._bell, 1)

    def go_on(self) -> None:
        """Count the time of the running call from now: it is a loop that has come round; for the camera thread."""
        assert self._call  # noqa: S101 # it is the one who says so
        self._call.began = time.monotonic()

    def end(self) -> None:
        """Let the thread end, after what it is doing."""
        if self._listener:
            self._listener.remove_reader(self._bell)
        self._executor.submit(os.close, self._bell)  # it may still have something to tell
        self._executor.shutdown(wait=False)

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits for the end of the running call: the next one, or who is to hear of a fault."""
        return bool(self._asked) or (self._call is not None and self._call.fault is not None)

    @property
    def is_heard(self) -> bool:
        """Whether the event loop has begun with all that it was told: if not, it is behind."""
        return not self._news

    @property
    def late(self) -> bool:
        """Whether a call takes so long that something must be wrong, though it may still return."""
        call = self._call
        return call is not None and call.seconds > call.limit / 2

    @property
    def overrun(self) -> bool:
        """Whether a call has not returned within its limit."""
        call = self._call
        return call is not None and call.seconds > call.limit

    @property
    def hanging(self) -> str:
        """What does not return, for how long, and where the kernel says that the thread is; empty when nothing runs."""
        call = self._call
        if call is None:
            return ""
        sentence = f"the camera has not returned from '{call.what}' for {call.seconds:.0f} s"
        if self._in_kernel:
            sentence += "; it hangs in the driver, uninterruptible (state D): if a new process does not help, reboot"
        return sentence

    def _do(self, this: Call, call: Callable[[*Args], T], *args: *Args) -> T:
        self._native_id = threading.get_native_id()
        self._in_kernel = False
        self._asked.discard(this)
        this.began = time.monotonic()
        self._call = this
        try:
            return call(*args)
        finally:
            self._call = None

    def _listen(self) -> None:
        os.eventfd_read(self._bell)
        self._hear()

    def _hear(self) -> None:
        for _ in range(len(self._news)):  # what is told meanwhile has its own turn, after everything else in the loop
            call, news = self._news.popleft()
            try:
                news()
            except Exception as fault:
                if call is None:
                    raise
                call.fault = fault


def _is_uninterruptible(native_id: int) -> bool:
    """Tell whether a thread is in uninterruptible sleep: `man proc_pid_stat`, the field after the name."""
    try:
        return Path(f"/proc/self/task/{native_id}/stat").read_text().rpartition(")")[2].split()[0] == "D"
    except OSError:  # there is no such thread, or no /proc
        return False
