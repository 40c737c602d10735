"""`soft-stream check`: validate the settings and print the effective values."""

import argparse
import os

from soft_stream.cli.options import add_env_file
from soft_stream.config.env_file import quote_value
from soft_stream.config.loader import load
from soft_stream.config.settings import SETTINGS, format_value
from soft_stream.service.exit_status import ExitStatus


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    command = commands.add_parser("check", help="validate the settings and print the effective values")
    command.set_defaults(run=check)
    add_env_file(command)


def check(args: argparse.Namespace) -> int:
    """Print the effective settings and return the exit status."""
    loaded = load(os.environ, file=args.env_file)
    print(f"# {loaded.file or 'no settings file'}: no problems")
    for number, settings in loaded.cameras.items():
        print(f"\n# camera {number}: {settings.title}")
        for name in SETTINGS:
            line = f"cam{number}_{name}={quote_value(format_value(getattr(settings, name)))}"
            print(f"{line:<40} from {loaded.origins[number][name]}")
    if not loaded.cameras:
        print("# no camera is configured; add a camN_ line to the file for camera N")
    return ExitStatus.STOPPED
