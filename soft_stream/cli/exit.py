"""How a command ends: the exit status of a fault, and a camera thread that does not return."""

import logging
import os
import sys
import threading

from soft_stream.cameras.base import CameraAmbiguous, CameraBusy, CameraHung, CameraMissing, CameraUnsupported
from soft_stream.service.exit_status import ExitStatus

STATUS_OF_FAULT = {
    CameraMissing: ExitStatus.CAMERA_MISSING,
    CameraAmbiguous: ExitStatus.CONFIG_ERROR,
    CameraUnsupported: ExitStatus.CONFIG_ERROR,
    CameraBusy: ExitStatus.TEMPORARY_FAILURE,
    CameraHung: ExitStatus.TEMPORARY_FAILURE,
}


def end(status: ExitStatus) -> ExitStatus:
    """Return the status, or end with it where the interpreter would wait for a camera thread that is stuck."""
    from soft_stream.capture.camera_thread import NAME as CAMERA_THREAD

    if any(_is_stuck(thread) for thread in threading.enumerate() if thread.name.startswith(CAMERA_THREAD)):
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)
    return status


def _is_stuck(thread: threading.Thread) -> bool:
    thread.join(0.2)
    return thread.is_alive()
