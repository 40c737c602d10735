"""How long the first picture takes when the camera is closed, as clients see it and as the portal says itself."""

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
# from the goodbye to a closed camera: --close-after 1, and some time for the closing
CLOSING = 2.5


def measure_cold(server: Server, logs: Path) -> tuple[Figures, dict[str, Any]]:
    """Ask a new process for a stream, the same once more when its camera is closed, and a new one for a snapshot."""
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
    """Return the seconds from the request to the first byte of the answer, and of the parts of the opening.

    Raises:
        RuntimeError: there is no picture.
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
    """Return what the portal says of the opening, once the lens is at rest; the client stays meanwhile."""
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
