"""The options of mjpg-streamer's plugins, plugins.toml: what `soft-stream import` makes of each.

A key is an option with a value, its value the settings that it becomes, or the note that names it.
"""

import tomllib
from pathlib import Path

from soft_stream.migration.arguments import parse
from soft_stream.migration.rules import program
from soft_stream.migration.words import split
from tests.migration.importing import command

LIST = Path(__file__).with_name("plugins.toml")
TEST = "tests/older_programs/test_plugins.py::test_an_option"
# what a plugin cannot do without
NEEDED = {"input_file": "-f /srv/pictures", "output_zmqserver": "-a tcp://127.0.0.1:5555"}


def load() -> dict[str, dict[str, str]]:
    """Return what becomes of each option, by plugin."""
    return tomllib.loads(LIST.read_text())


def imported(plugin: str, option: str) -> str:
    """Return the settings that an option sets or changes, or the note about it."""
    plain, with_option = (_import(plugin, each) for each in ("", option))
    lines = [f"{name}={value}" for name, value in with_option[0].items() if plain[0].get(name) != value]
    notes = [note for note in with_option[1] if note not in plain[1]]
    return "; ".join(lines + [note.removeprefix("cam0: ") for note in notes]) or "the default"


def missing(listed: dict[str, dict[str, str]]) -> list[str]:
    """Return the options of the table of `soft-stream import` that are not in the list, except those of the help."""
    found = []
    for name, section in program("mjpg_streamer").sections.items():
        if name.startswith(("input_", "output_")):
            given = [each for option in listed.get(name, {}) for each in parse(split(option, name), section)]
            tried = {each.rule.names for each in given if each.rule}
            expected = {rule.names for rule in section.rules.values() if rule.names[0] not in ("h", "v")}
            found += [f"{name} -{names[0]}" for names in sorted(expected - tried)]
    return found


def _import(plugin: str, option: str) -> tuple[dict[str, str], list[str]]:
    needed = NEEDED.get(plugin, "")
    if option and needed[:2] == option[:2]:
        needed = ""
    words = " ".join(word for word in (f"{plugin}.so", needed, option) if word)
    source = f'-i "{words}"' if plugin.startswith("input_") else "-i input_testpicture.so"
    output = '-o "output_http.so -n"'
    if plugin == "output_http":
        output = f'-o "{words}"'
    elif plugin.startswith("output_"):
        output += f' -o "{words}"'
    result = command(f"mjpg_streamer {source} {output}")
    return result.values, result.notes
