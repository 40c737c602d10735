"""Discovery of the connected cameras in a child process.

libcamera would double the memory of an idle process, and a crash in a driver would end the process, because Picamera2
(https://github.com/raspberrypi/picamera2) never releases the CameraManager that it creates. A new process also finds a
sensor that was connected after an existing CameraManager had started.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from soft_stream.cameras.base import CameraError, CameraInfo, CameraMissing, CameraUnsupported
from soft_stream.config.own_command import own_command

Select = Callable[[Sequence[CameraInfo]], tuple[CameraInfo, str]]
"""Returns a camera and advice for the log, as `select_camera` does, or raises CameraMissing."""
TIMEOUT = 60.0
# Early in the boot a sensor may be probed after this process has started.
WAIT_TIMEOUT = 10.0
POLL_INTERVAL = 1.0
MODEL = Path("/proc/device-tree/model")


def wait_for_camera(select: Select, timeout: float = WAIT_TIMEOUT) -> tuple[CameraInfo, str]:
    """Wait until a camera is connected; return what `select` returns for the list of connected cameras.

    Raises:
        CameraMissing: `select` raised it for `timeout` seconds.
        CameraAmbiguous: several cameras match.
        CameraUnsupported: Picamera2 or libcamera is not installed.
        CameraError: Picamera2 or libcamera does not work.
    """
    deadline = time.monotonic() + timeout
    while True:
        try:
            return select(list_cameras())
        except CameraMissing:
            if time.monotonic() + POLL_INTERVAL > deadline:
                raise
            time.sleep(POLL_INTERVAL)


def list_cameras() -> list[CameraInfo]:
    """List the connected cameras, as a child process finds them.

    Raises:
        CameraUnsupported: Picamera2 or libcamera is not installed.
        CameraError: Picamera2 or libcamera does not work.
    """
    command = [*own_command(), "cameras", "--source", "picamera", "--json"]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)  # noqa: S603 # our own program
    except subprocess.TimeoutExpired:
        raise CameraError(f"looking for cameras took longer than {TIMEOUT:g} s") from None
    if child.returncode:
        reason = (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
        raise CameraUnsupported(reason) if child.returncode == os.EX_CONFIG else CameraError(reason)
    return [CameraInfo(**found) for found in json.loads(child.stdout)]


def is_raspberry_pi() -> bool:
    """Return True on a Raspberry Pi."""
    try:
        return MODEL.read_bytes().startswith(b"Raspberry Pi")
    except OSError:
        return False
