"""The command line: `serve` one camera, list the `cameras`, `check` the settings, `selftest` it, ask the `doctor`."""

import argparse
import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, replace
from getpass import getpass
from pathlib import Path
from typing import Any

from soft_stream import __version__
from soft_stream.cameras import discovery, id_history
from soft_stream.cameras.base import (
    CameraAmbiguous,
    CameraBusy,
    CameraError,
    CameraHung,
    CameraMissing,
    CameraUnsupported,
)
from soft_stream.cameras.identity import in_port_order
from soft_stream.config import webcamd_flags
from soft_stream.config.env_file import quoted
from soft_stream.config.loader import INSTALLED_FILE, LOCAL_FILE, Loaded, SettingsError, load
from soft_stream.config.settings import SETTINGS, Settings, as_text, default_of
from soft_stream.service import logs
from soft_stream.service.exit_status import ExitStatus

log = logging.getLogger("soft_stream")

STATUS_OF_FAULT = {
    CameraMissing: ExitStatus.CAMERA_MISSING,
    CameraAmbiguous: ExitStatus.WRONG_SETTING,
    CameraUnsupported: ExitStatus.WRONG_SETTING,
    CameraBusy: ExitStatus.START_ME_AGAIN,
    CameraHung: ExitStatus.START_ME_AGAIN,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    args = _parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except SettingsError as error:
        print(f"{len(error.problems)} wrong in the settings:", *error.problems, sep="\n  ", file=sys.stderr)
        return ExitStatus.WRONG_SETTING
    except BrokenPipeError:  # `soft-stream check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.STOPPED
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="soft-stream", description="Serves a camera as a page, a stream, snapshots.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    serve = commands.add_parser("serve", help="serve one camera", description="Serves one camera until it is stopped.")
    serve.set_defaults(run=_serve)
    for name, each in SETTINGS.items():
        kind, meaning = each.metadata["kind"], each.metadata["meaning"]
        default = "" if each.metadata["own"] else f" ({as_text(default_of(name, 0)) or 'empty'})"
        flags = [f"--{name.replace('_', '-')}", *(["-d"] if name == "log_level" else [])]
        text = f"{meaning}; {kind.right}{default}".replace("%", "%%")
        # --bind takes several addresses, --hflip needs no value
        counts: dict[type, dict[str, Any]] = {tuple: {"nargs": "+"}, bool: {"nargs": "?", "const": "1"}}
        count = counts.get(type(default_of(name, 0)), {})
        serve.add_argument(*flags, dest=name, metavar=name.upper(), help=text, **count)
    webcamd_flags.add_to(serve)

    cameras = commands.add_parser("cameras", help="list the cameras that are connected, ready for the settings")
    cameras.set_defaults(run=_cameras)
    cameras.add_argument("--json", action="store_true", help="for programs")

    check = commands.add_parser("check", help="check the settings and show what is in force")
    check.set_defaults(run=_check)

    selftest = commands.add_parser("selftest", help="try out what one camera must do, in about a minute")
    selftest.set_defaults(run=_selftest)
    selftest.add_argument("--json", action="store_true", help="for programs: a line of JSON for each check")
    selftest.add_argument("--quick", action="store_true", help="fewer pictures and fewer openings")

    doctor = commands.add_parser("doctor", help="look for what is wrong on this machine, and say what helps")
    doctor.set_defaults(run=_doctor)
    doctor.add_argument("--json", action="store_true", help="for programs: a line of JSON for each finding")
    doctor.add_argument(
        "--login",
        metavar="USER",
        help="try the external ports with this login too; the password is SOFT_STREAM_PASSWORD, else it is asked for",
    )

    for command in (serve, selftest):
        command.add_argument(
            "--camera",
            type=int,
            choices=range(100),
            default=0,
            metavar="N",
            help="which camera of the settings, 0 to 99 (0)",
        )
    for command in (serve, check, selftest, doctor):
        command.add_argument(
            "--env-file", type=Path, metavar="FILE", help=f"the settings ({INSTALLED_FILE}, else ./{LOCAL_FILE})"
        )
    return parser


def _serve(args: argparse.Namespace) -> int:
    given = {name: getattr(args, name) for name in SETTINGS if getattr(args, name) is not None}
    ours = {name: " ".join(value) if isinstance(value, list) else value for name, value in given.items()}
    flags = {**webcamd_flags.translated(args), **ours}
    loaded = load(os.environ, file=args.env_file, camera=args.camera, flags=flags)
    settings = loaded.cameras[args.camera]
    with logs.written(settings):
        status = _serve_camera(settings, loaded)
    return _end(status)


def _serve_camera(settings: Settings, loaded: Loaded) -> ExitStatus:
    number = settings.camera
    if loaded.file and not any(f"cam{number}_" in origin for origin in loaded.origins[number].values()):
        log.warning("%s has no cam%d_ line; what holds for every camera holds for this one", loaded.file, number)
    if settings.source == "picamera":
        try:
            settings = _with_id(settings)
        except CameraError as fault:
            log.error("cam%d_source=picamera: %s", number, fault)  # noqa: TRY400 # the sentence says it all
            return STATUS_OF_FAULT.get(type(fault), ExitStatus.START_ME_AGAIN)
        if settings.controls_file and os.environ.get("STATE_DIRECTORY"):  # a service
            id_history.remember(settings.controls_file.parent, number, settings.id)
    # only now: the other commands do without a web server
    from soft_stream.service.server import serve

    return asyncio.run(serve(settings, loaded.cameras))


def _with_id(settings: Settings) -> Settings:
    """Look for the camera and name it by its id: when it is unplugged later, no other one must take its place.

    Raises:
        CameraError: it cannot be served.
    """
    found, advice = discovery.wait_for(settings.id, settings.camera)
    if advice:
        log.warning("%s; put this into the settings: cam%d_id=%s", advice, settings.camera, quoted(found.id))
    return replace(settings, id=found.id)


def _end(status: ExitStatus) -> ExitStatus:
    """Return the status, or end with it where the interpreter would wait for a camera thread that is stuck."""
    from soft_stream.capture.camera_thread import NAME as CAMERA_THREAD

    if any(_is_stuck(thread) for thread in threading.enumerate() if thread.name.startswith(CAMERA_THREAD)):
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)
    return status


