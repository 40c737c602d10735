"""Options that several commands share."""

import argparse
import os
from pathlib import Path
from typing import Any

from soft_stream.config.loader import INSTALLED_FILE, LOCAL_FILE, LoadedConfig, SettingsError, load_as_service

LAST_CAMERA = 99
SUDO = "Run the command with sudo, or as a member of the group video."


def camera_number(text: str) -> int:
    """Return the number of a camera.

    Raises:
        ArgumentTypeError: the text is something else.
    """
    if not (text.isdecimal() and text.isascii() and int(text) <= LAST_CAMERA):
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number from 0 to {LAST_CAMERA}")
    return int(text)


def file_path(text: str) -> Path:
    """Return the path of a file.

    Raises:
        ArgumentTypeError: the text is empty, as that of a variable of the shell that is not set.
    """
    if not text:
        raise argparse.ArgumentTypeError(f"{text!r}: must be the path of a file")
    return Path(text)


def add_camera(command: Any) -> None:
    """Add the option `--camera N` to a parser or to a group of options."""
    command.add_argument(
        "--camera",
        type=camera_number,
        default=0,
        metavar="N",
        help="number of the camera in the settings, 0 to 99 (default: 0)",
    )


def add_env_file(command: argparse.ArgumentParser) -> None:
    """Add the option `--env-file FILE`."""
    command.add_argument(
        "--env-file",
        type=file_path,
        metavar="FILE",
        help=f"settings file (default: {INSTALLED_FILE} if it exists, else ./{LOCAL_FILE})",
    )


def load_readable(file: Path | None, camera: int | None = None) -> LoadedConfig:
    """Load the settings for a command that asks the running processes.

    Raises:
        SettingsError: they are wrong, or this user may not read them; then the message says what helps.
    """
    try:
        return load_as_service(os.environ, file=file, camera=camera)
    except SettingsError as error:
        if os.geteuid() and any(problem.endswith("Permission denied") for problem in error.problems):
            raise SettingsError(error.problems, SUDO) from None
        raise


def advice_without_cameras(loaded: LoadedConfig) -> str:
    """Return what to do where no camera is configured."""
    if loaded.file:
        return f"{loaded.file}: no camera is configured; add a camN_ line for camera N, such as cam0_name=Camera 0"
    return f"there is no settings file; `soft-stream init` writes ./{LOCAL_FILE} with the connected cameras"
