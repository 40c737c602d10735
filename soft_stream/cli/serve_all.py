"""`soft-stream serve --all`: all cameras of the settings in one terminal, each in a process of its own."""

import argparse
import asyncio
import errno
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from soft_stream.access import exposure
from soft_stream.access.accounts import read_accounts
from soft_stream.cameras import discovery
from soft_stream.cameras.base import CameraAmbiguous, CameraError, CameraInfo, CameraMissing
from soft_stream.cameras.identity import select_camera
from soft_stream.cameras.v4l2 import nodes
from soft_stream.cli import lan, outputs, taken_ports
from soft_stream.cli.announcements import Announcements, title_of
from soft_stream.cli.options import advice_without_cameras
from soft_stream.cli.terminal import progress
from soft_stream.config.loader import LoadedConfig, SettingsError, load
from soft_stream.config.own_command import own_command
from soft_stream.config.settings import SETTINGS, Settings
from soft_stream.config.validation import HIGHEST_PORT
from soft_stream.service.all_cameras import AllCameras
from soft_stream.service.exit_status import ExitStatus

# flags that cannot have the same value for several cameras
OF_ONE_CAMERA = (*(name for name, each in SETTINGS.items() if each.metadata["per_camera"]), "log_file")
DEVICE_FLAGS = ("index", "device")
TEST_CAMERA = "a test camera"


class NotGiven(int):
    """The default of `--camera`: it is 0, and is not what a command line has given."""


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options for all cameras to the parser of `serve`."""
    group = command.add_argument_group(
        "all cameras",
        "The other options are then for all cameras, except those of one camera, such as --port and --id.",
    )
    group.add_argument(
        "--all", action="store_true", help="serve all cameras of the settings until Ctrl-C, one process for each"
    )
    group.add_argument(
        "--lan",
        action="store_true",
        help="with --all: listen on the network; the login is that of the settings, or it is made and printed",
    )
    group.add_argument(
        "--port-base", type=_port, metavar="N", help="with --all: serve camera 0 on port N, camera 1 on N + 1, ..."
    )
    command.set_defaults(refuse=command.error, camera=NotGiven(0))


def is_wanted(args: argparse.Namespace, flags: Mapping[str, str]) -> bool:
    """Return True if the command line asks for all cameras; it ends the command if its options contradict."""
    if not args.all:
        for name in ("lan", "port_base"):
            if getattr(args, name):
                args.refuse(f"--{name.replace('_', '-')} needs --all")
        return False
    refused = {name: "for one camera" for name in OF_ONE_CAMERA if name in flags}
    refused |= {name: "for one camera" for name in DEVICE_FLAGS if getattr(args, name) is not None}
    refused |= {} if isinstance(args.camera, NotGiven) else {"camera": "for one camera"}
    refused |= {"bind": "what --lan sets"} if args.lan and "bind" in flags else {}
    for name, reason in refused.items():
        advice = "; --port-base is for all" if name == "port" else ""
        args.refuse(f"--{name.replace('_', '-')} cannot be used with --all: it is {reason}{advice}")
    return True


def serve_all(args: argparse.Namespace, flags: Mapping[str, str], given: Mapping[str, str]) -> int:
    """Serve all cameras until a signal and return the exit status.

    `flags` are the settings of the command line, `given` the flags that mean them.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores SIGHUP
            signal.signal(number, signal.default_int_handler)
    try:
        return _serve_all(args, flags, given)
    except KeyboardInterrupt:
        return ExitStatus.STOPPED
    except OSError as error:
        if error.errno != errno.EIO or error.filename:
            raise
        outputs.drop(sys.stdout)  # the terminal was closed before SIGHUP has said so
        return ExitStatus.STOPPED
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a second Ctrl-C while the interpreter ends
            signal.signal(number, signal.SIG_IGN)


