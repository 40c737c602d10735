"""`soft-stream selftest` tests a camera; `soft-stream doctor` checks this machine."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable
from getpass import getpass
from typing import TextIO

from soft_stream.cli.exit import STATUS_OF_ERROR, end
from soft_stream.cli.options import add_camera, add_env_file
from soft_stream.cli.parser import exit_status
from soft_stream.cli.terminal import Progress, Terminal, progress
from soft_stream.config.loader import load
from soft_stream.service.exit_status import ExitStatus


def add_selftest(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `selftest` to the parser."""
    command = commands.add_parser(
        "selftest",
        help="test one camera; takes about a minute",
        description="Test one camera, which takes about a minute. No other program may use the camera meanwhile.",
        epilog=exit_status(
            {
                ExitStatus.STOPPED: "all checks passed, or were skipped",
                ExitStatus.CHECK_FAILED: "a check failed",
                ExitStatus.CAMERA_MISSING: "the camera is not connected",
                ExitStatus.TEMPORARY_FAILURE: "the camera hangs or is in use",
                ExitStatus.CONFIG_ERROR: "a setting is wrong, or Picamera2 is missing",
            }
        ),
    )
    command.set_defaults(run=selftest)
    command.add_argument("--json", action="store_true", help="print one line of JSON for each check")
    command.add_argument("--quick", action="store_true", help="capture fewer frames and open the camera fewer times")
    add_camera(command)
    add_env_file(command)


def add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `doctor` to the parser."""
    command = commands.add_parser(
        "doctor",
        help="check this machine and suggest fixes",
        description="Check this machine and suggest fixes. Nothing is changed. With sudo it sees more.",
        epilog=exit_status({ExitStatus.STOPPED: "nothing is wrong", ExitStatus.CHECK_FAILED: "something is wrong"}),
    )
    command.set_defaults(run=doctor)
    command.add_argument("--json", action="store_true", help="print one line of JSON for each finding")
    command.add_argument(
        "--login",
        metavar="USER",
        help="also check the external ports with this login; the password is read from SOFT_STREAM_PASSWORD, "
        "the terminal or a pipe",
    )
    add_env_file(command)


def selftest(args: argparse.Namespace) -> int:
    """Run the self-test and return the exit status."""
    loaded = load(os.environ, file=args.env_file, camera=args.camera)
    loaded.export_library_environ(os.environ)
    settings = loaded.cameras[args.camera]
    from soft_stream.diagnostics import selftest as checks
    from soft_stream.diagnostics.selftest.report import Report

    try:
        with progress(f"Testing camera {args.camera}") as shown:
            logging.basicConfig(level=logging.WARNING, handlers=[_LogBetween(shown)])
            report = Report(_printing_between(shown), as_json=args.json, colour=Terminal(sys.stdout).colour)
            fault = asyncio.run(checks.run(settings, report, quick=args.quick))
    except KeyboardInterrupt:
        return end(ExitStatus.CHECK_FAILED)
    report.end()
    failed = ExitStatus.CHECK_FAILED if report.has_failed else ExitStatus.STOPPED
    return end(failed if fault is None else STATUS_OF_ERROR.get(type(fault), failed))


def doctor(args: argparse.Namespace) -> int:
    """Run the doctor and return the exit status."""
    from soft_stream.diagnostics import doctor as checks
    from soft_stream.diagnostics.doctor.context import DoctorContext
    from soft_stream.diagnostics.doctor.host import Host
    from soft_stream.diagnostics.doctor.report import Report

    login = (args.login, _password(args.login)) if args.login else None
    try:
        with progress("Checking this machine") as shown:
            report = Report(_printing_between(shown), as_json=args.json, colour=Terminal(sys.stdout).colour)
            checks.run(DoctorContext(Host(), args.env_file, login), report)
    except KeyboardInterrupt:
        return ExitStatus.CHECK_FAILED
    return ExitStatus.CHECK_FAILED if report.is_wrong else ExitStatus.STOPPED


def _printing_between(shown: Progress) -> Callable[[str], None]:
    """Return a function that prints a line, which progress must not be in the way of."""

    def say(line: str) -> None:
        shown.clear()
        print(line, flush=True)

    return say


class _LogBetween(logging.StreamHandler[TextIO]):
    """Writes log lines to stderr, where progress must not be in their way."""

    def __init__(self, shown: Progress) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(logging.Formatter("         log: %(message)s"))
        self._shown = shown

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        self._shown.clear()
        super().emit(record)


def _password(user: str) -> str:
    """Return the password from the environment, the terminal or a pipe; arguments would be visible to other users."""
    if "SOFT_STREAM_PASSWORD" in os.environ:
        return os.environ["SOFT_STREAM_PASSWORD"]
    if Terminal(sys.stdin).is_terminal:
        return getpass(f"Password of {user}: ")
    return sys.stdin.readline().rstrip("\n") if sys.stdin else ""
