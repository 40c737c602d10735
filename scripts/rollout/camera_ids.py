"""[target] The ids of the connected cameras: those of the first settings, and a check of new ones."""

from collections.abc import Callable, Collection, Mapping, Sequence

from rollout.settings_merge import Merge
from rollout.system import RolloutError
from soft_stream.cameras import assigned_ids
from soft_stream.cameras.assigned_ids import IdsUsedUp, assign_ids, list_ids, needs_id
from soft_stream.cameras.base import CameraAmbiguous, CameraError, CameraInfo, CameraMissing
from soft_stream.cameras.discovery import is_raspberry_pi
from soft_stream.cameras.identity import select_camera, sort_by_port
from soft_stream.cameras.v4l2 import nodes
from soft_stream.config.settings import Settings
from soft_stream.config.settings_file import with_values
from soft_stream.config.settings_values import Values, default_text, key_of
from soft_stream.service.exit_status import ExitStatus

ListCameras = Callable[[], Sequence[CameraInfo]]
NO_CAMERA = (
    "No camera was found. Connect one; its unit starts by itself (a CSI camera: switch off first). If it is connected: "
    "sudo soft-stream doctor"
)
TEST_CAMERA = (
    "No camera was found, and this machine is no Raspberry Pi, so a test camera is served (cam_source=test-pattern in "
    "the settings)."
)
WEBCAMS = "libcamera has no camera, so the webcams of V4L2 are served (cam_source=v4l2 in the settings)."


def with_ids(text: str, list_cameras: ListCameras) -> tuple[str, list[str]]:
    """Return settings in which each camera has an id, and notes.

    Raises:
        RolloutError: a camera without an id would use the camera of another one.
    """
    try:
        return assigned_ids.with_ids(text, list_cameras()), []
    except CameraError as reason:
        return text, [f"The connected cameras cannot be listed: {reason}"]
    except IdsUsedUp as error:
        raise RolloutError(str(error), ExitStatus.CONFIG_ERROR) from None


def with_a_camera(text: str, notes: list[str]) -> tuple[str, list[str]]:
    """Return first settings with at least one camera, and `notes` with what was decided.

    Without a connected camera a Raspberry Pi waits for one. Any other machine serves its webcams without libcamera, or
    a test camera.
    """
    if Values(text).cameras:
        return text, notes
    text = with_values(text, {key_of(0, "name"): default_text(0, "name")})
    if is_raspberry_pi():
        return text, [*notes, NO_CAMERA]
    if devices := nodes.list_devices():
        changes = {key_of(None, "source"): "v4l2"}
        for number, found in enumerate(devices):
            changes |= {key_of(number, "name"): f"Camera {number}", key_of(number, "device"): found.id}
        return with_values(text, changes), [*notes, WEBCAMS]
    return with_values(text, {key_of(None, "source"): "test-pattern"}), [*notes, TEST_CAMERA]


def ids_of_added(values: Values, added: Collection[int], list_cameras: ListCameras) -> dict[str, str]:
    """Return ids for cameras that the repository adds without one: those of connected cameras that are not used yet.

    Raises:
        RolloutError: a camera without an id would use the camera of another one.
    """
    if not needs_id(values, added):
        return {}
    try:
        return assign_ids(values, added, list_cameras())[0]
    except CameraError:
        return {}
    except IdsUsedUp as error:
        raise RolloutError(str(error), ExitStatus.CONFIG_ERROR) from None


def moved_ids(merged: Merge, assigned: Values) -> dict[str, str]:
    """Return new ids for cameras whose assigned ids the repository now uses for others: those that became free."""
    keys = {key_of(camera, "id") for camera in merged.target.cameras}
    now = {key: merged.changes.get(key, merged.target.texts.get(key)) for key in sorted(keys)}
    free = [wanted for wanted in assigned.texts.values() if wanted not in now.values()]
    twice = [key for key, text in now.items() if text and key not in merged.changes and [*now.values()].count(text) > 1]
    return dict(zip((key for key in twice if now[key] == assigned.texts.get(key)), free, strict=False))


def check_ids(cameras: Mapping[int, Settings], known: Collection[str], list_cameras: ListCameras) -> list[str]:
    """Check that cameras with ids that are not `known` are connected; return notes.

    Raises:
        RolloutError: an id is wrong; the message lists the connected cameras.
    """
    new = {
        number: settings.id
        for number, settings in cameras.items()
        if settings.source == "picamera" and settings.id and settings.id not in known
    }
    if not new:
        return []
    try:
        connected = sort_by_port(list_cameras())
    except CameraError as reason:
        return [f"The connected cameras cannot be listed, so the ids are not checked: {reason}"]
    problems = []
    numbers: dict[str, int] = {}
    for number, wanted in new.items():
        try:
            found, _ = select_camera(connected, wanted, number)
            if (other := numbers.setdefault(found.id, number)) != number:
                problems.append(f"cam{number}_id={wanted}: this is the camera of cam{other}_id")
        except CameraMissing:
            problems.append(f"cam{number}_id={wanted}: no connected camera has this id")
        except CameraAmbiguous:
            problems.append(f"cam{number}_id={wanted}: several connected cameras have ids that end like this one")
    if problems:
        lines = "\n  ".join(problems)
        raise RolloutError(f"Wrong ids in the settings:\n  {lines}\n{list_ids(connected)}", ExitStatus.CONFIG_ERROR)
    return []
