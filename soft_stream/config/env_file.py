"""The syntax of the settings file, which is that of systemd's EnvironmentFile= (systemd 254).

Source: `man systemd.exec`, EnvironmentFile=, and `parse_env_file_internal()` in systemd's src/basic/env-file.c.
"""

import re
from dataclasses import dataclass

WHITESPACE = " \t\r\n"
ESCAPABLE_IN_DOUBLE_QUOTES = '"\\`$'


@dataclass(frozen=True)
class Assignment:
    """One `KEY=VALUE` of a file; `value` is None if the line has no `=`."""

    line: int
    """The number of its first line, from 1."""
    key: str
    value: str | None
    last_line: int
    """The number of its last line: a value in quotes, or with continued lines, has several."""


def parse(text: str) -> list[Assignment]:
    """Return all assignments in their order, with quotes, escapes and continued lines resolved."""
    assignments = []
    at, line = 0, 1
    while at < len(text):
        if text[at] in WHITESPACE:
            line += text[at] == "\n"
            at += 1
            continue
        start = at
        end_of_line = (text.find("\n", at) + 1 or len(text) + 1) - 1
        equals = text.find("=", at, end_of_line)
        if text[at] in "#;":
            at = end_of_line
        elif equals < 0:
            assignments.append(Assignment(line, text[at:end_of_line].strip(), None, line))
            at = end_of_line
        else:
            value, at = _value(text, equals + 1)
            last_line = line + text.count("\n", start, at)
            assignments.append(Assignment(line, text[start:equals].rstrip(), value, last_line))
        line += text.count("\n", start, at)
    return assignments


def quote_value(value: str) -> str:
    """Return a value as `parse` reads it back: in quotes if necessary."""
    if re.fullmatch(r"[\w./:@%+,-]*", value):
        return value
    if "'" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'([\\"`$])', r"\\\1", value) + '"'


def _value(text: str, at: int) -> tuple[str, int]:
    """Return the value that starts at a position, and the position of the newline that ends it."""
    characters: list[str] = []
    kept = 0  # the number of characters that are not trailing white space
    quote = ""
    plain = False  # after the first unquoted character, quotes are ordinary characters
    while at < len(text):
        character, following = text[at], text[at + 1 : at + 2]
        if character == "\n" and not quote:
            break
        at += 1
        if quote and character == quote:
            quote = ""
        elif quote == "'":
            characters.append(character)
        elif character == "\\":
            at += 1
            if quote and following not in ESCAPABLE_IN_DOUBLE_QUOTES + "\n":
                characters.append(character)
            if following != "\n":
                characters.append(following)
            plain = plain or not quote
        elif quote:
            characters.append(character)
        elif character in "'\"" and not plain:
            quote = character
        elif character in WHITESPACE:
            if plain:
                characters.append(character)
            continue
        else:
            characters.append(character)
            plain = True
        kept = len(characters)
    return "".join(characters[:kept]), at
