"""Outputs that are closed, broken pipes, or files on a full disk."""

import os
import subprocess
import sys
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from soft_stream.access.accounts import tokens_file
from tests.cli.serving_all import TWO_TEST_CAMERAS, children_of, make_environ
from tests.cli.serving_all import command as serve_all_command
from tests.cli.test_serve_all import until
from tests.support.processes import ENVIRON, free_ports

MESSAGES = {"cameras": 78, "frobnicate": 2, "import none": 65, "check --env-file none": 78, "snapshot -o a/b.jpg": 65}


def command(words: str) -> list[str]:
    """Return a command line."""
    return [sys.executable, "-m", "soft_stream", *words.split()]


@pytest.mark.parametrize(("words", "status"), MESSAGES.items())
def test_messages_that_cannot_be_written(words: str, status: int, tmp_path: Path) -> None:
    """On a full disk or into a broken pipe they are lost, and the exit status is the same."""
    reading, writing = os.pipe()
    os.close(reading)
    with open("/dev/full", "w") as full, open(writing, "w") as broken, open(os.devnull) as only_read:
        for stream in (full, broken, only_read):
            done = subprocess.run(
                command(words), stdout=subprocess.DEVNULL, stderr=stream, check=False, env=ENVIRON, cwd=tmp_path
            )
            assert done.returncode == status, stream.name


def test_a_created_token_whose_message_is_lost(tmp_path: Path) -> None:
    """The token is printed and the status is that of success, since only the sentence about it is missing."""
    environ = ENVIRON | {"cam_users_file": str(tmp_path / "users")}
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            command("token create"), stdout=subprocess.PIPE, stderr=full, check=False, env=environ, cwd=tmp_path
        )
    assert (done.returncode, bool(done.stdout.strip())) == (0, True)
    assert tokens_file(environ["cam_users_file"]).read_text()


@pytest.mark.parametrize("file", ["/dev/full", os.devnull])
def test_results_that_cannot_be_written(file: str) -> None:
    """One line says why, for a full disk and for a file that is open only for reading."""
    with open(file, "rb" if file == os.devnull else "wb") as stream:
        done = subprocess.run(
            command("check --help"), stdout=stream, stderr=subprocess.PIPE, text=True, check=False, env=ENVIRON
        )
    assert done.returncode == 65
    assert done.stderr.startswith("The output cannot be written: ")
    assert len(done.stderr.splitlines()) == 1


def test_closed_streams() -> None:
    """Commands run as with /dev/null, and none of their files and sockets gets the number of a closed stream."""
    code = (
        "import os, sys; from soft_stream.cli import main; seen = []\n"
        "os.close(0); os.close(1); os.close(2); sys.stdin = sys.stdout = sys.stderr = None\n"
        "status = main.run(lambda: seen.extend(os.readlink(f'/proc/self/fd/{n}') for n in range(3)) or 7)\n"
        "os._exit(status if seen == [os.devnull] * 3 else 1)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, env=ENVIRON).returncode == 7


def test_serving_all_without_streams(tmp_path: Path) -> None:
    """The cameras are served until a signal."""
    (tmp_path / "settings.env").write_text(TWO_TEST_CAMERAS)
    base = free_ports(2)
    arguments = serve_all_command("--env-file", "settings.env", "--port-base", str(base))
    shell = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *arguments]
    with subprocess.Popen(shell, cwd=tmp_path, env=make_environ(tmp_path)) as process:
        try:
            for port in (base, base + 1):
                until(partial(answers, port, process))
            assert len(children_of(process.pid)) == 2
        finally:
            process.terminate()
    assert process.returncode == 0


def answers(port: int, process: "subprocess.Popen[bytes]") -> bool:
    """Return True if a camera is served; the process must run."""
    assert process.poll() is None
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz").close()
    except OSError:
        return False
    return True


def test_importing_and_the_doctor_without_stdin(tmp_path: Path) -> None:
    """A closed stdin is no terminal, and has no password."""
    environ = make_environ(tmp_path)
    for words in ("import --write new.env -- ustreamer --port 8080", "doctor --login anna"):
        shell = ["sh", "-c", 'exec "$@" <&-', "sh", *command(words)]
        done = subprocess.run(shell, capture_output=True, text=True, check=False, cwd=tmp_path, env=environ)
        assert "Traceback" not in done.stderr
        assert done.returncode in (0, 1)
    assert (tmp_path / "new.env").exists()
