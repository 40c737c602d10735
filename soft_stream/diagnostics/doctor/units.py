"""The systemd units: whether they run and start at boot, and whether units of the previous program do."""

import re
from collections.abc import Iterator

from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, note, ok, wrong
from soft_stream.diagnostics.doctor.systemd import NAME, Unit, list_units, show

TARGET = "camera-soft-cam.target"
OLD = re.compile(r"camera-soft-cam(\d+)\.service")

LOG = "journalctl -b -u {0} -n 30"
# exit status of a unit that is down: its meaning, and what to do; {0} is the unit
ENDED = {
    66: ("its camera is missing", "connect it, and the unit starts; a CSI camera needs: sudo systemctl start {0}"),
    75: ("the camera hangs or sends no frames, or the port is in use", LOG),
    78: ("a setting is wrong", "soft-stream check; sudo systemctl restart {0}"),
    203: (
        "the program cannot be started, perhaps because the system's Python has changed",
        "install the release again: sudo apt install --reinstall ./camera-soft-stream_*.deb, or "
        "scripts/deploy-soft-stream.sh",
    ),
    217: ("its user does not exist", "sudo systemd-sysusers; sudo systemctl restart {0}"),
}
RESULTS = {
    "watchdog": "it no longer notified systemd's watchdog: a call into the camera hangs",
    "oom-kill": "it needed more memory than MemoryMax= of the unit",
    "timeout": "it did not start or stop in time",
}


def check(context: DoctorContext) -> Iterator[Finding]:
    """Check the unit of each camera, the target, and the units of the previous program."""
    for number, unit in context.units.items():
        if number in context.cameras or context.problems or unit.active != "inactive":
            yield _unit(number, unit)
    target = show(context.host, TARGET).get(TARGET) if context.units else None
    if target and target.is_installed and target.enabled == "disabled":
        yield wrong(f"{TARGET} is not enabled", "no camera starts at boot", f"sudo systemctl enable {TARGET}")
    yield from _previous_program(context)


def _unit(number: int, unit: Unit) -> Finding:
    if unit.active == "active":
        if unit.restarts:
            restarted = f"{unit.name} runs; systemd has restarted it {unit.restarts} times"
            return note(
                restarted, "the camera hung, the port was in use, or the process crashed", LOG.format(unit.name)
            )
        if unit.enabled == "disabled":
            return note(
                f"{unit.name} runs, but is not enabled",
                "it does not start at boot",
                f"sudo systemctl enable {unit.name}",
            )
        return ok(f"{unit.name} runs{f': {unit.text}' if unit.text else ''}")
    text, fix = explain(unit)
    if _is_busy(unit) or _is_disabled(unit):
        return note(text, fix=fix)
    return wrong(text, f"camera {number} is not served", fix)


def explain(unit: Unit) -> tuple[str, str]:
    """Return why a unit that is not active is down, as a sentence, and the command that helps."""
    if _is_busy(unit):
        return f"{unit.name} is {unit.active}", f"systemctl status {unit.name}"
    if _is_disabled(unit):
        return f"{unit.name} is disabled", f"to enable it: sudo systemctl enable --now {unit.name}"
    reason, fix = ENDED.get(unit.status, ("", LOG))
    reason = RESULTS.get(unit.result, reason)
    ended = f"exit status {unit.status}" if unit.status else unit.sub if unit.result == "success" else unit.result
    if unit.active == "inactive" and not unit.status:
        fix = "sudo systemctl start {0}"
    return f"{unit.name} is {unit.active} ({ended}){f': {reason}' if reason else ''}", fix.format(unit.name)


def _is_busy(unit: Unit) -> bool:
    """Return True while a unit starts or stops for the first time."""
    return unit.active in ("activating", "deactivating", "reloading") and not (unit.status or unit.restarts)


def _is_disabled(unit: Unit) -> bool:
    return unit.active == "inactive" and unit.enabled == "disabled" and not unit.status


def _previous_program(context: DoctorContext) -> Iterator[Finding]:
    """Find units of the previous program, which use the same cameras."""
    old = sorted(
        name for name in list_units(context.host, "list-unit-files", "camera-soft-cam*") if OLD.fullmatch(name)
    )
    for unit in show(context.host, *old).values() if old else ():
        # A unit that only passes commands on to our unit; if it is masked, systemd does not know what it wants.
        is_ours = NAME.format(OLD.sub(r"\1", unit.name)) in unit.wants
        is_ours |= unit.enabled.startswith("masked") and not unit.pid
        if is_ours or (unit.enabled != "enabled" and unit.active != "active"):
            continue
        how = " and ".join(word for word in (unit.enabled, unit.active) if word in ("enabled", "active"))
        text = f"{unit.name}, of the previous program, is {how}"
        if context.units:
            why = "only one program can use a camera: the one that starts first"
            yield wrong(text, why, f"sudo systemctl disable --now {unit.name}")
        else:
            yield note(text, "the package and scripts/deploy-soft-stream.sh take over from it")
