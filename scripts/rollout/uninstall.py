"""[target] Restore the previous program, or remove camera-soft-stream."""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rollout import commit, history, login, names, nginx_checks, nginx_sites, predecessor, trial
from rollout.installed import STATE, files_of_deployment, has_package, runs_deployment
from rollout.nginx import INSTALLED
from rollout.plan import INCLUDES, REPLACED_SITES, Plan
from rollout.system import (
    OPT,
    SETTINGS,
    TARGET,
    TRIAL_UNITS,
    UNITS,
    camera_unit,
    enabled_cameras,
    move,
    read_exactly,
    say,
    succeeds,
    write,
)
from soft_stream.config import unit_paths
from soft_stream.config.installation import PACKAGED

BACKUP = re.compile(rf"{re.escape(SETTINGS.name)}\.\d{{8}}T\d{{6}}")
FOLDERS = (
    INCLUDES,
    UNITS / "camera-soft-cam@.service.d",
    login.CERTIFICATE.parent,
    Path("/var/lib/camera-soft-stream"),
    Path("/run/camera-soft-stream"),
    Path("/run/camera-soft-stream-sockets"),
    Path("/var/log/camera-soft-stream"),
    trial.JOURNAL.parent,
    STATE,
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
    if has_package():
        return _hand_over(dry_run=args.dry_run)
    installed = (*names.installed(), *unit_paths.installed(UNITS))
    drop_ins = {drop_in.parent for drop_in in installed if drop_in.suffix == ".conf"}
    folders = [*sorted(drop_ins), *(folder for folder in FOLDERS if folder.exists())]
    files = [path for path in (*_installed_files(), *_owner_files()) if path.exists()]
    if args.dry_run:
        for path in (*files, *folders):
            say(f"* remove {path}")
        return 0
    _stop_cameras()
    for unit in (TARGET, *(camera_unit(number) for number in enabled_cameras())):
        succeeds("systemctl", "disable", "--quiet", unit)
    names.keep_enabled_in_step()  # systemctl does not disable a name that is masked
    backup = commit.backup_of_settings()
    for older in SETTINGS.parent.iterdir():
        if BACKUP.fullmatch(older.name) and older != backup:
            older.unlink()
    _keep_replaced_sites()
    if names.REPLACED_UNITS.exists():
        say(f"The replaced units are kept in {names.REPLACED_UNITS}")
    for path in files:
        path.unlink()
    for folder in folders:
        shutil.rmtree(folder)
    succeeds("userdel", login.SERVICE)
    if login.HTPASSWD.exists():
        os.chown(login.HTPASSWD, 0, -1)
        say(f"{login.HTPASSWD} stays, because the previous program may use it; its users keep their passwords.")
    commit.reload_services(nginx=nginx_checks.CONFIGURATION in files)
    names.forget({path: None for path in files if not (names.ETC / path.name).exists()})
    for path in sorted(names.ETC.glob("camera-soft-cam*")):
        say(f"{path} stays: no rollout created it")
    say(f"Uninstalled. The settings are kept in {backup}.")
    return 0


def _hand_over(*, dry_run: bool) -> int:
    """Let the package replace the deployment, and keep what both share: settings, logins and state."""
    say("The package camera-soft-stream is installed: it serves the cameras now, with the same settings and logins.")
    if dry_run:
        return 0
    environ = {**os.environ, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(PACKAGED.resolve() / "lib")}
    done = subprocess.run([sys.executable, "-m", "rollout", "configure"], env=environ, check=False)  # ours
    return done.returncode or int(runs_deployment())


def _keep_replaced_sites() -> None:
    """Move the replaced nginx sites beside the backup of the settings, and change the notes in edited sites."""
    for site in REPLACED_SITES.glob("*"):
        if site.is_symlink():
            continue
        kept = SETTINGS.parent / site.name
        move(site, kept)
        say(f"The replaced nginx site is now {kept}")
        for edited in nginx_sites.mentioning(INSTALLED.etc, str(site)):
            write({edited: read_exactly(edited).replace(str(site), str(kept))})
            say(f"The servers of the cameras stay commented out in {edited}")


def _installed_files() -> Iterator[Path]:
    """Yield the files that rollouts install."""
    yield from files_of_deployment()
    yield from (path for path in names.installed() if path.suffix == ".conf")
    yield from unit_paths.installed(UNITS)
    yield from TRIAL_UNITS.glob("camera-soft-cam*.service")
    yield from (nginx_checks.CONFIGURATION, *INCLUDES.glob("*.conf"))
    yield from (history.RECOVERY, history.WANTS_RECOVERY)


def _owner_files() -> Iterator[Path]:
    """Yield the files that rollouts create for the owner, except those that an active previous program uses."""
    if not any(each.enabled or each.active for each in predecessor.find()):
        yield from (SETTINGS, login.HTPASSWD)
    yield from (login.INITIAL_PASSWORD, *login.COMPANIONS)


def _stop_cameras() -> None:
    succeeds("systemctl", "stop", TARGET)
    succeeds("systemctl", "stop", "camera-soft-cam@*.service")
