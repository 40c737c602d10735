"""[target] Apply a plan to the disk, and undo it if nginx then fails its checks."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from rollout import history, nginx_checks, trial
from rollout.nginx import INSTALLED
from rollout.plan import REPLACED_SITES, Plan, inverse
from rollout.system import (
    CURRENT,
    SETTINGS,
    TARGET,
    current_release,
    is_active,
    is_enabled,
    let_group_read,
    read,
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
    history.begin(inverse(plan))
    try:
        first()
        _change_system(plan)
        if plan.affects_nginx:
            nginx_checks.check_configuration()
        reload_services(nginx=plan.affects_nginx)
        if plan.affects_nginx:
            nginx_checks.check_login(plan.cameras)
    except BaseException:
        revert()
        raise
    history.finish(remember=remember)
    trial.finish()


def revert() -> None:
    """Undo an unfinished rollout, if there is one."""
    if undo := history.pending():
        _change_system(undo)
        reload_services(nginx=undo.affects_nginx)
        for each in undo.start:
            if each.active:
                succeeds("systemctl", "start", "--no-block", each.unit)
        history.finish(remember=False)


def try_nginx_configuration(plan: Plan) -> None:
    """Let nginx check its new configuration, and restore the old one.

    Raises:
        RolloutError: nginx rejects the configuration.
    """
    site = {path: text for path, text in plan.files.items() if path.is_relative_to(INSTALLED.etc)}
    only = Plan(current_release(), {}, files=site, moves=plan.moves)
    before = inverse(only)
    history.begin(before)  # if this process is killed, the next boot restores the old configuration
    try:
        _move_and_write(only)
        nginx_checks.check_configuration()
    finally:
        _move_and_write(before)
        history.finish(remember=False)


def backup_of_settings() -> Path | None:
    """Copy the settings to a file beside them; return its path."""
    text = read(SETTINGS)
    if text is None:
        return None
    backup = SETTINGS.with_name(f"{SETTINGS.name}.{time.strftime('%Y%m%dT%H%M%S')}")
    write({backup: text})
    return backup


def _change_system(plan: Plan) -> None:
    """Change files and units; disable units while their files exist, and enable them after they are written."""
    for unit in (*plan.disable, *(each.unit for each in plan.stop if each.enabled)):
        succeeds("systemctl", "disable", "--quiet", unit)
    _move_and_write(plan)
    if plan.release and SETTINGS.exists():
        let_group_read(SETTINGS)
    set_current_release(plan.release)
    run("systemctl", "daemon-reload")
    for unit in (*plan.enable, *(each.unit for each in plan.start if each.enabled)):
        run("systemctl", "enable", "--quiet", unit)
    os.sync()


def _move_and_write(plan: Plan) -> None:
    for source, place in plan.moves:
        if source.is_symlink() or source.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            source.rename(place)
            if source.parent == REPLACED_SITES and not any(source.parent.iterdir()):
                source.parent.rmdir()
    write(plan.files)


def reload_services(*, nginx: bool) -> None:
    """Reload systemd and udev; also nginx, if `nginx` is true."""
    run("systemctl", "daemon-reload")
    if Path("/run/udev/control").exists():
        run("udevadm", "control", "--reload")
        run("udevadm", "trigger", "--subsystem-match=video4linux", "--action=change")
    if nginx and shutil.which("nginx"):
        if nginx_checks.CONFIGURATION.exists():
            succeeds("systemctl", "enable", "--quiet", "nginx.service")
        succeeds("systemctl", "reload-or-restart", "nginx.service")  # check_login checks the result
    if CURRENT.exists() and is_enabled(TARGET) and not is_active(TARGET):
        run("systemctl", "start", "--no-block", TARGET)
    if not CURRENT.exists():
        succeeds("systemctl", "stop", TARGET)
