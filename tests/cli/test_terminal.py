"""Colour and progress: at a terminal, and nowhere else."""

import io
import subprocess
import sys

import pytest

from soft_stream.cli import terminal
from soft_stream.cli.terminal import Terminal
from tests.support.processes import ENVIRON
from tests.support.terminals import at_terminal

SCRIPT = """
import sys, time
from soft_stream.cli import terminal
from soft_stream.cli.terminal import Terminal, progress
terminal.PATIENCE, terminal.TICK = {patience}, 0.01
with progress("Asking the cameras of a machine with a long name") as shown:
    time.sleep(0.2)
    shown.clear()
    print(Terminal(sys.stdout).colour("FAILED", "red"), flush=True)
    time.sleep(0.2)
print("end", flush=True)
"""


def shown(environ: dict[str, str], patience: float = 9, columns: int = 80) -> str:
    """Run the script at a terminal, and return what this gets."""
    return at_terminal([sys.executable, "-c", SCRIPT.format(patience=patience)], environ, columns)[0]


def test_colour_at_a_terminal() -> None:
    """A word is red, and everything after it is not."""
    assert shown({"TERM": "xterm"}) == "\033[31mFAILED\033[0m\nend\n"


@pytest.mark.parametrize("environ", [{"NO_COLOR": "1", "TERM": "xterm"}, {"TERM": "dumb"}, {"TERM": ""}])
def test_no_colour_where_it_is_not_wanted(environ: dict[str, str]) -> None:
    """NO_COLOR and a terminal without control sequences switch colour off."""
    assert shown(environ) == "FAILED\nend\n"


def test_an_empty_no_color_is_none() -> None:
    """https://no-color.org: only a value that is not empty counts."""
    assert "\033[31m" in shown({"TERM": "xterm", "NO_COLOR": ""})


def test_neither_in_a_pipe() -> None:
    """A pipe gets the plain text, however long the command takes."""
    command = [sys.executable, "-c", SCRIPT.format(patience=0.01)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRON | {"TERM": "xterm"})
    assert (done.stdout, done.stderr) == ("FAILED\nend\n", "")


def test_progress_is_removed_before_other_lines() -> None:
    """The line is drawn, removed for a line of the output, drawn again and removed at the end."""
    lines = shown({"TERM": "xterm", "NO_COLOR": "1"}, 0.01).split("\n")
    assert [line.rpartition(terminal.CLEAR_LINE)[2] for line in lines] == ["FAILED", "end", ""]
    assert all(
        f"{terminal.CLEAR_LINE}Asking the cameras of a machine with a long name (0 s)" in line for line in lines[:2]
    )


def test_progress_is_not_wider_than_the_terminal() -> None:
    """A line that wraps could not be removed."""
    text = shown({"TERM": "xterm", "NO_COLOR": "1"}, 0.01, columns=20)
    drawn = {part for line in text.split("\n") for part in line.split(terminal.CLEAR_LINE)}
    assert drawn == {"", "Asking the cameras ", "FAILED", "end"}


def test_progress_needs_a_terminal_that_can_remove_it() -> None:
    """TERM=dumb gets no progress; NO_COLOR alone does not matter to it."""
    assert shown({"TERM": "dumb"}, 0.01) == "FAILED\nend\n"


def test_closed_outputs() -> None:
    """Without any output neither is an error."""
    closed = io.StringIO()
    closed.close()
    assert not Terminal(closed).is_terminal
    assert not Terminal(None).has_colour
    script = "import sys; sys.stdout = sys.stderr = None\n" + SCRIPT.format(patience=0.01)
    assert subprocess.run([sys.executable, "-c", script], check=False, env=ENVIRON).returncode == 0
