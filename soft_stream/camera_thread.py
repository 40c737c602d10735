"""The one thread that touches the camera, and what it is doing."""

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from soft_stream.cameras import CameraHung

Args = TypeVarTuple("Args")
T = TypeVar("T")

NAME = "camera"


@dataclass(frozen=True)
class Call:
    """A call into the camera that has not returned."""

    what: str
    began: float
    """Monotonic seconds."""
    limit: float
    """Seconds after which it counts as hanging."""

    @property
    def seconds(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self.began


class CameraThread:
    """Runs one call after the other; one that does not return in time is a hang, and the thread is lost."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=NAME)
        self._call: Call | None = None
        self._native_id = 0
        self._in_kernel = False

    async def run(self, what: str, limit: float, call: Callable[[*Args], T], *args: *Args) -> T:
        """Run a call and wait for it; a cancellation does not stop the call, and the next one queues behind it.

        Raises:
            CameraHung: it has not returned in `limit` seconds.
        """
        future = asyncio.get_running_loop().run_in_executor(self._executor, self._do, what, limit, call, *args)
        try:
            for _ in ("late", "hanging"):
                await asyncio.wait([future], timeout=limit / 2)
                if future.done():
                    return future.result()
                self._in_kernel = await asyncio.to_thread(_is_uninterruptible, self._native_id)
        except asyncio.CancelledError:
            future.cancel()
            raise
        raise CameraHung(self.hanging or f"the camera has not begun with '{what}' for {limit:g} s")

    def end(self) -> None:
        """Let the thread end, after what it is doing."""
        self._executor.shutdown(wait=False)

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

    def _do(self, what: str, limit: float, call: Callable[[*Args], T], *args: *Args) -> T:
        self._native_id = threading.get_native_id()
        self._in_kernel = False
        self._call = Call(what, time.monotonic(), limit)
        try:
            return call(*args)
        finally:
            self._call = None


def _is_uninterruptible(native_id: int) -> bool:
    """Tell whether a thread is in uninterruptible sleep: `man proc_pid_stat`, the field after the name."""
    try:
        return Path(f"/proc/self/task/{native_id}/stat").read_text().rpartition(")")[2].split()[0] == "D"
    except OSError:  # there is no such thread, or no /proc
        return False
