"""The running processes of the cameras: their ports, their health, and what they negotiated with the camera."""

import re
from collections.abc import Iterator
from typing import Any

from soft_stream import __version__
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.installation import FAILED_UPGRADE
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.context import SUDO, DoctorContext
from soft_stream.diagnostics.doctor.frame_rate import check_rate
from soft_stream.diagnostics.doctor.host import Reply
from soft_stream.diagnostics.doctor.listeners import find_listeners, listening_program
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong
from soft_stream.diagnostics.settings_changes import settings_change

# rights of a folder
OTHERS_LIST = 0o005
# sensors of cameras that always have a motorised lens
WITH_AUTOFOCUS = re.compile(r"imx708|imx519|ov64a40")


def check(context: DoctorContext) -> Iterator[Finding]:
    """Query the process of each camera on its loopback port."""
    for number, settings in context.cameras.items():
        status = context.status(number)
        if status is None or status["camera"] != number:
            yield _other_listener(context, settings, status)
            continue
        yield _health(context, settings)
        yield from _unit(context, settings)
        yield from _version(context, settings, status)
        yield from _settings(context, settings, status)
        yield from _outputs(context, number, status)
        if negotiated := status.get("negotiated"):
            yield _size(settings, negotiated, is_changed=bool(settings_change(status, context.loaded.file)))
            yield _focus(settings, negotiated, status.get("last_focus"))
            yield from check_rate(context, settings, status)


def _other_listener(context: DoctorContext, settings: Settings, status: dict[str, Any] | None) -> Finding:
    """Return a finding for a port on which the camera's process does not reply."""
    number, port, reply = settings.camera, settings.port, context.replies[settings.camera]
    unit = context.units.get(number)
    # another program may have the port of only one of the addresses, and the process listens on all or none
    occupied = reply.refused and any(
        own.overlaps(Endpoint("http", address, port))
        for listener in find_listeners(context.host, port)
        for address in listener.addresses
        for own in settings.bound
    )
    if reply.refused and not occupied:
        text = f"no process listens on port {port}: camera {number} is not served"
        if unit is None:
            return note(text, fix=f"soft-stream serve --camera {number}")
        if unit.active == "active":
            return wrong(text, "the unit runs with other settings", f"sudo systemctl restart {unit.name}")
        return note(text, fix="see its unit above")
    if reply.error and not occupied:
        why = "a call into the camera may block the process; systemd's watchdog replaces it"
        return wrong(f"port {port} of camera {number}: {reply.error}", why, f"sudo ss -ltnp 'sport = :{port}'")
    if reply.status in (401, 403):
        return _no_login(context, settings, reply)
    program = listening_program(context.host, port) or f"another program ({SUDO})"
    user = f"the process of camera {status['camera']}" if status else program
    return wrong(
        f"port {port} of camera {number} is in use by {user}",
        f"camera {number} cannot be served: its process exits with 75",
        f"sudo ss -ltnp 'sport = :{port}'; stop that program, or set cam{number}_port={context.restart_hint(number)}",
    )


def _no_login(context: DoctorContext, settings: Settings, reply: Reply) -> Finding:
    """Return a finding for a port that requires a login which the doctor does not have."""
    number, port = settings.camera, settings.port
    if not context.host.internal_token(settings):
        text = f"port {port} of camera {number} requires a login ({reply.status}), so its process was not checked"
        return note(text, "this user may not read the key of the processes, which the doctor logs in with", SUDO)
    unit = context.units.get(number)
    restart = f"sudo systemctl restart {unit.name}" if unit else f"stop it; soft-stream serve --camera {number}"
    return wrong(
        f"port {port} of camera {number} refuses the doctor's own login ({reply.status})",
        f"its process does not have the key in {settings.state_directory}, or is another program",
        f"sudo ss -ltnp 'sport = :{port}'; {restart}",
    )


def _health(context: DoctorContext, settings: Settings) -> Finding:
    number = settings.camera
    reply = context.get(settings, "/healthz")
    sentence = reply.text.strip() or reply.error
    if reply.status == 200:
        return ok(f"camera {number}, {settings.local_url}: {sentence}")
    if "(pid " in sentence:
        fix = context.host.how_to_stop(sentence, settings)
    elif number in context.units:
        fix = f"journalctl -b -u camera-soft-cam@{number} -n 30; docs/operate.md, No picture?"
    else:
        fix = "docs/operate.md, No picture?"
    return wrong(f"camera {number}: {sentence}", "there are no frames", fix)


