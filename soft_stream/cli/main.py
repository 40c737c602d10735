"""Parse the command line and run one command."""

import argparse
import os
import sys
from collections.abc import Sequence

from soft_stream import __version__
from soft_stream.cli import cameras, diagnostics, serve, settings
from soft_stream.config.loader import SettingsError
from soft_stream.service.exit_status import ExitStatus


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    args = make_parser().parse_args(argv)
    try:
        status: int = args.run(args)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return ExitStatus.CONFIG_ERROR
    except BrokenPipeError:  # as in `soft-stream check | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.STOPPED
    return status


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(prog="soft-stream", description="MJPEG streaming server for Raspberry Pi cameras.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add_command in (
        serve.add_command,
        cameras.add_command,
        settings.add_command,
        diagnostics.add_selftest,
        diagnostics.add_doctor,
    ):
        add_command(commands)
    return parser
