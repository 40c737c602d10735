"""File descriptors, threads and child processes of this process."""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from aiohttp import web_app

# seconds; it only ends a wait that never succeeds
PATIENCE = 20


def left_open(before: set[str]) -> set[str]:
    """Return the resources opened since `before` that stay open; a thread that is ending gets a moment."""
    give_up = time.monotonic() + PATIENCE
    while (left := open_resources() - before) and time.monotonic() < give_up:
        time.sleep(0.005)
    return left


def open_resources() -> set[str]:
    """Return a line for each of them."""
    found = {f"thread {each.name} ({each.ident})" for each in threading.enumerate()}
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):  # the thread has just ended
            found |= {f"child process {pid}" for pid in (task / "children").read_text().split()}
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):  # the descriptor of this list, or of a thread
            found.add(f"descriptor {number}: {os.readlink(f'/proc/self/fd/{number}')}")
    return found


def forget_handlers() -> None:
    """Empty the cache in which aiohttp keeps up to 1,024 handlers, each with its whole server.

    Without that, the garbage collector goes through hundreds of dead servers after each test.
    """
    if cached := getattr(web_app, "_cached_build_middleware", None):  # older versions have none
        cached.cache_clear()
