"""`soft-stream status`: what all cameras do now."""

import argparse
import asyncio
import sys
from dataclasses import replace

from soft_stream.cli.options import add_env_file, camera_number, load_readable
from soft_stream.cli.parser import exit_status
from soft_stream.cli.terminal import Terminal, progress
from soft_stream.config.loader import LoadedConfig
from soft_stream.service.exit_status import ExitStatus


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "status",
        help="show what all cameras do",
        description="Show state, frame rate, size and clients of each camera. This opens no camera.",
        epilog=exit_status(
            {
                ExitStatus.STOPPED: "every camera serves, is idle or is paused; with --watch: Ctrl-C",
                ExitStatus.CHECK_FAILED: "a camera is down, is retried, or gives no frames",
                ExitStatus.CONFIG_ERROR: "a setting is wrong, or this user may not read the settings",
            }
        ),
    )
    command.set_defaults(run=status)
    command.add_argument("--watch", action="store_true", help="refresh every 2 seconds until Ctrl-C")
    command.add_argument("--json", action="store_true", help="print one line of JSON for each camera")
    command.add_argument(
        "--camera", type=camera_number, metavar="N", help="only the camera with this number, 0 to 99 (default: all)"
    )
    add_env_file(command)


def status(args: argparse.Namespace) -> int:
    """Print the status of the cameras and return the exit status."""
    from soft_stream.cli import status_lines
    from soft_stream.cli.running import find_elsewhere
    from soft_stream.cli.status_watch import append, redraw
    from soft_stream.diagnostics.camera_report import report
    from soft_stream.diagnostics.doctor.host import Host

    loaded, host, stdout = _load(args), Host(), Terminal(sys.stdout)
    if args.watch:
        if stdout.can_control and not args.json:
            watching = redraw(lambda: report(loaded, host, find_elsewhere), stdout)
        else:
            watching = append(
                lambda: report(loaded, host, find_elsewhere),
                status_lines.as_json if args.json else status_lines.as_sentences,
            )
        asyncio.run(watching)
        return ExitStatus.STOPPED
    with progress("Asking the cameras"):
        reports = asyncio.run(report(loaded, host, find_elsewhere))
    print(*(status_lines.as_json(reports) if args.json else status_lines.as_table(reports, stdout)), sep="\n")
    return ExitStatus.CHECK_FAILED if any(each.is_failing for each in reports) else ExitStatus.STOPPED


def _load(args: argparse.Namespace) -> LoadedConfig:
    """Load the settings of the cameras to show; without any, those of camera 0, which `serve` serves then."""
    loaded = load_readable(args.env_file, args.camera)
    if args.camera is not None:
        return replace(loaded, cameras={args.camera: loaded.cameras[args.camera]})
    return loaded if loaded.cameras else load_readable(args.env_file, 0)
