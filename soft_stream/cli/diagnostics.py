"""`soft-stream selftest` tests a camera; `soft-stream doctor` checks this machine."""

import argparse
import asyncio
import logging
import os
import sys
from getpass import getpass

from soft_stream.cli.exit import STATUS_OF_ERROR, end
from soft_stream.cli.options import add_camera, add_env_file
from soft_stream.config.loader import load
from soft_stream.service.exit_status import ExitStatus


def add_selftest(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `selftest` to the parser."""
    command = commands.add_parser("selftest", help="test one camera; takes about a minute")
    command.set_defaults(run=selftest)
    command.add_argument("--json", action="store_true", help="print one line of JSON for each check")
    command.add_argument("--quick", action="store_true", help="capture fewer frames and open the camera fewer times")
    add_camera(command)
    add_env_file(command)


def add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command `doctor` to the parser."""
    command = commands.add_parser("doctor", help="check this machine and suggest fixes")
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
    logging.basicConfig(level=logging.WARNING, format="         log: %(message)s", stream=sys.stderr)
    from soft_stream.diagnostics import selftest as checks
    from soft_stream.diagnostics.selftest.report import Report

    report = Report(lambda line: print(line, flush=True), as_json=args.json)
    try:
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
    report = Report(lambda line: print(line, flush=True), as_json=args.json)
    try:
        checks.run(DoctorContext(Host(), args.env_file, login), report)
    except KeyboardInterrupt:
        return ExitStatus.CHECK_FAILED
    return ExitStatus.CHECK_FAILED if report.is_wrong else ExitStatus.STOPPED


def _password(user: str) -> str:
    """Return the password from the environment, the terminal or a pipe; arguments would be visible to other users."""
    if "SOFT_STREAM_PASSWORD" in os.environ:
        return os.environ["SOFT_STREAM_PASSWORD"]
    return getpass(f"Password of {user}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
