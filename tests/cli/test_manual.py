"""The man pages and the completion: made from the parser, with every command and every option."""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from soft_stream.cli.main import make_parser
from soft_stream.cli.parser import Parser
from soft_stream.config.settings import SETTINGS
from tests.support.checkout import ROOT
from tests.support.processes import ENVIRON

SCRIPT = ROOT / "scripts" / "make_manual.py"
# what readline sets before it calls the function of `complete`; a word on each line
COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
function=$(complete -p soft-stream); function=${function##*-F }; ${function% *}
printf '%s\\n' "${COMPREPLY[@]}"
"""


def make_manual(folder: Path, **environ: str) -> dict[str, bytes]:
    """Run the script; return the content of the files by their names."""
    environment = ENVIRON | {"SOURCE_DATE_EPOCH": "1764500000", "PYTHONPATH": str(ROOT)} | environ
    subprocess.run([sys.executable, str(SCRIPT), str(folder)], check=True, env=environment)
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the man pages and the completion."""
    folder = tmp_path_factory.mktemp("manual")
    make_manual(folder)
    return folder


def all_parsers(parser: Parser, words: tuple[str, ...] = ()) -> dict[tuple[str, ...], Parser]:
    """Return the parser of the program and those of its commands, by their words."""
    found = {words: parser}
    for name, command in parser.commands.items():
        found |= all_parsers(command, (*words, name))
    return found


PARSERS = all_parsers(make_parser())


def options_of(parser: Parser) -> set[str]:
    """Return the names of the options."""
    return {name for action in parser._actions for name in action.option_strings}


def complete(manual: Path, *words: str, cwd: Path | None = None) -> set[str]:
    """Return what bash completes after `soft-stream` and some words, of which the last one is not finished."""
    script = manual / "bash-completion" / "completions" / "soft-stream"
    command = ["/bin/bash", "--norc", "-c", COMPLETE, "bash", str(script), "soft-stream", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=cwd, env=ENVIRON)
    return set(done.stdout.split("\n")) - {""}


def test_there_is_a_page_for_each_command(manual: Path) -> None:
    """As `git-commit(1)`: `man soft-stream-serve`, which `man soft-stream serve` finds, too."""
    pages = {file.name for file in (manual / "man" / "man1").iterdir()}
    assert pages == {"soft-stream.1", *(f"soft-stream-{name}.1" for name in make_parser().commands)}


@pytest.mark.parametrize("words", PARSERS, ids=" ".join)
def test_pages_have_the_options_of_the_parser(manual: Path, words: tuple[str, ...]) -> None:
    """Each option is in the page, in bold, with its text; the page has no others."""
    name = "-".join(("soft-stream", *words[:1]))
    page = (manual / "man" / "man1" / f"{name}.1").read_text().replace("\\-", "-")
    shown = set(re.findall(r"\\fB(--?[a-z0-9][-a-z0-9]*)\\fR", page))
    assert options_of(PARSERS[words]) <= shown
    assert shown == {option for other, each in PARSERS.items() if other[:1] == words[:1] or other == words[:1]
                     for option in options_of(each) if words or not other}  # fmt: skip
    assert (".SH EXIT STATUS" in page or "exit status" in page) == (bool(words))
    assert PARSERS[words].prog in page


def test_pages_are_valid(manual: Path) -> None:
    """Neither mandoc nor groff has a remark about them."""
    pages = sorted(map(str, (manual / "man" / "man1").iterdir()))
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed; scripts/test.sh installs it")
    done = subprocess.run(["/usr/bin/mandoc", "-T", "lint", *pages], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    if groff := shutil.which("groff"):
        for page in pages:
            done = subprocess.run(
                [groff, "-man", "-ww", "-Tascii", "-z", page], capture_output=True, text=True, check=True
            )
            assert done.stderr == ""


def test_pages_show_what_the_help_has(manual: Path) -> None:
    """No text is lost or changed by the language of man pages, not even lines that begin with a dot or a quote."""
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed; scripts/test.sh installs it")
    for words, parser in PARSERS.items():
        name = "-".join(("soft-stream", *words[:1]))
        page = str(manual / "man" / "man1" / f"{name}.1")
        command = ["/usr/bin/mandoc", "-T", "ascii", "-O", "width=200", page]
        shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        text = " ".join(re.sub(".\b", "", shown).split())
        for action in parser._actions:
            if action.option_strings:
                meaning = parser._get_formatter()._expand_help(action).replace("`", "")
                assert " ".join(meaning.split()) in text, (words, action.option_strings)


def test_they_are_reproducible(tmp_path: Path) -> None:
    """The same source has the same files, whoever makes them, wherever and in which language."""
    environ = {"COLUMNS": "33", "LC_ALL": "C", "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "1", "HOME": "/nonexistent"}
    first, second = make_manual(tmp_path / "1", PYTHONHASHSEED="2"), make_manual(tmp_path / "2", **environ)
    assert first == second
    assert b".TH soft-stream-serve 1 2025-11-30".lower() in first["man/man1/soft-stream-serve.1"].lower()


@pytest.mark.parametrize("words", PARSERS, ids=" ".join)
def test_bash_completes_every_command_and_option(manual: Path, words: tuple[str, ...]) -> None:
    """After `-` the options of the command, before it the commands."""
    parser = PARSERS[words]
    assert complete(manual, *words, "-") == options_of(parser)
    assert complete(manual, *words, "--vers") == ({"--version"} if not words else set())
    if parser.commands:
        assert complete(manual, *words, "") == set(parser.commands)


@pytest.mark.parametrize("name", [name for name, each in SETTINGS.items() if each.metadata["type"].words])
def test_bash_completes_the_values_of_settings(manual: Path, name: str) -> None:
    """They are those that the settings accept."""
    value_type = SETTINGS[name].metadata["type"]
    values = complete(manual, "serve", f"--{name.replace('_', '-')}", "")
    assert values == set(value_type.words)
    for value in values:
        value_type.parse(value)


def test_bash_completes_other_values(manual: Path, tmp_path: Path) -> None:
    """The numbers of the cameras in the settings, roles, files, folders, and the commands of `help`."""
    (tmp_path / "camera-soft-stream.env").write_text(
        "cam_fps=5\ncam0_name=A\ncam2_name=B\n#cam3_name=C\ncam12_name=D\n"
    )
    (tmp_path / "a folder").mkdir()
    assert complete(manual, "serve", "--camera", "", cwd=tmp_path) >= {"0", "2", "12"}
    assert "3" not in complete(manual, "serve", "--camera", "", cwd=tmp_path)
    assert complete(manual, "user", "add", "--role", "", cwd=tmp_path) == {"view", "control", "admin"}
    assert complete(manual, "user", "add", "--role", "=", "c", cwd=tmp_path) == {"control"}
    assert complete(manual, "user", "add", "--role", "=", cwd=tmp_path) == {"view", "control", "admin"}
    assert complete(manual, "user", "add", "--role", "=", "view", "--cam", cwd=tmp_path) == {"--camera"}
    assert complete(manual, "check", "--env-file", "cam", cwd=tmp_path) == {"camera-soft-stream.env"}
    assert complete(manual, "import", "cam", cwd=tmp_path) == {"camera-soft-stream.env"}
    assert complete(manual, "serve", "--folder", "", cwd=tmp_path) == {"a folder"}
    assert complete(manual, "help", "", cwd=tmp_path) == set(make_parser().commands)
    assert complete(manual, "serve", "--camera", "0", "--quali") == {"--quality"}


@pytest.mark.skipif(not shutil.which("zsh"), reason="zsh is not installed; scripts/test.sh installs it")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", set(make_parser().commands)),
        ("user ", {"add", "list", "remove"}),
        ("serve --close-", {"--close-after", "--close-timeout"}),
        ("user add --role ", {"view", "control", "admin"}),
        ("serve --camera ", {"0"}),
        ("serve --source=", {"folder", "picamera", "test-pattern"}),
        ("serve --log-level=", {"info", "warning"}),
    ],
)
def test_zsh_completes(manual: Path, line: str, expected: set[str]) -> None:
    """The function that zsh finds in its folder is accepted and lists the same."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", HOME="/nonexistent")
        os.execv("/usr/bin/zsh", ["zsh", "-f", "-i"])  # noqa: S606 # at a terminal of its own
    folder = manual / "zsh" / "vendor-completions"
    setup = (
        f"fpath=({folder} $fpath); autoload -Uz compinit; compinit -u -D; bindkey '^X' list-choices; PS1='READ''Y> '\n"
    )
    os.write(terminal, setup.encode())
    read_until(terminal, "READY> ")
    os.write(terminal, f"soft-stream {line}\x18".encode())
    text = read_until(terminal, "READY> ")
    os.close(terminal)
    os.waitpid(pid, 0)
    assert expected <= set(re.sub(r"\x1b\[\S+?[a-zA-Z]", "", text).split())


def read_until(terminal: int, mark: str) -> str:
    """Return what a terminal shows, until the mark."""
    text = ""
    while mark not in text:
        text += os.read(terminal, 4096).decode()
    return text
