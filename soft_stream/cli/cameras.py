"""`soft-stream cameras`: list the connected cameras."""

import argparse
import json
import sys
from dataclasses import asdict

from soft_stream.cameras.base import CameraError, CameraUnsupported
from soft_stream.cameras.identity import sort_by_port
from soft_stream.cli.parser import exit_status
from soft_stream.cli.terminal import progress
from soft_stream.config.env_file import quote_value
from soft_stream.service.exit_status import ExitStatus


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "cameras",
        help="list the connected cameras as lines for the settings file",
        epilog=exit_status(
            {
                ExitStatus.STOPPED: "listed, also if none is connected",
                ExitStatus.TEMPORARY_FAILURE: "libcamera does not answer",
                ExitStatus.CONFIG_ERROR: "Picamera2 is missing",
            }
        ),
    )
    command.set_defaults(run=list_cameras)
    command.add_argument("--json", action="store_true", help="print one line of JSON, a list")


def list_cameras(args: argparse.Namespace) -> int:
    """Print the connected cameras and return the exit status."""
    from soft_stream.cameras.picamera.library import connected_cameras

    try:
        with progress("Looking for cameras"):
            connected = connected_cameras()
    except CameraError as error:
        print(error, file=sys.stderr)
        if not args.json:
            print("# A test camera can stand in:", "cam_source=test-pattern", sep="\n")
        return ExitStatus.CONFIG_ERROR if isinstance(error, CameraUnsupported) else ExitStatus.TEMPORARY_FAILURE
    if args.json:
        print(json.dumps([asdict(found) for found in sort_by_port(connected)]))
        return ExitStatus.STOPPED
    for number, found in enumerate(sort_by_port(connected)):
        print(f"# {found.model}, {'USB' if found.usb else 'CSI'}", f"cam{number}_id={quote_value(found.id)}", sep="\n")
    if not connected:
        print("# libcamera sees no camera: is the cable in, and does `rpicam-hello --list-cameras` show it?")
    return ExitStatus.STOPPED
