"""The help of all commands."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from soft_stream.cli.main import make_parser
from soft_stream.cli.parser import Parser
from tests.support.checkout import ROOT
from tests.support.processes import ENVIRON, run
from tests.support.terminals import at_terminal

HELP = [sys.executable, "-m", "soft_stream", "serve", "--help"]


def all_commands(parser: Parser) -> dict[str, Parser]:
    """Return the parsers of all commands that do something, by their words."""
    found: dict[str, Parser] = {}
    for name, command in parser.commands.items():
        found |= {f"{name} {rest}": each for rest, each in all_commands(command).items()} or {name: command}
    return found


COMMANDS = all_commands(make_parser())


def test_the_first_screen_has_every_command() -> None:
    """Each command is in one section, with one line about it; it fits a terminal of 80 columns."""
    parser = make_parser()
    listed = [name for names in parser.sections.values() for name in names]
    assert sorted(listed) == sorted(parser.commands)
    lines = run("--help", COLUMNS="80").stdout.splitlines()
    for name in parser.commands:
        assert sum(line.startswith(f"  {name} ") for line in lines) == 1, name
    assert len(lines) <= 48
    assert max(map(len, lines)) < 80


def test_the_first_screen_has_the_lines_of_systemd() -> None:
    """Start, stop, restart and the log of the service are not commands of ours."""
    text = run("--help").stdout
    for word in ("systemctl status 'camera-soft-cam@*'", "sudo systemctl restart camera-soft-cam@0", "start, stop",
                 "journalctl -u camera-soft-cam@0 -f"):  # fmt: skip
        assert word in text


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_has_a_description_and_its_exit_statuses(words: str) -> None:
    """The help ends with the exit statuses; every option and argument has a text."""
    command = COMMANDS[words]
    assert command.description
    text = command.format_help()
    statuses = text.partition("\nexit status:\n")[2].splitlines()
    assert statuses, words
    assert [line[:4].strip() for line in statuses[:1]] == ["0"]
    assert "  2   wrong arguments" in statuses
    assert all(line.startswith("  ") and len(line) <= 78 for line in statuses)
    for action in command._actions:
        assert action.help, action


@pytest.mark.parametrize("words", [*COMMANDS, "user", "token"])
def test_help_in_words(words: str) -> None:
    """`soft-stream help COMMAND` prints what `soft-stream COMMAND --help` prints."""
    asked = run("help", *words.split())
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout == run(*words.split(), "--help").stdout


def test_help_alone() -> None:
    """`soft-stream help` is `soft-stream --help`."""
    assert run("help").stdout == run("--help").stdout


@pytest.mark.parametrize("columns", [20, 60, 200])
def test_the_width_of_the_terminal(columns: int) -> None:
    """Lines are as long as the terminal is wide; COLUMNS overrides it."""
    text, status = at_terminal(HELP, {"TERM": "xterm"}, columns)
    assert status == 0
    assert text == run("serve", "--help", COLUMNS=str(columns)).stdout
    longest = max(map(len, text.partition("exit status:")[0].splitlines()))
    assert columns == 20 or columns - 30 < longest < columns


@pytest.mark.parametrize("columns", ["0", "1", "-5", "wide"])
def test_strange_widths(columns: str) -> None:
    """They are no error."""
    result = run("serve", "--help", COLUMNS=columns)
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "environ",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "no_SUCH.locale"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONOPTIMIZE": "2"},
        {"PYTHONDONTWRITEBYTECODE": "1", "HOME": "/nonexistent"},
    ],
)
def test_strange_environments(environ: dict[str, str]) -> None:
    """The help is the same everywhere."""
    done = subprocess.run(HELP, capture_output=True, text=True, check=False, env=ENVIRON | environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run("serve", "--help").stdout


def test_without_site_packages() -> None:
    """The help needs nothing but Python's own library."""
    command = [sys.executable, "-S", "-m", "soft_stream", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRON | {"PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run("--help").stdout


def test_commands_without_site_packages() -> None:
    """A library that is missing is one sentence, with the Python that lacks it."""
    command = [sys.executable, "-S", "-m", "soft_stream", "status"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRON | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 78
    assert done.stderr.startswith(f"{sys.executable} has no module aiohttp: install camera-soft-stream with apt or pip")
    assert done.stderr.count("\n") == 1


def test_without_a_folder(tmp_path: Path) -> None:
    """The folder of the shell may have been removed."""
    gone = tmp_path / "gone"
    gone.mkdir()
    script = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m soft_stream --help"
    done = subprocess.run(
        ["/bin/sh", "-c", script], capture_output=True, text=True, check=False, env=ENVIRON | {"PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", ["--help", "serve --help", "help serve", "--version"])
@pytest.mark.parametrize(
    ("output", "status", "message"),
    [("/dev/full", 65, "The output cannot be written: No space left on device\n"), ("&-", 0, "")],
)
def test_an_output_that_cannot_be_written(arguments: str, output: str, status: int, message: str) -> None:
    """A full disk is an error in one sentence; a closed output is what the caller wants."""
    script = f"exec {sys.executable} -m soft_stream {arguments} >{output}"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, check=False, env=ENVIRON)
    assert (done.returncode, done.stderr) == (status, message)


@pytest.mark.parametrize("arguments", ["--help", "serve --help"])
def test_a_reader_that_leaves(arguments: str) -> None:
    """`soft-stream serve --help | head -1` is no error."""
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "soft_stream", *arguments.split()]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=ENVIRON)
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")
