"""Measurements during a self-test: calls into the camera, lag of the event loop, descriptors and threads."""

import asyncio
import gc
import math
import os
import re
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from soft_stream.cameras.base import Camera, Control, ControlValue, FocusMode, Negotiated
from soft_stream.frames.raw import RawFrame
from soft_stream.frames.zoom import Rectangle

INTERVAL = 0.01


@dataclass
class Call:
    """A call into the camera; times are monotonic seconds."""

    what: str
    began: float
    ended: float = math.inf


class CallTrace:
    """The last calls into the camera, recorded by its thread."""

    def __init__(self) -> None:
        self._recent: deque[Call] = deque(maxlen=64)
        self.seconds: dict[str, float] = {}
        """Duration of the last call of each kind."""
        self.focus_mode: FocusMode | None = None
        """The mode that was set last."""

    @contextmanager
    def record(self, what: str) -> Iterator[None]:
        """Record a call from its start to its end."""
        if what == "capture" and self._recent and self._recent[-1].what == "still":
            what = "back from a still"  # it may switch the sensor mode
        call = Call(what, time.monotonic())
        self._recent.append(call)
        try:
            yield
        finally:
            call.ended = time.monotonic()
            self.seconds[what] = call.ended - call.began

    def longest_between(self, began: float, ended: float) -> str:
        """Return the name of the call that took most of this time."""
        overlaps = {call.what: min(call.ended, ended) - max(call.began, began) for call in list(self._recent)}
        what = max(overlaps, key=lambda each: overlaps[each], default="")
        return what if overlaps.get(what, 0) > 0 else "no call"


class TracedCamera:
    """A camera that records every call and passes it to another camera."""

    def __init__(self, camera: Camera, calls: CallTrace) -> None:
        self._camera = camera
        self._calls = calls

    def open(self) -> Negotiated:
        """See `Camera.open`."""
        with self._calls.record("open"):
            return self._camera.open()

    def capture(self, timeout: float) -> RawFrame:
        """See `Camera.capture`."""
        with self._calls.record("capture"):
            return self._camera.capture(timeout)

    def take_damaged(self) -> Sequence[str]:
        """See `Camera.take_damaged`."""
        return self._camera.take_damaged()

    def focus(self, mode: FocusMode, lens_position: float = 0.0) -> None:
        """See `Camera.focus`."""
        with self._calls.record("focus"):
            self._camera.focus(mode, lens_position)
        self._calls.focus_mode = mode

    def still(self, timeout: float) -> RawFrame:
        """See `Camera.still`."""
        with self._calls.record("still"):
            return self._camera.still(timeout)

    def restart(self) -> Negotiated:
        """See `Camera.restart`."""
        with self._calls.record("restart"):
            return self._camera.restart()

    def controls(self) -> list[Control]:
        """See `Camera.controls`."""
        with self._calls.record("controls"):
            return self._camera.controls()

    def set_controls(self, values: Mapping[str, ControlValue]) -> Negotiated:
        """See `Camera.set_controls`."""
        with self._calls.record("set controls"):
            return self._camera.set_controls(values)

    def set_zoom(self, crop: Rectangle | None) -> None:
        """See `Camera.set_zoom`."""
        with self._calls.record("set zoom"):
            self._camera.set_zoom(crop)

    def close(self) -> None:
        """See `Camera.close`."""
        with self._calls.record("close"):
            self._camera.close()


class LoopLagMonitor:
    """Measures how long the event loop is blocked, and by which call into the camera."""

    def __init__(self, calls: CallTrace) -> None:
        self._calls = calls
        self.longest: dict[str, float] = {}
        """The longest lag in seconds, by the call that was running."""

    async def measure(self) -> None:
        """Measure until cancelled."""
        while True:
            due = time.monotonic() + INTERVAL
            await asyncio.sleep(INTERVAL)
            now = time.monotonic()
            what = self._calls.longest_between(due, now)
            self.longest[what] = max(self.longest.get(what, 0.0), now - due)


@dataclass(frozen=True)
class ResourceCounts:
    """Resources that this process holds."""

    descriptors: int
    threads: int
    cma_free: int | None
    """Free memory for cameras in kB; None where the kernel does not report it."""

    def exceeds(self, before: "ResourceCounts") -> bool:
        """Return True if descriptors or threads were left behind; other programs use CMA memory too."""
        return self.descriptors > before.descriptors or self.threads > before.threads


async def count_resources() -> ResourceCounts:
    """Count in another thread, so that the event loop goes on."""
    return await asyncio.to_thread(_count)


def _count() -> ResourceCounts:
    # Picamera2 leaves selectors to the garbage collector: if it ran between two counts, it would hide a leak.
    gc.collect()
    cma = re.search(r"^CmaFree: +(\d+) kB", Path("/proc/meminfo").read_text(), re.MULTILINE)
    # asyncio starts threads when it needs them, and keeps them
    threads = sum(not thread.name.startswith("asyncio") for thread in threading.enumerate())
    return ResourceCounts(len(os.listdir("/proc/self/fd")), threads, int(cma[1]) if cma else None)


def describe_change(before: ResourceCounts, after: ResourceCounts) -> str:
    """Describe how the counts changed."""
    text = f"descriptors {before.descriptors} -> {after.descriptors}, threads {before.threads} -> {after.threads}"
    if before.cma_free is not None and after.cma_free is not None:
        text += f", CmaFree {before.cma_free // 1024} -> {after.cma_free // 1024} MB"
    return text
