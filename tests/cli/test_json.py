"""`--json`: valid JSON on stdout, and the same exit status as without it."""

import json
import sys
from pathlib import Path

import pytest

from soft_stream.cli.main import make_parser
from soft_stream.cli.parser import Parser
from tests.support.processes import free_port, run
from tests.support.terminals import at_terminal


def with_json(parser: Parser, *words: str) -> list[tuple[str, ...]]:
    """Return the words of all commands that have the option."""
    if any("--json" in action.option_strings for action in parser._actions):
        return [words]
    return [found for name, each in parser.commands.items() for found in with_json(each, *words, name)]


COMMANDS = with_json(make_parser())
SETTINGS = {
    "valid": "cam_source=test-pattern\ncam0_port={port}\n",
    "wrong": "cam_fps=fast\n",
    "of a real camera": "cam0_id=/base/none\ncam0_port={port}\n",
}
USERS = "anna:$6$abc$def:role=view camera=0\n"


def arguments(words: tuple[str, ...], folder: Path, kind: str) -> list[str]:
    """Return the arguments of a command with settings of some kind; its file of users has one that is not valid."""
    (folder / "users").write_text(USERS)
    file = folder / "settings.env"
    file.write_text(SETTINGS[kind].format(port=free_port()) + f"cam_users_file={folder / 'users'}\n")
    options = {"--env-file": str(file), "--quick": None}
    command = make_parser()
    for word in words:
        command = command.commands[word]
    known = {name for action in command._actions for name in action.option_strings}
    given = [part for name, value in options.items() if name in known for part in (name, value) if part]
    return [*words, *given]


def test_commands_that_print_facts_have_json() -> None:
    """Those that print a list or a state for people can print it for programs."""
    assert {" ".join(words) for words in COMMANDS} >= {
        "cameras", "check", "doctor", "selftest", "status", "user list", "token list"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "kind"),
    # a test of a camera that works takes long, and other tests do that
    [(words, kind) for words in COMMANDS for kind in SETTINGS if (words, kind) != (("selftest",), "valid")],
    ids=lambda each: each if isinstance(each, str) else " ".join(each),
)
def test_the_exit_status_is_the_same(words: tuple[str, ...], kind: str, tmp_path: Path) -> None:
    """Each line of stdout is JSON; what is no result is on stderr."""
    command = arguments(words, tmp_path, kind)
    for_people, for_programs = run(*command), run(*command, "--json")
    assert for_programs.returncode == for_people.returncode
    for line in for_programs.stdout.splitlines():
        json.loads(line)
    assert "Traceback" not in for_people.stderr + for_programs.stderr


@pytest.mark.parametrize("words", ["selftest", "doctor", "status"])
def test_colour_at_a_terminal(words: str, tmp_path: Path) -> None:
    """What is wrong is red at a terminal; JSON and pipes are plain."""
    given = arguments((words,), tmp_path, "of a real camera")
    command, red = [sys.executable, "-m", "soft_stream", *given], "\033[31m"
    assert red in at_terminal(command, {"TERM": "xterm"})[0]
    assert red not in at_terminal([*command, "--json"], {"TERM": "xterm"})[0]
    assert red not in at_terminal(command, {"TERM": "xterm", "NO_COLOR": "1"})[0]
    assert "\033" not in run(*given, TERM="xterm").stdout
