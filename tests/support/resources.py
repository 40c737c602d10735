"""File descriptors, threads and child processes of this process."""

import threading
import time
from contextlib import suppress
from pathlib import Path

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
    for link in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the descriptor of this loop, or of a thread
            found.add(f"descriptor {link.name}: {link.readlink()}")
    return found
