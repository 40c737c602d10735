"""[target] A release on probation: its units run from /run until every camera has delivered frames.

Whatever ends the machine meanwhile ends the trial too; whatever ends the rollout is followed by `cancel`.
"""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from pathlib import Path

from rollout.plan import CANDIDATE, Plan, in_force
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
# So many seconds beyond what the settings allow a camera for its first frame: a Pi that is busy starting it.
PATIENCE = 30.0
SECONDS_OF_FRAMES = 2.0


class NotServing(RolloutError):
    """A camera gives no frames; `runs` if its process does, `missing` if that ended since it is not connected."""

    def __init__(self, sentence: str, *, runs: bool = False, missing: bool = False) -> None:
        super().__init__(sentence, 1)
        self.runs = runs
        self.missing = missing


def try_release(plan: Plan) -> None:
    """Start one camera after the other from the new release, and wait until each delivers frames.

    Raises:
        NotServing: one does not, although it is new or did before.
    """
    served = plan.served
    before = in_force()
    up_before = {number for number in served if _was_up(before.get(number, served[number]), plan.stop)}
    known = enabled_cameras()
    journal = {
        "running": [unit for number in sorted(known | set(served)) if is_active(unit := camera_unit(number))],
        "touched": [*plan.disable],
        "stopped": [each.unit for each in plan.stop if each.active],
    }
    _note(journal)
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
        _note(journal)
        try:
            _restart(number)
            say(f"cam{number}: {frames_of(settings)}")
        except NotServing as problem:
            if number in up_before or not (problem.missing or (problem.runs and number in known)):
                raise
            reason = "was down before" if number in known else "is not connected"
            say(f"{problem}\ncam{number} {reason}, so that may be.")


def cancel() -> None:
    """End a trial that did not come to its end, and start what ran before."""
    if not JOURNAL.exists():
        return
    journal = json.loads(JOURNAL.read_text())
    _withdraw()
    for unit in journal["touched"]:
        if unit in journal["running"]:
            start_unit(unit, "restart")
        else:
            succeeds("systemctl", "stop", unit)  # it may be gone with its file
            succeeds("systemctl", "reset-failed", unit)
    for unit in journal["stopped"]:
        start_unit(unit, "start")
    write({JOURNAL: None})  # last: who is killed before can begin again


def finish() -> None:
    """Let the units on the disk count again; what runs goes on."""
    _withdraw()
    write({JOURNAL: None})


def start_unit(unit: str, verb: str) -> None:
    """Start a unit that served before, and tell whether it runs."""
    succeeds("systemctl", verb, unit)
    say(f"{unit} {'runs again' if is_active(unit) else 'does not run: see journalctl -u ' + unit}")


def frames_of(settings: Settings) -> str:
    """Measure a stream and return its figures in a line.

    Raises:
        NotServing: no frames come.
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
        said, log = done.stderr.strip(), _log_of(settings.camera)
        raise NotServing(
            f"cam{settings.camera}: no frames from {settings.local_url}/stream.mjpg: {said}\n{log}", runs=True
        )
    return " ".join(done.stdout.splitlines()[0].split())


def _was_up(settings: Settings, older: Iterable[OlderUnit]) -> bool:
    """Return whether a camera was served: by the older portal, whose stream may be of another form, or by ours."""
    if any(each.active for each in older if each.camera == settings.camera):
        try:
            with urllib.request.urlopen(f"{settings.local_url}/snapshot.jpg", timeout=60) as answer:  # noqa: S310 # http
                return bool(answer.status == HTTPStatus.OK)
        except OSError:
            return False
    if not is_active(camera_unit(settings.camera)):
        return False
    try:
        frames_of(settings)
    except NotServing:
        return False
    return True


def _withdraw() -> None:
    write(dict.fromkeys(TRIAL_UNITS / name for name in UNIT_FILES))
    run("systemctl", "daemon-reload")


def _note(journal: Mapping[str, list[str]]) -> None:
    write({JOURNAL: json.dumps(journal)})


def _units(plan: Plan) -> dict[Path, str | None]:
    """Return the new release's units, made to run it where it lies, with its settings, while neither is in force."""
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
        sentence = f"{unit} does not start: {error.stderr.strip()}\n{_log_of(number)}"
        raise NotServing(sentence, missing=status == str(int(ExitStatus.CAMERA_MISSING))) from None


def _log_of(number: int) -> str:
    lines = run("journalctl", "--unit", camera_unit(number), "--lines", "8", "--no-pager", "--output", "cat")
    return "\n".join(f"    {line}" for line in lines.splitlines())
