"""Facts for tests: the observable state of a camera, and the resources left in this process."""

from __future__ import annotations

import gc
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.support.fake_libcamera.device import Device
from tests.support.fake_libcamera.memory import HEAP
from tests.support.fake_libcamera.request import FrameBuffer, Request


def facts_of(device: Device) -> dict[str, Any]:
    """Return the observable state of a camera as JSON types."""
    names = ("acquired", "running", "plugged", "openings", "starts", "frames", "frame_duration")
    return {name: getattr(device, name) for name in (*names, "af_mode", "af_state", "lens_position")} | {
        "configurations": [asdict(configured) for configured in device.configurations],
        "applied": [(frame, name, str(value)) for frame, name, value in device.applied],
    }


def leftovers() -> dict[str, Any]:
    """Count the resources of an open camera: requests, frame memory, descriptors, threads."""
    gc.collect()
    links = [_target(link) for link in Path("/proc/self/fd").iterdir()]
    return {
        "pid": os.getpid(),
        "requests": len(Request.alive),
        "frame_buffers": len(FrameBuffer.alive),
        "open_buffers": sum(link.startswith(f"/memfd:{HEAP}") for link in links),
        "mapped_buffers": Path("/proc/self/maps").read_text().count(f"/memfd:{HEAP}"),
        "descriptors": len(links),
        "threads": sorted(thread.name for thread in threading.enumerate()),
    }


def _target(link: Path) -> str:
    try:
        return os.readlink(link)
    except FileNotFoundError:
        return ""  # the descriptor of the listing itself