def _serve_all(args: argparse.Namespace, flags: Mapping[str, str], given: Mapping[str, str]) -> int:
    environ = dict(os.environ)
    configured = load(environ, file=args.env_file, flags=flags)
    if not configured.cameras:
        raise SettingsError([advice_without_cameras(configured)])
    environ |= _ports(configured, args.port_base)
    environ |= lan.opened(configured.cameras) if args.lan else {}
    kinds, sources = find_kinds(configured.cameras, is_chosen="source" in flags)
    environ |= sources
    loaded = load(environ, file=args.env_file, flags=flags)
    cameras = {number: loaded.cameras[number] for number in kinds}
    if problems := taken_ports.problems(cameras, args.port_base):
        print(*problems, sep="\n", file=sys.stderr)
        return ExitStatus.TEMPORARY_FAILURE
    logins = [*lan.unreadable(configured.cameras), *lan.logins(cameras.values())] if args.lan else []
    refused = exposure.all_refusals(loaded, lambda each: read_accounts(each.users_file, each.state_directory))
    if refused:
        raise SettingsError(refused)
    command = [*own_command(), "serve", *(["--env-file", str(loaded.file)] if loaded.file else [])]
    command += [f"--{name.replace('_', '-')}={text}" for name, text in given.items()]
    commands = {number: [*command, "--camera", str(number)] for number in cameras}
    status: int = ExitStatus.CAMERA_MISSING
    if commands:
        status = asyncio.run(AllCameras(commands, environ, Announcements(cameras, kinds, logins)).run())
    if status:
        print("No camera is running.", file=sys.stderr)
    return status


def _port(text: str) -> int:
    if not (text.isdecimal() and text.isascii() and 0 < int(text) <= HIGHEST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 1 to {HIGHEST_PORT}")
    return int(text)


def _ports(loaded: LoadedConfig, base: int | None) -> dict[str, str]:
    """Return the variables of the environment for the ports; each process links to all others on its page.

    Raises:
        SettingsError: a port would be too high.
    """
    if base is None:
        return {}
    if (highest := base + max(loaded.cameras)) > HIGHEST_PORT:
        limit = f"the highest port is {HIGHEST_PORT}"
        raise SettingsError([f"--port-base {base}: camera {max(loaded.cameras)} would have port {highest}; {limit}"])
    return {f"cam{number}_port": str(base + number) for number in loaded.cameras}


def find_kinds(cameras: Mapping[int, Settings], *, is_chosen: bool) -> tuple[dict[int, str], dict[str, str]]:
    """Return the kind of each camera that can be served, and the variables that replace absent ones.

    Elsewhere than on a Raspberry Pi, webcams without libcamera replace them, and then test cameras. A camera with an id
    is that of a certain Raspberry Pi, where a test camera would hide that it is missing.
    """
    kinds, changes = dict[int, str](), dict[str, str]()
    is_real = any(settings.source == "picamera" for settings in cameras.values())
    connected = _connected() if is_real else []
    may_replace_all = is_real and not connected and not is_chosen and not discovery.is_raspberry_pi()
    webcams = _webcams(cameras) if may_replace_all else []
    for number, settings in cameras.items():
        if settings.source != "picamera":
            kinds[number] = settings.what_is_shown
        elif webcams:
            webcam = webcams.pop(0)
            kinds[number] = webcam.model
            changes |= {f"cam{number}_source": "v4l2", f"cam{number}_device": webcam.id}
        elif may_replace_all or not (connected or is_chosen or settings.id):
            kinds[number] = TEST_CAMERA
            changes[f"cam{number}_source"] = "test-pattern"
        else:
            try:
                kinds[number] = select_camera(connected, settings.id, number)[0].model
            except (CameraMissing, CameraAmbiguous) as missing:
                print(f"{title_of(settings)}: skipped, {missing}", flush=True)
    return kinds, changes


def _webcams(cameras: Mapping[int, Settings]) -> list[CameraInfo]:
    """Return the V4L2 cameras that the settings do not name."""
    named = {Path(each.device).resolve() for each in cameras.values() if each.source == "v4l2"}
    return [found for found in nodes.list_devices() if Path(found.id).resolve() not in named]


def _connected() -> Sequence[CameraInfo]:
    try:
        with progress("Looking for cameras"):
            return discovery.list_cameras()
    except CameraError as reason:
        print(f"No real cameras: {reason}", flush=True)
        return []
