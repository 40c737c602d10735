"""The ids of the cameras that each camera number has served; `soft-stream doctor` reports a change.

The file has one line per change, the newest last: the time (UTC) and the id. All users may read it.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FILE = "cam{}-served"
MAX_ENTRIES = 5
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class ServedId:
    """The id of a served camera, and the time of its first use."""

    since: str
    id: str


def record(folder: Path, number: int, camera_id: str) -> None:
    """Append the camera that is served now; ignore a file that cannot be written, since it is only for diagnosis."""
    file = folder / FILE.format(number)
    with suppress(OSError):
        before = parse_history(file.read_text(encoding="utf-8", errors="replace")) if file.exists() else []
        if before and before[-1].id == camera_id:
            return
        now = ServedId(time.strftime(TIME_FORMAT, time.gmtime()), camera_id)
        fresh = file.with_name(f"{file.name}.new")
        fresh.write_text(
            "".join(f"{each.since} {each.id}\n" for each in [*before, now][-MAX_ENTRIES:]), encoding="utf-8"
        )
        fresh.chmod(0o644)
        fresh.replace(file)


def parse_history(text: str) -> list[ServedId]:
    """Parse the file, oldest entry first; ignore malformed lines."""
    parts = (line.split(" ", 1) for line in text.splitlines())
    return [ServedId(*part) for part in parts if len(part) == 2]


def served_at(folder: Path, number: int, file: Path) -> str:
    """Return the id that a number served when `file` was written last; empty if that is not known."""
    try:
        entries = parse_history((folder / FILE.format(number)).read_text(encoding="utf-8", errors="replace"))
        at = time.strftime(TIME_FORMAT, time.gmtime(file.stat().st_mtime))
    except OSError:
        return ""
    served = [each.id for each in entries if each.since <= at]
    return (served or [each.id for each in entries[:1]] or [""])[-1]
