"""[target] The commands: install a release that lies here, roll back, uninstall, recover from what broke off."""

import argparse
import compileall
import contextlib
import difflib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from rollout import apt_packages, commit, history, login, plan, trial, uninstall
from rollout.plan import Plan
from rollout.system import (
    RELEASES,
    SETTINGS,
    UNITS,
    RolloutError,
    camera_unit,
    current_release,
    is_active,
    read,
    run,
    say,
)

BROKEN_OFF = 75


class Interrupted(BaseException):
    """Whoever runs the rollout has gone, or wants it to end."""


def main() -> int:
    """Carry out a command and return the exit status, which is also that of `deploy-soft-stream.sh`."""
    parser = argparse.ArgumentParser(prog="rollout")
    parser.add_argument("command", choices=("install", "rollback", "uninstall", "recover"))
    parser.add_argument("--release", type=Path, metavar="FOLDER", help="where the release lies")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="settings that count more than this machine's")
    parser.add_argument("--login", metavar="USER", default="camera", help="for whom a first password is made")
    parser.add_argument("--tls", action="store_true", help="make a self-signed certificate if there is none")
    parser.add_argument("--no-nginx", action="store_true", help="leave nginx alone")
    parser.add_argument("--dry-run", action="store_true", help="only tell what would be done")
    parser.add_argument("--attended", action="store_true", help="end when standard input does")
    args = parser.parse_args()
    os.umask(0o022)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _interrupt)
    if args.attended:
        threading.Thread(target=_watch_for_hangup, daemon=True).start()
    try:
        if args.command in ("install", "rollback") and not args.dry_run:
            _revert()  # what the machine's power went off in
        return {"install": _install, "rollback": _rollback, "uninstall": uninstall.uninstall, "recover": _recover}[
            args.command
        ](args)
    except RolloutError as error:
        say(str(error))
        return error.status
    except subprocess.CalledProcessError as error:
        say(f"{shlex.join(error.cmd)} failed: {error.stderr.strip()}")
        return 1
    except (OSError, subprocess.TimeoutExpired) as error:
        say(str(error))
        return 1
    except Interrupted:
        say("The rollout was broken off.")
        return BROKEN_OFF


def _install(args: argparse.Namespace) -> int:
    make_certificate = args.tls and not login.CERTIFICATE.exists()
    make_login = not args.no_nginx and not login.HTPASSWD.exists()
    wanted = plan.to_release(
        args.release,
        read(args.settings) if args.settings else None,
        with_nginx=not args.no_nginx,
        tls=make_certificate or login.CERTIFICATE.exists(),
    )
    lacks = apt_packages.missing(wanted.cameras, with_nginx=not args.no_nginx)
    if not (wanted.changes or lacks or make_certificate or make_login):
        say(f"Nothing to change: {wanted.release} is in force.")
        for unit in map(camera_unit, wanted.served):
            if not is_active(unit):
                say(f"{unit} does not run: systemctl status {unit}")
        return 0
    _print_changes(wanted)
    if make_certificate:
        say(f"* make {login.CERTIFICATE}")
    if make_login:
        say(f"* make {login.HTPASSWD}")
    if args.dry_run:
        say(f"Missing here: {', '.join(lacks)}" if lacks else "Nothing was changed.")
        return 0
    if lacks:
        apt_packages.install(lacks)
    run("systemd-sysusers", str(args.release / "systemd/camera-soft-stream.sysusers.conf"))
    if make_certificate:
        login.create_certificate()
    if not args.no_nginx:
        commit.try_nginx_configuration(wanted)
        login.create_login(args.login, wanted.htpasswd)
    _add_release(args.release)
    _deploy(wanted, remember=True)
    say(f"Release {wanted.release} is in force.")
    return 0


def _rollback(args: argparse.Namespace) -> int:
    note, wanted = history.last()
    if wanted.release:
        wanted = plan.with_cameras(wanted)
    _print_changes(wanted)
    if args.dry_run:
        say("Nothing was changed.")
        return 0
    if wanted.release is None:
        with _uninterruptible():
            uninstall.restore_predecessor(wanted)
    else:
        _deploy(wanted, remember=False)
    note.unlink()
    history.prune()
    say(f"Release {wanted.release} is in force." if wanted.release else "All is as before the first rollout.")
    return 0


def _recover(_: argparse.Namespace) -> int:
    _revert()
    history.prune()
    return 0


def _revert() -> None:
    """Undo what was begun and not finished; most often that is nothing."""
    commit.revert()
    trial.cancel()


def _deploy(wanted: Plan, *, remember: bool) -> None:
    """Try a release out, and put it in force or put back what was."""
    try:
        if _affects_cameras(wanted):
            trial.try_release(wanted)
        with _uninterruptible():
            commit.apply(wanted, remember=remember)
    except BaseException:
        with _uninterruptible():
            say(f"Putting {current_release() or 'what was here'} back.")
            trial.cancel()
        raise
    finally:
        history.prune()


def _affects_cameras(wanted: Plan) -> bool:
    """Return whether a camera has to be restarted; for nginx's sake none has."""
    return bool(
        wanted.release != current_release()
        or wanted.enable
        or wanted.disable
        or wanted.stop
        or any(path == SETTINGS or path.is_relative_to(UNITS) for path in wanted.files)
    )


def _print_changes(wanted: Plan) -> None:
    for line in wanted.changes:
        say(f"* {line}")
    before, after = read(SETTINGS), wanted.text_of(SETTINGS)
    if before is not None and after is not None:
        lines = difflib.unified_diff(
            before.splitlines(), after.splitlines(), "settings before", "settings after", "", "", 1, ""
        )
        for line in lines:
            say(f"  {line}")


def _add_release(folder: Path) -> None:
    """Put a release beside the others, from one moment to the next."""
    place = RELEASES / folder.name
    if not place.exists():
        compileall.compile_dir(folder / "lib", quiet=2)
        new = place.with_name(f".{place.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        # the rollout itself goes on running from where it is
        shutil.copytree(folder, new, copy_function=os.link)
        os.sync()  # a name must not survive a loss of power without its content
        new.rename(place)


def _interrupt(*_: object) -> None:
    raise Interrupted


@contextlib.contextmanager
def _uninterruptible() -> Iterator[None]:
    """Let nobody break off what is done inside."""
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, _interrupt)


def _watch_for_hangup() -> None:
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
