"""Which cameras are connected, found out by a process of its own.

libcamera and what it brings would double the memory of a process that only waits, and a fault in a driver would end
it: https://github.com/raspberrypi/picamera2 keeps the CameraManager alive once it was asked. A new process also sees a
sensor that a CameraManager which began without it never would.
"""

import json
import os
import subprocess
import sys
import time

from soft_stream.cameras.base import CameraError, CameraInfo, CameraMissing, CameraUnsupported
from soft_stream.cameras.identity import select_camera

TIMEOUT = 60.0
# Early in the boot a sensor may be probed after we start.
WAIT_TIMEOUT = 10.0
POLL_INTERVAL = 1.0


def wait_for_camera(wanted: str, number: int, timeout: float = WAIT_TIMEOUT) -> tuple[CameraInfo, str]:
    """Look for a camera until it is there; return what `choose` does.

    Raises:
        CameraMissing: it was not there for `timeout` seconds.
        CameraAmbiguous: several could be meant.
        CameraUnsupported: Picamera2 or libcamera is not installed.
        CameraError: they do not work.
    """
    until = time.monotonic() + timeout
    while True:
        try:
            return select_camera(list_cameras(), wanted, number)
        except CameraMissing:
            if time.monotonic() + POLL_INTERVAL > until:
                raise
            time.sleep(POLL_INTERVAL)


def list_cameras() -> list[CameraInfo]:
    """Ask a child process which cameras there are.

    Raises:
        CameraUnsupported: Picamera2 or libcamera is not installed.
        CameraError: they do not work.
    """
    command = [sys.executable, "-m", "soft_stream", "cameras", "--json"]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)  # noqa: S603 # our own program
    except subprocess.TimeoutExpired:
        raise CameraError(f"looking for cameras took longer than {TIMEOUT:g} s") from None
    if child.returncode:
        sentence = (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
        raise CameraUnsupported(sentence) if child.returncode == os.EX_CONFIG else CameraError(sentence)
    return [CameraInfo(**found) for found in json.loads(child.stdout)]
