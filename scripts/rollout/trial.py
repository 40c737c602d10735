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

from rollout import names, nginx_bridge, nginx_checks
from rollout.installed import PACKAGE_UNITS, UNIT_FOLDERS, release_folder
from rollout.plan import Plan
from rollout.planner import BACKOFF, CANDIDATE, active_cameras
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
    let_group_read,
    read,
    run,
    say,
    succeeds,
    write,
)
from soft_stream.access import internal
from soft_stream.config import env_file, unit_paths
from soft_stream.config.installation import PACKAGED
from soft_stream.config.loader import SERVICE_STATE
from soft_stream.config.settings import Settings
from soft_stream.service.exit_status import ExitStatus

UNIT_FILES = ("camera-soft-cam@.service", BACKOFF)
# where older releases had the sockets for nginx
OLD_SOCKETS = Path("/run/camera-soft-stream")
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


def try_release(plan: Plan, *, new_may_fail: bool = False) -> None:
    """Start the cameras one by one from the new release, and wait until each delivers frames.

    With `new_may_fail`, only a camera that delivered frames before must do so.

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
    _write_units(plan)
    run("systemctl", "daemon-reload")
    nginx_bridge.begin(plan)
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
            may_fail = problem.missing or new_may_fail or (problem.runs and number in known)
            if number in up_before or not may_fail:
                raise
            is_new = "is not connected" if problem.missing else "has no frames yet"
            reason = "was down before" if number in known else is_new
            say(f"{problem}\ncam{number} {reason}: continuing without it.")


def cancel() -> None:
    """Cancel an unfinished trial, and start the units that ran before."""
    if not JOURNAL.exists():
        return
    journal = json.loads(JOURNAL.read_text())
    _remove_units()
    for candidate in (*RELEASES.glob(f"*/{CANDIDATE}"), JOURNAL.parent / CANDIDATE):
        _link_to_active(candidate)
    for unit in journal["touched"]:
        if unit in journal["running"]:
            start_unit(unit, "restart")
        else:
            succeeds("systemctl", "stop", unit)  # the unit may no longer exist
            succeeds("systemctl", "reset-failed", unit)
    for unit in journal["stopped"]:
        start_unit(unit, "start")
    nginx_bridge.cancel()
    write({JOURNAL: None})  # last: if this process is killed before, `cancel` can run again


def finish(plan: Plan) -> None:
    """Remove the trial units, so that those on the disk take effect; running processes keep running."""
    _remove_units()
    _link_to_active(_candidate(plan))
    nginx_bridge.finish()
    write({JOURNAL: None})


def _link_to_active(candidate: Path) -> None:
    """Replace the settings of a trial by a link: the processes that have read them follow the active ones from now."""
    if candidate.exists():
        new = candidate.with_name(f".{candidate.name}.new")
        new.unlink(missing_ok=True)
        new.symlink_to(SETTINGS)
        new.replace(candidate)


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
    # arguments are visible to all users; without a key the process is of a release that has no login
    if token := internal.token_of(SERVICE_STATE, settings.camera):
        command += ["--login-file", "-"]
    done = subprocess.run(command, input=token, capture_output=True, text=True, check=False)  # noqa: S603 # ours
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
    drop_ins = (*names.installed(TRIAL_UNITS), *unit_paths.installed(TRIAL_UNITS))
    write(dict.fromkeys([*(TRIAL_UNITS / name for name in UNIT_FILES), *drop_ins]))
    run("systemctl", "daemon-reload")


def _write_journal(journal: Mapping[str, list[str]]) -> None:
    write({JOURNAL: json.dumps(journal)})


def _write_units(plan: Plan) -> None:
    """Write the units of the trial and its settings; the active settings stay as they are."""
    if (candidate := _candidate(plan)).is_symlink():  # of an earlier rollout of this release, see _link_to_active
        candidate.unlink()
    write(_units(plan))


def _units(plan: Plan) -> dict[Path, str | None]:
    """Return the new release's units, changed to run it from its folder with the new settings."""
    folder, settings, files = release_folder(plan.release), SETTINGS, dict[Path, str | None]()
    if (wanted := _with_old_sockets(plan)) == read(SETTINGS):
        let_group_read(SETTINGS)
    else:
        settings = _candidate(plan)
        files[settings] = wanted
    for each in plan.stop:
        # a name that belongs to the previous program again: our unit must not start it
        drop_in = names.drop_in(each.camera)
        if any((units / drop_in).exists() for units in UNIT_FOLDERS):
            files[TRIAL_UNITS / drop_in] = "# none during the trial\n"
    for number in plan.served:
        drop_in = unit_paths.drop_in(number)
        paths = plan.text_of((PACKAGE_UNITS if plan.release is None else UNITS) / drop_in)
        if paths or any((units / drop_in).exists() for units in UNIT_FOLDERS):
            files[TRIAL_UNITS / drop_in] = paths or unit_paths.HEAD
    for name in UNIT_FILES:
        packaged = plan.text_of(PACKAGE_UNITS / name) if plan.release is None else None
        if text := plan.text_of(UNITS / name) or packaged:
            for before, now in ((CURRENT, folder), (PACKAGED, folder), (SETTINGS, settings)):
                text = text.replace(str(before), str(now))
            files[TRIAL_UNITS / name] = text
    return files


def _candidate(plan: Plan) -> Path:
    """Return the place for the new settings; dpkg would not know a file in the folder of the package."""
    return (JOURNAL.parent if plan.release is None else release_folder(plan.release)) / CANDIDATE


def _with_old_sockets(plan: Plan) -> str:
    """Return the new settings, with the sockets to which nginx connects until the trial has succeeded."""
    text, nginx_now = plan.text_of(SETTINGS) or "", read(nginx_checks.CONFIGURATION) or ""
    for number, settings in plan.served.items():
        old = f"unix:{OLD_SOCKETS}/cam{number}.sock"
        if old in nginx_now:
            endpoints = " ".join(dict.fromkeys((*map(str, settings.listen), old)))
            text += f"\ncam{number}_listen={env_file.quote_value(endpoints)}\n"
    return text


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
