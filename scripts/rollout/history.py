"""[target] The way back from each rollout, the last one first."""

import json
import os
import shutil
import sys
from pathlib import Path

from rollout.plan import Plan, as_json, from_json
from rollout.system import OPT, RELEASES, RolloutError, current_release, write

HISTORY = OPT / "history"
PENDING = OPT / "pending.json"
RECOVERY = Path("/etc/systemd/system/camera-soft-stream-recovery.service")
WANTS_RECOVERY = RECOVERY.with_name("multi-user.target.wants") / RECOVERY.name
RECOVERY_TEXT = """\
# Written while a rollout changes the disk, and gone when it has: only who loses power in between boots with it.
[Unit]
Description=Take back a rollout that broke off
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
    """Write down the way back from what is about to be carried out; if nobody else can, the next boot takes it."""
    ours = Path(__file__).parents[2]
    placed = RELEASES / ours.name
    lib = (placed if placed.exists() else ours) / "lib"
    recovery = RECOVERY_TEXT.format(python=sys.executable, lib=lib)
    write({PENDING: json.dumps(as_json(undo), indent=1), RECOVERY: recovery})
    WANTS_RECOVERY.parent.mkdir(exist_ok=True)
    WANTS_RECOVERY.unlink(missing_ok=True)
    WANTS_RECOVERY.symlink_to(RECOVERY)
    os.sync()


def pending() -> Plan | None:
    """Return the way back from what was begun and not finished."""
    return from_json(json.loads(PENDING.read_text())) if PENDING.exists() else None


def finish(*, remember: bool) -> None:
    """Say that it has been carried out, or taken back; to `remember` is to be able to roll it back."""
    if remember:
        number = 1 + max((int(path.stem) for path in HISTORY.glob("*.json")), default=0)
        HISTORY.mkdir(exist_ok=True)
        PENDING.rename(HISTORY / f"{number:06}.json")
    else:
        PENDING.unlink()
    WANTS_RECOVERY.unlink(missing_ok=True)
    RECOVERY.unlink(missing_ok=True)


def last() -> tuple[Path, Plan]:
    """Return the way back from the last rollout, and where it is written down.

    Raises:
        RolloutError: there is none.
    """
    written = sorted(HISTORY.glob("*.json"))
    if not written:
        raise RolloutError("There is nothing to roll back to.", 1)
    return written[-1], from_json(json.loads(written[-1].read_text()))


def prune() -> None:
    """Remove all but the last releases, and the ways back to what is removed.

    A way back says what differs from the one after it, so none may be missing in between. The way back to what was
    before the first release needs no other, and is kept for ever.
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
