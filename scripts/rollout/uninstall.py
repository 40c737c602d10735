"""[target] Restore the previous program, or remove camera-soft-stream."""

import argparse
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rollout import commit, history, login, nginx_checks, predecessor, trial
from rollout.plan import INCLUDES, REPLACED_SITES, Plan
from rollout.system import OPT, SETTINGS, TARGET, TRIAL_UNITS, UNITS, camera_unit, enabled_cameras, say, succeeds

BACKUP = re.compile(rf"{re.escape(SETTINGS.name)}\.\d{{8}}T\d{{6}}")
FOLDERS = (
    INCLUDES,
    UNITS / "camera-soft-cam@.service.d",
    login.CERTIFICATE.parent,
    Path("/var/lib/camera-soft-stream"),
    Path("/run/camera-soft-stream"),
    Path("/var/log/camera-soft-stream"),
    trial.JOURNAL.parent,
    OPT,  # last: without it an interrupted uninstall could not run again
)


def restore_predecessor(wanted: Plan) -> None:
    """Undo the first rollout, and start the units of the previous program."""
    files = {**dict.fromkeys(_installed_files()), **wanted.files}  # later releases may have added files
    commit.apply(replace(wanted, files=files), remember=False, first=_stop_cameras)
    for each in wanted.start:
        if each.active:
            trial.start_unit(each.unit, "start")


def uninstall(args: argparse.Namespace) -> int:
    """Remove everything but a backup of the settings."""
    if not OPT.exists():
        say("Nothing to uninstall.")
        return 0
    folders = [folder for folder in FOLDERS if folder.exists()]
    files = [path for path in (*_installed_files(), *_owner_files()) if path.exists()]
    if args.dry_run:
        for path in (*files, *folders):
            say(f"* remove {path}")
        return 0
    _stop_cameras()
    for unit in (TARGET, *(camera_unit(number) for number in enabled_cameras())):
        succeeds("systemctl", "disable", "--quiet", unit)
    backup = commit.backup_of_settings()
    for older in SETTINGS.parent.iterdir():
        if BACKUP.fullmatch(older.name) and older != backup:
            older.unlink()
    for site in REPLACED_SITES.glob("*"):
        if not site.is_symlink():
            say(f"The replaced nginx site is now {site.rename(SETTINGS.parent / site.name)}")
    for path in files:
        path.unlink()
    for folder in folders:
        shutil.rmtree(folder)
    succeeds("userdel", "camera-soft-stream")
    commit.reload_services(nginx=nginx_checks.CONFIGURATION in files)
    say(f"Uninstalled. The settings are kept in {backup}.")
    return 0


def _installed_files() -> Iterator[Path]:
    """Yield the files that rollouts install."""
    yield from UNITS.glob("camera-soft-cam*.service")
    yield from UNITS.glob("camera-soft-cam*.target")
    yield from (UNITS / "camera-soft-cam@.service.d").glob("backoff.conf")
    yield from TRIAL_UNITS.glob("camera-soft-cam*.service")
    yield from (Path("/etc/udev/rules.d/90-camera-soft-stream.rules"), Path("/etc/sysusers.d/camera-soft-stream.conf"))
    yield from (nginx_checks.CONFIGURATION, *INCLUDES.glob("*.conf"))
    yield from (Path("/usr/local/bin/soft-stream"), history.RECOVERY, history.WANTS_RECOVERY)


def _owner_files() -> Iterator[Path]:
    """Yield the files that rollouts create for the owner, except those that an active previous program uses."""
    if not any(each.enabled or each.active for each in predecessor.find()):
        yield from (SETTINGS, login.HTPASSWD)
    yield login.INITIAL_PASSWORD


def _stop_cameras() -> None:
    succeeds("systemctl", "stop", TARGET)
    succeeds("systemctl", "stop", "camera-soft-cam@*.service")
