"""[target] A plan is carried out for good."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from rollout import front, history, trial
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
    succeeds,
    switch,
    write,
)


def carry_out(plan: Plan, *, remember: bool, first: Callable[[], None] = lambda: None) -> None:
    """Bring everything to the disk that the plan has, and let systemd, udev and nginx know.

    With `remember`, the way back is written down. `first` is done before, and may be interrupted as all of it.

    Raises:
        RolloutError: nginx does not do what it should; all is as before.
    """
    if SETTINGS in plan.files and (backup := backup_of_settings()):
        say(f"The settings before: {backup}")
    history.begin(inverse(plan))
    try:
        first()
        _apply(plan)
        if plan.concerns_nginx:
            front.check_configuration()
        let_know(nginx=plan.concerns_nginx)
        if plan.concerns_nginx:
            front.check_login(plan.cameras)
    except BaseException:
        take_back()
        raise
    history.finish(remember=remember)
    trial.end()


def take_back() -> None:
    """Undo what was begun and not finished."""
    if way_back := history.begun():
        _apply(way_back)
        let_know(nginx=way_back.concerns_nginx)
        for each in way_back.start:
            if each.active:
                succeeds("systemctl", "start", "--no-block", each.unit)
        history.finish(remember=False)


def rehearse_nginx(plan: Plan) -> None:
    """Let nginx look at the configuration that it is to get, and take that away again.

    Raises:
        RolloutError: it refuses it.
    """
    site = {path: text for path, text in plan.files.items() if path.is_relative_to(INSTALLED.etc)}
    only = Plan(current_release(), {}, files=site, moves=plan.moves)
    before = inverse(only)
    history.begin(before)  # else a kill in between would leave it there
    try:
        _move_and_write(only)
        front.check_configuration()
    finally:
        _move_and_write(before)
        history.finish(remember=False)


def backup_of_settings() -> Path | None:
    """Copy the settings in force beside themselves, and return where."""
    text = read(SETTINGS)
    if text is None:
        return None
    backup = SETTINGS.with_name(f"{SETTINGS.name}.{time.strftime('%Y%m%dT%H%M%S')}")
    write({backup: text})
    return backup


def _apply(plan: Plan) -> None:
    """Do all of it; what is disabled goes first, while its unit is still there, and what is enabled comes last."""
    for unit in (*plan.disable, *(each.unit for each in plan.stop if each.enabled)):
        succeeds("systemctl", "disable", "--quiet", unit)
    _move_and_write(plan)
    if SETTINGS.exists():
        let_group_read(SETTINGS)
    switch(plan.release)
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


def let_know(*, nginx: bool) -> None:
    """Tell systemd, udev and, if it is concerned, nginx to look at the disk."""
    run("systemctl", "daemon-reload")
    if Path("/run/udev/control").exists():
        run("udevadm", "control", "--reload")
        run("udevadm", "trigger", "--subsystem-match=video4linux", "--action=change")
    if nginx and shutil.which("nginx"):
        if front.CONFIGURATION.exists():
            succeeds("systemctl", "enable", "--quiet", "nginx.service")
        succeeds("systemctl", "reload-or-restart", "nginx.service")  # check_login sees what came of it
    if CURRENT.exists() and is_enabled(TARGET) and not is_active(TARGET):
        run("systemctl", "start", "--no-block", TARGET)
    if not CURRENT.exists():
        succeeds("systemctl", "stop", TARGET)
