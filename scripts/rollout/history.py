"""[target] The plans that undo each rollout, to roll back the last one first."""

import json
import os
import shutil
import sys
from pathlib import Path

from rollout.installed import STATE
from rollout.plan import Plan, as_json, from_json
from rollout.system import OPT, RELEASES, RolloutError, current_release, write

HISTORY = OPT / "history"
# while a deployment is there, its earlier releases look for this file
PENDING = (OPT / "pending.json", STATE / "pending.json")
RECOVERY = Path("/etc/systemd/system/camera-soft-stream-recovery.service")
WANTS_RECOVERY = RECOVERY.with_name("multi-user.target.wants") / RECOVERY.name
RECOVERY_TEXT = """\
# Exists only while a rollout changes the disk: after a loss of power during that time, the next boot runs it.
[Unit]
Description=Undo an interrupted rollout
Before=camera-soft-cam.target

[Service]
Type=oneshot
Environment=PYTHONSAFEPATH=1 "PYTHONPATH={lib}"
ExecStart="{python}" -m rollout recover

[Install]
WantedBy=multi-user.target
"""
KEPT_RELEASES = 3


def begin(undo: Plan) -> None:
    """Store the plan that undoes the coming changes; after a loss of power the next boot applies it."""
    ours = Path(__file__).parents[2]
    placed = RELEASES / ours.name
    lib = (placed if placed.exists() else ours) / "lib"
    recovery = RECOVERY_TEXT.format(python=sys.executable, lib=lib)
    write({PENDING[0 if OPT.exists() else 1]: json.dumps(as_json(undo), indent=1), RECOVERY: recovery})
    WANTS_RECOVERY.parent.mkdir(exist_ok=True)
    WANTS_RECOVERY.unlink(missing_ok=True)
    WANTS_RECOVERY.symlink_to(RECOVERY)
    os.sync()


def pending() -> Plan | None:
    """Return the plan that undoes the unfinished rollout, or None."""
    return next((from_json(json.loads(file.read_text())) for file in PENDING if file.exists()), None)


def finish(*, remember: bool) -> None:
    """Mark the rollout as finished or undone; with `remember` it can be rolled back later."""
    if remember:
        number = 1 + max((int(path.stem) for path in HISTORY.glob("*.json")), default=0)
        HISTORY.mkdir(exist_ok=True)
        PENDING[0].rename(HISTORY / f"{number:06}.json")
    else:
        for file in PENDING:
            file.unlink(missing_ok=True)
    WANTS_RECOVERY.unlink(missing_ok=True)
    RECOVERY.unlink(missing_ok=True)


def last() -> tuple[Path, Plan]:
    """Return the plan that undoes the last rollout, and its file.

    Raises:
        RolloutError: there is none.
    """
    written = sorted(HISTORY.glob("*.json"))
    if not written:
        raise RolloutError("There is nothing to roll back to.", 1)
    return written[-1], from_json(json.loads(written[-1].read_text()))


def prune() -> None:
    """Remove all but the last releases, and the undo plans that lead to removed ones.

    An undo plan has the difference to the next newer state, so there must be no gap. The plan that restores the state
    before the first release does not depend on others, and is always kept.
    """
    keep: list[str | None] = [current_release()]
    is_broken = False
    for path in sorted(HISTORY.glob("*.json"), reverse=True):
        release = json.loads(path.read_text())["release"]
        if release is None or (release in keep and not is_broken):
            continue
        is_broken |= len(keep) == KEPT_RELEASES
        if is_broken:
            path.unlink()
        else:
            keep.append(release)
    for folder in RELEASES.glob("*"):
        if folder.name not in keep and not Path(__file__).is_relative_to(folder):
            shutil.rmtree(folder)
