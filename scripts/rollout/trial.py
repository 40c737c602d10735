"""[target] The trial of a release: its units run from /run until every camera has delivered frames.

A reboot ends the trial. If the rollout ends in any other way, `cancel` is called.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path

from rollout.plan import Plan
from rollout.planner import CANDIDATE, active_cameras
from rollout.predecessor import OlderUnit
from rollout.system import (
    CURRENT,
    RELEASES,
    SETTINGS,
    TRIAL_UNITS,
    UNITS,
    RolloutError,
    camera_unit,
    enabled_cameras,
    is_active,
    run,
    say,
    succeeds,
    write,
)
from soft_stream.config.settings import Settings
from soft_stream.service.exit_status import ExitStatus

UNIT_FILES = ("camera-soft-cam@.service", "camera-soft-cam@.service.d/backoff.conf")
JOURNAL = Path("/run/camera-soft-stream-rollout/trial.json")
# Seconds to wait for the first frame beyond what the settings allow: a Pi may be busy while it starts.
PATIENCE = 30.0
SECONDS_OF_FRAMES = 2.0


class NotServing(RolloutError):
    """A camera delivers no frames; `runs`: its process runs; `missing`: it exited because the camera is missing."""

    def __init__(self, message: str, *, runs: bool = False, missing: bool = False) -> None:
        super().__init__(message, 1)
        self.runs = runs
        self.missing = missing


def try_release(plan: Plan) -> None:
    """Start the cameras one by one from the new release, and wait until each delivers frames.

    Raises:
        NotServing: a camera that is new or delivered frames before does not.
    """
    served = plan.served
    before = active_cameras()
    up_before = {number for number in served if _was_up(before.get(number, served[number]), plan.stop)}
    known = enabled_cameras()
    journal = {
        "running": [unit for number in sorted(known | set(served)) if is_active(unit := camera_unit(number))],
        "touched": [*plan.disable],
        "stopped": [each.unit for each in plan.stop if each.active],
    }
    _write_journal(journal)
    write(_units(plan))
    run("systemctl", "daemon-reload")
    for each in plan.stop:
        if each.camera not in served:
            run("systemctl", "stop", each.unit)
    for unit in plan.disable:
        run("systemctl", "stop", unit)
    for number, settings in served.items():
        for each in plan.stop:
            if each.camera == number and each.active:
                say(f"cam{number}: {each.unit} stops")
                run("systemctl", "stop", each.unit)
        journal["touched"].append(camera_unit(number))
        _write_journal(journal)
        try:
            _restart(number)
            say(f"cam{number}: {measure_frames(settings)}")
        except NotServing as problem:
            if number in up_before or not (problem.missing or (problem.runs and number in known)):
                raise
            reason = "was down before" if number in known else "is not connected"
            say(f"{problem}\ncam{number} {reason}: continuing without it.")


def cancel() -> None:
    """Cancel an unfinished trial, and start the units that ran before."""
    if not JOURNAL.exists():
        return
    journal = json.loads(JOURNAL.read_text())
    _remove_units()
    for unit in journal["touched"]:
        if unit in journal["running"]:
            start_unit(unit, "restart")
        else:
            succeeds("systemctl", "stop", unit)  # the unit may no longer exist
            succeeds("systemctl", "reset-failed", unit)
    for unit in journal["stopped"]:
        start_unit(unit, "start")
    write({JOURNAL: None})  # last: if this process is killed before, `cancel` can run again


def finish() -> None:
    """Remove the trial units, so that those on the disk take effect; running processes keep running."""
    _remove_units()
    write({JOURNAL: None})


def start_unit(unit: str, verb: str) -> None:
    """Start a unit that served before, and print whether it runs."""
    succeeds("systemctl", verb, unit)
    say(f"{unit} {'runs again' if is_active(unit) else 'does not run: journalctl -u ' + unit}")


def measure_frames(settings: Settings) -> str:
    """Measure a stream and return its frame rate as a line.

    Raises:
        NotServing: no frames arrive.
    """
    frames = max(2, round(SECONDS_OF_FRAMES * settings.fps))
    patience = settings.start_timeout + settings.autofocus_timeout + 1 / settings.fps + PATIENCE
    probe = Path(__file__).parents[2] / "scripts/measure_fps.py"
    command = [
        sys.executable,
        str(probe),
        f"{settings.local_url}/stream.mjpg",
        "--frames",
        str(frames),
        "--patience",
        f"{patience:g}",
    ]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)  # noqa: S603 # ours
    if done.returncode:
        error, log = done.stderr.strip(), _recent_log(settings.camera)
        raise NotServing(
            f"cam{settings.camera}: no frames from {settings.local_url}/stream.mjpg: {error}\n{log}", runs=True
        )
    return " ".join(done.stdout.splitlines()[0].split())


def _was_up(settings: Settings, older: Iterable[OlderUnit]) -> bool:
    """Return True if a camera was served: by the previous program (with a snapshot), or by camera-soft-stream."""
    if any(each.active for each in older if each.camera == settings.camera):
        try:
            with urllib.request.urlopen(f"{settings.local_url}/snapshot.jpg", timeout=60) as answer:  # noqa: S310 # http
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False
    if not is_active(camera_unit(settings.camera)):
        return False
    try:
        measure_frames(settings)
    except NotServing:
        return False
    return True


def _remove_units() -> None:
    write(dict.fromkeys(TRIAL_UNITS / name for name in UNIT_FILES))
    run("systemctl", "daemon-reload")


def _write_journal(journal: Mapping[str, list[str]]) -> None:
    write({JOURNAL: json.dumps(journal)})


def _units(plan: Plan) -> dict[Path, str | None]:
    """Return the new release's units, changed to run it from its folder with the new settings."""
    folder = RELEASES / str(plan.release)
    candidate = folder / CANDIDATE
    files: dict[Path, str | None] = {candidate: plan.text_of(SETTINGS)}
    for name in UNIT_FILES:
        if text := plan.text_of(UNITS / name):
            files[TRIAL_UNITS / name] = text.replace(str(CURRENT), str(folder)).replace(str(SETTINGS), str(candidate))
    return files


def _restart(number: int) -> None:
    unit = camera_unit(number)
    try:
        run("systemctl", "restart", unit)
    except subprocess.CalledProcessError as error:
        status = run("systemctl", "show", "--value", "--property", "ExecMainStatus", unit)
        message = f"{unit} does not start: {error.stderr.strip()}\n{_recent_log(number)}"
        raise NotServing(message, missing=status == str(int(ExitStatus.CAMERA_MISSING))) from None


def _recent_log(number: int) -> str:
    lines = run("journalctl", "--unit", camera_unit(number), "--lines", "8", "--no-pager", "--output", "cat")
    return "\n".join(f"    {line}" for line in lines.splitlines())
