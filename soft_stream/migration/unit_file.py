"""Units of systemd: the commands that they start, with the variables of their environment.

Source: `man systemd.service`, COMMAND LINES, and `man systemd.syntax`.
"""

import glob
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from soft_stream.config import env_file
from soft_stream.migration.words import expanded, split

EXECUTABLE_PREFIXES = "-@:+!|"
LARGEST_FILE = 1_000_000


@dataclass
class Unit:
    """The commands of a unit, in their order, and what could not be read."""

    commands: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    folder: str = ""
    """The working directory of the commands, if the unit has one."""


def read_environment_file(path: Path) -> str | None:
    """Return the text of an EnvironmentFile=, or None if it cannot be read."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            return None
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except (OSError, ValueError):
        return None


def parse(text: str, name: str, read: Callable[[Path], str | None] = read_environment_file) -> Unit:
    """Return the commands of a unit from its text, which may be the output of `systemctl cat`.

    Raises:
        Unreadable: quotes are not balanced.
    """
    unit = Unit()
    starts: list[str] = []
    is_known = True
    for key, raw in _entries(text):
        value = _without_specifiers(raw, name)
        if key == "ExecStart":
            starts = [*starts, value] if value else []
        elif key == "Environment":
            for word in split(value, f"{name}: Environment="):
                variable, equals, content = word.partition("=")
                if equals:
                    unit.environ[variable] = content
        elif key == "EnvironmentFile" and value:
            is_known = _read_environment(unit, value, read) and is_known
        elif key == "WorkingDirectory" and value.startswith("/"):
            unit.folder = value
        elif key in ("ExecStartPre", "ExecStartPost") and value:
            unit.notes.append(f"{key}={value}: a unit here starts only the camera")
    unit.commands = [_command(line, unit.environ, name, is_known=is_known) for line in starts]
    return unit


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of the section [Service]; comments inside a continued line are left out."""
    section, joined = "", ""
    for line in text.splitlines():
        stripped = line.strip()
        if stripped[:1] in ("#", ";"):
            continue
        joined += stripped.removesuffix("\\") + (" " if stripped.endswith("\\") else "")
        if stripped.endswith("\\"):
            continue
        entry, joined = joined.strip(), ""
        if entry.startswith("[") and entry.endswith("]"):
            section = entry
        elif section in ("[Service]", "") and "=" in entry:
            key, _, value = entry.partition("=")
            yield key.strip(), value.strip()
    if "=" in joined:
        key, _, value = joined.partition("=")
        yield key.strip(), value.strip()


def _without_specifiers(value: str, name: str) -> str:
    stem = name.removesuffix(".service")
    prefix, _, instance = stem.partition("@")
    specifiers = {"i": instance, "I": instance.replace("-", "/"), "n": name, "p": prefix, "N": stem, "%": "%"}
    return re.sub(r"%([iInpN%])", lambda match: specifiers[match[1]] or match[0], value)


def _read_environment(unit: Unit, value: str, read: Callable[[Path], str | None]) -> bool:
    """Add the variables of the files that a line names; return False if one that must exist cannot be read."""
    pattern = value.removeprefix("-").strip("\"'")
    paths = sorted(glob.glob(pattern)) if glob.has_magic(pattern) else [pattern]
    for path in paths:
        text = read(Path(path))
        if text is None:
            if value.startswith("-"):
                continue
            unit.notes.append(f"EnvironmentFile={value}: cannot be read here; its variables are unknown")
            return False
        assignments = env_file.parse(text)
        unit.environ.update({each.key: each.value for each in assignments if each.value is not None})
    return True


def _command(line: str, environ: Mapping[str, str], name: str, *, is_known: bool) -> list[str]:
    """Return the words of a command: `$NAME` as a word of its own becomes several words, as in systemd."""
    prefixes = line[: len(line) - len(line.lstrip(EXECUTABLE_PREFIXES))]
    raw = split(line.lstrip(EXECUTABLE_PREFIXES), f"{name}: ExecStart=")
    words: list[str] = []
    for word in raw:
        variable = re.fullmatch(r"\$(\w+)", word, re.ASCII)
        if variable and (is_known or variable[1] in environ):
            words += split(environ.get(variable[1], ""), f"{name}: ${variable[1]}")
        else:
            literal = word.replace("$$", "\0")
            words.append(expanded(literal, environ, keep_unknown=not is_known).replace("\0", "$"))
    if "@" in prefixes:
        del words[1:2]
    return words


def looks_like_unit(text: str) -> bool:
    """Return True if a text is a unit that starts something."""
    return bool(re.search(r"^\s*ExecStart\s*=", text, re.MULTILINE))
