"""Flags of the older programs webcamd and webcam.py, and the settings that they mean.

https://github.com/synman/webcamd, https://github.com/dmitri-mcguckin/webcamd
"""

import argparse
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soft_stream.config import network_types, value_types
from soft_stream.config.loader import RawValue, SettingsError
from soft_stream.config.settings import LOWEST_CLIENT_FPS, SETTINGS, Settings

# the upper bound of client_fps_max
FASTEST = 240
WAITS = ("encodewait", "streamwait")
WAIT = value_types.number(0, 1 / LOWEST_CLIENT_FPS, "seconds")
# OpenCV's numbers; -1 is webcamd's default
ROTATIONS = {"-1": "0", "0": "90", "1": "180", "2": "270"}
ADDRESSES = {version: f"v{version}bindaddress" for version in ("4", "6")}
TYPES = {
    **dict.fromkeys(WAITS, WAIT),
    "rotate": value_types.choice(*ROTATIONS),
    "ipv": value_types.choice(*ADDRESSES),
    ADDRESSES["4"]: network_types.addresses(4),
    ADDRESSES["6"]: network_types.addresses(6),
    "index": value_types.integer(0, 255, "the N of /dev/videoN"),
    "device": value_types.path(),
}
# the setting that decides whether the value of a flag is in effect
SETTING_OF = {
    **dict.fromkeys(WAITS, "client_fps_max"),
    "rotate": "rotation",
    **dict.fromkeys(("ipv", *ADDRESSES.values()), "bind"),
}
NUMBERS = {**dict.fromkeys(WAITS, float), "rotate": int, "ipv": int, "index": int}
# other names of our own flags: those of the older webcamd
ALIASES = {"bind": ["--host"], "fps": ["--frame-rate"]}


@dataclass(frozen=True)
class Defaults:
    """The values of the flags of webcamd that a command line does not have, and of some settings."""

    flags: Mapping[str, str]
    settings: Mapping[str, str]


# of `soft-stream serve`, where a flag of webcamd has an effect only if it is given
OURS = Defaults({"ipv": "4", "v4bindaddress": "127.0.0.1", "v6bindaddress": "::1", **dict.fromkeys(WAITS, "0")}, {})
# of the command `webcamd`
WEBCAMDS = Defaults(
    {
        "index": "0",
        "ipv": "4",
        "v4bindaddress": "0.0.0.0",  # noqa: S104 # documented by webcamd, whose clients are on other machines
        "v6bindaddress": "::",
        **dict.fromkeys(WAITS, "0.01"),
        "rotate": "-1",
    },
    {"width": "1280", "height": "720", "port": "8080"},
)


def add_to(parser: argparse.ArgumentParser, defaults: Defaults = OURS) -> None:
    """Add the flags to a parser."""
    group = parser.add_argument_group("flags of webcamd", "Each means an option of ours, which overrides it.")

    def add(name: str, metavar: str, text: str, where: Any = group) -> None:
        default = f" (default: {defaults.flags[name]})" if name in defaults.flags else ""
        where.add_argument(f"--{name}", metavar=metavar, help=text + default)

    for name in WAITS:
        text = f"at most 1/SECONDS frames a second for each client: --client-fps-max (below 1/{FASTEST}: no limit)"
        add(name, "SECONDS", text)
    add("rotate", "TURN", "quarter turns: -1 is --rotation 0, 0 is 90, 1 is 180, 2 is 270")
    add("ipv", "VERSION", "4 or 6: which of the two addresses below is used as --bind")
    for version, name in ADDRESSES.items():
        add(name, "ADDRESS", f"IPv{version} address to listen on")
    which = group.add_mutually_exclusive_group()
    add("index", "N", "the camera of /dev/videoN; N can change when the machine starts, --id does not", which)
    add("device", "PATH", "the camera of this device file, such as /dev/video0 or a link in /dev/v4l/by-id", which)


def parse(args: argparse.Namespace) -> dict[str, str]:
    """Return the flags that a command line has, by name.

    Raises:
        SettingsError: some values are wrong.
    """
    given = {name: text for name in TYPES if (text := getattr(args, name)) is not None}
    problems: list[str] = []
    for name, text in given.items():
        try:
            is_valid = TYPES[name].parse(text) != ""
        except ValueError:
            is_valid = False
        if not is_valid:
            expected = TYPES[name].expected.removesuffix(", or empty")
            problems.append(RawValue("command line", f"--{name}", text).problem(f"must be {expected}"))
    if problems:
        raise SettingsError(problems)
    return given


def translate(given: Mapping[str, str], defaults: Defaults = OURS) -> dict[str, str]:
    """Return the values of the settings (by name) that flags mean; `defaults` has the flags that are missing."""
    names = {SETTING_OF.get(name) for name in given}
    flags = {**defaults.flags, **given}
    settings = {"rotation": ROTATIONS[flags["rotate"]]} if "rotation" in names else {}
    if "bind" in names:
        name = ADDRESSES[flags["ipv"]]
        settings["bind"] = with_ipv4(" ".join(TYPES[name].parse(flags[name])))
    if "client_fps_max" in names:
        wait = max(float(flags[name]) for name in WAITS)
        settings["client_fps_max"] = repr(1 / wait) if wait and 1 / wait <= FASTEST else "0"
    return settings


def with_ipv4(addresses: str) -> str:
    """Return addresses with 0.0.0.0 where they contain `::`, on which webcamd also accepts IPv4 clients."""
    return f"{addresses} 0.0.0.0" if "::" in addresses.split() else addresses


def node_of(given: Mapping[str, str]) -> Path | None:
    """Return the device file that flags name."""
    if "device" in given:
        return Path(given["device"])
    return Path(f"/dev/video{int(given['index'])}") if "index" in given else None


def shown_values(
    flags: Mapping[str, str], settings: Settings, defaults: Defaults = OURS
) -> tuple[tuple[str, int | float | str], ...]:
    """Return flags for `/?info` as they were given, without those that other settings have overridden."""
    shown = dict(flags)
    if any(name in flags for name in WAITS):
        shown = {**dict.fromkeys(WAITS, "0"), **shown}
    if device := shown.pop("device", ""):
        shown.pop("index", "")
        if number := re.fullmatch(r"/dev/video(\d+)", device):
            shown["index"] = number[1]
    meant = {name: SETTINGS[name].metadata["type"].parse(text) for name, text in translate(shown, defaults).items()}
    return tuple(
        (name, NUMBERS.get(name, str)(text))
        for name, text in shown.items()
        if name not in SETTING_OF or meant[SETTING_OF[name]] == getattr(settings, SETTING_OF[name])
    )
