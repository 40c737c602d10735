"""Whether a recording contains exactly what a row of the list promises."""

import os
import re
import shlex
from urllib.parse import urlsplit

from tests.older_programs.commands import starts_program
from tests.older_programs.promises import SHOWN, Promise
from tests.older_programs.recording import Recording, target_of


def has(recording: Recording, promise: Promise, tried: str) -> bool:
    """Return whether the recording contains something that the row says was tried."""
    if promise.kind in SHOWN:
        return shows(recording, tried)
    match promise.kind:
        case "command":
            return any(is_command(words, shlex.split(tried)) for words in recording.commands())
        case "flag":
            return any(has_flag(words, shlex.split(tried)) for words in recording.commands())
        case "url":
            return has_request(recording, tried)
        case "setting":
            return tried in recording.lines or any(tried in words for words in recording.commands())
        case "log line":
            return tried in recording.log
        case _:
            named = (word for words in (recording.opened, *recording.arguments) for word in words)
            return any(is_named(tried, word) for word in named) or has_request(recording, tried)


def shows(recording: Recording, tried: str) -> bool:
    """Return whether a URL was requested, a flag given, or a command run, whatever follows it."""
    if tried.startswith(("/", "http://", "https://")):
        return has_request(recording, tried)
    expected = shlex.split(tried)
    if tried.startswith("-"):
        return any(has_flag(words, expected) for words in recording.commands())
    return any(is_command(words[: len(expected)], expected) for words in recording.commands())


def is_command(words: list[str], expected: list[str]) -> bool:
    """Return whether these are the words of a command; the program may have a path where the expected one has none."""
    first = words[0] if "/" in expected[0] else os.path.basename(words[0])
    return [first, *words[1:]] == expected


def has_flag(words: list[str], expected: list[str]) -> bool:
    """Return whether one of our programs is started with a flag, and with its value where one is expected."""
    if not starts_program(words):
        return False
    flag, value = expected[0], expected[1:]
    if not value:
        return any(word == flag or word.startswith(f"{flag}=") for word in words)
    pairs = any(words[at : at + 1 + len(value)] == expected for at in range(len(words)))
    return pairs or f"{flag}={' '.join(value)}" in words


def has_request(recording: Recording, url: str) -> bool:
    """Return whether the URL was requested: path, query, and the port where it has one; the host may be another."""
    port = urlsplit(url).port if "//" in url else None
    wanted = target_of(url) if "//" in url else url
    return any(
        request.target == wanted and (port is None or urlsplit(f"//{request.netloc}").port == port)
        for request in recording.requests
    )


def is_named(path: str, word: str) -> bool:
    """Return whether a word, or a shell line, names a path or a unit: not a longer one."""
    before = r"(?<![\w@./-])" if path.startswith("/") else r"(?<![\w@.-])"  # a name may be in any folder
    return bool(re.search(rf"{before}{re.escape(path)}(?![\w@/-]|\.\w)", word))
