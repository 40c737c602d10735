"""The cameras: which there are, which of them the settings mean, whether one has changed, who has them."""

from collections.abc import Iterator, Sequence
from itertools import count

from soft_stream.cameras.base import CameraAmbiguous, CameraError, CameraInfo, CameraMissing, CameraUnsupported
from soft_stream.cameras.id_history import FILE, ServedId, parse_history
from soft_stream.cameras.identity import select_camera, sort_by_port
from soft_stream.config.env_file import quote_value
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.context import APT, SUDO, DoctorContext
from soft_stream.diagnostics.doctor.permissions import may_look
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong


def look(context: DoctorContext) -> Iterator[Finding]:
    """Compare the cameras that are connected with those that the settings mean."""
    if not context.wants_cameras:
        return
    try:
        connected = sort_by_port(context.host.cameras())
    except CameraError as fault:
        yield _no_list(context, fault)
        return
    if not connected and not may_look(context):
        yield note("none is seen, but this user may not open /dev/video* and /dev/media*", fix=SUDO)
        return
    meant: dict[str, int] = {}
    for settings in context.cameras.values():
        if settings.source == "picamera":
            yield from _meant(context, settings, connected, meant)
    spare = [found for found in connected if found.id not in meant]
    free = (number for number in count() if number not in context.cameras)
    for found, number in zip(spare, free, strict=False):
        yield note(
            f"{_name(found)}: the settings do not mean it",
            "nobody serves it",
            f"to serve it, in {context.file}: cam{number}_id={quote_value(found.id)}",
        )
    if not connected and not context.cameras and not context.problems:
        yield note("libcamera sees no camera", fix="rpicam-hello --list-cameras; is the cable in?")


def look_at_holders(context: DoctorContext) -> Iterator[Finding]:
    """Tell which programs have a camera: ours, and others."""
    if not context.wants_cameras:
        return
    ours = {unit.pid: unit.name for unit in context.units.values() if unit.pid}
    holdings = context.host.holdings()
    for holding in holdings:
        if holding.pids and holding.pids <= ours.keys():
            yield ok(f"{holding.camera} ({holding.node}): {', '.join(ours[pid] for pid in sorted(holding.pids))}")
        else:
            settings = next(iter(context.cameras.values()), Settings())
            yield note(
                f"{holding.camera} ({holding.node}): {holding.programs}",
                "a camera can only be used by one program; the portal waits until it is free",
                context.host.how_to_stop(holding.programs, settings),
            )
    if not holdings:
        limit = "" if context.host.is_root else f" (what other users' programs have open: {SUDO})"
        yield ok(f"no program has a camera{limit}")


def _no_list(context: DoctorContext, fault: CameraError) -> Finding:
    """Say why cameras cannot be listed, and what helps."""
    why = "without the list no camera is found by its id"
    if "takes this Raspberry Pi 5 for an older one" in str(fault):
        if not may_look(context):
            return note(str(fault), "this user may not open every /dev/video*; the service's user may", SUDO)
        return wrong(str(fault), "sizes and colours would be wrong", "ls -l /dev/video*  # all of the group video")
    if context.host.paths(f"{APT}/picamera2/__init__.py"):
        return wrong(str(fault), why, "see versions below")
    if isinstance(fault, CameraUnsupported):
        fix = "sudo apt install --no-install-recommends python3-picamera2"
        return wrong(str(fault), why, f"{fix}; without a camera: cam_source=test-pattern")
    return wrong(str(fault), why, "rpicam-hello --list-cameras  # what does libcamera itself say?")


def _meant(
    context: DoctorContext, settings: Settings, connected: Sequence[CameraInfo], meant: dict[str, int]
) -> Iterator[Finding]:
    """Find the camera that one number means, note it in `meant`, and compare it with the one before."""
    number = settings.camera
    try:
        found, advice = select_camera(connected, settings.id, number)
    except (CameraMissing, CameraAmbiguous) as fault:
        yield wrong(
            f"cam{number}: {fault}", f"camera {number} cannot be served", _where_is_it(context, settings, connected)
        )
        return
    other = meant.setdefault(found.id, number)
    line = f"in {context.file}: cam{number}_id={quote_value(found.id)}{context.restart(number)}"
    if other != number:
        yield wrong(
            f"camera {other} and camera {number} are the same: {_name(found)}",
            "the second one finds it in use",
            f"set both ids in {context.file}; soft-stream cameras  # lists them",
        )
        return
    before = _served(context, number)
    if not settings.id and before and before[-1].id != found.id:
        yield wrong(
            f"camera {number} was {before[-1].id} since {before[-1].since}, and would now be {found.id}",
            "no id is set, so it is whichever camera is at that place in the order of the ports",
            f"if this is the right one, {line}",
        )
    elif not settings.id and len(before) > 1:
        yield note(
            f"camera {number} has been another one: {before[-2].id} until {before[-1].since}, since then {found.id}",
            "no id is set, so it is whichever camera is at that place in the order of the ports",
            line,
        )
    elif advice:
        why = "it is found all the same" if settings.id else "another cable or webcam can change that order"
        yield note(f"camera {number} is {_name(found)}. {advice}", why, line)
    else:
        yield ok(f"camera {number} is {_name(found)}")


def _where_is_it(context: DoctorContext, settings: Settings, connected: Sequence[CameraInfo]) -> str:
    """Say how to get a missing camera back: by its id, where one is left that nobody means, else by its cable."""
    ids = {each.id for each in context.cameras.values()}
    left = [found for found in connected if found.id not in ids]
    if settings.id and len(left) == 1:
        line = f"cam{settings.camera}_id={quote_value(left[0].id)}"
        return f"if it is the one in another port, in {context.file}: {line}{context.restart(settings.camera)}"
    if "/usb" in settings.id:
        return "plug it in; lsusb  # shows whether it is seen"
    return "check the cable, a ribbon only with the power off; rpicam-hello --list-cameras  # shows whether it is seen"


def _served(context: DoctorContext, number: int) -> list[ServedId]:
    return parse_history(context.host.read(f"{context.state_directory}/{FILE.format(number)}") or "")


def _name(found: CameraInfo) -> str:
    return f"{found.model}, {'USB' if found.usb else 'CSI'}, {found.id}"
