"""The end of a command: the exit status of a camera error, and threads that are stuck."""

import os
import sys
import threading

from soft_stream.cameras.base import CameraAmbiguous, CameraBusy, CameraHung, CameraMissing, CameraUnsupported
from soft_stream.service.exit_status import ExitStatus

STATUS_OF_ERROR = {
    CameraMissing: ExitStatus.CAMERA_MISSING,
    CameraAmbiguous: ExitStatus.CONFIG_ERROR,
    CameraUnsupported: ExitStatus.CONFIG_ERROR,
    CameraBusy: ExitStatus.TEMPORARY_FAILURE,
    CameraHung: ExitStatus.TEMPORARY_FAILURE,
}


def end(status: ExitStatus) -> ExitStatus:
    """Return the status, or exit with it at once if a thread is stuck that the interpreter would wait for.

    These are a camera thread in a call that does not return, one that saves a frame or reads a file of the owner's
    pages on a disk that hangs, and a log thread while stderr is not read or the log file cannot be written: it is a
    daemon thread that holds the locks of its stream and of its handler. Log lines are not buffered, so none is lost
    here.
    """
    from soft_stream.capture.camera_thread import NAME as CAMERA_THREAD
    from soft_stream.outputs.report import THREAD as OUTPUT_THREAD
    from soft_stream.web.own_pages.folder import THREAD as OWN_PAGES_THREAD

    names = (CAMERA_THREAD, OUTPUT_THREAD, OWN_PAGES_THREAD)
    threads = (each for each in threading.enumerate() if each.daemon or each.name.startswith(names))
    if any(_is_stuck(thread) for thread in threads):
        if sys.stdout:
            sys.stdout.flush()
        os._exit(status)
    return status


def _is_stuck(thread: threading.Thread) -> bool:
    thread.join(0.2)
    return thread.is_alive()