def _is_stuck(thread: threading.Thread) -> bool:
    thread.join(0.2)
    return thread.is_alive()


def _cameras(args: argparse.Namespace) -> int:
    from soft_stream.cameras.picamera.library import find

    try:
        connected = find()
    except CameraError as error:
        if args.json:
            print(error, file=sys.stderr)
            return ExitStatus.WRONG_SETTING if isinstance(error, CameraUnsupported) else ExitStatus.START_ME_AGAIN
        print(f"# {error}", "# A test camera can stand in:", "cam_source=test-pattern", sep="\n")
        return ExitStatus.STOPPED
    if args.json:
        print(json.dumps([asdict(found) for found in in_port_order(connected)]))
        return ExitStatus.STOPPED
    for number, found in enumerate(in_port_order(connected)):
        print(f"# {found.model}, {'USB' if found.usb else 'CSI'}", f"cam{number}_id={quoted(found.id)}", sep="\n")
    if not connected:
        print("# libcamera sees no camera: is the cable in, and does `rpicam-hello --list-cameras` show it?")
    return ExitStatus.STOPPED


def _selftest(args: argparse.Namespace) -> int:
    settings = load(os.environ, file=args.env_file, camera=args.camera).cameras[args.camera]
    logging.basicConfig(level=logging.WARNING, format="         log: %(message)s", stream=sys.stderr)
    from soft_stream.diagnostics import selftest
    from soft_stream.diagnostics.selftest.report import Report

    report = Report(lambda line: print(line, flush=True), as_json=args.json)
    try:
        fault = asyncio.run(selftest.run(settings, report, quick=args.quick))
    except KeyboardInterrupt:
        return _end(ExitStatus.CHECK_FAILED)
    report.end()
    failed = ExitStatus.CHECK_FAILED if report.has_failed else ExitStatus.STOPPED
    return _end(failed if fault is None else STATUS_OF_FAULT.get(type(fault), failed))


def _doctor(args: argparse.Namespace) -> int:
    from soft_stream.diagnostics import doctor
    from soft_stream.diagnostics.doctor.context import Case
    from soft_stream.diagnostics.doctor.host import Machine
    from soft_stream.diagnostics.doctor.report import Report

    login = (args.login, _password(args.login)) if args.login else None
    report = Report(lambda line: print(line, flush=True), as_json=args.json)
    try:
        doctor.run(Case(Machine(), args.env_file, login), report)
    except KeyboardInterrupt:
        return ExitStatus.CHECK_FAILED
    return ExitStatus.CHECK_FAILED if report.is_wrong else ExitStatus.STOPPED


def _password(user: str) -> str:
    """Return a password that no list of processes shows: from the environment, the terminal, or a pipe."""
    if "SOFT_STREAM_PASSWORD" in os.environ:
        return os.environ["SOFT_STREAM_PASSWORD"]
    return getpass(f"Password of {user}: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")


def _check(args: argparse.Namespace) -> int:
    loaded = load(os.environ, file=args.env_file)
    print(f"# {loaded.file or 'no settings file'}: no problems")
    for number, settings in loaded.cameras.items():
        print(f"\n# camera {number}: {settings.title}")
        for name in SETTINGS:
            line = f"cam{number}_{name}={quoted(as_text(getattr(settings, name)))}"
            print(f"{line:<40} from {loaded.origins[number][name]}")
    if not loaded.cameras:
        print("# no camera is configured: a camera N is, as soon as a camN_ key stands in the file")
    return ExitStatus.STOPPED


if __name__ == "__main__":
    sys.exit(main())
