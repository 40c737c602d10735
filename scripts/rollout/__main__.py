"""[target] The commands: install a release, roll back, uninstall, recover from an interrupted rollout."""

import argparse
import compileall
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import get_args

from rollout import (
    apt_packages,
    commit,
    history,
    interrupts,
    login,
    owners_settings,
    package,
    planner,
    port_conflicts,
    port_flags,
    trial,
    uninstall,
)
from rollout.installed import has_package
from rollout.plan import Plan
from rollout.settings_merge import Side
from rollout.system import (
    RELEASES,
    SETTINGS,
    RolloutError,
    camera_unit,
    current_release,
    is_active,
    read,
    run,
    say,
)

INTERRUPTED = 75


def main() -> int:
    """Run a command and return the exit status, which is also that of `deploy-soft-stream.sh`."""
    parser = argparse.ArgumentParser(prog="rollout")
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("--release", type=Path, metavar="FOLDER", help="folder of the release")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings to use instead of this machine's")
    parser.add_argument("--prefer", choices=get_args(Side), help="which settings count if both sides changed them")
    parser.add_argument("--login", metavar="USER", default="camera", help="user name of the first login")
    parser.add_argument("--tls", action="store_true", help="create a self-signed certificate if there is none")
    parser.add_argument("--no-nginx", action="store_true", help="do not configure nginx")
    port_flags.add_flags(parser)
    parser.add_argument("--dry-run", action="store_true", help="print what would change, and change nothing")
    parser.add_argument("--attended", action="store_true", help="stop when standard input ends")
    args = parser.parse_args()
    os.umask(0o022)
    interrupts.enable(attended=args.attended)
    try:
        if args.command in ("install", "rollback", "configure") and not args.dry_run:
            _revert()  # an earlier rollout may have been cut off by a loss of power
        return COMMANDS[args.command](args)
    except RolloutError as error:
        say(str(error))
        return error.status
    except subprocess.CalledProcessError as error:
        say(f"{shlex.join(error.cmd)} failed: {error.stderr.strip()}")
        return 1
    except OSError as error:
        hint = "; a dry run as root may do that" if isinstance(error, PermissionError) and args.dry_run else ""
        say(f"{error.filename}: {error.strerror}{hint}" if error.filename else str(error))
        return 1
    except subprocess.TimeoutExpired as error:
        say(str(error))
        return 1
    except interrupts.Interrupted:
        say("The rollout was interrupted.")
        return INTERRUPTED


def _install(args: argparse.Namespace) -> int:
    make_certificate = args.tls and not login.CERTIFICATE.exists()
    make_login = not args.no_nginx and not login.HTPASSWD.exists()
    make_plan = partial(
        planner.make_plan,
        args.release,
        read(args.settings) if args.settings else None,
        args.prefer,
        with_nginx=not args.no_nginx,
        tls=make_certificate or login.CERTIFICATE.exists(),
        flags=port_flags.from_flags(args),
    )
    wanted = make_plan()
    say(apt_packages.versions())
    missing = apt_packages.missing(wanted.cameras, with_nginx=not args.no_nginx)
    if not (wanted.changes or missing or make_certificate or make_login):
        say(f"Nothing to change: {wanted.release} is active.")
        if not args.dry_run:
            login.let_service_read()  # the owner may have replaced the file
        for unit in map(camera_unit, wanted.served):
            if not is_active(unit):
                say(f"{unit} is not running: systemctl status {unit}")
        return 0
    _print_changes(wanted)
    if make_certificate:
        say(f"* create {login.CERTIFICATE}")
    if make_login:
        say(f"* create {login.HTPASSWD}")
    port_conflicts.check(wanted, with_nginx=not args.no_nginx)
    if args.dry_run:
        say(f"Missing: {', '.join(missing)}" if missing else "Nothing was changed.")
        return 0
    if missing:
        apt_packages.install(missing)
        if (again := make_plan()) != wanted:  # without Picamera2 the cameras could not be listed
            wanted = again
            _print_changes(wanted)
        port_conflicts.check(wanted, with_nginx=not args.no_nginx)  # nginx has its default site now
        say(apt_packages.versions())
    run("systemd-sysusers", str(args.release / "systemd/camera-soft-stream.sysusers.conf"))
    if make_certificate:
        login.create_certificate()
    if not args.no_nginx:
        commit.try_nginx_configuration(wanted)
        if login.create_login(args.login, wanted.htpasswd):
            say(f"The login is {args.login!r}; its password: sudo cat {login.INITIAL_PASSWORD}")
    login.let_service_read()
    _add_release(args.release)
    _deploy(wanted, remember=True)
    say(f"Release {wanted.release} is active.")
    return 0


def _rollback(args: argparse.Namespace) -> int:
    file, wanted = history.last()
    # without a program that it has replaced, the first deployment has replaced the package
    to_package = wanted.release is None and has_package() and not wanted.start
    if wanted.release or to_package:
        wanted = planner.with_cameras(wanted)
    _print_changes(wanted)
    if args.dry_run:
        say("Nothing was changed.")
        return 0
    if wanted.release is None and not to_package:
        with interrupts.disabled():
            uninstall.restore_predecessor(wanted)
    else:
        _deploy(wanted, remember=False)
    file.unlink()
    history.prune()
    name = "The release of the package" if to_package else f"Release {wanted.release}"
    is_some = wanted.release or to_package
    say(f"{name} is active." if is_some else "Everything is as before the first rollout.")
    return 0


def _recover(_: argparse.Namespace) -> int:
    _revert()
    history.prune()
    return 0


def _revert() -> None:
    """Undo an unfinished rollout, if there is one."""
    commit.revert()
    trial.cancel()


def _deploy(wanted: Plan, *, remember: bool) -> None:
    """Try a release, and make it current; if that fails, restore the previous one."""
    try:
        if wanted.affects_cameras:
            trial.try_release(wanted)
        with interrupts.disabled():
            commit.apply(wanted, remember=remember)
    except BaseException:
        with interrupts.disabled():
            say(f"Restoring {current_release() or 'the previous state'}.")
            trial.cancel()
        raise
    finally:
        history.prune()


def _print_changes(wanted: Plan) -> None:
    for line in wanted.changes:
        say(f"* {line}")
    after = wanted.files.get(SETTINGS)
    for line in owners_settings.diff(read(SETTINGS), after, wanted.origins) if after is not None else ():
        say(f"  {line}")
    for note in wanted.notes:
        say(note)


def _add_release(folder: Path) -> None:
    """Copy a release beside the others; it appears there in one step."""
    place = RELEASES / folder.name
    if not place.exists():
        compileall.compile_dir(folder / "lib", quiet=2)
        new = place.with_name(f".{place.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        # the rollout itself keeps running from the original folder
        shutil.copytree(folder, new, copy_function=os.link)
        os.sync()  # after a loss of power the name must not exist without the content
        new.rename(place)


COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "install": _install,
    "rollback": _rollback,
    "uninstall": uninstall.uninstall,
    "recover": _recover,
    "configure": package.configure,
    "trigger": package.trigger,
}

if __name__ == "__main__":
    sys.exit(main())
