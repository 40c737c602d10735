"""The tables of the older programs are complete, and say what the settings accept."""

from pathlib import Path

import pytest

from soft_stream.config.settings import SETTINGS
from soft_stream.migration.camera_ids import WAYS
from soft_stream.migration.conversions import CONVERSIONS
from soft_stream.migration.facts import FACTS
from soft_stream.migration.rules import Program, program
from soft_stream.migration.source_facts import HELPING_FACTS, SOURCE_FACTS

OPTIONS = Path(__file__).parent / "options"
PROGRAMS = sorted(path.stem for path in OPTIONS.glob("*.txt"))
ALL_TABLES = [*PROGRAMS, "libcamera"]
# conversions that are no functions: another module reads the option
OTHER_WAYS = {"parts", "input", "control", *WAYS}
KNOWN_FACTS = FACTS.keys() | SOURCE_FACTS.keys() | {"tuning_folder", *HELPING_FACTS}


def options_of(name: str) -> dict[str, set[frozenset[str]]]:
    """Return the options of a program by section, as its sources have them."""
    sections: dict[str, set[frozenset[str]]] = {}
    for line in (OPTIONS / f"{name}.txt").read_text().splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), set())
        elif line and not line.startswith("#"):
            current.add(frozenset(line.split()))
    return sections


def rows(table: Program) -> dict[str, set[frozenset[str]]]:
    """Return the options of a table by section."""
    return {
        name: {frozenset(rule.names) for rule in section.rules.values()} for name, section in table.sections.items()
    }


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_option_has_a_row(name: str) -> None:
    """A table has exactly the options that the program's sources have."""
    expected, table = options_of(name), rows(program(name))
    if name == "soft_stream_portal":
        table.pop("file")  # its keys are names that its owner chose for the flags
    assert table == expected


@pytest.mark.parametrize("name", ALL_TABLES)
def test_rows_name_settings_and_conversions_that_exist(name: str) -> None:
    """Each row is translated by a known conversion into known settings, or has a reason, never both."""
    for section in program(name).sections.values():
        for rule in section.rules.values():
            assert bool(rule.reason) != bool(rule.to or rule.by != ("same",) or rule.value is not None), rule
            assert rule.by[0] in CONVERSIONS.keys() | OTHER_WAYS, rule
            for setting in rule.to:
                fact = setting.removeprefix("@")
                known = setting in SETTINGS or setting.startswith("controls:") or fact in KNOWN_FACTS
                assert known, rule


@pytest.mark.parametrize("name", ALL_TABLES)
def test_defaults_are_values_of_settings(name: str) -> None:
    """The older programs' defaults are accepted by the settings; words for the quality are translated."""
    for section in program(name).sections.values():
        for setting, text in section.defaults.items():
            if setting in SETTINGS and setting != "quality":
                SETTINGS[setting].metadata["type"].parse(text)


def test_qualities_rise_with_their_words() -> None:
    """Picamera2's five words become five qualities in the same order."""
    qualities = program("soft_stream_portal").data["qualities"]
    assert list(qualities) == ["very_low", "low", "medium", "high", "very_high"]
    assert list(qualities.values()) == sorted(set(qualities.values()))
