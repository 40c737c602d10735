"""`soft-stream init`: write the first settings file, with the connected cameras."""

import argparse
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from soft_stream.access.own_login import USERS
from soft_stream.cameras import discovery
from soft_stream.cameras.assigned_ids import with_ids
from soft_stream.cameras.base import CameraError, CameraInfo
from soft_stream.cameras.v4l2 import nodes
from soft_stream.cli.options import file_path
from soft_stream.cli.parser import exit_status
from soft_stream.cli.terminal import progress
from soft_stream.cli.unit_drop_ins import write_drop_ins
from soft_stream.config.env_file import quote_value
from soft_stream.config.loader import LOCAL_FILE, find_file, load, state_directory
from soft_stream.config.settings_file import with_values
from soft_stream.config.shipped import read_shipped
from soft_stream.config.text import one_line
from soft_stream.service.exit_status import ExitStatus

PROGRAM = "soft-stream"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    text = "write a settings file with the connected cameras"
    command = commands.add_parser(
        "init",
        help=text,
        description=f"{text[0].upper()}{text[1:]}, and with all other settings at their defaults. An existing file is "
        "never changed.",
        epilog=exit_status(
            {ExitStatus.STOPPED: "written", ExitStatus.CHECK_FAILED: "the file exists, or cannot be written"}
        ),
    )
    command.set_defaults(run=init)
    command.add_argument(
        *("-o", "--env-file"),
        type=file_path,
        default=LOCAL_FILE,
        metavar="FILE",
        help=f"file to write (default: ./{LOCAL_FILE})",
    )
    command.add_argument(
        "--units",
        action="store_true",
        help="write no settings, but let the installed units reach the folders in them, such as cam0_www; needs root",
    )


def init(args: argparse.Namespace) -> int:
    """Write the file, print what is in it and what to do next, and return the exit status."""
    if args.units:
        return write_drop_ins()
    file: Path = args.env_file
    if os.path.lexists(file):  # before the cameras are searched, which takes a while
        return _refuse(file, "it exists already, and is not changed")
    connected, reason = _connected()
    text = with_ids(read_shipped(), connected)
    changes = _changes(connected)
    text = with_values(text, changes)
    try:
        _write_new(file, text)
    except FileExistsError:
        return _refuse(file, "it exists already, and is not changed")
    except OSError as error:
        return _refuse(file, error.strerror or str(error))
    print(one_line(f"{file} is written:"))
    for line in (*_describe(file, connected, reason), *_next_steps(file)):
        print(line)
    return ExitStatus.STOPPED


def _refuse(file: Path, reason: str) -> int:
    print(one_line(f"{file} cannot be written: {reason}."), file=sys.stderr)
    return ExitStatus.CHECK_FAILED


def _connected() -> tuple[Sequence[CameraInfo], str]:
    """Return the connected cameras, or why there is none."""
    try:
        with progress("Looking for cameras"):
            connected = discovery.list_cameras()
    except CameraError as reason:
        return [], str(reason)
    return connected, "" if connected else "libcamera finds no camera"


def _changes(connected: Sequence[CameraInfo]) -> dict[str, str | None]:
    """Return the values that the first settings need on this machine, for this user."""
    changes: dict[str, str | None] = {}
    if not connected and not discovery.is_raspberry_pi():
        devices = nodes.list_devices()
        changes["cam_source"] = "v4l2" if devices else "test-pattern"
        for number, found in enumerate(devices):
            changes |= {f"cam{number}_name": f"Camera {number}", f"cam{number}_device": found.id}
    folder = state_directory(os.environ)
    if folder and os.geteuid() != 0:  # this user cannot write the users' file of the service
        changes["cam_users_file"] = str(folder / USERS)
    return changes


def _write_new(file: Path, text: str) -> None:
    """Write a file that does not exist.

    Raises:
        OSError: it exists, or cannot be written as a whole; then there is none.
    """
    with file.open("x", encoding="utf-8") as opened:
        try:
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        except OSError:
            with suppress(OSError):  # the first error is the one to report
                file.unlink()
            raise


def _describe(file: Path, connected: Sequence[CameraInfo], reason: str) -> Iterator[str]:
    models = {found.id: found for found in connected}
    cameras = load({}, file=file).cameras
    for number, settings in cameras.items():
        if settings.source == "test-pattern":
            yield f"  camera {number}: a test camera"
        elif settings.source == "v4l2":
            yield f"  camera {number}: V4L2, cam{number}_device={quote_value(settings.device)}"
        elif found := models.get(settings.id):
            kind = "USB" if found.usb else "CSI"
            yield f"  camera {number}: {found.model}, {kind}, cam{number}_id={quote_value(found.id)}"
    if reason and not any(settings.source == "v4l2" for settings in cameras.values()):
        yield f"No camera was found: {reason}"


def _next_steps(file: Path) -> Iterator[str]:
    is_read = file.resolve() == LOCAL_FILE.resolve() and find_file() in (None, LOCAL_FILE)
    option = "" if is_read else f" --env-file {shlex.quote(str(file))}"
    program = _program()
    steps = {
        f"{program} serve --all{option}": "serves them in this terminal; with --lan for your network",
        f"{program} check{option}": "after a change of the file",
    }
    yield "Next:"
    width = max(map(len, steps))
    yield from (f"  {command:<{width}}    {text}" for command, text in steps.items())


def _program() -> str:
    """Return the command as it was typed, if the shell does not find it by its name, as in a virtual environment."""
    typed = Path(sys.argv[0])
    return PROGRAM if typed.name != PROGRAM or shutil.which(PROGRAM) else shlex.quote(str(typed))
