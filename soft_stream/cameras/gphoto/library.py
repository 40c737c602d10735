"""python-gphoto2: which cameras are connected, and its errors as those of a driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, NamedTuple

from soft_stream.cameras.base import CameraBusy, CameraError, CameraMissing
from soft_stream.cameras.optional_library import import_library
from soft_stream.message import Message


class Connected(NamedTuple):
    """A camera that libgphoto2 has found."""

    model: str
    port: str
    """libgphoto2's name of the port, such as usb:001,004; the second number changes with each plugging."""


def load() -> ModuleType:
    """Import python-gphoto2.

    Raises:
        CameraUnsupported: it is not installed.
    """
    return import_library("gphoto2", "python3-gphoto2", "gphoto")


def find(device: str) -> Connected:
    """Return the camera with this port or this model; the first one if `device` is empty.

    Raises:
        CameraMissing: it is not connected.
    """
    gp = load()
    found = gp.check_result(gp.gp_camera_autodetect())
    cameras = [Connected(found.get_name(each), found.get_value(each)) for each in range(found.count())]
    if not cameras:
        raise CameraMissing(Message("gphoto_none", "no camera that libgphoto2 knows is connected by USB"))
    for camera in cameras:
        if device in ("", camera.port, camera.model):
            return camera
    names = ", ".join(f"{camera.model} ({camera.port})" for camera in cameras)
    template = "{device} is not connected; there is {others}"
    raise CameraMissing(Message("gphoto_other", template, device=device, others=names))


def open_camera(camera: Connected) -> Any:
    """Open a camera at its port.

    Raises:
        CameraError: it is gone, or another program is using it.
    """
    gp = load()
    ports = gp.PortInfoList()
    ports.load()
    with translated(camera.model):
        handle = gp.Camera()
        handle.set_port_info(ports.get_info(ports.lookup_path(camera.port)))
        handle.init()
    return handle


def data_of(file: Any) -> bytes:
    """Return a copy of what is in a file object, which owns the memory and must live until then."""
    return bytes(memoryview(file.get_data_and_size()))


@contextmanager
def translated(model: str) -> Iterator[None]:
    """Raise the errors of libgphoto2 as those of a driver."""
    gp = load()
    try:
        yield
    except gp.GPhoto2Error as error:
        raise _fault_of(gp, error, model) from None


def _fault_of(gp: ModuleType, error: Any, model: str) -> CameraError:
    if error.code in (gp.GP_ERROR_IO_USB_CLAIM, gp.GP_ERROR_IO_LOCK, gp.GP_ERROR_CAMERA_BUSY):
        template = "{model} is in use by another program ({reason}); on a desktop that is its file manager: {remedy}"
        remedy = "systemctl --user mask --now gvfs-gphoto2-volume-monitor"
        return CameraBusy(Message("gphoto_busy", template, model=model, reason=error.string, remedy=remedy))
    gone = (
        gp.GP_ERROR_IO, gp.GP_ERROR_IO_READ, gp.GP_ERROR_IO_WRITE, gp.GP_ERROR_IO_USB_FIND, gp.GP_ERROR_UNKNOWN_PORT,
        gp.GP_ERROR_MODEL_NOT_FOUND, gp.GP_ERROR_IO_INIT,
    )  # fmt: skip
    kind = CameraMissing if error.code in gone else CameraError
    return kind(Message("gphoto_fails", "{model}: {reason}", model=model, reason=error.string))
