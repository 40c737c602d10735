"""Access to Picamera2: its import, its errors, its list of cameras."""

import gc
import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from soft_stream.cameras.base import CameraBusy, CameraError, CameraInfo, CameraMissing, CameraUnsupported
from soft_stream.cameras.device_users import name_device_users
from soft_stream.cameras.picamera.board import ROOT, has_chip_of_pi5, has_pisp_devices
from soft_stream.cameras.picamera.sensor_modes import read_bit_depth
from soft_stream.message import Message

log = logging.getLogger(__name__)

TUNING_FILE = "LIBCAMERA_RPI_TUNING_FILE"
MISSING_MESSAGES = ("No such device", "No camera number", "Camera(s) not found")
TUNING_FOLDERS = ("/usr/local/share/libcamera/ipa/rpi", "/usr/share/libcamera/ipa/rpi")


def connected_cameras(root: Path = ROOT) -> list[CameraInfo]:
    """Return the connected cameras in the order of Picamera2's camera numbers, after a check of the board.

    Raises:
        CameraUnsupported: Picamera2 or libcamera is not installed, or takes a Raspberry Pi 5 for an older board.
        CameraError: Picamera2 or libcamera does not work.
    """
    found = list_cameras()
    if not is_pisp():
        _check_board(found, root)
    return found


def list_cameras() -> list[CameraInfo]:
    """Return the connected cameras; see `connected_cameras`.

    Raises:
        CameraUnsupported: Picamera2 or libcamera is not installed.
        CameraError: Picamera2 or libcamera does not work.
    """
    with translate_errors(Message("libcamera_fails", "libcamera does not work")):
        infos = picamera2_class().global_camera_info()
    # some cameras have no "Model"
    return [CameraInfo(info["Id"], info.get("Model", "unknown model"), is_usb(info["Id"])) for info in infos]


def _check_board(found: Sequence[CameraInfo], root: Path) -> None:
    """Check that Picamera2 is right about a board that it takes for one before the Raspberry Pi 5.

    USB cameras work anyway. The id of a camera is no evidence: it is the path of a bus, which any board may have.

    Raises:
        CameraUnsupported: it is not, and a CSI camera was found, which would not work.
        CameraError: it is not, and no camera was found; while the system boots, the next process may open the devices.
    """
    has_csi = any(not each.usb for each in found)
    if not has_pisp_devices(root) and not (has_csi and has_chip_of_pi5(root)):
        return
    problem = Message(
        "board_unknown",
        "Picamera2 takes this Raspberry Pi 5 for an older one, because it cannot open some /dev/video*; "
        "in a unit: DeviceAllow=char-video4linux rw",
    )
    if has_csi:
        raise CameraUnsupported(problem)
    if not found:
        raise CameraError(problem)
    log.warning("%s; until then no CSI camera is found", problem)


def reset_camera_manager() -> None:
    """Discard Picamera2's CameraManager, unless a camera is open, so that the next call creates a new one.

    Picamera2 keeps it until a camera is closed. It keeps every device open, and sees neither a CSI camera that was
    connected later nor a changed setting of a kernel driver.
    """
    cameras = picamera2_class()._cm
    if not cameras.cameras:
        cameras._cms = None


def picamera2_class() -> Any:
    """Import Picamera2 and return its class.

    Raises:
        CameraUnsupported: it is not installed, or does not match the other installed packages.
    """
    is_first = "picamera2" not in sys.modules
    try:
        from picamera2 import Picamera2
    except ImportError as error:
        raise CameraUnsupported(
            Message(
                "picamera2_missing",
                "Picamera2 cannot be imported ({error}); on Raspberry Pi OS: sudo apt install python3-picamera2",
                error=error,
            )
        ) from error
    if is_first:
        # the modules stay loaded: exclude their objects from the collections of `free_descriptors`
        gc.collect()
        gc.freeze()
    # its messages about opening and closing repeat those of this program
    logging.getLogger("picamera2").setLevel(logging.WARNING)
    logging.getLogger("picamera2.picamera2").addFilter(_has_reason)
    return Picamera2


def free_descriptors() -> None:
    """Close the descriptors that a closed Picamera2 object leaves in reference cycles: selectors and a new allocator.

    Python itself would collect the cycles only after many new objects.
    """
    gc.collect()


def _has_reason(record: logging.LogRecord) -> bool:
    """Return False for the message without a reason; the exception that follows it has the reason."""
    return record.getMessage() != "Camera __init__ sequence did not complete."


def is_pisp() -> bool:
    """Return whether Picamera2 takes this for a Raspberry Pi 5, which has the image signal processor PiSP."""
    return bool(picamera2_class().platform.name == "PISP")


