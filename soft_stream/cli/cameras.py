"""`soft-stream cameras`: list the connected cameras."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict

from soft_stream.cameras.base import CameraError, CameraInfo, CameraUnsupported
from soft_stream.cameras.identity import sort_by_port
from soft_stream.cameras.v4l2 import nodes
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
    command.add_argument(
        "--source",
        choices=("picamera", "v4l2"),
        help="list the cameras of libcamera, or the devices of V4L2 (default: libcamera's, and V4L2's without it)",
    )
    command.add_argument("--json", action="store_true", help="print one line of JSON, a list")


def list_cameras(args: argparse.Namespace) -> int:
    """Print the connected cameras and return the exit status."""
    from soft_stream.cameras.picamera.library import connected_cameras

    if args.source == "v4l2":
        return _list_devices(nodes.list_devices(), as_json=args.json)
    try:
        with progress("Looking for cameras"):
            connected = connected_cameras()
    except CameraError as error:
        print(error, file=sys.stderr)
        is_unsupported, is_text = isinstance(error, CameraUnsupported), not args.json
        if is_text and is_unsupported and not args.source and (devices := nodes.list_devices()):
            return _list_devices(devices, as_json=False)
        if is_text:
            print("# A test camera can stand in:", "cam_source=test-pattern", sep="\n")
        return ExitStatus.CONFIG_ERROR if is_unsupported else ExitStatus.TEMPORARY_FAILURE
    if args.json:
        print(json.dumps([asdict(found) for found in sort_by_port(connected)]))
        return ExitStatus.STOPPED
    for number, found in enumerate(sort_by_port(connected)):
        print(f"# {found.model}, {'USB' if found.usb else 'CSI'}", f"cam{number}_id={quote_value(found.id)}", sep="\n")
    if not connected:
        print("# libcamera sees no camera: is the cable in, and does `rpicam-hello --list-cameras` show it?")
    return ExitStatus.STOPPED


def _list_devices(devices: Sequence[CameraInfo], *, as_json: bool) -> ExitStatus:
    if as_json:
        print(json.dumps([asdict(found) for found in devices]))
        return ExitStatus.STOPPED
    for number, found in enumerate(devices):
        print(f"# {found.model}, {'USB' if found.usb else 'not USB'}", f"cam{number}_source=v4l2", sep="\n")
        print(f"cam{number}_device={quote_value(found.id)}")
    if not devices:
        print("# V4L2 has no camera: is the cable in, and may this user open /dev/video* (group video)?")
    return ExitStatus.STOPPED
