"""Which camera each number has served, so that `soft-stream doctor` sees when it is another one.

One line for each change, the newest last: since when (UTC), and the id. The file is readable for all.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FILE = "cam{}-served"
MAX_ENTRIES = 5


@dataclass(frozen=True)
class ServedId:
    """A camera, and since when it was the one."""

    since: str
    id: str


def record(folder: Path, number: int, camera_id: str) -> None:
    """Note the camera that is served now; where that cannot be written, nothing else suffers."""
    file = folder / FILE.format(number)
    with suppress(OSError):
        before = parse_history(file.read_text(encoding="utf-8", errors="replace")) if file.exists() else []
        if before and before[-1].id == camera_id:
            return
        now = ServedId(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), camera_id)
        fresh = file.with_name(f"{file.name}.new")
        fresh.write_text(
            "".join(f"{each.since} {each.id}\n" for each in [*before, now][-MAX_ENTRIES:]), encoding="utf-8"
        )
        fresh.chmod(0o644)
        fresh.replace(file)


def parse_history(text: str) -> list[ServedId]:
    """Read what was noted, oldest first; lines that are something else are nothing."""
    parts = (line.split(" ", 1) for line in text.splitlines())
    return [ServedId(*part) for part in parts if len(part) == 2]
