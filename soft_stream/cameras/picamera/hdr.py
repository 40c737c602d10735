"""The HDR mode of the imx708 sensor, which its kernel driver must set before libcamera opens the camera.

Picamera2 has the same function in `picamera2.devices`, whose import needs the rarely installed packages of the imx500.
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
    """Set the sensor's HDR mode, which the kernel driver keeps after this process; return whether it changed.

    A CameraManager that was created before does not notice the change.

    Raises:
        CameraError: the sensor has no HDR mode, or its kernel driver rejects it.
    """
    if not found.model.startswith("imx708"):
        if on:
            raise CameraError(f"hdr=sensor: only the imx708 has this mode; this camera is {found.model}")
        return False
    try:
        with _open_subdevice(found.id) as driver:
            _, was_on = CONTROL.unpack(fcntl.ioctl(driver, VIDIOC_G_CTRL, CONTROL.pack(WIDE_DYNAMIC_RANGE, 0)))
            if bool(was_on) == on:
                return False
            fcntl.ioctl(driver, VIDIOC_S_CTRL, CONTROL.pack(WIDE_DYNAMIC_RANGE, on))
    except OSError as error:
        if on:
            raise CameraError(f"hdr=sensor: the kernel driver rejects it: {error}") from error
        return False
    return True


@contextmanager
def _open_subdevice(camera_id: str) -> Iterator[BinaryIO]:
    """Open the subdevice of the sensor; its path in the device tree, from sysfs, ends with the camera id."""
    for node in Path("/sys/class/video4linux").glob("v4l-subdev*/device/of_node"):
        if str(node.resolve()).endswith(camera_id):
            with open(f"/dev/{node.parent.parent.name}", "rb+", buffering=0) as driver:
                yield driver
                return
    raise FileNotFoundError(f"there is no v4l-subdev for {camera_id}")
