"""What goes on while a camera is tested: the calls into it, the event loop's standstills, descriptors and threads."""

import asyncio
import gc
import math
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from soft_stream.cameras.base import Camera, Control, ControlValue, FocusMode, Negotiated
from soft_stream.frames.raw import RawFrame

BEAT = 0.01


@dataclass
class Span:
    """A call into the camera; monotonic seconds."""

    what: str
    began: float
    ended: float = math.inf


class CallTrace:
    """The last calls into the camera, written by its thread."""

    def __init__(self) -> None:
        self._recent: deque[Span] = deque(maxlen=64)
        self.seconds: dict[str, float] = {}
        """How long the last call of each kind took."""
        self.lens: FocusMode | None = None
        """What the lens was told last."""

    @contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Note a call from its beginning to its end."""
        if what == "capture" and self._recent and self._recent[-1].what == "still":
            what = "back from a still"  # the sensor's mode may have to be switched for it
        span = Span(what, time.monotonic())
        self._recent.append(span)
        try:
            yield
        finally:
            span.ended = time.monotonic()
            self.seconds[what] = span.ended - span.began

    def during(self, began: float, ended: float) -> str:
        """Name the call that took the most of this time."""
        shares = {span.what: min(span.ended, ended) - max(span.began, began) for span in list(self._recent)}
        what = max(shares, key=lambda each: shares[each], default="")
        return what if shares.get(what, 0) > 0 else "no call"


class WatchedCamera:
    """Passes every call on to a camera, and notes it."""

    def __init__(self, camera: Camera, calls: CallTrace) -> None:
        self._camera = camera
        self._calls = calls

    def open(self) -> Negotiated:
        """See `Camera.open`."""
        with self._calls.noted("open"):
            return self._camera.open()

    def capture(self, timeout: float) -> RawFrame:
        """See `Camera.capture`."""
        with self._calls.noted("capture"):
            return self._camera.capture(timeout)

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """See `Camera.focus`."""
        with self._calls.noted("focus"):
            self._camera.focus(mode, lens_position)
        self._calls.lens = mode

    def still(self, timeout: float) -> RawFrame:
        """See `Camera.still`."""
        with self._calls.noted("still"):
            return self._camera.still(timeout)

    def restart(self) -> Negotiated:
        """See `Camera.restart`."""
        with self._calls.noted("restart"):
            return self._camera.restart()

    def controls(self) -> list[Control]:
        """See `Camera.controls`."""
        with self._calls.noted("controls"):
            return self._camera.controls()

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """See `Camera.set_controls`."""
        with self._calls.noted("set controls"):
            return self._camera.set_controls(values)

    def close(self) -> None:
        """See `Camera.close`."""
        with self._calls.noted("close"):
            self._camera.close()


class LoopLagMonitor:
    """Measures for how long the event loop stands still, and what the camera was doing meanwhile."""

    def __init__(self, calls: CallTrace) -> None:
        self._calls = calls
        self.longest: dict[str, float] = {}
        """Seconds, by the call that went on."""

    async def beat(self) -> None:
        """Beat until cancelled."""
        while True:
            due = time.monotonic() + BEAT
            await asyncio.sleep(BEAT)
            now = time.monotonic()
            what = self._calls.during(due, now)
            self.longest[what] = max(self.longest.get(what, 0.0), now - due)


@dataclass(frozen=True)
class ResourceCounts:
    """What this process holds."""

    descriptors: int
    threads: int
    cma_free: int | None
    """Memory for the camera in kB that nobody uses, where the kernel tells."""

    def exceeds(self, before: "ResourceCounts") -> bool:
        """Tell whether something was left behind; other programs use the camera's memory too."""
        return self.descriptors > before.descriptors or self.threads > before.threads


async def count_resources() -> ResourceCounts:
    """Count in another thread, so that the event loop goes on."""
    return await asyncio.to_thread(_count)


def _count() -> ResourceCounts:
    # Picamera2 leaves selectors to the garbage collector: if it ran between two counts, it would hide a leak.
    gc.collect()
    cma = re.search(r"^CmaFree: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    # asyncio's own threads come as they are needed, and stay
    threads = sum(not thread.name.startswith("asyncio") for thread in threading.enumerate())
    return ResourceCounts(len(os.listdir("/proc/self/fd")), threads, int(cma[1]) if cma else None)


def difference(before: ResourceCounts, after: ResourceCounts) -> str:
    """Say what became of the counts."""
    told = f"{before.descriptors} descriptors became {after.descriptors}, {before.threads} threads {after.threads}"
    if before.cma_free is not None and after.cma_free is not None:
        told += f", CmaFree {before.cma_free // 1024} MB {after.cma_free // 1024} MB"
    return told
