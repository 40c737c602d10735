"""The program as a separate process."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("cam")}


def run(*arguments: str, cwd: Path | None = None, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the program, and wait for its end."""
    command = [sys.executable, "-m", "soft_stream", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=ENVIRON | environ)


def free_port() -> int:
    """Find a free port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


@contextmanager
def serving(*arguments: str, port: int | None = None) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Serve a synthetic camera for the block; yield the process and its address when it listens."""
    port = port or free_port()
    command = [sys.executable, "-m", "soft_stream", "serve", "--source", "test-pattern", "--port", str(port)]
    with subprocess.Popen([*command, *arguments], stderr=subprocess.PIPE, text=True, env=ENVIRON) as process:
        try:
            assert process.stderr
            assert "Listening on" in process.stderr.readline()
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()
