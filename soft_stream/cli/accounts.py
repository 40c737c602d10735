"""What `soft-stream user` and `soft-stream token` share: options, files, errors, and the line of the system's log."""

import argparse
import json
import os
import pwd
import sys
import syslog
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from soft_stream.access.accounts import Accounts
from soft_stream.access.editing import editing
from soft_stream.access.rights import ROLES, Rights, Role, parse_rights
from soft_stream.cli.options import add_env_file
from soft_stream.cli.parser import exit_status
from soft_stream.config.loader import load_values
from soft_stream.config.text import one_line
from soft_stream.service.exit_status import ExitStatus

ALL = "all"
NOTE = "NOTE"
STATUSES = {
    ExitStatus.STOPPED: "done",
    ExitStatus.CHECK_FAILED: "not done; stderr says why",
    ExitStatus.CONFIG_ERROR: "a setting is wrong",
}


class Refused(Exception):
    """A command changes nothing; the message says why."""


def add_rights(command: argparse.ArgumentParser, without: str) -> None:
    """Add the options `--role` and `--camera`; `without` is the default role in words."""
    command.add_argument("--role", choices=[*ROLES], help=f"view: frames and states; control: also focus, controls and "
                         f"pauses; admin: also settings (default: {without})")  # fmt: skip
    command.add_argument(
        "--camera",
        dest="cameras",
        action="append",
        type=_camera_numbers,
        metavar="N",
        help="a camera that it is for, or several: 0,2; may be repeated; all: every camera (default: all)",
    )


def add_subcommand(
    commands: Any, run: Callable[[argparse.Namespace], int], name: str, text: str, explanation: str = ""
) -> Any:
    """Add a command that reports its errors, and return its parser."""
    command = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        epilog=f"{explanation}\n\n{exit_status(STATUSES)}".strip(),
    )
    command.set_defaults(run=lambda args: _report_errors(run, args))
    add_env_file(command)
    return command


def rights_of(args: argparse.Namespace, before: Rights) -> Rights:
    """Return the rights of the options; what they do not name stays as before."""
    role = ROLES[args.role] if args.role else before.role
    if args.cameras is None:
        return Rights(role, before.cameras)
    return Rights(role, frozenset().union(*args.cameras) if all(args.cameras) else frozenset())


def users_file(args: argparse.Namespace) -> Path:
    """Return the file of the users, which the settings name."""
    files: list[str] = load_values("users_file", os.environ, file=args.env_file)
    if len(files) > 1:
        raise Refused(
            f"The cameras have different files of users: {', '.join(files)}. Choose one in the environment, such as: "
            f"sudo env cam_users_file={files[0]} soft-stream ..."
        )
    if not files[0]:
        raise Refused("cam_users_file is empty, so there is no file of users")
    return Path(files[0])


@contextmanager
def changing(file: Path, mode: int) -> Iterator[list[str]]:
    """Yield the lines of a file of users or tokens, to be changed in place.

    Raises:
        Refused: the file cannot be changed.
    """
    try:
        with editing(file, mode) as lines:
            yield lines
    except OSError as error:
        advice = ". Run the command with sudo" if isinstance(error, PermissionError) and os.geteuid() != 0 else ""
        raise Refused(f"{file} cannot be changed: {error.strerror}{advice}") from None


def print_problems(accounts: Accounts, file: Path) -> int:
    """Print what could not be read of one of the files, and return the exit status."""
    problems = [problem for problem in accounts.problems if problem.startswith((f"{file}:", f"{file} "))]
    for problem in problems:
        print(one_line(f"{problem}."), file=sys.stderr)
    if any("Permission denied" in problem for problem in problems) and os.geteuid() != 0:
        print("Run the command with sudo.", file=sys.stderr)
    return ExitStatus.CHECK_FAILED if problems else ExitStatus.STOPPED


def audit(action: str) -> None:
    """Write to the system's log what was changed, and which user of this machine changed it."""
    try:
        who = os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        who = f"uid {os.getuid()}"
    syslog.openlog("soft-stream", facility=syslog.LOG_AUTH)
    syslog.syslog(syslog.LOG_NOTICE, one_line(f"{action} (by {who})"))


def print_rows(names: Sequence[str], rows: Sequence[Sequence[str]], *, as_json: bool) -> None:
    """Print rows in columns under their names, or as one line of JSON each."""
    if as_json:
        for row in rows:
            print(json.dumps(dict(zip(map(str.lower, names), row, strict=True))))
        return
    table = [[name if name != NOTE else "" for name in names], *rows] if rows else []
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def shown_cameras(rights: Rights) -> str:
    """Return the cameras of rights, for a table."""
    return ",".join(map(str, sorted(rights.cameras))) or ALL


def _camera_numbers(text: str) -> frozenset[int]:
    if text == ALL:
        return frozenset()
    try:
        return parse_rights(f"role={Role.VIEW} camera={text or '-'}").cameras
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: must be numbers from 0 to 99, separated by commas, or all"
        ) from None


def _report_errors(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command; print a sentence about what prevents it."""
    try:
        return run(args)
    except Refused as error:
        print(one_line(f"{error}."), file=sys.stderr)
    except (KeyboardInterrupt, EOFError):
        print("\nNothing is changed.", file=sys.stderr)
    return ExitStatus.CHECK_FAILED
