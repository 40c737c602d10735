"""The connected V4L2 cameras, and their stable paths."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from soft_stream.cameras.base import CameraInfo, CameraMissing
from soft_stream.cameras.v4l2.device import Description, describe, open_node
from soft_stream.cameras.v4l2.formats import READABLE, list_fourccs
from soft_stream.cameras.v4l2.kernel import Cap
from soft_stream.message import Message

ROOT = Path("/")
# Folders of udev's links, the best first: by-id has the same name at another port, by-path distinguishes equal models.
LINKS = ("by-id", "by-path")
# Receivers of CSI cameras, image processors and codecs: their nodes give no pictures by themselves.
NOT_CAMERAS = re.compile(r"unicam|rp1-cfe|bcm2835-(isp|codec)|pispbe|rpi-?hevc|rpivid|hantro|rkisp|rkvdec")


def list_devices(root: Path = ROOT) -> list[CameraInfo]:
    """Return the connected cameras, in the order of the numbers of their nodes; the id of each is its path."""
    return [
        CameraInfo(str(stable_path(node, root)), about.card, about.bus.startswith("usb-"))
        for node, about in _cameras(root)
    ]


def first_device(root: Path = ROOT) -> Path:
    """Return the stable path of the first connected camera.

    Raises:
        CameraMissing: there is none.
    """
    for node, _ in _cameras(root):
        return stable_path(node, root)
    raise CameraMissing(Message("device_none", "no V4L2 camera is connected"))


def stable_path(node: Path, root: Path = ROOT) -> Path:
    """Return udev's link to a device node, which has the same name after a restart; the node if there is none."""
    target = node.resolve()
    for folder in LINKS:
        with suppress(OSError):
            links = sorted((root / "dev/v4l" / folder).iterdir())
            if found := next((link for link in links if link.resolve() == target), None):
                return found
    return node


def is_camera(about: Description) -> bool:
    """Return whether a node gives frames by itself: no metadata, no codec, no part of a pipeline."""
    capabilities = about.capabilities
    is_part = capabilities & (Cap.VIDEO_M2M | Cap.VIDEO_M2M_MPLANE | Cap.IO_MC | Cap.META_CAPTURE)
    can_stream = capabilities & Cap.VIDEO_CAPTURE and capabilities & Cap.STREAMING
    return bool(can_stream) and not is_part and not NOT_CAMERAS.search(about.driver)


def _cameras(root: Path) -> Iterator[tuple[Path, Description]]:
    """Yield each node that is a camera with formats that this program reads."""
    for node in _nodes(root):
        with suppress(OSError):  # it was unplugged, may not be opened, or is something else
            descriptor = open_node(node)
            try:
                about = describe(descriptor)
                if is_camera(about) and READABLE.keys() & set(list_fourccs(descriptor)):
                    yield node, about
            finally:
                os.close(descriptor)


def _nodes(root: Path) -> list[Path]:
    numbers = (file.name.removeprefix("video") for file in (root / "dev").glob("video*"))
    return [root / f"dev/video{number}" for number in sorted(map(int, filter(str.isdecimal, numbers)))]
