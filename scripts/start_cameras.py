"""Starts one `soft-stream serve` for each configured camera, and stops them together; called by `start.sh`."""

import argparse
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from soft_stream.cameras import discovery
from soft_stream.cameras.base import CameraAmbiguous, CameraError, CameraInfo, CameraMissing
from soft_stream.cameras.identity import select_camera
from soft_stream.config.loader import SettingsError, load
from soft_stream.config.settings import Settings
from soft_stream.service.exit_status import ExitStatus

SIGNALS = (signal.SIGINT, signal.SIGTERM)
ENV_FILE = Path("camera-soft-stream.env")


def main() -> int:
    """Start all cameras, wait for Ctrl-C or until all have exited, and return the exit status."""
    parser = argparse.ArgumentParser(prog="start.sh", description="Serve all configured cameras until Ctrl-C.")
    parser.add_argument("--port-base", type=int, metavar="N", help="serve camera 0 on port N, camera 1 on N + 1, ...")
    port_base = parser.parse_args().port_base
    for number in SIGNALS:
        signal.signal(number, _stop)
    environ = dict(os.environ)
    children: list[subprocess.Popen[bytes]] = []
    try:
        cameras = load(environ, file=ENV_FILE).cameras
        if port_base is not None:  # each process links to all others on its page
            environ |= {f"cam{number}_port": str(port_base + number) for number in cameras}
            cameras = load(environ, file=ENV_FILE).cameras
        connected = _connected()
        if not connected:
            environ |= {f"cam{number}_source": "test-pattern" for number in cameras}
        for settings in cameras.values():
            kind = _kind(settings, connected)
            if kind:
                command = [sys.executable, "-m", "soft_stream", "serve", "--env-file", str(ENV_FILE)]
                child = subprocess.Popen([*command, "--camera", str(settings.camera)], env=environ)  # noqa: S603 # ours
                children.append(child)
                _print_url(settings, child, kind)
        while any(child.poll() is None for child in children):
            time.sleep(0.5)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return ExitStatus.CONFIG_ERROR
    except KeyboardInterrupt:
        print("Stopping ...", flush=True)
        return ExitStatus.STOPPED
    finally:
        for child in children:
            child.terminate()
        for child in children:
            child.wait()
    print("No camera is running.", file=sys.stderr)
    return max((child.returncode for child in children), default=ExitStatus.CAMERA_MISSING)


def _stop(*_: object) -> None:
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave processes behind
    raise KeyboardInterrupt


def _connected() -> Sequence[CameraInfo]:
    try:
        return discovery.list_cameras()
    except CameraError as reason:
        print(f"No real cameras: {reason}", flush=True)
        return []


def _kind(settings: Settings, connected: Sequence[CameraInfo]) -> str:
    """Return the kind of camera; print a warning and return "" if a real camera is missing."""
    if settings.source == "test-pattern" or not connected:
        return "a test camera"
    try:
        return select_camera(connected, settings.id, settings.camera)[0].model
    except (CameraMissing, CameraAmbiguous) as missing:
        print(f"{settings.title}: skipped, {missing}", flush=True)
        return ""


def _print_url(settings: Settings, child: "subprocess.Popen[bytes]", kind: str) -> None:
    """Print the URL of a camera when it listens there."""
    url = f"{settings.local_url}/"
    while child.poll() is None and not _listens(url):
        time.sleep(0.05)
    if child.returncode is None:
        print(f"{settings.title}: {url}  ({kind})", flush=True)


def _listens(url: str) -> bool:
    try:
        urllib.request.urlopen(f"{url}healthz", timeout=5).close()  # noqa: S310 # http, built above
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
