"""The device of this process, and cameras that use it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from soft_stream.cameras.v4l2.camera import V4l2Camera
from tests.support.sources.v4l2 import WEB
from tests.support.v4l2_device.device import FOLDER, V4l2Device, folder_of_process

# any other process has no device
collect_ignore_glob = [] if FOLDER in os.environ else ["test_*.py"]

PlugIn = Callable[..., V4l2Device]
NewCamera = Callable[..., V4l2Camera]


@pytest.fixture
def plug_in() -> Iterator[PlugIn]:
    """Return a function that plugs in a device with some formats, sizes, rates or controls."""
    with ExitStack() as devices:
        yield lambda **facts: devices.enter_context(V4l2Device(folder_of_process(), **facts))


@pytest.fixture
def device(plug_in: PlugIn) -> V4l2Device:
    """Plug in a webcam."""
    return plug_in()


@pytest.fixture
def new_camera() -> Iterator[NewCamera]:
    """Return a function that makes a driver for a device, with changed settings; all are closed in the end."""
    cameras: list[V4l2Camera] = []

    def make(device: V4l2Device, **changes: Any) -> V4l2Camera:
        cameras.append(V4l2Camera(replace(WEB, device=str(device.link), **changes)))
        return cameras[-1]

    yield make
    for camera in cameras:
        camera.close()
