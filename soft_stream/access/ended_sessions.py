"""The file of sessions that a logout has ended before they expire: a line `ID EXPIRES` for each."""

from collections.abc import Mapping
from pathlib import Path

from soft_stream.access.files import open_regular

FILE = "ended-sessions"


def read_ended(file: Path) -> dict[str, float]:
    """Return the ended sessions, and when each would have expired, in seconds of the wall clock.

    Raises:
        OSError: the file exists and cannot be read.
    """
    try:
        with open_regular(file) as opened:
            lines = opened.read().decode("ascii", errors="replace").split("\n")
    except FileNotFoundError:
        return {}
    words = (line.split() for line in lines)
    return {each[0]: float(each[1]) for each in words if len(each) == 2 and each[1].isdecimal()}


def format_ended(ended: Mapping[str, float]) -> bytes:
    """Return the content of the file."""
    return "".join(f"{each} {expires_at:.0f}\n" for each, expires_at in ended.items()).encode()
