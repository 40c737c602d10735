"""The time to the first frame of a closed camera, as a client sees it and as /status.json reports it."""

import json
import socket
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from servers import Running, Server, running

Figures = dict[str, float]
PATIENCE = 20.0
LOOK_INTERVAL = 0.05
# seconds from the disconnection to a closed camera: --close-after 1, and time to close it
CLOSING = 2.5


def measure_cold(server: Server, logs: Path) -> tuple[Figures, dict[str, Any]]:
    """Request a stream from a new process, again after its camera was closed, and a snapshot from another one."""
    seen = {}
    with running(server, logs) as started:
        seen["stream"] = _first(started, server.stream)
        time.sleep(CLOSING)
        seen["again"] = _first(started, server.stream)
    with running(server, logs) as started:
        seen["snapshot"] = _first(started, server.snapshot)
    figures = {
        f"{kind}_{part}": 1000 * seconds
        for kind, parts in seen.items()
        for part, seconds in parts.items()
        if seconds is not None
    }
    return figures, seen


def _first(started: Running, path: str) -> dict[str, float | None]:
    """Return the seconds from the request to the first byte of the response, and those of each step of the opening.

    Raises:
        RuntimeError: there is no frame.
    """
    with closing(socket.create_connection(("127.0.0.1", started.port), PATIENCE)) as connection:
        began = time.monotonic()
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        beginning = connection.recv(12)
        answer = time.monotonic() - began
        if not beginning.endswith(b" 200"):
            raise RuntimeError(f"{started.server.name} answers {beginning!r}")
        return {"answer": answer} | _opening(started)


def _opening(started: Running) -> dict[str, float | None]:
    """Return the reported steps of the opening when the lens is at rest; the client stays connected."""
    deadline = time.monotonic() + PATIENCE
    while True:
        with urlopen(f"http://127.0.0.1:{started.port}/status.json", timeout=PATIENCE) as answer:
            status = json.load(answer)
        if status["state"] not in ("starting", "focusing"):
            parts: dict[str, float | None] = status["last_opening"]
            return parts
        if time.monotonic() > deadline:
            raise RuntimeError(f"{started.server.name} is still {status['state']}")
        time.sleep(LOOK_INTERVAL)
