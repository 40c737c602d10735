"""Picamera2 as a library: imported late, with its faults told in our words, and its list of cameras."""

import logging
import os
import re
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from typing import Any

from soft_stream.cameras import CameraBusy, CameraError, CameraMissing, CameraUnsupported, Found


def find() -> list[Found]:
    """List the connected cameras, CSI before USB, in the order in which Picamera2 counts them.

    Raises:
        CameraUnsupported: Picamera2 or libcamera is not installed.
        CameraError: they do not work.
    """
    with faults("libcamera does not work"):
        infos = picamera2_class().global_camera_info()
    found = []
    for info in infos:
        kind = "USB" if is_usb(info["Id"]) else "CSI"
        found.append(Found(info["Id"], info.get("Model", "unknown model"), f"{kind}, from Picamera2"))
    return found


def picamera2_class() -> Any:
    """Import Picamera2.

    Raises:
        CameraUnsupported: it is not installed, or does not fit what is.
    """
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise CameraUnsupported(
            f"Picamera2 cannot be imported ({error}); on Raspberry Pi OS: sudo apt install python3-picamera2"
        ) from error
    # its messages of opening and closing repeat ours
    logging.getLogger("picamera2").setLevel(logging.WARNING)
    logging.getLogger("picamera2.picamera2").addFilter(_says_something)
    return Picamera2


def _says_something(record: logging.LogRecord) -> bool:
    """Drop the line that has no reason; the exception behind it has, and comes with each try to open the camera."""
    return record.getMessage() != "Camera __init__ sequence did not complete."


def construct(position: int) -> Any:
    """Make a Picamera2 object; when that fails it leaves its pipe and perhaps the camera behind, which go here."""
    picamera2 = picamera2_class()
    picam2 = picamera2.__new__(picamera2)
    try:
        picam2.__init__(position)
    except Exception:
        if picam2.is_open:
            picam2.camera.release()
        picam2.notifymeread.close()
        os.close(picam2.notifyme_w)
        raise
    return picam2


def is_usb(camera_id: str) -> bool:
    """Tell by an id's end, PORTS:CONFIGURATION.INTERFACE-VENDOR:PRODUCT, that uvcvideo made it."""
    return re.search(r"-[\d.]+:\d+\.\d+-[0-9a-f]{4}:[0-9a-f]{4}$", camera_id) is not None


@contextmanager
def faults(what: str) -> Iterator[None]:
    """Translate what Picamera2 raises; the reason is often only in the cause of the cause."""
    try:
        yield
    except CameraError:
        raise
    except (Exception, CancelledError) as error:  # libcamera's faults have many types, CancelledError is none of them
        reason = str(error.__cause__ or error) or type(error).__name__
        if "busy" in reason.lower():
            raise CameraBusy(f"{what}: another program has it") from error
        if "no such device" in reason.lower() or "No camera number" in reason or isinstance(error, IndexError):
            raise CameraMissing(f"{what}: {reason}") from error
        raise CameraError(f"{what}: {reason}") from error
