"""[target] Back to what was before the first rollout, and leaving altogether."""

import argparse
import shutil
from pathlib import Path

from rollout import commit, front, login, trial
from rollout.plan import INCLUDES, REPLACED_SITES, Plan
from rollout.system import OPT, SETTINGS, TARGET, TRIAL_UNITS, UNITS, enabled_cameras, run, say, succeeds, unit_of

OWN_FILES = (
    Path("/etc/udev/rules.d/90-camera-soft-stream.rules"),
    Path("/etc/sysusers.d/camera-soft-stream.conf"),
    front.CONFIGURATION,
    Path("/usr/local/bin/soft-stream"),
    SETTINGS,
    login.HTPASSWD,
    login.INITIAL,
)
OWN_FOLDERS = (
    OPT,
    INCLUDES,
    UNITS / "camera-soft-cam@.service.d",
    login.CERTIFICATE.parent,
    Path("/var/lib/camera-soft-stream"),
    Path("/run/camera-soft-stream"),
    trial.JOURNAL.parent,
)


def give_back(wanted: Plan) -> None:
    """Let the older portal have its cameras again."""
    commit.carry_out(wanted, remember=False, first=_stop_ours)
    for each in wanted.start:
        if each.active:
            trial.start(each.unit, "start")


def uninstall(args: argparse.Namespace) -> int:
    """Remove everything but a backup of the settings."""
    if not OPT.exists():
        say("Nothing to uninstall.")
        return 0
    if args.dry_run:
        for path in (*OWN_FILES, *OWN_FOLDERS, *UNITS.glob("camera-soft-cam*")):
            if path.exists():
                say(f"* remove {path}")
        return 0
    _stop_ours()
    for unit in (TARGET, *(unit_of(number) for number in enabled_cameras())):
        succeeds("systemctl", "disable", "--quiet", unit)
    backup = commit.backup_of_settings()
    for older in SETTINGS.parent.glob(f"{SETTINGS.name}.*"):
        if older != backup:
            older.unlink()
    for site in REPLACED_SITES.glob("*"):
        if not site.is_symlink():
            say(f"The nginx site that was replaced lies in {site.rename(SETTINGS.parent / site.name)}")
    for path in (
        *OWN_FILES,
        *UNITS.glob("camera-soft-cam*.service"),
        *UNITS.glob("*.target"),
        *TRIAL_UNITS.glob("camera-soft-cam*.service"),
    ):
        path.unlink(missing_ok=True)
    for folder in OWN_FOLDERS:
        if folder.exists():
            shutil.rmtree(folder)
    succeeds("userdel", "camera-soft-stream")
    commit.let_know()
    say(f"Uninstalled. The settings are kept in {backup}.")
    return 0


def _stop_ours() -> None:
    run("systemctl", "stop", TARGET, "camera-soft-cam@*.service")
