"""Flags that choose the ports of nginx, and their settings; both the developer's machine and the target use them."""

import argparse
from collections.abc import Mapping

from soft_stream.config.settings import SETTINGS

NAMES = ("portal_port", "camera_port_base")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flag of each setting to a parser."""
    for name in NAMES:
        each = SETTINGS[name]
        text = f"{each.metadata['meaning']} ({each.default}); sets cam_{name} in the settings of the target"
        parser.add_argument(f"--{name.replace('_', '-')}", type=_port, metavar="N", help=text)


def from_flags(args: argparse.Namespace) -> dict[str, str]:
    """Return the settings that the flags ask for, by their keys."""
    return {f"cam_{name}": str(value) for name in NAMES if (value := getattr(args, name)) is not None}


def as_flags(settings: Mapping[str, str]) -> list[str]:
    """Return the flags for these settings."""
    return [f"--{key.removeprefix('cam_').replace('_', '-')}={value}" for key, value in settings.items()]


def _port(text: str) -> int:
    value_type = SETTINGS["portal_port"].metadata["type"]
    try:
        return int(value_type.parse(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text}: must be {value_type.expected}") from None
