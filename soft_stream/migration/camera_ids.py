"""Options that name a camera: by libcamera's id, by a device file, or by a number."""

import re

from soft_stream.migration.machine import Machine

NO_ID = "`soft-stream cameras` prints the line with the id"
WAYS = ("device", "index", "node")


class Untranslatable(Exception):
    """A value cannot be translated; the message says why."""


def camera_id(name: str, value: str, machine: Machine) -> str:
    """Return the id of a camera; `name` is one of WAYS.

    Raises:
        Untranslatable: the camera is not connected here.
    """
    if name == "device" and re.match(r"/base/|\\_SB", value):
        return value
    is_number = bool(re.fullmatch(r"\d{1,9}", value, re.ASCII))
    if is_number and name != "node":
        if found := machine.id_at(int(value)):
            return found
        raise Untranslatable(f"no camera at this place of Picamera2's list is connected here; {NO_ID}")
    if name == "index" or (name == "node" and not is_number):
        raise Untranslatable("must be the number of a camera")
    node = f"/dev/video{int(value)}" if name == "node" else value
    if found := machine.id_of_node(node):
        return found
    raise Untranslatable(f"libcamera's id for {node} cannot be found here; {NO_ID}")
