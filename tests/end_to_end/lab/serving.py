"""A server that was rolled out into a guest: the actions of its owner, and the view of its clients."""

import http.client
import json
import math
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import measure_fps
from PIL import Image

from soft_stream.config.endpoints import FIRST_PUBLIC_PORT
from tests.end_to_end.lab.guest import Guest
from tests.end_to_end.lab.machine import wait
from tests.support.checkout import ROOT

PROJECT = ROOT
SETTINGS = "/etc/camera-streamer/camera-soft-stream.env"
PICAMERA2 = "/opt/picam/bin/python"


class Viewer:
    """One connection to a stream, which counts the received parts: `live`, `repeat` and `notice`."""

    def __init__(self, url: str) -> None:
        self.parts: Counter[str] = Counter()
        self.end = ""
        """Why the connection ended; empty while it is open."""
        self._is_leaving = False
        self._stream = measure_fps.open_stream(url, timeout=120)
        self._thread = threading.Thread(target=self._read)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        self._is_leaving = True
        self._thread.join()

    def gets(self, more: int = 30, label: str = "live") -> None:
        """Wait until this connection has received a number of further parts."""
        enough = self.parts[label] + more
        wait(lambda: self.end or self.parts[label] >= enough, f"{more} {label} parts, {self.parts} so far")
        assert not self.end

    def _read(self) -> None:
        with closing(self._stream):
            try:
                while not self._is_leaving:  # a part arrives every second, at least a placeholder
                    part = self._stream.read_part(math.inf)
                    self.parts[part.headers.get("x-frame", "live")] += 1
            except (OSError, http.client.HTTPException, measure_fps.StreamError) as end:
                self.end = repr(end)


class Portal:
    """A copy of this project that was rolled out to a guest."""

    def __init__(self, guest: Guest, project: Path) -> None:
        self.guest = guest
        self.project = project
        shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(".*", "__pycache__", "build", "tests"))
        (PROJECT / "build").mkdir(exist_ok=True)
        for shared in (".venv", "build"):
            (project / shared).symlink_to(PROJECT / shared)

    def start_deploy(self) -> "subprocess.Popen[str]":
        """Start a rollout of the present copy to the guest."""
        command = [str(self.project / "scripts/deploy-soft-stream.sh"), "pi@guest", "--python", PICAMERA2]
        return subprocess.Popen(
            command, env=self.guest.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def deploy(self) -> str:
        """Roll out, check the exit status, and return the output."""
        with self.start_deploy() as rollout:
            said = rollout.communicate()[0]
        assert rollout.returncode == 0, said
        return said

    # Actions of the owner.

    def show(self, camera: int, what: str) -> str:
        """Return a property of the unit of a camera."""
        return self.guest.output(["systemctl", "show", "--value", f"--property={what}", unit(camera)])

    def restart(self, camera: int) -> None:
        """Restart the unit of a camera, which may fail."""
        self.guest.run(["systemctl", "restart", unit(camera)], check=False)

    def unplug(self, camera: int) -> None:
        """Unplug a camera, and wait until the guest has noticed."""
        self.guest.unplug(camera)
        self.guest.until(f"! test -e {by_serial(camera)}")

    def plug(self, camera: int) -> None:
        """Plug a camera in, and wait until the guest has run its unit for new cameras."""
        before = self._arrivals()
        self.guest.plug(camera)
        wait(lambda: self._arrivals() > before, f"the guest greets camera {camera}")

    @contextmanager
    def setting(self, line: str) -> Iterator[None]:
        """Add a line to the settings for the duration of the block."""
        self.guest.run(f"cp {SETTINGS} /root/settings && echo {line} >>{SETTINGS}")
        try:
            yield
        finally:
            self.guest.run(f"cp /root/settings {SETTINGS}")

    def doctor(self) -> tuple[int, list[dict[str, Any]]]:
        """Run the doctor; return its exit status and its findings."""
        done = self.guest.run("sudo soft-stream doctor --json", user="pi", check=False)
        *findings, _ = map(json.loads, done.stdout.splitlines())
        return done.returncode, findings

    # The view of the clients, through nginx.

    @cached_property
    def password(self) -> str:
        """The password of the login that the rollout created."""
        return self.guest.output("cat /etc/camera-streamer/initial-password").split()[1]

    def get(self, camera: int, path: str, *, login: bool = True) -> tuple[int, bytes]:
        """Send a GET request to a camera; return status and body of the answer."""
        request = urllib.request.Request(self.guest.url(FIRST_PUBLIC_PORT + camera, path))
        if login:
            request.add_header("Authorization", f"Basic {b64encode(f'camera:{self.password}'.encode()).decode()}")
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, refused.read()

    def status(self, camera: int) -> dict[str, Any]:
        """Return /status.json of a camera."""
        facts: dict[str, Any] = json.loads(self.get(camera, "/status.json")[1])
        return facts

    def until_health(self, camera: int, status: int, words: str = "") -> str:
        """Wait until /healthz of a camera has a status and these words; return its text."""

        def is_so() -> bool:
            answer = self.get(camera, "/healthz")
            return answer[0] == status and words in answer[1].decode()

        wait(is_so, f"camera {camera} is {status} {words}")
        return self.get(camera, "/healthz")[1].decode()

    def background(self, camera: int) -> str:
        """Return the colour in the snapshot of a camera: the virtual camera 0 is blue, 1 is brown."""
        status, jpeg = self.get(camera, "/snapshot.jpg")
        assert status == 200, jpeg
        with Image.open(BytesIO(jpeg)) as picture:
            red, _, blue = picture.convert("RGB").crop((0, 100, 64, 200)).resize((1, 1)).tobytes()
        return "blue" if blue > red else "brown"

    def stream(self, camera: int) -> str:
        """Return the URL of the stream of a camera, with the login."""
        return self.guest.url(FIRST_PUBLIC_PORT + camera, "/stream.mjpg").replace("//", f"//camera:{self.password}@", 1)

    def watch(self, camera: int) -> Viewer:
        """Connect to a stream as soon as it has frames."""
        self.measure(camera, 2)
        return Viewer(self.stream(camera))

    def measure(self, camera: int, frames: int = 90) -> str:
        """Wait for live frames, count them with measure_fps.py, and return its first line."""
        command = [sys.executable, str(PROJECT / "scripts/measure_fps.py"), self.stream(camera)]
        said: list[str] = []

        def counted() -> bool:
            done = subprocess.run([*command, f"--frames={frames}"], capture_output=True, text=True, check=False)
            said.append(" ".join((done.stdout or done.stderr).partition("\n")[0].split()))
            return done.returncode == 0

        wait(counted, f"frames of camera {camera}", more=lambda: said[-1])
        return said[-1]

    def _arrivals(self) -> int:
        return self.guest.journal("camera-soft-cam-arrived@*").count("Finished")


class Clock:
    """Formats the seconds since its creation, for the output only: no test checks it."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __str__(self) -> str:
        return f"{time.monotonic() - self._began:.0f} s"


def unit(camera: int) -> str:
    """Return the name of the unit of a camera."""
    return f"camera-soft-cam@{camera}.service"


def by_serial(camera: int) -> str:
    """Return the name that our udev rule gives to a camera, in any port."""
    return f"/dev/camera/usb-serial-Lab_Lab_camera_{camera}_LAB{camera}"
