#!/usr/bin/env python3
"""Measures servers that get their picture from another one: CPU, age, and how soon they are live after a restart.

See benchmarks/README.md.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prepare import prepare
from usage import cpu_of

HERE = Path(__file__).parent
PATIENCE = 60.0
START = "Listening on"


@contextmanager
def server(folder: Path, port: int, *options: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a server, and wait until it listens."""
    log = folder / f"{port}.log"
    command = [sys.executable, "-m", "soft_stream", "serve", "--bind", "127.0.0.1", "--port", str(port), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=HERE.parent, env=os.environ | {"STATE_DIRECTORY": str(folder)}
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while START not in log.read_text():
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no server: {log.read_text()}")
            time.sleep(0.005)
        yield process
    finally:
        process.kill()
        process.wait()


def load(
    built: Path, port: int, clients: int, seconds: float, pids: Sequence[int]
) -> tuple[dict[str, Any], list[float]]:
    """Return what streaming clients saw, and the CPU seconds of each process meanwhile."""
    command = [str(built / "load"), "--port", str(port), "--stream", "/stream.mjpg", "--clients", str(clients)]
    command += ["--warmup", "2", "--seconds", str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout  # noqa: S101 # it is a pipe
        readings = []
        for mark in ("begin\n", "end\n"):
            if run.stdout.readline() != mark:
                raise RuntimeError("the clients failed")
            readings.append([cpu_of(pid) for pid in pids])
        seen: dict[str, Any] = json.loads(run.stdout.readline())
    return seen["normal"] | {"errors": seen["errors"]}, [end - begin for begin, end in zip(*readings, strict=True)]


def show(title: str, seen: dict[str, Any], cpu: dict[str, float]) -> None:
    """Print one measurement."""
    costs = ", ".join(f"{name} {1e6 * each / seen['frames']:.1f} us" for name, each in cpu.items())
    ages = ", ".join(f"{point} {value:.1f} ms" for point, value in seen["age_ms"].items())
    print(
        f"{title}: {seen['frames']} frames, {seen['fps_median']:.1f} fps; per frame: {costs}; age: {ages}", flush=True
    )


def clients_of(port: int) -> int:
    """Return the number of clients of a server."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as asking:
        asking.sendall(b"GET /status.json HTTP/1.0\r\n\r\n")
        answer = b""
        while more := asking.recv(65536):
            answer += more
    return len(json.loads(answer.partition(b"\r\n\r\n")[2])["clients"])


def time_until_live(port: int, restart: Callable[[Callable[[], object]], float]) -> float:
    """Restart the other server while a client is connected; return the seconds until a live frame."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"GET /stream.mjpg HTTP/1.0\r\n\r\n")
        lines = client.makefile("rb")
        _until(lines, b"X-Timestamp")
        started_at = restart(lambda: _until(lines, b"X-Frame: notice"))
        while True:
            # a live part has no label, and was captured after the start
            line = _until(lines, b"X-Timestamp")
            if float(line.split()[1]) > started_at:
                return time.time() - started_at


def _until(lines: Any, name: bytes) -> bytes:
    for line in lines:
        if line.startswith(name):
            return bytes(line)
    raise RuntimeError("the stream has ended")


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--fps", default="30")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--restarts", type=int, default=5)
    arguments = parser.parse_args()
    built = prepare()
    with TemporaryDirectory() as name, ExitStack() as servers:
        folder = Path(name)
        ports = _free_ports(4)
        first = ["--source", "folder", "--folder", str(built / "pictures"), "--fps", arguments.fps]
        origin = servers.enter_context(ExitStack())
        processes = [origin.enter_context(server(folder, ports[0], *first))]
        for before, port in pairwise(ports):
            url = f"http://127.0.0.1:{before}/stream.mjpg"
            relay = ("--source", "http", "--url", url, "--fps", arguments.fps)
            processes.append(servers.enter_context(server(folder, port, *relay)))
        pids = [each.pid for each in processes]
        for _ in range(arguments.rounds):
            for place in (0, 1, 3):
                names = ["A", "B", "C", "D"][: place + 1]
                seen, cpu = load(built, ports[place], arguments.clients, arguments.seconds, pids[: place + 1])
                show(f"{arguments.clients} clients of {names[-1]}", seen, dict(zip(names, cpu, strict=True)))
        waits = []
        for _ in range(arguments.restarts):

            def restart(until_noticed: Callable[[], object]) -> float:
                processes[0].send_signal(signal.SIGKILL)
                until_noticed()
                processes[0] = origin.enter_context(server(folder, ports[0], *first))
                return time.time()

            waits.append(time_until_live(ports[1], restart))
            print(
                f"A killed and started: B is live {waits[-1]:.2f} s after A listens; "
                f"A has {clients_of(ports[0])} client"
            )
        if waits:
            print(f"from A listening until B is live: median {statistics.median(waits):.2f} s, most {max(waits):.2f} s")


def _free_ports(count: int) -> list[int]:
    with ExitStack() as probes:
        opened = [probes.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in opened]


if __name__ == "__main__":
    main()
