"""The predecessor's settings file, whose keys are this program's, and changes of single lines in such a file."""

import re
from collections.abc import Iterable, Mapping

from soft_stream.config import env_file
from soft_stream.config.loader import KEY
from soft_stream.config.settings import SETTINGS
from soft_stream.migration.arguments import Given
from soft_stream.migration.model import OlderCamera
from soft_stream.migration.rules import Rule, program

TABLE = "soft_stream_portal"


def looks_like_settings(text: str) -> bool:
    """Return True if a text has the keys of the predecessor's settings file."""
    return any(KEY.fullmatch(each.key.lower()) and each.value is not None for each in env_file.parse(text))


def rule_of_key(name: str) -> Rule | None:
    """Return the rule of a key of the predecessor's file, without `camN_`; most names are those of the settings."""
    if rule := program(TABLE).sections["file"].rule(name):
        return rule
    return Rule((name,), to=(name,)) if name in SETTINGS else None


def cameras_of_settings(text: str) -> list[OlderCamera]:
    """Return the cameras of the predecessor's settings file, each with its own number."""
    older = program(TABLE)
    found: dict[int | None, dict[str, str]] = {}
    for each in env_file.parse(text):
        match = KEY.fullmatch(each.key.lower())
        number = int(match["camera"]) if match and match["camera"] else None
        found.setdefault(number, {})[match["name"] if match else each.key] = each.value or ""
    for_all = found.pop(None, {})
    if for_all and not found:
        found[0] = {}
    return [
        OlderCamera(
            older.name,
            f"camera {number}",
            tuple(Given(f"cam{number}_{name}", value, rule_of_key(name)) for name, value in (for_all | values).items()),
            number=number,
        )
        for number, values in sorted(found.items(), key=lambda item: item[0] or 0)
    ]


def with_lines(text: str, replacements: Mapping[str, Iterable[str]]) -> str:
    """Return a settings file in which the last assignment of each key is replaced by lines.

    Earlier assignments of the same key had no effect, and are removed.
    """
    lines = text.split("\n")
    seen: set[str] = set()
    for each in reversed(env_file.parse(text)):
        if each.key in replacements:
            lines[each.line - 1 : each.last_line] = [] if each.key in seen else replacements[each.key]
            seen.add(each.key)
    return "\n".join(lines)


def commented(text: str) -> str:
    """Return a text as one line of a comment: no control characters, no backslash that would continue the line."""
    printable = re.sub(r"\s+", " ", "".join(each if each.isprintable() else " " for each in text))
    return f"# {printable.strip()}".rstrip("\\ ")
