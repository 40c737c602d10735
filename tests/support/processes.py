"""The program as a process of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("cam")}


def run(*arguments: str, cwd: Path | None = None, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    command = [sys.executable, "-m", "soft_stream", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=ENVIRON | environ)


def free_port() -> int:
    """Find a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def serving(*arguments: str, port: int | None = None) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Serve a test camera until the block ends; yields the process, and its address once it listens."""
    port = port or free_port()
    command = [sys.executable, "-m", "soft_stream", "serve", "--source", "test-pattern", "--port", str(port)]
    with subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, text=True, env=ENVIRON) as process:
        try:
            assert process.stderr
            assert "Listening on" in process.stderr.readline()
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()
