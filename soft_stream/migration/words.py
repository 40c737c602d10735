"""Words and variables of shell scripts, of files that shells read, and of command lines."""

import re
import shlex
from collections.abc import Iterator, Mapping

ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)=(?P<value>.*)", re.ASCII | re.DOTALL)
VARIABLE = re.compile(r"\$(?:\{(?P<braced>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<bare>\w+))", re.ASCII)


class Unreadable(Exception):
    """The input cannot be read, or is nothing that is known; the message says why."""


def split(line: str, where: str) -> list[str]:
    """Return the words of a line, as a shell splits it.

    Raises:
        Unreadable: quotes are not balanced.
    """
    try:
        return shlex.split(line, comments=False)
    except ValueError:
        # the line is not shown: it may have a password
        raise Unreadable(f"{where}: quotes are not balanced, or a \\ ends the line") from None


def shortened(text: str, limit: int = 60) -> str:
    """Return the printable beginning of a text, for messages."""
    clean = "".join(each if each.isprintable() else " " for each in text)
    return clean if len(clean) <= limit else f"{clean[: limit - 3]}..."


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line with its number; a line that ends with a backslash is joined with the next one."""
    start, joined = 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        start = start or number
        is_comment = not joined and line.lstrip().startswith("#")
        if line.endswith("\\") and not is_comment:
            joined += f"{line[:-1]} "
            continue
        yield start, joined + line
        start, joined = 0, ""
    if joined:
        yield start, joined


def expanded(text: str, variables: Mapping[str, str], *, keep_unknown: bool = True) -> str:
    """Return a text with the values of variables; an unknown one has its default, stays as it is, or is empty."""

    def value(match: re.Match[str]) -> str:
        found = variables.get(match["braced"] or match["bare"])
        if match["default"] is not None:
            return found or match["default"]
        return (match[0] if keep_unknown else "") if found is None else found

    return VARIABLE.sub(value, text)


def shell_variables(text: str, where: str) -> dict[str, str]:
    """Return the variables that a file sets, as a shell that reads it would; arrays are their words.

    Raises:
        Unreadable: quotes are not balanced.
    """
    found: dict[str, str] = {}
    for number, line in logical_lines(text):
        if match := ASSIGNMENT.fullmatch(line):
            value = match["value"].strip()
            if value.startswith("("):
                value = " ".join(split(value.strip("()"), f"{where}:{number}"))
            else:
                value = _first_word(value, f"{where}:{number}")
            found[match["name"]] = expanded(value, found)
    return found


def _first_word(value: str, where: str) -> str:
    """Return the first word of the rest of a line: a comment or a command may follow it."""
    lexer = shlex.shlex(value, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    try:
        return (lexer.get_token() or "") if value and value[0] not in " #;&|" else ""
    except ValueError:
        raise Unreadable(f"{where}: quotes are not balanced") from None
