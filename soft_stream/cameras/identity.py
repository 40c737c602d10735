"""The selection of a camera by its id or by its number."""

import re
from collections.abc import Sequence

from soft_stream.cameras.base import CameraAmbiguous, CameraInfo, CameraMissing
from soft_stream.message import Message


def select_camera(connected: Sequence[CameraInfo], wanted: str, number: int) -> tuple[CameraInfo, str]:
    """Return a camera, and why its id should be put into the settings; "" if the settings have the right id.

    The id `wanted` decides. If no id is equal, its last parts decide: a kernel update can rename the bus in the first
    parts. Without an id, the camera at position `number` of `sort_by_port` is selected.

    Raises:
        CameraMissing: the camera is not connected; the message lists the connected ones.
        CameraAmbiguous: several ids have the same last parts.
    """
    ordered = sort_by_port(connected)
    listing = ", ".join(found.id for found in ordered) or Message("none", "none")
    if not wanted:
        if number >= len(ordered):
            template = "camera number {number} (counted from 0) is not connected; connected: {listing}"
            raise CameraMissing(Message("camera_number_missing", template, number=number, listing=listing))
        return ordered[number], f"No id is set, so this is camera number {number} in the order of the ports"
    if exact := [found for found in ordered if found.id == wanted]:
        return exact[0], ""
    alike = [found for found in ordered if _suffix(found.id) == _suffix(wanted)]
    if not alike:
        template = "camera {id} is not connected; connected: {listing}"
        raise CameraMissing(Message("camera_missing", template, id=wanted, listing=listing))
    if len(alike) > 1:
        template = "camera {id} is not connected, and several ids end like it; connected: {listing}"
        raise CameraAmbiguous(Message("camera_ambiguous", template, id=wanted, listing=listing))
    return alike[0], f"The first part of the id {wanted} has changed"


def is_renamed(before: str, now: str) -> bool:
    """Return whether two different ids can be those of one camera, whose bus the kernel has renamed."""
    return before != now and _suffix(before) == _suffix(now)


def sort_by_port(connected: Sequence[CameraInfo]) -> list[CameraInfo]:
    """Sort cameras: CSI before USB, each in the order of the port numbers printed on the board.

    On a Raspberry Pi 5 the port CAM/DISP 0 is i2c@88000 and CAM/DISP 1 is i2c@80000; on a Compute Module 4 they are
    i2c@0 and i2c@1 (arch/arm64/boot/dts/broadcom/ of https://github.com/raspberrypi/linux).
    """
    return sorted(connected, key=_port)


def _port(found: CameraInfo) -> tuple[bool, int, list[tuple[int, str]]]:
    bus = re.search(r"/i2c@([0-9a-f]+)/", found.id)
    address = int(bus[1], 16) if bus and not found.usb else 0
    parts = re.findall(r"\d+|\D+", found.id)
    natural = [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
    return found.usb, -address if "/rp1/" in found.id else address, natural


def _suffix(camera_id: str) -> str:
    """Return an id without the bus: I2C bus and sensor of a CSI camera; controller, port and model of a webcam."""
    parts = camera_id.split("/")
    return "/".join(parts[-2:] if parts[-2:-1] and parts[-2].startswith("i2c@") else parts[-1:])
