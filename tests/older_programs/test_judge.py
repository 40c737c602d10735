"""The judge, in a run of pytest on a small project with a list of its own."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.older_programs import matching
from tests.older_programs.collecting import not_collected
from tests.older_programs.commands import shell_commands
from tests.older_programs.promises import Promise
from tests.older_programs.recording import Recording, Request
from tests.support.checkout import ROOT

CONFTEST = """
from pathlib import Path
from tests.conftest import portal, start_portal
from tests.older_programs.judge import Judge
from tests.older_programs.promises import load

def pytest_configure(config):
    promises = load(Path(__file__).with_name("promises.toml")).promises
    config.pluginmanager.register(Judge(promises, with_lab=False))
"""
TESTS = """
import subprocess
import sys
import urllib.request

import pytest

@pytest.mark.parametrize("path", ["/stream.mjpg", "/?snapshot&rotate=1", "/nothing"])
async def test_urls(portal, path):
    async with portal.http.get(path):
        pass

@pytest.mark.parametrize("word", ["kept", "left out"])
def test_commands(word, tmp_path):
    if word == "left out":
        pytest.skip("not today")
    subprocess.run(["sh", "-c", "true a && echo soft-stream status 'a b' >/dev/null; :"], check=True)
    subprocess.run([sys.executable, "soft-stream", "--width", "320", "--rotate=1"], check=True)
    (tmp_path / "settings.env").write_text("cam0_id=x\\n")
    print("Autofocus cycle focused")

@pytest.mark.skip(reason="never")
def test_skipped():
    subprocess.run(["true", "skipped"], check=True)

@pytest.mark.xfail
def test_expected_to_fail():
    subprocess.run(["true", "xfail"], check=True)
    assert False

def test_that_fails():
    subprocess.run(["true", "fails"], check=True)
    assert FAILS is None
"""
KEPT = [
    ("url", "/stream.mjpg", "test_urls"),
    ("url", "/?snapshot&rotate=1", "test_urls"),
    ("command", "true a", "test_commands"),
    ("command", "echo soft-stream status 'a b'", "test_commands"),
    ("flag", "--width", "test_commands"),
    ("flag", "--rotate", "test_commands"),
    ("setting", "cam0_id=x", "test_commands"),
    ("file", "settings.env", "test_commands"),
    ("log line", "Autofocus cycle", "test_commands"),
]
BROKEN = [
    ("url", "/snapshot.jpg", "test_urls", "passed, but did not request exactly `/snapshot.jpg`."),
    ("url", "/?snapshot", "test_urls", "passed, but did not request exactly `/?snapshot`."),
    ("url", "/nothing", "test_urls", "passed, but did not request exactly `/nothing`."),  # the answer is 404
    (
        "command",
        "true",
        "test_commands",
        "passed, but did not run exactly `true`. Some of its parameters were skipped: not today",
    ),
    ("command", "echo soft-stream status", "test_commands", "passed, but did not run exactly "),
    ("flag", "--wid", "test_commands", "passed, but did not give exactly `--wid`."),
    ("setting", "cam0_id=y", "test_commands", "passed, but did not use exactly `cam0_id=y`."),
    ("file", "ettings.env", "test_commands", "passed, but did not name exactly `ettings.env`."),
    ("log line", "Autofocus begins", "test_commands", "passed, but did not log exactly `Autofocus begins`."),
    ("command", "true skipped", "test_skipped", "was skipped: never"),
    ("command", "true xfail", "test_expected_to_fail", "was skipped: it is expected to fail"),
]


def project(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    """Write the small project."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(TESTS)
    (folder / "soft-stream").write_text("")
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\naddopts = -p no:cacheprovider\n"
    )
    toml = '[documents.a]\ntitle = "A"\nsha256 = ""\n'
    for kind, text, test in rows:
        toml += f'[[a]]\nline = 1\nkind = "{kind}"\ntext = "{text}"\nhere = "x"\ntest = "test_it.py::{test}"\n'
    (folder / "promises.toml").write_text(toml)
    return folder


def pytest_run(folder: Path, *arguments: str) -> tuple[int, str]:
    """Run pytest there; return its exit status and its output."""
    command = [sys.executable, "-m", "pytest", "-q", *arguments]
    environ = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, cwd=folder, env=environ, text=True, capture_output=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_promises_that_are_kept(tmp_path: Path, workers: str) -> None:
    """The run passes where the tests run and request everything, in one process and in several."""
    status, said = pytest_run(project(tmp_path, KEPT), workers, "--deselect", "test_it.py::test_that_fails")
    assert status == 0, said
    assert "not proven" not in said


@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_promises_that_are_not_kept(tmp_path: Path, workers: str) -> None:
    """The run fails although each test passes, with one sentence for each row."""
    rows = [row[:3] for row in BROKEN]
    status, said = pytest_run(project(tmp_path, KEPT + rows), workers, "--deselect", "test_it.py::test_that_fails")
    assert status == 1, said
    assert " failed" not in said
    verdicts = [line for line in said.splitlines() if line.startswith("a:1 `")]
    assert len(verdicts) == len(BROKEN)
    for _, text, test, sentence in BROKEN:
        assert any(line.startswith(f"a:1 `{text}`: test_it.py::{test} {sentence}") for line in verdicts), (text, said)


def test_a_test_that_fails(tmp_path: Path) -> None:
    """A test that has run the command and then fails proves nothing."""
    status, said = pytest_run(project(tmp_path, [("command", "true fails", "test_that_fails")]), "-n0")
    assert status == 1
    assert "a:1 `true fails`: test_it.py::test_that_fails failed." in said


