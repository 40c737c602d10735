"""Ids of the connected cameras for settings that have none."""

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from itertools import count

from soft_stream.cameras.base import CameraAmbiguous, CameraInfo, CameraMissing
from soft_stream.cameras.identity import select_camera, sort_by_port
from soft_stream.config.settings_file import with_values, without_cameras
from soft_stream.config.settings_values import Values, key_of


class IdsUsedUp(Exception):
    """A camera without an id would use the camera of another number."""


def with_ids(text: str, connected: Sequence[CameraInfo]) -> str:
    """Return settings in which each camera has an id.

    Ids in the text stay. Cameras without an id get the other connected cameras, in the order of the ports; further
    connected cameras are added. Example lines of a camera that is not connected are commented out.

    Raises:
        IdsUsedUp: a camera without an id would use the camera of another one.
    """
    values = Values(text)
    absent = {camera for camera in values.cameras if not values.wishes(camera)}
    ids, left = assign_ids(values, values.cameras, connected, may_be_absent=absent)
    absent &= {
        camera for camera in _without_id(values, values.cameras) if connected and key_of(camera, "id") not in ids
    }
    changes: dict[str, str | None] = {**ids}
    if values.value(None, "source") == "picamera":
        for found, camera in zip(left, (number for number in count() if number not in values.cameras), strict=False):
            changes |= {key_of(camera, "name"): f"Camera {camera}", key_of(camera, "id"): found.id}
    return with_values(without_cameras(text, absent), changes)


def assign_ids(
    values: Values, cameras: Iterable[int], connected: Sequence[CameraInfo], may_be_absent: Collection[int] = ()
) -> tuple[dict[str, str], list[CameraInfo]]:
    """Return ids for those cameras that have none, and the connected cameras that are left, in the order of the ports.

    Raises:
        IdsUsedUp: a camera without an id would use the camera of another one.
    """
    left = sort_by_port(connected)
    for camera in values.cameras:
        if wanted := values.text(camera, "id"):
            with suppress(CameraMissing, CameraAmbiguous):  # a check of the ids reports them
                found, _ = select_camera(connected, wanted, camera)
                left = [each for each in left if each is not found]
    ids = {}
    for camera in _without_id(values, cameras):
        if left:
            ids[key_of(camera, "id")] = left.pop(0).id
        elif camera < len(connected) and camera not in may_be_absent:  # in the order of the ports it would be that one
            raise IdsUsedUp(
                f"camera {camera}: cam{camera}_id is not set, and all connected cameras are used by other numbers; "
                f"{list_ids(connected)}"
            )
    return ids, left


def needs_id(values: Values, cameras: Iterable[int]) -> bool:
    """Return True if at least one of some cameras is a real one without an id."""
    return bool(_without_id(values, cameras))


def list_ids(connected: Sequence[CameraInfo]) -> str:
    """Return the ids of the connected cameras for a message, one a line."""
    lines = "".join(f"\n  {found.id} ({found.model})" for found in sort_by_port(connected))
    return f"Connected cameras:{lines or ' none'}"


def _without_id(values: Values, cameras: Iterable[int]) -> list[int]:
    each = (camera for camera in sorted(cameras) if not values.text(camera, "id"))
    return [camera for camera in each if values.value(camera, "source") == "picamera"]
