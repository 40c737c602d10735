"""The parts of libcamera's Python module that Picamera2 uses."""

import sys

from tests.support.fake_libcamera.camera import Camera
from tests.support.fake_libcamera.colour import ColorSpace
from tests.support.fake_libcamera.configuration import (
    CameraConfiguration,
    SensorConfiguration,
    Stream,
    StreamConfiguration,
    StreamFormats,
    StreamRole,
)
from tests.support.fake_libcamera.controls import ControlId, ControlInfo, ControlType, controls, properties
from tests.support.fake_libcamera.formats import PixelFormat
from tests.support.fake_libcamera.geometry import Orientation, Rectangle, Size, SizeRange, Transform
from tests.support.fake_libcamera.manager import CameraManager
from tests.support.fake_libcamera.request import FrameBuffer, FrameMetadata, Request

__all__ = [
    "Camera",
    "CameraConfiguration",
    "CameraManager",
    "ColorSpace",
    "ControlId",
    "ControlInfo",
    "ControlType",
    "FrameBuffer",
    "FrameMetadata",
    "Orientation",
    "PixelFormat",
    "Rectangle",
    "Request",
    "SensorConfiguration",
    "Size",
    "SizeRange",
    "Stream",
    "StreamConfiguration",
    "StreamFormats",
    "StreamRole",
    "Transform",
    "controls",
    "properties",
]

# the C++ part, whose names are the same
_libcamera = sys.modules["libcamera._libcamera"] = sys.modules[__name__]
