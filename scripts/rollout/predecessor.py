"""[target] The previous program that served the cameras: its units and its settings."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rollout import names
from rollout.system import RolloutError, is_active, is_enabled, read, run, say
from soft_stream.migration.machine import Machine
from soft_stream.migration.takeover import UnitText, settings_of
from soft_stream.migration.words import Unreadable
from soft_stream.service.exit_status import ExitStatus


@dataclass(frozen=True)
class OlderUnit:
    """A unit of the previous program, and its state before the rollout."""

    unit: str
    camera: int
    enabled: bool
    active: bool


def find() -> list[OlderUnit]:
    """Return the units of the previous program."""
    listing = run("systemctl", "list-unit-files", "--plain", "--no-legend")
    found = []
    for line in listing.splitlines():
        unit = line.split()[0]
        if (match := names.NAME.fullmatch(unit)) and not names.is_ours(int(match[1])):
            found.append(OlderUnit(unit, int(match[1]), is_enabled(unit), is_active(unit)))
    return found


def read_settings(units: Iterable[OlderUnit], installed: str | None) -> str | None:
    """Return the settings of older units, in the words of this program, and print what became of them.

    These are the installed settings or those of the units' files, and the flags of the units' commands.

    Raises:
        RolloutError: a unit has errors.
    """
    texts = [UnitText(each.unit, each.camera, run("systemctl", "cat", each.unit)) for each in units]
    if not texts:
        return installed
    try:
        taken = settings_of(texts, installed, Machine(), _read_environment)
    except Unreadable as error:
        raise RolloutError(str(error), ExitStatus.CONFIG_ERROR) from None
    for note in taken.notes:
        say(f"Older settings: {note}")
    return taken.text


def _read_environment(path: Path) -> str | None:
    try:
        return read(path)
    except OSError:
        return None