def find_tuning_file(name: str) -> str | None:
    """Return the path of a tuning file and set libcamera's variable to it; None means the default file.

    libcamera reads the variable when its CameraManager starts, and Picamera2's constructor deletes the variable unless
    it gets the path. So call this before the cameras are listed, and pass the path to each constructor.

    Raises:
        CameraUnsupported: the file does not exist.
    """
    if not name:
        return os.environ.get(TUNING_FILE)
    platform = "pisp" if is_pisp() else "vc4"
    files = [Path(folder, platform, name) for folder in TUNING_FOLDERS]
    for file in files:
        if file.is_file():
            os.environ[TUNING_FILE] = str(file)
            return str(file)
    template, looked = "tuning_file={name}: there is no {files}", " and no ".join(str(file) for file in files)
    raise CameraUnsupported(Message("tuning_file_missing", template, name=name, files=looked))


def create_picamera2(position: int, tuning: str | None, what: str) -> Any:
    """Create a Picamera2 object; if its constructor fails, release the pipe and the camera that it leaves open.

    Raises:
        CameraError: as in `translate_errors`; `what` is the beginning of the message.
    """
    picamera2 = picamera2_class()
    picam2 = picamera2.__new__(picamera2)
    if hasattr(picamera2, "_get_raw_modes"):  # not in every version
        picam2._get_raw_modes = partial(_usable_raw_modes, picam2)
    try:
        with translate_errors(what, picam2):
            picam2.__init__(position, tuning=tuning)
    except CameraError:
        _clean_up(picam2)
        raise
    return picam2


def _usable_raw_modes(picam2: Any) -> list[dict[str, Any]]:
    """Return the sensor modes without those on whose size or format Picamera2 fails, whichever mode is requested."""
    modes: list[dict[str, Any]] = type(picam2)._get_raw_modes(picam2)
    usable = [mode for mode in modes if min(mode["size"]) > 0 and read_bit_depth(mode["format"])]
    return usable or modes


def _clean_up(picam2: Any) -> None:
    if picam2.is_open and picam2.camera_idx in picam2._cm.cameras:  # nothing else shows how far the constructor came
        # only its last line, the allocator, is missing, so `close` works except for its last lines
        with suppress(AttributeError):
            picam2.close()
        picam2.camera = None
        return
    if picam2.is_open:
        picam2.camera.release()
        picam2.is_open = False  # or its finalizer would release the camera again
    picam2.notifymeread.close()
    os.close(picam2.notifyme_w)


def event_loop_ended(picam2: Any) -> bool:
    """Return whether an exception has ended the thread that runs captures; Picamera2 does not detect this.

    https://github.com/raspberrypi/picamera2/issues/432
    """
    thread = getattr(picam2._preview, "thread", None)  # there is no public way
    return thread is not None and not thread.is_alive()


def is_usb(camera_id: str) -> bool:
    """Return whether an id ends as those of uvcvideo do: PORTS:CONFIGURATION.INTERFACE-VENDOR:PRODUCT."""
    return re.search(r"-[\d.]+:\d+\.\d+-[0-9a-f]{4}:[0-9a-f]{4}$", camera_id) is not None


@contextmanager
def translate_errors(what: str, picam2: Any = None) -> Iterator[None]:
    """Translate the exceptions of Picamera2; the message is `what` and the innermost cause.

    Raises:
        CameraBusy: another program is using the camera; the message names it if possible.
        CameraMissing: the camera is not connected.
        CameraError: any other error.
    """
    try:
        yield
    except CameraError:
        raise
    except Exception as error:  # libcamera raises many types
        reason = _reason(error)
        if "busy" in reason.lower():
            users = _name_users(picam2) or Message("another_program", "another program")
            raise CameraBusy(
                Message("camera_busy", "{what}: it is in use by {users}", what=what, users=users)
            ) from error
        # up to 0.3.36 Picamera2 raises an IndexError for a camera number that is too high
        if any(each in reason for each in MISSING_MESSAGES) or isinstance(error, IndexError):
            raise CameraMissing(Message("camera_failed", "{what}: {reason}", what=what, reason=reason)) from error
        raise CameraError(Message("camera_failed", "{what}: {reason}", what=what, reason=reason)) from error


def _reason(error: BaseException) -> str:
    while error.__cause__:
        error = error.__cause__
    return str(error) or type(error).__name__


def _name_users(picam2: Any) -> str:
    devices = picam2.camera_properties.get("SystemDevices", ()) if picam2 is not None else ()
    return name_device_users([int(device) for device in devices])
