"""The program as a separate process."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

FAMILIES = [socket.AF_INET, *([socket.AF_INET6] if Path("/proc/net/if_inet6").exists() else [])]
MOST_TRIES = 1000
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("cam")}


def run(*arguments: str, cwd: Path | None = None, **environ: str) -> "subprocess.CompletedProcess[str]":
    """Run a command of the program, and wait for its end."""
    command = [sys.executable, "-m", "soft_stream", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=ENVIRON | environ)


def as_other_user(*modules: str, before: str = "") -> str:
    """Return a Python script that runs a command as a user without rights, who need not be able to read the modules."""
    imports = "".join(f"from {module.rpartition('.')[0]} import {module.rpartition('.')[2]}\n" for module in modules)
    return (
        f"import os, sys\nfrom soft_stream.cli.main import main\n{imports}{before}\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534); sys.exit(main())"
    )


def free_port() -> int:
    """Find a free port."""
    return free_ports(1)


def free_ports(count: int) -> int:
    """Find a number of consecutive free ports; return the first.

    They are below those that the kernel gives to outgoing connections, of which one could take a port before its use.
    So could another process of pytest-xdist; each of the first 8 has ports of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
    for _ in range(MOST_TRIES):
        first = 20_000 + 1_500 * worker + secrets.randbelow(1_500 - count)
        if all(map(_is_free, range(first, first + count))):
            return first
    raise RuntimeError(f"no {count} free ports in {MOST_TRIES} tries")


def _is_free(port: int) -> bool:
    """Return whether all addresses of a port are free."""
    for family in FAMILIES:  # the default addresses are of both
        # tests replace `socket.create_server`
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


@contextmanager
def serving(
    *arguments: str,
    port: int | None = None,
    environ: Mapping[str, str] | None = None,
    program: Sequence[str] = ("-m", "soft_stream"),
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Serve a synthetic camera for the block; yield the process and its address when it listens."""
    port = port or free_port()
    command = [sys.executable, *program, "serve", "--source", "test-pattern", "--port", str(port)]
    if not any("bind" in each or each in ("--ipv", "--host") for each in arguments):
        arguments = (*arguments, "--bind", "127.0.0.1")  # one line of the log
    with subprocess.Popen(
        [*command, *arguments], stderr=subprocess.PIPE, text=True, env=ENVIRON | dict(environ or {})
    ) as process:
        try:
            assert process.stderr
            while "WARNING" in (line := process.stderr.readline()):
                pass
            assert "Listening on" in line
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()
