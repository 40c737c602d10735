"""[target] Apply a plan to the disk, and undo it if nginx then fails its checks."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rollout import history, names, nginx_bridge, nginx_checks, trial
from rollout.installed import has_package, runs_deployment
from rollout.nginx import INSTALLED
from rollout.plan import REPLACED_SITES, Plan, inverse
from rollout.system import (
    OPT,
    SETTINGS,
    TARGET,
    copy,
    current_release,
    digest,
    is_active,
    is_enabled,
    let_group_read,
    move,
    read_exactly,
    run,
    say,
    set_current_release,
    succeeds,
    write,
)


def apply(plan: Plan, *, remember: bool, first: Callable[[], None] = lambda: None) -> None:
    """Write everything in the plan to the disk, and reload systemd, udev and nginx.

    With `remember`, the rollout can be rolled back later. `first` runs before the changes; if it is interrupted, they
    are undone too.

    Raises:
        RolloutError: nginx failed its checks; the changes were undone.
    """
    if SETTINGS in plan.files and (backup := backup_of_settings()):
        say(f"Backup of the settings: {backup}")
    _keep_changed_files(plan)
    undo = inverse(plan)
    history.begin(replace(undo, files={**undo.files, **nginx_bridge.original()}))
    before = nginx_checks.workers()
    try:
        first()
        _change_system(plan)
        if plan.affects_nginx:
            nginx_checks.check_configuration()
        reloads_nginx = _reloads_nginx(plan)
        reload_services(nginx=reloads_nginx)
        if reloads_nginx:
            nginx_checks.check_login(plan.cameras, before)
    except BaseException:
        revert()
        raise
    history.finish(remember=remember)
    trial.finish(plan)
    names.start()


def revert() -> None:
    """Undo an unfinished rollout, if there is one."""
    if undo := history.pending():
        _change_system(undo)
        reload_services(nginx=_reloads_nginx(undo))
        for each in undo.start:
            if each.active:
                succeeds("systemctl", "start", "--no-block", each.unit)
        history.finish(remember=False)


def try_nginx_configuration(plan: Plan) -> None:
    """Let nginx check its new configuration, and restore the old one.

    Raises:
        RolloutError: nginx rejects the configuration.
    """
    only = of_nginx(plan)
    before = inverse(only)
    history.begin(before)  # if this process is killed, the next boot restores the old configuration
    try:
        _move_and_write(only)
        nginx_checks.check_configuration()
    finally:
        _move_and_write(before)
        history.finish(remember=False)


def of_nginx(plan: Plan) -> Plan:
    """Return the part of a plan that changes nginx."""
    edited = [source for source, _ in plan.backups]
    site = {path: text for path, text in plan.files.items() if path.is_relative_to(INSTALLED.etc) or path in edited}
    moves = [each for each in plan.moves if each[1].is_relative_to(INSTALLED.etc)]
    return Plan(current_release(), plan.cameras, files=site, moves=moves, backups=plan.backups)


def backup_of_settings() -> Path | None:
    """Copy the settings to a file beside them, with their owner and mode; return its path."""
    if not SETTINGS.exists():
        return None
    backup = SETTINGS.with_name(f"{SETTINGS.name}.{time.strftime('%Y%m%dT%H%M%S')}")
    copy(SETTINGS, backup)
    return backup


def _keep_changed_files(plan: Plan) -> None:
    """Copy files that the plan overwrites although their owner has changed them after the rollout."""
    for path, expected in plan.digests.items():
        if path.exists() and digest(read_exactly(path)) != expected:
            kept = SETTINGS.with_name(f"{path.name}.{time.strftime('%Y%m%dT%H%M%S')}")
            copy(path, kept)
            say(f"{path} was changed after the rollout; that text is kept in {kept}")


def _change_system(plan: Plan) -> None:
    """Change files and units; disable units while their files exist, and enable them after they are written."""
    moved = {source.name for source, _ in plan.moves}  # with the links that enable them
    for unit in (*plan.disable, *(each.unit for each in plan.stop if each.enabled and each.unit not in moved)):
        succeeds("systemctl", "disable", "--quiet", unit)
    _move_and_write(plan)
    if (plan.release or has_package()) and SETTINGS.exists():
        let_group_read(SETTINGS)
    set_current_release(plan.release)
    run("systemctl", "daemon-reload")
    for unit in (*plan.enable, *(each.unit for each in plan.start if each.enabled)):
        run("systemctl", "enable", "--quiet", unit)
    names.keep_enabled_in_step()
    names.forget(plan.files)
    os.sync()


def _move_and_write(plan: Plan) -> None:
    for source, place in plan.moves:
        if source.is_symlink() or source.exists():
            move(source, place)
            for top in (REPLACED_SITES, names.REPLACED_UNITS):
                names.remove_empty(source.parent, top)
    for source, place in plan.backups:
        if not place.exists():  # an interrupted rollout may have made it already, and changed the source since
            copy(source, place)
    write(plan.files)


def _reloads_nginx(plan: Plan) -> bool:
    """Return True if nginx must reload for a plan.

    The deployment starts nginx; the package leaves that to the owner.
    """
    return plan.affects_nginx and (OPT.exists() or is_active(nginx_checks.UNIT))


def reload_services(*, nginx: bool) -> None:
    """Reload systemd and udev; also nginx, if `nginx` is true."""
    run("systemctl", "daemon-reload")
    if Path("/run/udev/control").exists():
        run("udevadm", "control", "--reload")
        run("udevadm", "trigger", "--subsystem-match=video4linux", "--action=change")
    if nginx and shutil.which("nginx"):
        if nginx_checks.CONFIGURATION.exists():
            succeeds("systemctl", "enable", "--quiet", nginx_checks.UNIT)
        succeeds("systemctl", "reload-or-restart", nginx_checks.UNIT)  # check_login checks the result
    has_release = runs_deployment() or has_package()
    if has_release and is_enabled(TARGET) and not is_active(TARGET):
        run("systemctl", "start", "--no-block", TARGET)
    if not has_release:
        succeeds("systemctl", "stop", TARGET)
