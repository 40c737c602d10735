#!/usr/bin/env python3
"""Measures the longest pause of streams while many clients log in at once.

The streams pass nginx that verifies the logins itself (auth_basic), and then nginx of the deployment, behind which the
process of the camera verifies them. See benchmarks/README.md.
"""

import argparse
import http.client
import os
import shutil
import socket
import statistics
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory

from servers import Server, running

sys.path.insert(0, str(Path(__file__).parents[1] / "scripts"))
from rollout import nginx

from soft_stream.access.passwords import make_hash

PATIENCE = 60.0
USER = "user"
NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
# The relevant part of Debian's nginx.conf.
MAIN = """
daemon off;
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes {workers};
events {{ worker_connections 768; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    {site}
}}
"""
AUTH_BASIC = """
server {{
    listen {port};
    auth_basic cameras;
    auth_basic_user_file {users};
    location / {{
        proxy_pass http://127.0.0.1:{camera};
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        proxy_set_header Authorization "";
        proxy_set_header X-Forwarded-For "";
        proxy_buffering off;
        proxy_read_timeout 1h;
    }}
}}
"""
FRONTS = {"auth_basic": "nginx with auth_basic", "project": "nginx of the project"}


class Stream(threading.Thread):
    """A client of a stream, which records the longest time without data."""

    def __init__(self, port: int, login: str) -> None:
        super().__init__(daemon=True)
        self.longest = 0.0
        self.bytes = 0
        self._port, self._login = port, login
        self._is_leaving = threading.Event()
        self.has_begun = threading.Event()

    def run(self) -> None:
        """Read until the measurement ends."""
        with socket.create_connection(("127.0.0.1", self._port), PATIENCE) as connection:
            connection.sendall(
                f"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\nAuthorization: {self._login}\r\n\r\n".encode()
            )
            status = connection.recv(65536)
            if not status.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(status.decode(errors="replace"))
            before = time.monotonic()
            while not self._is_leaving.is_set():
                data = connection.recv(1 << 20)
                now = time.monotonic()
                self.longest, before = max(self.longest, now - before), now
                self.bytes += len(data)
                self.has_begun.set()
                if not data:
                    raise RuntimeError("the stream has ended")

    def forget(self) -> None:
        """Begin the measurement again."""
        self.longest = 0.0

    def end(self) -> None:
        """Leave."""
        self._is_leaving.set()
        self.join()


def basic(name: str, password: str) -> str:
    """Return the value of Authorization."""
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


def log_in(port: int, name: str) -> None:
    """Send a request with a login that nginx and the process have never seen, from an address of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        headers = {"Authorization": basic(name, name), "X-Forwarded-For": f"198.51.100.{name.removeprefix(USER)}"}
        connection.request("GET", "/status.json", headers=headers)
        reply = connection.getresponse()
        if reply.status != HTTPStatus.OK:
            raise RuntimeError(f"a login failed: {reply.status} {reply.read(200)!r}")
    finally:
        connection.close()


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def front(kind: str, folder: Path, users: Path, camera: int, workers: str) -> Iterator[int]:
    """Run one kind of nginx in front of the process of a camera; yield its port."""
    folder.mkdir()
    port = free_port()
    site = AUTH_BASIC.format(port=port, users=users, camera=camera)
    if kind == "project":
        places = nginx.Places(etc=folder, upstream="127.0.0.1:{port}", first_port=port, all_cameras_port=free_port())
        for path, text in nginx.render({0: camera}, tls=False, ipv6=False, places=places).items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        site = f"include {folder}/conf.d/*.conf;"
    user = "" if os.geteuid() else "user root;"
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder, user=user, workers=workers, site=site))
    command = (NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"))
    with subprocess.Popen(command) as process:
        try:
            while not is_listening(port):
                if process.poll() is not None:
                    raise RuntimeError((folder / "error.log").read_text())
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def is_listening(port: int) -> bool:
    """Return True if a program listens on a port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def measure(args: argparse.Namespace, port: int, names: list[str]) -> tuple[float, float, float]:
    """Return the longest pause without logins and with them, and the time until all have logged in, in seconds."""
    streams = [Stream(port, basic("watcher", "watcher")) for _ in range(args.streams)]
    for each in streams:
        each.start()
        each.has_begun.wait(PATIENCE)
    pauses = []
    took = 0.0
    for some in ([], names):
        time.sleep(1)
        for each in streams:
            each.forget()
        began = time.monotonic()
        with ThreadPoolExecutor(max(1, len(some))) as clients:
            list(clients.map(lambda name: log_in(port, name), some))
        took = time.monotonic() - began
        time.sleep(max(0.0, args.seconds - took))
        pauses.append(max(each.longest for each in streams))
    for each in streams:
        each.end()
    return pauses[0], pauses[1], took


def main() -> int:
    """Measure both kinds of nginx in turns."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--logins", type=int, default=20, help="clients that log in at once")
    parser.add_argument("--streams", type=int, default=4, help="clients of the stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5, help="how long a measurement lasts at least")
    parser.add_argument("--workers", default="auto", help="worker_processes of nginx; Debian has auto")
    parser.add_argument("--most", type=float, default=0.5, help="the longest pause of the project that is no failure")
    args = parser.parse_args()
    longest: dict[str, list[float]] = {kind: [] for kind in FRONTS}
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        users = folder / "users"
        names = [f"{USER}{number}" for number in range(args.logins * args.rounds)]
        print(f"Making {len(names) + 1} bcrypt hashes ...", flush=True)
        users.write_text("".join(f"{each}:{make_hash(each)}\n" for each in ["watcher", *names]))
        command = [sys.executable, "-m", "soft_stream", "serve", "--source", "test-pattern", "--port", "{port}"]
        command += ["--users-file", str(users), "--width", "1280", "--height", "720", "--fps", "30"]
        camera = stack.enter_context(running(Server("portal", tuple(command), "/stream.mjpg"), folder))
        for number in range(args.rounds):
            some = names[number * args.logins : (number + 1) * args.logins]
            for kind, title in sorted(FRONTS.items(), reverse=bool(number % 2)):
                with front(kind, folder / f"{kind}{number}", users, camera.port, args.workers) as port:
                    quiet, busy, took = measure(args, port, some)
                longest[kind].append(busy)
                print(
                    f"{title}: longest pause {busy:.2f} s ({quiet:.2f} s without logins); "
                    f"{args.logins} logins took {took:.1f} s",
                    flush=True,
                )
    ratio = statistics.median(before / ours for before, ours in zip(*longest.values(), strict=True))
    worst = max(longest["project"])
    print(
        f"The longest pause behind auth_basic is {ratio:.1f} x that behind the project; ours is at most {worst:.2f} s."
    )
    return int(worst > args.most)


if __name__ == "__main__":
    sys.exit(main())
