"""Picamera2 as a library: imported late, with its faults told in our words, and its list of cameras."""

import gc
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from soft_stream.cameras.base import CameraBusy, CameraError, CameraInfo, CameraMissing, CameraUnsupported
from soft_stream.cameras.picamera.device_users import name_device_users

TUNING_FILE = "LIBCAMERA_RPI_TUNING_FILE"
MISSING_MESSAGES = ("No such device", "No camera number", "Camera(s) not found")
TUNING_FOLDERS = ("/usr/local/share/libcamera/ipa/rpi", "/usr/share/libcamera/ipa/rpi")


def connected_cameras() -> list[CameraInfo]:
    """List the connected cameras in the order in which Picamera2 counts them.

    Raises:
        CameraUnsupported: Picamera2 or libcamera is not installed.
        CameraError: they do not work.
    """
    with translate_errors("libcamera does not work"):
        infos = picamera2_class().global_camera_info()
    # "Model" is one of the keys that not every camera has
    found = [CameraInfo(info["Id"], info.get("Model", "unknown model"), is_usb(info["Id"])) for info in infos]
    if any("/rp1/" in each.id for each in found) and not is_pisp():
        # https://github.com/raspberrypi/picamera2, platform.py: any error while it looks leaves the older platform
        raise CameraUnsupported(
            "Picamera2 takes this Raspberry Pi 5 for an older one, because it may not open every /dev/video*; "
            "in a unit: DeviceAllow=char-video4linux rw"
        )
    return found


def reset_camera_manager() -> None:
    """Let libcamera look at the cameras anew next time, unless one is open.

    Picamera2 keeps the CameraManager until a camera is closed; that one never sees a CSI camera that came after it, nor
    that a driver was told something, and has every device open.
    """
    cameras = picamera2_class()._cm
    if not cameras.cameras:
        cameras._cms = None


def picamera2_class() -> Any:
    """Import Picamera2.

    Raises:
        CameraUnsupported: it is not installed, or does not fit what is.
    """
    is_first = "picamera2" not in sys.modules
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise CameraUnsupported(
            f"Picamera2 cannot be imported ({error}); on Raspberry Pi OS: sudo apt install python3-picamera2"
        ) from error
    if is_first:
        # what is there now stays; so that `free_descriptors` looks at little
        gc.collect()
        gc.freeze()
    # its messages of opening and closing repeat ours
    logging.getLogger("picamera2").setLevel(logging.WARNING)
    logging.getLogger("picamera2.picamera2").addFilter(_has_reason)
    return Picamera2


def free_descriptors() -> None:
    """Free what a closed Picamera2 object leaves in reference cycles: its selectors, and a new allocator.

    Each has a descriptor, and Python itself would look for cycles only when many objects have been made.
    """
    gc.collect()


def _has_reason(record: logging.LogRecord) -> bool:
    """Drop the line that has no reason; the exception behind it has, and comes with each try to open the camera."""
    return record.getMessage() != "Camera __init__ sequence did not complete."


def is_pisp() -> bool:
    """Tell whether this is a Raspberry Pi 5, with its image processor PiSP, as far as Picamera2 knows."""
    return bool(picamera2_class().platform.name == "PISP")


def find_tuning_file(name: str) -> str | None:
    """Find a tuning file; None is the camera's own.

    libcamera reads the variable when its CameraManager starts, and Picamera2's constructor deletes it unless it gets
    the file: so it is set here, before the cameras are listed, and given to each constructor.

    Raises:
        CameraUnsupported: there is no such file.
    """
    if not name:
        return os.environ.get(TUNING_FILE)
    platform = "pisp" if is_pisp() else "vc4"
    files = [Path(folder, platform, name) for folder in TUNING_FOLDERS]
    for file in files:
        if file.is_file():
            os.environ[TUNING_FILE] = str(file)
            return str(file)
    raise CameraUnsupported(f"tuning_file={name}: there is no {' and no '.join(str(file) for file in files)}")


def create_picamera2(position: int, tuning: str | None, what: str) -> Any:
    """Make a Picamera2 object; when that fails it leaves its pipe and perhaps the camera behind, which go here.

    Raises:
        CameraError: as `faults` has it, naming what failed and, where it can be read, who has the camera.
    """
    picamera2 = picamera2_class()
    picam2 = picamera2.__new__(picamera2)
    try:
        with translate_errors(what, picam2):
            picam2.__init__(position, tuning=tuning)
    except CameraError:
        _clean_up(picam2)
        raise
    return picam2


def _clean_up(picam2: Any) -> None:
    if picam2.is_open and picam2.camera_idx in picam2._cm.cameras:  # only so can be told how far it came
        # everything but its last line, the allocator, was done, and so is everything but the last lines of `close`
        with suppress(AttributeError):
            picam2.close()
        picam2.camera = None
        return
    if picam2.is_open:
        picam2.camera.release()
        picam2.is_open = False  # or its finalizer would release it once more
    picam2.notifymeread.close()
    os.close(picam2.notifyme_w)


def event_loop_ended(picam2: Any) -> bool:
    """Tell whether the thread that runs captures has died of an exception; Picamera2 itself does not notice.

    https://github.com/raspberrypi/picamera2/issues/432
    """
    thread = getattr(picam2._preview, "thread", None)  # there is no other way to see it
    return thread is not None and not thread.is_alive()


def is_usb(camera_id: str) -> bool:
    """Tell by an id's end, PORTS:CONFIGURATION.INTERFACE-VENDOR:PRODUCT, that uvcvideo made it."""
    return re.search(r"-[\d.]+:\d+\.\d+-[0-9a-f]{4}:[0-9a-f]{4}$", camera_id) is not None


@contextmanager
def translate_errors(what: str, picam2: Any = None) -> Iterator[None]:
    """Translate what Picamera2 raises; the reason is often only in the cause of the cause."""
    try:
        yield
    except CameraError:
        raise
    except Exception as error:  # libcamera's faults have many types
        reason = _reason(error)
        if "busy" in reason.lower():
            raise CameraBusy(f"{what}: it is in use by {_name_users(picam2) or 'another program'}") from error
        # up to Picamera2 0.3.36 a camera number that is too high is an IndexError
        if any(each in reason for each in MISSING_MESSAGES) or isinstance(error, IndexError):
            raise CameraMissing(f"{what}: {reason}") from error
        raise CameraError(f"{what}: {reason}") from error


def _reason(error: BaseException) -> str:
    while error.__cause__:
        error = error.__cause__
    return str(error) or type(error).__name__


def _name_users(picam2: Any) -> str:
    devices = picam2.camera_properties.get("SystemDevices", ()) if picam2 is not None else ()
    return name_device_users([int(device) for device in devices])