def _outputs(context: DoctorContext, number: int, status: dict[str, Any]) -> Iterator[Finding]:
    """Report the outputs that fail."""
    for output in status.get("outputs", []):
        if output["state"] == "failing":
            text = f"{output['setting']}={output['target']}: {output['last_error']}"
            fix = f"docs/outputs.md{context.restart_hint(number)}"
            yield wrong(text, f"{output['missed']} frames were missed; the streams go on", fix)


def _unit(context: DoctorContext, settings: Settings) -> Iterator[Finding]:
    """Find a process on the port that was started by hand while the unit is down."""
    unit, port = context.units.get(settings.camera), settings.port
    if unit and unit.active in ("activating", "failed", "inactive"):
        yield wrong(
            f"port {port} of camera {settings.camera} is served by a process outside {unit.name}",
            "the unit cannot start while that process runs",
            f"sudo ss -ltnp 'sport = :{port}'; stop that process; then: sudo systemctl start {unit.name}",
        )


def _version(context: DoctorContext, settings: Settings, status: dict[str, Any]) -> Iterator[Finding]:
    # after a failed upgrade a restart would start the earlier release again
    if status["version"] != __version__ and not context.host.node(str(FAILED_UPGRADE)):
        yield note(
            f"camera {settings.camera} is served by version {status['version']}; this is version {__version__}",
            "a restart is needed to run the installed version",
            f"sudo systemctl restart camera-soft-cam@{settings.camera}" if settings.camera in context.units else "",
        )


def _settings(context: DoctorContext, settings: Settings, status: dict[str, Any]) -> Iterator[Finding]:
    """Report that the process runs with other settings than those of the file."""
    change = settings_change(status, context.loaded.file)
    if not change:
        return
    number, what = settings.camera, f"camera {settings.camera}: {change.sentence}"
    if not change.can_start:
        is_locked = "Permission denied" in change.sentence
        fix = _let_read(context) if is_locked else f"soft-stream check --env-file {context.file}"
        yield wrong(what, "the unit would stay down after a restart", fix)
    else:
        restart = f"sudo systemctl restart camera-soft-cam@{number}"
        yield note(
            what,
            "a process reads them when it starts",
            restart if number in context.units else "stop that process and start it again",
        )


def _let_read(context: DoctorContext) -> str:
    """Return the commands that let the service read its settings."""
    folder = context.file.parent
    node = context.host.node(str(folder))
    is_closed = node is not None and node.mode & OTHERS_LIST != OTHERS_LIST
    commands = [f"sudo chmod 755 {folder}"] if is_closed else []
    return "; ".join([*commands, f"sudo chown root:video {context.file}", f"sudo chmod 640 {context.file}"])


def _size(settings: Settings, negotiated: dict[str, Any], *, is_changed: bool) -> Finding:
    number, (width, height) = settings.camera, negotiated["size"]
    text = f"camera {number}: {width}x{height}, {negotiated['fps']:g} fps, sensor mode {negotiated['sensor_mode']}"
    if is_changed:  # so it was asked for something else
        return ok(text)
    differences = list(negotiated.get("differences", ()))
    if (width, height) != (settings.width, settings.height):
        differences.insert(0, f"the settings ask for {settings.width}x{settings.height}")
    if not differences:
        return ok(f"{text}, as in the settings")
    fix = f"cam{number}_width={width}, cam{number}_height={height} match the camera"
    return note(f"{text}; {'; '.join(differences)}", "the camera uses the nearest values that it supports", fix)


def _focus(settings: Settings, negotiated: dict[str, Any], last: dict[str, Any] | None) -> Finding:
    number, model = settings.camera, negotiated.get("model", "")
    if negotiated["has_autofocus"]:
        cycle = f"; last autofocus cycle: {last['result']} after {last['seconds']:.1f} s" if last else ""
        return ok(f"camera {number} has autofocus, cam{number}_autofocus={settings.autofocus}{cycle}")
    if WITH_AUTOFOCUS.match(model) and settings.autofocus != "off":
        return wrong(
            f"camera {number} ({model}) has no autofocus, although its lens has a motor",
            "the lens driver did not find the lens, or the tuning file has no autofocus algorithm",
            "dmesg | grep -i -e dw9807 -e ak7375; check cam_tuning_file and the cable",
        )
    return ok(f"camera {number} has no autofocus: its lens has no motor")
