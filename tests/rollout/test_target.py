"""Scripts on the target: what reaches its shell, whatever the names and the login shell are."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rollout.target import Target, TargetError, last_line

# It does what ssh and sshd do: the words after the host are one script for the user's login shell, which may print.
SSH = """#!/bin/sh
while [ "$1" != -- ]; do shift; done
echo "Welcome to $2"
shift 2
exec {shell} -c "$*"
"""
# It knows commands and quotes, and no other syntax: neither zsh's nor fish's is that of sh.
OTHER_SHELL = """#!/usr/bin/env python3
import os, shlex, sys
words = shlex.split(sys.argv[2])
if words[0] not in ("sh", "exec"):
    sys.exit(f"unknown command {words[0]}")
os.execvp(words[0], words)
"""
needs_ssh = pytest.mark.skipif(not shutil.which("ssh"), reason="ssh is not installed")


@contextmanager
def reached(host: str, port: int | None = None) -> Iterator[Target]:
    """Yield a target; afterwards remove its sockets, as the end of the process does."""
    target = Target(host, port)
    yield target
    target._sockets.cleanup()


@pytest.fixture(params=["sh", "other"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """Return a target that is reached by ssh."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in {"ssh": SSH, "other": OTHER_SHELL}.items():
        (folder / name).write_text(text.replace("{shell}", request.param))
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    with reached("user name@host", 2222) as target:
        yield target


def test_a_script_reaches_the_target_unchanged(target: Target) -> None:
    """It may have quotes, variables, patterns, newlines and non-ASCII letters; a line before its output is ignored."""
    script = "for a in '$HOME' \"it's\" 'ž *' /nonexistent*/lib; do\nprintf '<%s>' \"$a\"; done; cat"
    done = target.shell(script, b" data")
    assert done.returncode == 0
    assert last_line(done.stdout) == "<$HOME><it's><ž *></nonexistent*/lib> data"


def test_facts_are_found_behind_a_greeting(target: Target, tmp_path: Path) -> None:
    """The Python may be in a folder with any name."""
    folder = tmp_path / "pi's $cam"
    folder.mkdir()
    (folder / "python").symlink_to(shutil.which("python3") or "")
    facts = target.facts(str(folder / "python"))
    assert str(facts["python"]).startswith("3.")


@pytest.mark.parametrize(
    ("python", "message"), [("/bin/true", "is not a Python"), ("/nonexistent", "does not run on the target")]
)
def test_another_program_than_python_is_an_error(target: Target, python: str, message: str) -> None:
    """The message has its path."""
    with pytest.raises(TargetError, match=f"^{python} {message}"):
        target.facts(python)


@needs_ssh
def test_the_folder_for_temporary_files_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path of ssh's socket does not depend on it: ssh accepts no spaces, and a path of 87 bytes at most."""
    folder = tmp_path / f"my files 100%C {'long ' * 20}"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    ssh = tmp_path / "ssh"
    ssh.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -G "$@"\n')  # print the options instead of connecting
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with reached("pi@host") as target:
        done = target.shell("true", b"")
        path = next(line for line in done.stdout.decode().splitlines() if line.startswith("controlpath "))
        socket = Path(path.removeprefix("controlpath "))
        assert len(str(socket)) <= 87
        assert socket.parent.stat().st_mode & 0o777 == 0o700
    assert done.returncode == 0, done.stderr
