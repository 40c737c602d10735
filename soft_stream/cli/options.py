"""Options that several commands share."""

import argparse
from pathlib import Path

from soft_stream.config.loader import INSTALLED_FILE, LOCAL_FILE


def add_camera(command: argparse.ArgumentParser) -> None:
    """Add the option `--camera N`."""
    command.add_argument(
        "--camera",
        type=int,
        choices=range(100),
        default=0,
        metavar="N",
        help="number of the camera in the settings, 0 to 99 (default: 0)",
    )


def add_env_file(command: argparse.ArgumentParser) -> None:
    """Add the option `--env-file FILE`."""
    command.add_argument(
        "--env-file",
        type=Path,
        metavar="FILE",
        help=f"settings file (default: {INSTALLED_FILE} if it exists, else ./{LOCAL_FILE})",
    )