def test_only_rows_of_selected_tests_are_judged(tmp_path: Path) -> None:
    """A run of some tests, or of some parameters, says nothing about the others."""
    rows = [*KEPT, ("command", "true skipped", "test_skipped")]
    project(tmp_path, rows)
    for words in (["test_it.py::test_urls"], ["test_it.py::test_urls[/nothing]"], ["-k", "nothing"]):
        status, said = pytest_run(tmp_path, "-n0", *words)
        assert status == 0, said


def test_a_test_that_does_not_exist(tmp_path: Path) -> None:
    """A test that was renamed or never written, and a file that is missing, are found without a run."""
    project(tmp_path, [])
    (tmp_path / "conftest.py").unlink()
    (tmp_path / "test_it.py").write_text("def test_new_name():\n    pass\n")
    tests = {"test_it.py::test_new_name", "test_it.py::test_old_name", "test_gone.py::test_new_name"}
    assert not_collected(tests, tmp_path) == tests - {"test_it.py::test_new_name"}


def promise(kind: str, text: str) -> Promise:
    """Make a row."""
    return Promise("a", (1,), kind, text, "x", "t", (text,), "")


@pytest.mark.parametrize(
    ("kind", "text", "line", "found"),
    [
        ("command", "systemctl stop a.service", "ssh -F x root@y 'systemctl stop a.service'", True),
        ("command", "systemctl stop a.service", "ssh root@y 'sudo true && systemctl stop a.service >x'", True),
        ("command", "systemctl stop a.service", "ssh root@y 'systemctl stop a.service b.service'", False),
        ("command", "systemctl stop a.service", "ssh root@y 'echo systemctl stop a.service'", False),
        ("command", "systemctl stop a.service", "ssh -o X=1 root@y sudo -n -u pi systemctl stop a.service", True),
        ("command", "systemctl stop a.service", "timeout -s INT 5 env A=1 systemctl stop a.service", True),
        (
            "command",
            "systemctl stop a.service",
            "nsenter --target=3 --all -- sh -ec 'cd /; exec systemctl stop a.service'",
            True,
        ),
        ("command", "systemctl stop a.service", "sh -c 'A=1 systemctl stop a.service'", True),
        ("command", "systemctl stop a.service", "sudo echo systemctl stop a.service", False),
        ("command", "systemctl stop a.service", "timeout 5 true systemctl stop a.service", False),
        ("command", "systemctl stop a.service", "echo 'systemctl stop a.service'", False),
        ("command", "systemctl stop a.service", "true -- systemctl stop a.service", False),
        ("command", "webcamd --help", "/opt/bin/webcamd --help", True),
        ("command", "webcamd --help", "/opt/bin/webcamd --help --width 3", False),
        ("command", "./mjpg_streamer -o 'a b'", "soft-stream import -- ./mjpg_streamer -o 'a b'", True),
        ("flag", "--rotate 1", "python3 -m soft_stream serve --rotate 1", True),
        ("flag", "--rotate 1", "python3 -m soft_stream serve --rotate=1", True),
        ("flag", "--rotate 1", "python3 -m soft_stream serve --rotate 2 1", False),
        ("flag", "--rotate", "python3 -m soft_stream serve --rotate-it", False),
        ("flag", "--rotate", "echo --rotate", False),
        ("flag", "--rotate", "echo soft-stream --rotate", False),
        ("flag", "--rotate", "python3 -c pass soft-stream --rotate", False),
        ("flag", "--rotate", "sudo -n /opt/bin/soft-stream serve --rotate", True),
        ("flag", "--frames 3", "ssh x 'python3 -I /a/measure_fps.py --frames 3'", True),
        ("path", "/run/a.lock", "ssh x 'touch /run/a.lock'", True),
        ("path", "/run/a.lock", "ssh x 'touch /run/a.lock.old'", False),
        ("path", "/run/a.lock", "ssh x 'touch /x/run/a.lock'", False),
        ("unit", "a@.service", "systemctl cat a@.service", True),
        ("unit", "a@.service", "systemctl cat aa@.service", False),
        ("behaviour", "soft-stream serve", "soft-stream serve --width 3", True),
        ("behaviour", "soft-stream serve", "soft-stream check", False),
    ],
)
def test_what_is_found_in_a_command(kind: str, text: str, line: str, found: bool) -> None:
    """Commands and flags are compared word by word, paths and names as a whole."""
    assert matching.has(Recording([shlex.split(line)]), promise(kind, text), text) is found


@pytest.mark.parametrize(
    ("url", "target", "netloc", "found"),
    [
        ("/?stream", "/?stream", "", True),
        ("/?stream", "/?stream&rotate=1", "", False),
        ("/", "/?stream", "", False),
        ("http://127.0.0.1:8081/", "/", "198.18.84.2:8081", True),
        ("http://127.0.0.1:8081/", "/", "127.0.0.1:8082", False),
    ],
)
def test_what_is_found_in_a_request(url: str, target: str, netloc: str, found: bool) -> None:
    """Path and query are compared as a whole, the port where the document has one."""
    recording = Recording(requests=[Request(target, netloc)])
    assert matching.has(recording, promise("url", url), url) is found


def test_the_commands_of_a_shell_line() -> None:
    """Operators separate commands; quotes and redirections are understood."""
    line = "a 'b;c' && d | e >f 2>&1; (g)\nh"
    assert shell_commands(line) == [["a", "b;c"], ["d"], ["e"], ["g"], ["h"]]
