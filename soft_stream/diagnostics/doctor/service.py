"""What the running portals say: whether their ports are theirs, and what was negotiated with the cameras."""

import re
from collections.abc import Iterator
from typing import Any

from soft_stream import __version__
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.host import Host
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong

# cameras whose lens always moves
WITH_AUTOFOCUS = re.compile(r"imx708|imx519|ov64a40")


def look(context: DoctorContext) -> Iterator[Finding]:
    """Ask each portal of the settings on its loopback port."""
    for number, settings in context.cameras.items():
        status = context.status(number)
        if status is None or status["camera"] != number:
            yield _somebody_else(context, settings, status)
            continue
        yield _health(context, settings)
        yield from _unit(context, settings)
        yield from _version(context, settings, status)
        if negotiated := status.get("negotiated"):
            yield _size(settings, negotiated)
            yield _focus(settings, negotiated, status.get("last_focus"))


def listener(host: Host, port: int) -> str:
    """Name the program that listens on a port, as in "nginx (pid 12)"; empty where that cannot be seen."""
    output = host.run("ss", "-Hltnp", f"sport = :{port}")
    found = re.findall(r'\("([^"]+)",pid=(\d+)', output.text) if output else []
    return ", ".join(dict.fromkeys(f"{name} (pid {pid})" for name, pid in found[:1]))


def _somebody_else(context: DoctorContext, settings: Settings, status: dict[str, Any] | None) -> Finding:
    """Say who has the port of a camera, if anybody."""
    number, port, reply = settings.camera, settings.port, context.replies[settings.camera]
    unit = context.units.get(number)
    if reply.refused:
        told = f"nobody listens on port {port}: camera {number} is not served"
        if unit is None:
            return note(told, fix=f"soft-stream serve --camera {number}")
        if unit.active == "active":
            return wrong(told, "the unit runs, but not with these settings", f"sudo systemctl restart {unit.name}")
        return note(told, fix="see its unit above")
    if reply.error:
        why = "a call into the camera may hold everything up; systemd's watchdog replaces the process"
        return wrong(f"port {port} of camera {number}: {reply.error}", why, f"sudo ss -ltnp 'sport = :{port}'")
    program = listener(context.host, port) or f"another program ({SUDO} which)"
    who = f"the portal of camera {status['camera']}" if status else program
    return wrong(
        f"port {port} of camera {number} is in use by {who}",
        f"camera {number} cannot be served: its process ends with 75",
        f"sudo ss -ltnp 'sport = :{port}'; stop that program, or set cam{number}_port={context.restart(number)}",
    )


def _health(context: DoctorContext, settings: Settings) -> Finding:
    number = settings.camera
    reply = context.host.get(f"{settings.local_url}/healthz")
    sentence = reply.text.strip() or reply.error
    if reply.status == 200:
        return ok(f"camera {number}, {settings.local_url}: {sentence}")
    if "(pid " in sentence:
        fix = context.host.how_to_stop(sentence, settings)
    elif number in context.units:
        fix = f"journalctl -b -u camera-soft-cam@{number} -n 30; docs/operate.md, No picture?"
    else:
        fix = "docs/operate.md, No picture?"
    return wrong(f"camera {number}: {sentence}", "there is no picture", fix)


def _unit(context: DoctorContext, settings: Settings) -> Iterator[Finding]:
    """Look for a portal that somebody started by hand, and forgot."""
    unit, port = context.units.get(settings.camera), settings.port
    if unit and unit.active in ("activating", "failed", "inactive"):
        yield wrong(
            f"port {port} of camera {settings.camera} has a portal that is not of {unit.name}",
            "the unit cannot start beside it",
            f"sudo ss -ltnp 'sport = :{port}'; stop that one; then: sudo systemctl start {unit.name}",
        )


def _version(context: DoctorContext, settings: Settings, status: dict[str, Any]) -> Iterator[Finding]:
    if status["version"] != __version__:
        yield note(
            f"camera {settings.camera} is served by version {status['version']}, this is {__version__}",
            "the newer one counts after a restart",
            f"sudo systemctl restart camera-soft-cam@{settings.camera}" if settings.camera in context.units else "",
        )


def _size(settings: Settings, negotiated: dict[str, Any]) -> Finding:
    number, (width, height) = settings.camera, negotiated["size"]
    told = f"camera {number} gives {width}x{height}, {negotiated['fps']:g} fps, sensor mode {negotiated['sensor_mode']}"
    differences = list(negotiated.get("differences", ()))
    if (width, height) != (settings.width, settings.height):
        differences.insert(0, f"asked for were {settings.width}x{settings.height}")
    if not differences:
        return ok(f"{told}, as asked")
    fix = f"cam{number}_width={width}, cam{number}_height={height} asks for what it has"
    return note(f"{told}; {'; '.join(differences)}", "the camera does what comes nearest", fix)


def _focus(settings: Settings, negotiated: dict[str, Any], last: dict[str, Any] | None) -> Finding:
    number, model = settings.camera, negotiated.get("model", "")
    if negotiated["has_autofocus"]:
        told = f"; the last AF cycle: {last['result']} after {last['seconds']:.1f} s" if last else ""
        return ok(f"camera {number} has autofocus, cam{number}_autofocus={settings.autofocus}{told}")
    if WITH_AUTOFOCUS.match(model) and settings.autofocus != "off":
        return wrong(
            f"camera {number} ({model}) has no autofocus, though its lens moves",
            "the driver of the lens did not find it, or the tuning file has no algorithm for it",
            "dmesg | grep -i -e dw9807 -e ak7375; is cam_tuning_file right? Is the cable in?",
        )
    return ok(f"camera {number} has no autofocus: its lens does not move")
