"""The HDR mode of the imx708, which only its driver can be told, before libcamera opens the camera.

Picamera2 has the same in `picamera2.devices`, whose import brings all that the imx500 needs, which few have installed.
"""

import fcntl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from soft_stream.cameras.base import CameraError, CameraInfo

# linux/videodev2.h: _IOWR('V', 27 and 28, struct v4l2_control), whose two numbers are id and value
VIDIOC_G_CTRL, VIDIOC_S_CTRL = 0xC008561B, 0xC008561C
CONTROL = struct.Struct("Ii")
WIDE_DYNAMIC_RANGE = 0x009A0915


def set_sensor_hdr(found: CameraInfo, *, on: bool) -> bool:
    """Switch the sensor's HDR mode, which its driver keeps over processes; tell whether that changed anything.

    Whoever has listed the cameras before does not know of the change.

    Raises:
        CameraError: the sensor has none, or its driver does not take it.
    """
    if not found.model.startswith("imx708"):
        if on:
            raise CameraError(f"hdr=sensor: only the imx708 can do that, and this camera is a {found.model}")
        return False
    try:
        with _open_subdevice(found.id) as driver:
            _, was_on = CONTROL.unpack(fcntl.ioctl(driver, VIDIOC_G_CTRL, CONTROL.pack(WIDE_DYNAMIC_RANGE, 0)))
            if bool(was_on) == on:
                return False
            fcntl.ioctl(driver, VIDIOC_S_CTRL, CONTROL.pack(WIDE_DYNAMIC_RANGE, on))
    except OSError as error:
        if on:
            raise CameraError(f"hdr=sensor: the driver does not take it: {error}") from error
        return False
    return True


@contextmanager
def _open_subdevice(camera_id: str) -> Iterator[BinaryIO]:
    """Open the sensor's own device, which sysfs connects with the camera's id: both are the path in the device tree."""
    for node in Path("/sys/class/video4linux").glob("v4l-subdev*/device/of_node"):
        if str(node.resolve()).endswith(camera_id):
            with open(f"/dev/{node.parent.parent.name}", "rb+", buffering=0) as driver:
                yield driver
                return
    raise FileNotFoundError(f"no v4l-subdev belongs to {camera_id}")
