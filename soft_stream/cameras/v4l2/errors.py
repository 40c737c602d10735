"""What the errors of V4L2 mean for the user."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from soft_stream.cameras.base import CameraBusy, CameraError, CameraMissing, CameraUnsupported
from soft_stream.cameras.device_users import name_device_users
from soft_stream.message import Message

# The kernel reports these for a device that is gone, also while it is still open.
GONE = {errno.ENODEV, errno.ENOENT, errno.ENXIO}


@contextmanager
def translate_errors(what: str, node: Path, number: int = 0) -> Iterator[None]:
    """Translate the errors of system calls; `what` is the beginning of the message, `number` that of the device.

    Raises:
        CameraBusy: another program is using the device; the message names it if possible.
        CameraMissing: the device is not connected.
        CameraUnsupported: it is no V4L2 device.
        CameraError: any other error.
    """
    try:
        yield
    except OSError as error:
        raise translated(error, what, node, number) from error


def translated(error: OSError, what: str, node: Path, number: int = 0) -> CameraError:
    """Return the error that a driver raises for one of a system call; see `translate_errors`."""
    if error.errno in GONE:
        return CameraMissing(Message("device_missing", "{device} is not connected", device=node))
    if error.errno == errno.EBUSY:
        users = (name_device_users([number]) if number else "") or Message("another_program", "another program")
        return CameraBusy(Message("camera_busy", "{what}: it is in use by {users}", what=what, users=users))
    if error.errno in (errno.EACCES, errno.EPERM):
        template = "{what}: this user may not open {device}; it needs the group video"
        return CameraError(Message("device_forbidden", template, what=what, device=node))
    if error.errno == errno.ENOTTY:
        return CameraUnsupported(Message("device_not_v4l2", "{device} is not a V4L2 device", device=node))
    if error.errno == errno.ENOSPC:
        template = "{what}: its USB bus has no room for this size and rate; use another port, or a smaller size"
        return CameraError(Message("device_bandwidth", template, what=what))
    return CameraError(Message("camera_failed", "{what}: {reason}", what=what, reason=error.strerror))
