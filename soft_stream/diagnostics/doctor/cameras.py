"""The cameras: which are connected, which of them the settings select, and which programs use them."""

from collections.abc import Iterator, Sequence
from itertools import count

from soft_stream.cameras.base import CameraAmbiguous, CameraError, CameraInfo, CameraMissing, CameraUnsupported
from soft_stream.cameras.id_history import FILE, ServedId, parse_history
from soft_stream.cameras.identity import select_camera, sort_by_port
from soft_stream.config.env_file import quote_value
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.context import APT, SUDO, DoctorContext
from soft_stream.diagnostics.doctor.permissions import can_see_cameras
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong


def check(context: DoctorContext) -> Iterator[Finding]:
    """Compare the connected cameras with those that the settings select."""
    if not context.uses_picamera:
        return
    try:
        connected = sort_by_port(context.host.cameras())
    except CameraError as fault:
        yield _cannot_list(context, fault)
        return
    if not connected and not can_see_cameras(context):
        yield note("no camera found, but this user may not open /dev/video* and /dev/media*", fix=SUDO)
        return
    selected: dict[str, int] = {}
    for settings in context.cameras.values():
        if settings.source == "picamera":
            yield _selected(context, settings, connected, selected)
    spare = [found for found in connected if found.id not in selected]
    free = (number for number in count() if number not in context.cameras)
    for found, number in zip(spare, free, strict=False):
        yield note(
            f"{_name(found)}: not in the settings",
            "it is not served",
            f"to serve it, in {context.file}: cam{number}_id={quote_value(found.id)}",
        )
    if not connected and not context.cameras and not context.problems:
        yield note("libcamera finds no camera", fix="rpicam-hello --list-cameras; check the cable")


def check_users(context: DoctorContext) -> Iterator[Finding]:
    """List the programs that use a camera: the units of camera-soft-stream, and others."""
    if not context.uses_picamera and not any(each.source == "v4l2" for each in context.cameras.values()):
        return
    ours = {unit.pid: unit.name for unit in context.units.values() if unit.pid}
    used_cameras = context.host.used_cameras()
    for used in used_cameras:
        if used.pids and used.pids <= ours.keys():
            yield ok(f"{used.camera} ({used.node}): {', '.join(ours[pid] for pid in sorted(used.pids))}")
        else:
            settings = next(iter(context.cameras.values()), Settings())
            yield note(
                f"{used.camera} ({used.node}): {used.programs}",
                "only one program can use a camera; camera-soft-stream waits until it is free",
                context.host.how_to_stop(used.programs, settings),
            )
    if not used_cameras:
        limit = "" if context.host.is_root else f" (programs of other users: {SUDO})"
        yield ok(f"no program uses a camera{limit}")


def _cannot_list(context: DoctorContext, fault: CameraError) -> Finding:
    """Return why the cameras cannot be listed, and what helps."""
    why = "without the list no camera can be found by its id"
    if "takes this Raspberry Pi 5 for an older one" in str(fault):
        if not can_see_cameras(context):
            return note(str(fault), "this user may not open every /dev/video*; the user of the service may", SUDO)
        return wrong(
            str(fault), "sizes and colours would be wrong", "ls -l /dev/video*  # all must have the group video"
        )
    if context.host.paths(f"{APT}/picamera2/__init__.py"):
        return wrong(str(fault), why, "see versions below")
    if isinstance(fault, CameraUnsupported):
        fix = "sudo apt install --no-install-recommends python3-picamera2"
        return wrong(str(fault), why, f"{fix}; without a camera: cam_source=test-pattern")
    return wrong(str(fault), why, "rpicam-hello --list-cameras  # shows what libcamera itself finds")


def _selected(
    context: DoctorContext, settings: Settings, connected: Sequence[CameraInfo], selected: dict[str, int]
) -> Finding:
    """Find the camera of one number, add it to `selected`, and compare it with the camera served before."""
    number = settings.camera
    try:
        found, advice = select_camera(connected, settings.id, number)
    except (CameraMissing, CameraAmbiguous) as fault:
        fix = _where_is_it(context, settings, connected)
        return wrong(f"cam{number}: {fault}", f"camera {number} cannot be served", fix)
    other = selected.setdefault(found.id, number)
    if other != number:
        return wrong(
            f"camera {other} and camera {number} are the same: {_name(found)}",
            "the second process finds it in use",
            f"set both ids in {context.file}; soft-stream cameras  # lists them",
        )
    return _compared(context, settings, found, advice)


def _compared(context: DoctorContext, settings: Settings, found: CameraInfo, advice: str) -> Finding:
    """Compare the camera of one number with the one served before."""
    number, before = settings.camera, _served_before(context, settings.camera)
    line = f"in {context.file}: cam{number}_id={quote_value(found.id)}{context.restart_hint(number)}"
    order_decides = "no id is set, so the order of the ports decides which camera it is"
    if not settings.id and before and before[-1].id != found.id:
        what = f"camera {number} was {before[-1].id} since {before[-1].since}, and is now {found.id}"
        return wrong(what, order_decides, f"if this is the right camera, {line}")
    if not settings.id and len(before) > 1:
        what = f"camera {number} has changed: {before[-2].id} until {before[-1].since}, since then {found.id}"
        return note(what, order_decides, line)
    if advice:
        why = "it is found anyway" if settings.id else "another cable or webcam can change the order of the ports"
        return note(f"camera {number} is {_name(found)}. {advice}", why, line)
    return ok(f"camera {number} is {_name(found)}")


def _where_is_it(context: DoctorContext, settings: Settings, connected: Sequence[CameraInfo]) -> str:
    """Return how to get a missing camera back: by its id if exactly one unused camera is left, else by its cable."""
    ids = {each.id for each in context.cameras.values()}
    left = [found for found in connected if found.id not in ids]
    if settings.id and len(left) == 1:
        line = f"cam{settings.camera}_id={quote_value(left[0].id)}"
        return f"if it was moved to another port, in {context.file}: {line}{context.restart_hint(settings.camera)}"
    if "/usb" in settings.id:
        return "plug it in; lsusb  # shows whether it is detected"
    return (
        "check the cable, a ribbon only with the power off; rpicam-hello --list-cameras  # lists it if it is detected"
    )


def _served_before(context: DoctorContext, number: int) -> list[ServedId]:
    return parse_history(context.host.read(f"{context.state_directory}/{FILE.format(number)}") or "")


def _name(found: CameraInfo) -> str:
    return f"{found.model}, {'USB' if found.usb else 'CSI'}, {found.id}"
