"""A real OctoPrint: its own server, in a folder of its own, with one user and the classic webcam."""

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.request import urlopen

from tests.end_to_end.clients.programs import PYTHON, STUCK_AFTER
from tests.support.processes import free_port

USER, PASSWORD = "maker", "horse battery staple"
# They ask the internet, or search the network for printers.
UNUSED_PLUGINS = (
    "achievements",
    "announcements",
    "backup",
    "discovery",
    "errortracking",
    "firmware_check",
    "health_check",
    "pluginmanager",
    "softwareupdate",
    "tracking",
)
COMMAND = (PYTHON, "-m", "octoprint")


@dataclass(frozen=True)
class OctoPrint:
    """A running server."""

    port: int
    folder: Path


@contextmanager
def octoprint(folder: Path) -> Iterator[OctoPrint]:
    """Run the server as OctoPi does, on loopback; its webcam is the `/webcam/` of the proxy."""
    port = free_port()
    (folder / "config.yaml").write_text(
        json.dumps(
            {
                "server": {
                    "firstRun": False,
                    "onlineCheck": {"enabled": False},
                    "pluginBlacklist": {"enabled": False},
                    "pythonEolCheck": {"enabled": False},
                    "cookies": {"secure": True},
                },
                "plugins": {
                    "_disabled": UNUSED_PLUGINS,
                    "classicwebcam": {"stream": "/webcam/?action=stream", "snapshot": "", "_config_version": 1},
                },
            }
        )
    )
    user = (*COMMAND, "-b", folder, "user", "add", "--admin", "--password", PASSWORD, USER)
    subprocess.run(user, check=True, capture_output=True, timeout=STUCK_AFTER)
    listen = ("--host", "127.0.0.1", "--port", str(port))
    root = ("--iknowwhatimdoing",)  # runs as root too
    with (
        (folder / "output").open("wb") as output,
        subprocess.Popen((*COMMAND, "serve", *root, "-b", folder, *listen), stdout=output, stderr=output) as process,
    ):
        try:
            _wait_until_up(port, process)
            yield OctoPrint(port, folder)
        finally:
            process.kill()


def _wait_until_up(port: int, process: "subprocess.Popen[bytes]") -> None:
    while process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}/online.txt") as answer:
                if answer.status == 200:
                    return
        except (OSError, HTTPException):  # while it starts, a small server of its own says so, and not in HTTP
            time.sleep(0.1)
    raise AssertionError(f"OctoPrint has ended with {process.returncode}")
