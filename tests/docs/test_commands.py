"""Commands, flags, settings and URLs that the documents mention exist."""

import argparse
import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from soft_stream.cli.main import make_parser
from soft_stream.config.settings import Settings
from soft_stream.web.app import ROUTES
from tests.docs import pages
from tests.support.checkout import ROOT

# What changed, and what others had: these mention what does not exist any more, or never did here.
HISTORICAL = {"CHANGELOG.md", "docs/from-older-programs.md", "docs/compatibility.md", "docs/import.md"}
CURRENT = [path for path in pages.DOCUMENTS if pages.name(path) not in HISTORICAL]
# Misspelt on purpose, in examples of messages.
MISSPELT = {"widht"}
# The pages of programs that have the same ports.
OTHER_PROGRAMS = {"/jsonrpc": "docs/clients/kodi.md"}
SETTINGS = {each.name for each in fields(Settings) if each.metadata}
SERVED = {route.path for routes in ROUTES.values() for route in routes}
SETTING = re.compile(r"\b[cC]am(?:\d+|N)?_([a-z_]+)\b(?!\.)")
COMMAND = re.compile(r"(?:^|[\s/(])soft-stream ((?!-)[a-z].*)$")
END = re.compile(r"[|;&>)#]|\s\\$")
SCRIPT = re.compile(r"(?<![\w/.])(scripts/[\w.-]+\.(?:sh|py))((?: +[^\s|;&>#`]+)*)")
OWN_URL = re.compile(r"https?://(?:[^\s/@`]+@)?[\w.-]+:(?:808[0-2]|1808\d)(/[^\s`\"'<>|)]*)?")


def find_commands(line: str) -> Iterator[list[str]]:
    """Yield the words after each `soft-stream` in a line of code, without what a shell reads itself."""
    for part in re.split(r"&&|;|\|", line):
        if found := COMMAND.search(END.split(part)[0].rstrip()):
            try:
                yield shlex.split(found[1])
            except ValueError:  # a quote that a line of a longer block has opened
                yield found[1].split()


def unknown_word(words: list[str], parser: argparse.ArgumentParser) -> str | None:
    """Return the first command or flag that the parser does not have."""
    for place, word in enumerate(words):
        if word == "--":
            return None
        children = next((each for each in parser._actions if isinstance(each, argparse._SubParsersAction)), None)
        if re.match(r"--?[a-z]", word):
            if word.split("=")[0] not in parser._option_string_actions:
                return word
        elif children is not None:
            if word.isupper() or word == "...":  # a placeholder
                return None
            if word not in children.choices:
                return word
            return unknown_word(words[place + 1 :], children.choices[word])
    return None


@pytest.mark.parametrize("path", CURRENT, ids=pages.name)
def test_commands_and_flags(path: Path) -> None:
    """Each command of `soft-stream` exists, with its flags."""
    parser = make_parser()
    found = [(words, unknown_word(words, parser)) for line in pages.code(path) for words in find_commands(line)]
    assert [(" ".join(words), unknown) for words, unknown in found if unknown] == []


@pytest.mark.parametrize("path", CURRENT, ids=pages.name)
def test_settings(path: Path) -> None:
    """Each setting exists."""
    mentioned = {key for line in pages.code(path) for key in SETTING.findall(line)}
    assert mentioned - SETTINGS - MISSPELT == set()


@pytest.mark.parametrize("path", CURRENT, ids=pages.name)
def test_scripts(path: Path) -> None:
    """Each script exists, and its text has each flag with which it is called."""
    unknown = []
    for line in pages.code(path):
        for script, words in SCRIPT.findall(line):
            file = ROOT / script
            text = "".join(each.read_text() for each in sources(file)) if file.exists() else ""
            unknown += [] if file.exists() else [script]
            unknown += [
                f"{script} {word}" for word in words.split() if word.startswith("--") and word.split("=")[0] not in text
            ]
    assert unknown == []


def sources(script: Path) -> Iterator[Path]:
    """Yield the files that read the flags of a script."""
    yield script
    if script.name == "deploy-soft-stream.sh":
        yield from (ROOT / "scripts/rollout").glob("*.py")
    if script.name == "start.sh":
        yield from (ROOT / "soft_stream/cli").glob("*.py")
    if script.name == "test.sh":
        yield ROOT / "tests/conftest.py"


def is_served(path: str) -> bool:
    """Return True for the path of a route, below any prefix, and for a page; placeholders may be anything."""
    if path in ("", "/") or path.endswith("/") or "..." in path or "$" in path:
        return True
    folder, last = path.rpartition("/")[::2]
    ends = {f"/{last}", f"/{folder.rpartition('/')[2]}/{last}"}
    return not ends.isdisjoint(SERVED) or re.fullmatch(r"cam\d", last) is not None


@pytest.mark.parametrize("path", CURRENT, ids=pages.name)
def test_urls(path: Path) -> None:
    """Each URL at a port of the cameras is one that the server has, perhaps below a prefix."""
    paths = {re.split("[?#]", found)[0].rstrip(".,:;") for line in pages.code(path) for found in OWN_URL.findall(line)}
    unknown = {each for each in paths if not is_served(each)}
    assert {each for each in unknown if OTHER_PROGRAMS.get(each) != pages.name(path)} == set()


def test_wrong_ones_are_found() -> None:
    """A misspelt command, flag and setting are found; placeholders and other programs are not."""
    parser = make_parser()
    lines = {
        "sudo soft-stream docter && ls": "docter",
        "soft-stream user add NAME --roll view": "--roll",
        "soft-stream user add NAME --role view": None,
        "soft-stream check | head": None,
        "soft-stream check -x": "-x",
        "soft-stream import -- mjpg_streamer --nothing": None,
    }
    for line, unknown in lines.items():
        (words,) = find_commands(line)
        assert unknown_word(words, parser) == unknown
    assert SETTING.findall("cam0_widht=5 camN_name cam_fps my_cam_x") == ["widht", "name", "fps"]
    assert OWN_URL.findall("curl http://any:TOKEN@pi.local:8081/strem.mjpg?fps=1") == ["/strem.mjpg?fps=1"]
    assert not is_served("/strem.mjpg")
    assert is_served("/cam1/stream.mjpg")
