"""`soft-stream snapshot`: save one frame of a camera."""

import argparse
import asyncio
import logging
import os
import sys
from dataclasses import replace
from pathlib import Path

from soft_stream.cameras.base import CameraBusy, CameraError
from soft_stream.capture.requests import SnapshotSize
from soft_stream.cli import image_file
from soft_stream.cli.exit import STATUS_OF_ERROR, end
from soft_stream.cli.kept_controls import overriding_place
from soft_stream.cli.options import SUDO, add_camera, add_env_file, file_path, load_readable
from soft_stream.cli.parser import exit_status
from soft_stream.cli.terminal import Terminal, progress
from soft_stream.config import kept_controls
from soft_stream.config.kept_controls import page_layer
from soft_stream.config.loader import LoadedConfig, with_controls_file
from soft_stream.config.settings import Settings
from soft_stream.config.text import one_line
from soft_stream.service.exit_status import ExitStatus

STDOUT = Path("-")
EPILOG = """\
Without -o, a terminal gets a file such as cam0-20261130-160000.jpg, whose name is printed; a pipe gets the JPEG.

"""


class Refused(Exception):
    """There is no snapshot; the message says why, and what helps."""

    def __init__(self, sentence: str, status: ExitStatus) -> None:
        super().__init__(sentence)
        self.status = status


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "snapshot",
        help="save one frame of a camera",
        description="Save a new frame, from the running process of the camera; if none runs, from the camera itself, "
        "which is opened and focused for it.",
        epilog=EPILOG
        + exit_status(
            {
                ExitStatus.STOPPED: "saved",
                ExitStatus.CHECK_FAILED: "this user may not use the process or open the camera",
                ExitStatus.DATA_ERROR: "the file cannot be written",
                ExitStatus.CAMERA_MISSING: "the camera is not connected",
                ExitStatus.TEMPORARY_FAILURE: "no new frame now: paused, in use by another program, or it fails",
                ExitStatus.CONFIG_ERROR: "a setting is wrong, or Picamera2 is missing",
            }
        ),
    )
    command.set_defaults(run=snapshot)
    command.add_argument(
        "-o", "--output", type=file_path, metavar="FILE", help="file to write; - is the standard output"
    )
    command.add_argument(
        "--size",
        choices=[str(each) for each in SnapshotSize],
        metavar="SIZE",
        help="full: the snapshot size; stream: that of the stream (default: cam_snapshot_size)",
    )
    add_camera(command)
    add_env_file(command)


def snapshot(args: argparse.Namespace) -> int:
    """Take a snapshot, write it, and return the exit status."""
    status = ExitStatus.STOPPED
    try:
        _save(args)
    except Refused as error:
        print(one_line(f"{error}."), file=sys.stderr)
        status = error.status
    except image_file.CannotWrite as error:
        print(one_line(f"{error}."), file=sys.stderr)
        status = ExitStatus.DATA_ERROR
    except KeyboardInterrupt:
        end(ExitStatus.CHECK_FAILED)
        raise
    return end(status)


def _save(args: argparse.Namespace) -> None:
    """Take a snapshot and write it; find first what would prevent that.

    Raises:
        Refused: there is none.
        CannotWrite: it cannot be written.
    """
    is_terminal = Terminal(sys.stdout).is_terminal
    to_stdout = args.output == STDOUT or (args.output is None and not is_terminal)
    if to_stdout and (is_terminal or sys.stdout is None):
        why = "is a terminal" if is_terminal else "is closed"
        raise image_file.CannotWrite(f"The standard output gets no JPEG, because it {why}; use -o FILE")
    if args.output and not to_stdout:
        image_file.check(args.output)
    size = SnapshotSize(args.size) if args.size else None
    with progress(f"Taking a snapshot of camera {args.camera}"):
        jpeg = _take(load_readable(args.env_file, args.camera), args.camera, size)
    if to_stdout:
        sys.stdout.buffer.write(jpeg)
    elif args.output:
        image_file.write(args.output, jpeg)
    else:
        print(image_file.write_dated(f"cam{args.camera}", jpeg))


def _take(loaded: LoadedConfig, number: int, size: SnapshotSize | None) -> bytes:
    """Return a JPEG of the process, else of the camera.

    Raises:
        Refused: there is none.
    """
    from soft_stream.cli.running import find_elsewhere
    from soft_stream.diagnostics.snapshot import LoginNeeded, NoSnapshot, from_process

    try:
        jpeg = asyncio.run(from_process(loaded, number, size, find_elsewhere))
    except NoSnapshot as error:
        status = ExitStatus.CHECK_FAILED if isinstance(error, LoginNeeded) else ExitStatus.TEMPORARY_FAILURE
        raise Refused(f"Camera {number}: {error}{_how_to_stop(error, loaded.cameras[number])}", status) from None
    return jpeg if jpeg is not None else _take_directly(loaded.cameras[number], loaded, size)


def _take_directly(settings: Settings, loaded: LoadedConfig, size: SnapshotSize | None) -> bytes:
    """Return a JPEG of the camera, which no process of ours uses."""
    from soft_stream.diagnostics.doctor.host import Host
    from soft_stream.diagnostics.doctor.permissions import closed_devices
    from soft_stream.diagnostics.snapshot import from_camera

    number, is_real = settings.camera, settings.source == "picamera"
    if others := [str(each) for each in loaded.cameras if each != number and not loaded.has_lines(number)]:
        text = f"Camera {number} is not in {loaded.file}, which has camera {' and '.join(others)}"
        raise Refused(text, ExitStatus.CONFIG_ERROR)
    if is_real and os.geteuid() and (closed := closed_devices(Host())):
        text = f"Camera {number}: no process serves it, and this user may not open {closed[0]}. {SUDO.rstrip('.')}"
        raise Refused(text, ExitStatus.CHECK_FAILED)
    loaded.export_library_environ(os.environ)
    logging.basicConfig(level=logging.WARNING, format="log: %(message)s", stream=sys.stderr)
    try:
        settings = _with_id(settings) if is_real else settings
        return asyncio.run(from_camera(_as_served(settings, loaded), size))
    except CameraError as error:
        status = STATUS_OF_ERROR.get(type(error), ExitStatus.TEMPORARY_FAILURE)
        raise Refused(f"Camera {number}: {error}{_how_to_stop(error, settings)}", status) from None


def _how_to_stop(error: Exception, settings: Settings) -> str:
    """Return how to stop the program that uses the camera, as the end of a message; empty if none does."""
    from soft_stream.diagnostics.stop_hint import how_to_stop

    is_in_use = isinstance(error, CameraBusy) or "(pid " in str(error)
    return f". {how_to_stop(str(error), settings)}" if is_in_use else ""


def _with_id(settings: Settings) -> Settings:
    """Return the settings with the id of the connected camera, as `serve` selects it."""
    from soft_stream.cameras.discovery import list_cameras
    from soft_stream.cameras.identity import select_camera

    found, _ = select_camera(list_cameras(), settings.id, settings.camera)
    return with_controls_file(replace(settings, id=found.id))


def _as_served(settings: Settings, loaded: LoadedConfig) -> Settings:
    """Return the settings as the process would use them, with what the page has kept; its file stays as it is."""
    layer, _ = page_layer(settings, loaded.origins[settings.camera])
    settings, file = layer.settings, settings.controls_file
    kept = kept_controls.read(file, kept_controls.camera_id_of(settings)) if file else None
    if kept is None or not kept.controls or overriding_place(loaded.origins[settings.camera]["controls"]):
        return settings
    return replace(settings, controls=kept.controls)
