"""The V4L2 camera that ustreamer and camera-soft-stream read in turn, with the same frames for both."""

import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.v4l2_device.device import V4l2Device

SIZE = WIDTH, HEIGHT = 1280, 720


@cache
def device(built: Path, fps: int) -> V4l2Device:
    """Plug in the camera; `built` is the folder that `prepare` returns."""
    pictures = built / "pictures"
    plugged = V4l2Device(built / "camera", formats=("YUYV", "MJPG"), sizes=(SIZE,), rates=(fps,), controls=())
    plugged.show([picture.read_bytes() for picture in sorted(pictures.glob("*.jpg"))], "MJPG", SIZE)
    planes, length = (pictures / f"{WIDTH}x{HEIGHT}.yuyv").read_bytes(), WIDTH * HEIGHT * 2
    plugged.show([planes[begin : begin + length] for begin in range(0, len(planes), length)], "YUYV", SIZE)
    return plugged
