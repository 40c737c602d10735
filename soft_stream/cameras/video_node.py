"""The camera behind a device file such as /dev/video0: libcamera's id of it, as the kernel's sysfs describes it.

libcamera's rules are in src/libcamera/sysfs.cpp and src/libcamera/pipeline/uvcvideo/uvcvideo.cpp of
https://git.libcamera.org/libcamera/libcamera.git
"""

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from soft_stream.cameras.base import CameraInfo, CameraMissing
from soft_stream.cameras.identity import sort_by_port

DEVICE_TREE = "sys/firmware/devicetree"


def select_by_node(connected: Sequence[CameraInfo], node: Path, root: Path = Path("/")) -> CameraInfo:
    """Return the connected camera to which a device file belongs.

    Raises:
        CameraMissing: the file does not exist, or no connected camera has it; the message lists the connected ones.
    """
    camera_id = id_of_node(node, root)
    for found in connected:
        if found.id == camera_id:
            return found
    reason = "is no device of a connected camera" if os.path.lexists(root / node.relative_to("/")) else "does not exist"
    listing = ", ".join(found.id for found in sort_by_port(connected)) or "none"
    raise CameraMissing(f"{node} {reason}; connected: {listing}")


def id_of_node(path: Path, root: Path = Path("/")) -> str | None:
    """Return libcamera's id of the camera to which a device file or a link to one belongs; None if it has none.

    All devices of a camera have its id: on a Raspberry Pi 5 these are eight, such as /dev/video0 to /dev/video7. `root`
    is the folder with `dev` and `sys`.
    """
    try:
        status = (root / path.relative_to("/")).stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISCHR(status.st_mode):
        return None
    number = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"
    device = (root / "sys/dev/char" / number / "device").resolve()
    if not device.is_dir():
        return None
    return _usb_id(device, root) if (device / "bInterfaceNumber").exists() else _sensor_id(device, root)


def node_of_id(camera_id: str, root: Path = Path("/")) -> Path | None:
    """Return the first device file of a camera, such as /dev/video0; None if it has none."""
    numbers = (file.name.removeprefix("video") for file in (root / "dev").glob("video*"))
    nodes = (Path(f"/dev/video{number}") for number in sorted(map(int, filter(str.isdecimal, numbers))))
    return next((node for node in nodes if camera_id and id_of_node(node, root) == camera_id), None)


def _usb_id(interface: Path, root: Path) -> str | None:
    """Return the id of a webcam: its controller, its ports, and its vendor and product."""
    controllers = (_firmware_path(parent, root) for parent in interface.parents if parent.is_relative_to(root))
    controller = next(filter(None, controllers), "")
    model = [_read(interface.parent / name).decode(errors="replace").strip() for name in ("idVendor", "idProduct")]
    if not controller or not all(model):
        return None
    return f"{controller}-{interface.name.partition('-')[2]}-{':'.join(model)}"


def _sensor_id(receiver: Path, root: Path) -> str | None:
    """Return the id of a CSI camera: its sensor, to which the device tree connects the receiver of the node.

    Both ends of a connection have the handle of the other one.
    """
    ends = list(_endpoints(receiver / "of_node"))
    handles, remotes = {handle for handle, _ in ends if handle}, {remote for _, remote in ends if remote}
    subdevices = (root / "sys/class/video4linux").glob("v4l-subdev*/device")
    for device in {subdevice.resolve() for subdevice in subdevices}:
        for handle, remote in _endpoints(device / "of_node"):
            if handle in remotes or remote in handles:
                return _firmware_path(device, root) or None
    return None


def _endpoints(node: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the handle of each endpoint of a device, and the handle of the endpoint that is connected to it."""
    for remote in (*node.glob("port*/endpoint*/remote-endpoint"), *node.glob("ports/port*/endpoint*/remote-endpoint")):
        yield _read(remote.parent / "phandle"), _read(remote)


def _firmware_path(device: Path, root: Path) -> str:
    """Return the path of a device in the device tree or in the tables of ACPI; "" if it is in neither."""
    node, tree = (device / "of_node").resolve(), (root / DEVICE_TREE).resolve()
    if node.is_dir() and node.is_relative_to(tree):
        return f"/{node.relative_to(tree)}"
    return _read(device / "firmware_node/path").decode(errors="replace").strip()


def _read(path: Path) -> bytes:
    """Return the content of a file; nothing if it cannot be read."""
    with suppress(OSError):
        return path.read_bytes()
    return b""
