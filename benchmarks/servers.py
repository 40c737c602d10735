"""The servers to compare: how each is started, requested and stopped."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from device import device

HERE = Path(__file__).parent
FPS = 30
START_TIMEOUT = 10.0
STOP_TIMEOUT = 5.0
# seconds that a server still needs after it has started to listen
SETTLING = 0.5


@dataclass(frozen=True)
class Server:
    """A program that sends MJPEG; `{port}` in its command is replaced with the port."""

    name: str
    command: tuple[str, ...]
    stream: str
    snapshot: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def is_installed(self) -> bool:
        """Whether the program is installed."""
        return shutil.which(self.command[0]) is not None


def servers(built: Path) -> dict[str, Server]:
    """Return all servers by name; `built` is the folder that `prepare` returns."""
    pictures = str(built / "pictures")
    portal = (sys.executable, "-m", "soft_stream", "serve", "--port", "{port}", "--env-file", os.devnull)
    folder = ("--source", "folder", "--folder", pictures, "--fps", str(FPS), "--close-after", "1")
    pattern = ("--source", "test-pattern", "--fps", str(FPS), "--close-after", "1")
    floor = (str(built / "floor"), "{port}", pictures, str(FPS))
    ustreamer = ("ustreamer", "--host", "127.0.0.1", "--port", "{port}", "--resolution", "1280x720")
    camera = device(built, FPS)
    node = str(camera.folder / "video0")
    webcam = ("--source", "v4l2", "--source-device", node, "--width", "1280", "--height", "720", "--fps", str(FPS))
    known = [
        Server("portal", (*portal, *folder), "/stream.mjpg", "/snapshot.jpg"),
        Server("portal, newest", (*portal, *folder), "/stream.mjpg", "/snapshot.jpg?max_age_ms=100"),
        Server("portal, test pattern", (*portal, *pattern), "/stream.mjpg", "/snapshot.jpg"),
        Server(
            "portal, v4l2", (*portal, *webcam, "--close-after", "1"), "/stream.mjpg", environment=camera.environment
        ),
        Server(
            "portal, encoding",
            (sys.executable, str(HERE / "planes_portal.py"), pictures, "--port", "{port}"),
            "/stream.mjpg",
        ),
        Server("floor send", floor, "/"),
        Server(
            "floor aiohttp",
            (sys.executable, str(HERE / "floor_aiohttp.py"), "{port}", pictures, str(FPS)),
            "/",
            "/snapshot",
        ),
        Server("floor python", (sys.executable, str(HERE / "floor.py"), "{port}", pictures, str(FPS)), "/"),
        Server(
            "ustreamer",
            (*ustreamer, "--device", node, "--format", "MJPEG", "--encoder", "HW"),
            "/stream",
            "/snapshot",
            camera.environment,
        ),
        Server(
            "ustreamer, encoding",
            (*ustreamer, "--device", node, "--format", "YUYV", "--encoder", "CPU", "--quality", "80"),
            "/stream?extra_headers=1",
            "/snapshot",
            camera.environment,
        ),
    ]
    return {server.name: server for server in known}


@dataclass(frozen=True)
class Running:
    """A running server."""

    server: Server
    process: int
    port: int


@contextmanager
def running(server: Server, logs: Path) -> Iterator[Running]:
    """Start a server on a free port, and stop it after the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = [word.replace("{port}", str(port)) for word in server.command]
    log = logs / f"{server.name.replace(', ', '-').replace(' ', '-')}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, cwd=HERE.parent, env=os.environ | server.environment
        )
    try:
        _wait_for(process, port, log)
        time.sleep(SETTLING)
        yield Running(server, process.pid, port)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while process.poll() is None and time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise RuntimeError(f"{process.args!r} does not listen; see {log}")
