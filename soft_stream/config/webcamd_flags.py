"""Flags of webcamd that `soft-stream serve` accepts, and the settings that they stand for."""

import argparse
from collections.abc import Mapping

from soft_stream.config import value_types
from soft_stream.config.loader import RawValue, SettingsError
from soft_stream.config.settings import LOWEST_CLIENT_FPS

# the upper bound of client_fps_max
FASTEST = 240
WAITS = ("encodewait", "streamwait")
WAIT = value_types.number(0, 1 / LOWEST_CLIENT_FPS, "seconds")
# OpenCV's numbers; -1 is webcamd's default
ROTATIONS = {"-1": "0", "0": "90", "1": "180", "2": "270"}
# by IP version; webcamd listens on all addresses by default
LOOPBACK = {"4": "127.0.0.1", "6": "::1"}
ADDRESSES = {version: f"v{version}bindaddress" for version in LOOPBACK}


def add_to(parser: argparse.ArgumentParser) -> None:
    """Add the flags to a parser."""
    group = parser.add_argument_group("flags of webcamd", "Each stands for an option above, which overrides it.")
    for name in WAITS:
        text = f"at most 1/SECONDS frames a second for each client: --client-fps-max (below 1/{FASTEST}: no limit)"
        group.add_argument(f"--{name}", metavar="SECONDS", help=text)
    text = "quarter turns: -1 is --rotation 0, 0 is 90, 1 is 180, 2 is 270"
    group.add_argument("--rotate", metavar="TURN", help=text)
    group.add_argument("--ipv", metavar="VERSION", help="4 or 6: which of the two addresses below is used as --bind")
    for version, address in LOOPBACK.items():
        text = f"IPv{version} address to listen on ({address}, this machine only)"
        group.add_argument(f"--v{version}bindaddress", metavar="ADDRESS", help=text)
    text = "N: --camera N"
    group.add_argument(
        "--index", dest="camera", type=int, choices=range(100), default=argparse.SUPPRESS, metavar="N", help=text
    )


def translate(args: argparse.Namespace) -> Mapping[str, str]:
    """Return the values of the settings (by name) that the flags stand for.

    Raises:
        SettingsError: some values are wrong.
    """
    problems: list[str] = []
    flag_types = {
        **dict.fromkeys(WAITS, WAIT),
        "rotate": value_types.choice(*ROTATIONS),
        "ipv": value_types.choice(*LOOPBACK),
        **dict.fromkeys(ADDRESSES.values(), value_types.addresses()),
    }
    given = {name: text for name in flag_types if (text := getattr(args, name)) is not None}
    for name, text in given.items():
        try:
            flag_types[name].parse(text)
        except ValueError:
            problems.append(RawValue("command line", f"--{name}", text).problem(f"must be {flag_types[name].expected}"))
    if problems:
        raise SettingsError(problems)
    flags = {"rotation": ROTATIONS[given["rotate"]]} if "rotate" in given else {}
    if given.keys() & {"ipv", *ADDRESSES.values()}:
        version = given.get("ipv", "4")
        flags["bind"] = given.get(ADDRESSES[version], LOOPBACK[version])
    wait = max((float(given[name]) for name in WAITS if name in given), default=0.0)
    return flags | ({"client_fps_max": repr(1 / wait)} if wait and 1 / wait <= FASTEST else {})
