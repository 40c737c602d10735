"""`soft-stream check`: validate the settings and print the effective values."""

import argparse
import json
import os
import sys
from pathlib import Path

from soft_stream.access import exposure
from soft_stream.access.accounts import read_accounts
from soft_stream.cli.checked_settings import CheckedCamera, checked_cameras
from soft_stream.cli.kept_controls import describe
from soft_stream.cli.options import add_env_file, advice_without_cameras
from soft_stream.cli.parser import exit_status
from soft_stream.cli.terminal import Terminal, progress
from soft_stream.config.loader import LoadedConfig, SettingsError, load
from soft_stream.config.text import one_line
from soft_stream.service.exit_status import ExitStatus


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "check",
        help="validate the settings and print those that are no defaults",
        description="Validate the settings and print the effective values that are no defaults, with their sources. "
        "A running process is asked whether the settings have changed since it was started.",
        epilog=exit_status({ExitStatus.STOPPED: "all settings are valid", ExitStatus.CONFIG_ERROR: "one is wrong"}),
    )
    command.set_defaults(run=check)
    command.add_argument("--all", action="store_true", help="print all settings; those that are no defaults are marked")
    command.add_argument(
        "--json", action="store_true", help="print one line of JSON for each camera, with all settings, or the errors"
    )
    add_env_file(command)


def check(args: argparse.Namespace) -> int:
    """Print the effective settings and return the exit status."""
    try:
        loaded = load(os.environ, file=args.env_file)
        _check_exposure(loaded)
    except SettingsError as error:
        if not args.json:
            raise
        print(json.dumps({"problems": error.problems}))
        return ExitStatus.CONFIG_ERROR
    with progress("Asking the cameras"):
        cameras = [*checked_cameras(loaded)]
    if args.json:
        for each in cameras:
            print(json.dumps(each.as_facts()))
        return ExitStatus.STOPPED
    if loaded.cameras or loaded.file:
        print(f"# {loaded.file or 'no settings file'}: no problems")
    for each in cameras:
        _print(each, show_all=args.all)
    if not cameras:
        print(f"# {one_line(advice_without_cameras(loaded))}")
    elif not args.all:
        print("\n# All other settings have their defaults; --all shows them, too.")
    shown = {each.settings.controls_file for each in cameras if each.settings.controls_file}
    folder: Path | None = cameras[-1].settings.state_directory if cameras else None
    for remark in describe(folder, shown) if folder else ():
        print(f"\n# {one_line(remark)}")
    return ExitStatus.STOPPED


def _print(camera: CheckedCamera, *, show_all: bool) -> None:
    stdout = Terminal(sys.stdout)
    print(f"\n# camera {camera.settings.camera}: {camera.settings.title}")
    for each in camera.values:
        if show_all or not each.is_default:
            print(str(each) if each.is_default else stdout.colour(str(each), "bold"))
    for sentence in camera.warnings:
        print(stdout.colour(f"# warning: {sentence}", "yellow"))
    for sentence in camera.remarks:
        print(f"# {sentence}")


def _check_exposure(loaded: LoadedConfig) -> None:
    """Refuse what the start refuses.

    Raises:
        SettingsError: other machines can reach a camera, and nothing says who may use it.
    """
    refused = exposure.all_refusals(loaded, lambda each: read_accounts(each.users_file, each.state_directory))
    if refused:
        raise SettingsError(refused)
