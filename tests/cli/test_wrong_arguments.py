"""Wrong arguments: two lines on stderr, with what may be meant, and exit status 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ENVIRON, run
from tests.support.terminals import at_terminal

ANY_USAGE = "usage: soft-stream COMMAND [OPTION ...]  (see soft-stream --help)"
SERVE_USAGE = "usage: soft-stream serve [OPTION ...]  (see soft-stream serve --help)"
ADD_USAGE = "usage: soft-stream user add [OPTION ...] NAME  (see soft-stream user add --help)"


@pytest.mark.parametrize(
    ("arguments", "usage", "message"),
    [
        ("doktor", ANY_USAGE, "soft-stream: error: doktor: no such command; did you mean doctor?"),
        ("frobnicate", ANY_USAGE, "soft-stream: error: frobnicate: no such command"),
        ("", ANY_USAGE, "soft-stream: error: : no such command"),
        ("--jsn", ANY_USAGE, "soft-stream: error: --jsn: no such option"),
        ("--versoin", ANY_USAGE, "soft-stream: error: --versoin: no such option; did you mean --version?"),
        (
            "restart",
            ANY_USAGE,
            "soft-stream: error: restart: no such command; use: sudo systemctl restart camera-soft-cam@0",
        ),
        (
            "--env-file=x check",
            ANY_USAGE,
            "soft-stream: error: --env-file: it must be after the command, such as: soft-stream serve --env-file",
        ),
        (
            "serve --prot 1",
            SERVE_USAGE,
            "soft-stream serve: error: --prot: no such option; did you mean --port?",
        ),
        (
            "serve --prot=s3cret",
            SERVE_USAGE,
            "soft-stream serve: error: --prot: no such option; did you mean --port?",
        ),
        ("serve 1", SERVE_USAGE, "soft-stream serve: error: 1: one argument too many; did you mean --camera 1?"),
        ("serve --", SERVE_USAGE, "soft-stream serve: error: --: one argument too many"),
        ("serve --all=1", SERVE_USAGE, "soft-stream serve: error: argument --all: takes no value, and got '1'"),
        (
            "serve --env-file ",
            SERVE_USAGE,
            "soft-stream serve: error: argument --env-file: '': must be the path of a file",
        ),
        ("serve --camera", SERVE_USAGE, "soft-stream serve: error: argument --camera: expected one argument"),
        (
            "user add --roel admin anna",
            ADD_USAGE,
            "soft-stream user add: error: --roel: no such option; did you mean --role?",
        ),
        ("user add --rights admin", ADD_USAGE, "soft-stream user add: error: --rights: no such option"),
        ("serve -x", SERVE_USAGE, "soft-stream serve: error: -x: no such option"),
        ("user add", ADD_USAGE, "soft-stream user add: error: the following arguments are required: NAME"),
        (
            "user add --role admn anna",
            ADD_USAGE,
            "soft-stream user add: error: argument --role: 'admn': must be one of: view, control, admin; "
            "did you mean admin?",
        ),
        (
            "user restart",
            "usage: soft-stream user ACTION [OPTION ...]  (see soft-stream user --help)",
            "soft-stream user: error: restart: no such command",
        ),
        ("help doktor", ANY_USAGE, "soft-stream: error: doktor: no such command; did you mean doctor?"),
    ],
)
def test_two_lines(arguments: str, usage: str, message: str) -> None:
    """The first line is how the command is called, the second what is wrong; stdout stays empty."""
    result = run(*arguments.split(" "))
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"{usage}\n{message}\n")


@pytest.mark.parametrize("arguments", [
    ["--env-file", "none.env", "--lens-position", "-1"],  # a negative number
    ["--env-file", "none.env", "-dinfo"],
    ["--env-file=none.env", "--open-comm", "-x y"],  # a shorter name, and a value with a space
    ["--env-file", "none.env", "--id", "-"],
])  # fmt: skip
def test_what_is_no_wrong_option(arguments: list[str], tmp_path: Path) -> None:
    """Values that begin with a minus, short options with their value, and shortened names are read."""
    result = run("serve", *arguments, cwd=tmp_path)
    assert result.returncode == 78
    assert "none.env: cannot be read" in result.stderr


def test_line_breaks_in_an_argument() -> None:
    """They cannot make further lines."""
    result = run("a\nb\033[31m")
    assert result.stderr == f"{ANY_USAGE}\nsoft-stream: error: a\\nb\\x1b[31m: no such command\n"


def test_webcamd_has_the_same_form() -> None:
    """Its parser names itself."""
    command = [sys.executable, "-m", "webcamd", "--prot", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRON)
    assert done.returncode == 2
    assert done.stderr == (
        "usage: webcamd [OPTION ...]  (see webcamd --help)\n"
        "webcamd: error: --prot: no such option; did you mean --port?\n"
    )


@pytest.mark.parametrize("arguments", [[], ["user"], ["token"]])
def test_a_missing_command(arguments: list[str]) -> None:
    """The help goes to stderr, because nothing was done."""
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == run(*arguments, "--help").stdout


def test_the_word_error_is_red() -> None:
    """At a terminal only."""
    text, status = at_terminal([sys.executable, "-m", "soft_stream", "doktor"], {"TERM": "xterm"})
    assert text == f"{ANY_USAGE}\nsoft-stream: \033[31merror:\033[0m doktor: no such command; did you mean doctor?\n"
    assert status == 2
