"""`soft-stream status`: its lines, its exit status, and --watch at a terminal and in a pipe."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.cli.status_lines import as_sentences, as_table, cut
from soft_stream.cli.status_watch import CLEAR_LINE, ENTER, HOME, LEAVE
from soft_stream.cli.terminal import Terminal
from soft_stream.diagnostics.camera_report import CameraReport
from tests.support.processes import ENVIRON, as_other_user, free_ports, run, serving

STATUS = [sys.executable, "-m", "soft_stream", "status"]
SEQUENCE = re.compile(r"\x1b\[[?0-9;]*[a-zA-Z]")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Write a settings file with two cameras on free ports."""
    port = free_ports(2)
    file = tmp_path / "settings.env"
    file.write_text(
        f"cam_source=test-pattern\ncam_users_file=\ncam0_name=Nozzle\ncam0_port={port}\ncam1_name=Bed\n"
        f"cam1_port={port + 1}\n"
    )
    return file


def port_of(file: Path, camera: int = 0) -> int:
    """Return the port of a camera in the settings."""
    match = re.search(rf"cam{camera}_port=(\d+)", file.read_text())
    assert match
    return int(match[1])


class Screen:
    """A command at a terminal that somebody looks at."""

    def __init__(self, command: list[str], columns: int) -> None:
        self._main, other = os.openpty()
        self.resize(columns)
        environ = {name: value for name, value in ENVIRON.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            command,
            env=environ | {"TERM": "xterm"},
            preexec_fn=lambda: os.login_tty(other),  # no threads here
            close_fds=True,
        )
        os.close(other)
        self.text = ""

    def resize(self, columns: int) -> None:
        """Change the size of the terminal, which its process is notified of."""
        termios.tcsetwinsize(self._main, (24, columns))

    def until(self, happened: Callable[[str], object]) -> str:
        """Read until something is true of the text since the last call, and return this text."""
        since = len(self.text)
        while not happened(self.text[since:]):
            select.select([self._main], [], [])
            self.text += os.read(self._main, 65536).decode()
        return self.text[since:]

    def suspend(self) -> None:
        """Press Ctrl-Z, and wait until the process has stopped."""
        os.write(self._main, b"\x1a")
        _, status = os.waitpid(self.process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)

    def end(self) -> str:
        """Press Ctrl-C; return what the terminal gets from now on."""
        since = len(self.text)
        os.write(self._main, b"\x03")
        try:
            while part := os.read(self._main, 65536):
                self.text += part.decode()
        except OSError:  # EIO: the process has ended
            pass
        return self.text[since:]

    def close(self) -> None:
        """End the process in any case."""
        os.close(self._main)
        self.process.kill()
        self.process.wait()


@pytest.fixture
def screen(file: Path) -> Iterator[Screen]:
    """Watch the cameras at a terminal with 60 columns."""
    shown = Screen([*STATUS, "--watch", "--env-file", str(file)], 60)
    try:
        yield shown
    finally:
        shown.close()


def lines_of(drawn: str) -> list[str]:
    """Return the lines of the last table that was drawn."""
    return [SEQUENCE.sub("", line) for line in drawn.rpartition(HOME)[2].replace("\r", "").split("\n")]


def test_one_camera_serves_and_one_does_not(file: Path) -> None:
    """The table says what helps, and the exit status is 1; for the camera that serves it is 0."""
    with serving("--env-file", str(file), port=port_of(file)) as (_, url):
        both = run("status", "--env-file", str(file))
        assert both.returncode == 1, both.stderr
        lines = both.stdout.splitlines()
        assert lines[0].split() == ["CAMERA", "NAME", "STATE", "SINCE", "FPS", "SIZE", "CLIENTS"]
        assert re.fullmatch(r"0 +Nozzle +idle +\d+ s +- of 30 +1280x720 +0", lines[1])
        assert re.fullmatch(r"1 +Bed +down +- +- of 30 +1280x720 +-", lines[2])
        assert lines[3].strip() == f"no process listens on http://127.0.0.1:{port_of(file, 1)}"
        assert lines[4].strip() == f"fix: soft-stream serve --camera 1 --env-file {file}"
        assert "\x1b" not in both.stdout
        one = run("status", "--env-file", str(file), "--camera", "0")
        assert (one.returncode, len(one.stdout.splitlines()), one.stderr) == (0, 2, "")
        assert url.endswith(str(port_of(file)))


def test_json_has_the_same_exit_status(file: Path) -> None:
    """One line for each camera, with numbers where there are some and null where not."""
    with serving("--env-file", str(file), port=port_of(file)) as (_, url):
        both = run("status", "--json", "--env-file", str(file))
        one = run("status", "--json", "--env-file", str(file), "--camera", "0")
    assert (both.returncode, one.returncode) == (1, 0)
    serves, down = map(json.loads, both.stdout.splitlines())
    assert json.loads(one.stdout).keys() == serves.keys() == down.keys()
    expected = {"camera": 0, "name": "Nozzle", "state": "idle", "url": url, "fps": None, "size": None, "clients": 0}
    assert {name: serves[name] for name in expected} == expected
    assert (serves["asked_fps"], serves["asked_size"], serves["problem"]) == (30.0, [1280, 720], "")
    assert 0 <= serves["now"] - serves["since"] < 600
    assert (down["state"], down["since"], down["clients"]) == ("down", None, None)


def test_wrong_and_unreadable_settings(tmp_path: Path) -> None:
    """They end with 78, and without a report."""
    wrong = tmp_path / "wrong.env"
    wrong.write_text("cam0_fps=fast\n")
    for file, reason in ((wrong, "cam0_fps=fast: must be"), (tmp_path / "none.env", "No such file")):
        result = run("status", "--env-file", str(file))
        assert (result.returncode, result.stdout) == (78, "")
        assert reason in result.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_a_user_who_may_not_read_the_settings(file: Path, tmp_path: Path) -> None:
    """The sentence says what helps."""
    file.chmod(0o640)
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    script = as_other_user("soft_stream.cli.status_watch", "soft_stream.diagnostics.snapshot")
    for command in (("status",), ("snapshot", "-o", "-")):
        command = (sys.executable, "-c", script, *command, "--env-file", str(file))
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRON)
        assert (done.returncode, done.stdout) == (78, "")
        problem, advice = done.stderr.splitlines()[-2:]
        assert problem == f"  {file}: cannot be read: Permission denied"
        assert advice == "Run the command with sudo, or as a member of the group video."


def test_a_camera_that_no_line_mentions(file: Path, tmp_path: Path) -> None:
    """It has the defaults, as in `serve`; without any settings that is camera 0."""
    other = run("status", "--env-file", str(file), "--camera", "7")
    assert other.stdout.splitlines()[1].startswith("7       Camera 7  down")
    if not Path("/etc/camera-streamer/camera-soft-stream.env").exists():
        none = run("status", "--json", cwd=tmp_path, cam0_port=str(free_ports(1)))
        assert [json.loads(line)["camera"] for line in none.stdout.splitlines()] == [0]


def test_a_pipe_gets_lines_that_are_appended(file: Path) -> None:
    """A refresh adds a line for each camera; SIGINT ends that with 0. A process may start meanwhile."""
    command = [*STATUS, "--watch", "--env-file", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRON) as process:
        assert process.stdout
        first = [process.stdout.readline() for _ in range(2)]
        assert re.fullmatch(r"\d\d:\d\d:\d\d camera 0 \(Nozzle\): down; no process listens on http://\S+\n", first[0])
        assert " camera 1 (Bed): down" in first[1]
        with serving("--env-file", str(file), port=port_of(file)):
            while "camera 0 (Nozzle): idle for " not in (line := process.stdout.readline()):
                assert line
        while "camera 0 (Nozzle): down; no process listens" not in (line := process.stdout.readline()):
            assert line
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait() == 0
    assert "\x1b" not in rest
    assert "Traceback" not in rest


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watching_json(file: Path, number: signal.Signals) -> None:
    """Each line is JSON, also at the second refresh; a signal ends it with 0."""
    command = [*STATUS, "--watch", "--json", "--env-file", str(file), "--camera", "1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRON) as process:
        assert process.stdout
        first, second = (json.loads(process.stdout.readline()) for _ in range(2))
        process.send_signal(number)
        assert process.wait() == 0
    assert second["now"] - first["now"] > 1.5
    assert (first["camera"], second["state"]) == (1, "down")


def test_a_reader_that_leaves(file: Path) -> None:
    """As in `soft-stream status --watch | head -1`."""
    shell = f"{sys.executable} -m soft_stream status --watch --env-file {file} | head -1"
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, check=True, env=ENVIRON)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_a_narrow_terminal(screen: Screen, file: Path) -> None:
    """Each line fits, so that the next table can be drawn over it; Ctrl-C leaves the last table on the terminal."""
    drawn = screen.until(lambda text: text.count(HOME) == 2)
    assert drawn.startswith(ENTER)
    lines = lines_of(drawn)
    assert max(map(len, lines)) == 60
    assert any(line.endswith("…") for line in lines)
    assert all(line.startswith(CLEAR_LINE) for line in drawn.split(HOME)[1].replace("\r", "").split("\n"))
    after = screen.end()
    assert screen.process.wait() == 0
    assert screen.text.count(ENTER) == screen.text.count(LEAVE) == 1
    left = SEQUENCE.sub("", after.rpartition(LEAVE)[2])
    assert left.splitlines()[0].startswith("CAMERA  NAME")
    assert f"fix: soft-stream serve --camera 1 --env-file {file}" in left


def test_a_terminal_that_gets_another_size(screen: Screen) -> None:
    """The table is drawn again at once, with lines that fit."""
    screen.until(lambda text: HOME in text)
    for columns in (20, 7, 100):
        screen.resize(columns)
        before = time.monotonic()
        drawn = screen.until(lambda text: HOME in text and text.endswith("\x1b[J"))
        assert time.monotonic() - before < 60
        if columns < 60:
            assert max(map(len, lines_of(drawn))) == columns
    assert max(map(len, lines_of(drawn))) > 60
    screen.end()
    assert screen.process.wait() == 0


def test_ctrl_z_leaves_the_terminal_to_the_shell(screen: Screen) -> None:
    """After `fg` the table is drawn again."""
    screen.until(lambda text: HOME in text)
    screen.suspend()
    screen.until(lambda text: text.endswith(LEAVE))
    screen.process.send_signal(signal.SIGCONT)
    drawn = screen.until(lambda text: HOME in text)
    assert drawn.startswith(ENTER)
    screen.end()
    assert screen.process.wait() == 0


def test_a_process_that_restarts_at_a_terminal(screen: Screen, file: Path) -> None:
    """The row changes with it."""
    screen.until(lambda text: "down" in text)
    for _ in range(2):
        with serving("--env-file", str(file), port=port_of(file)):
            screen.until(lambda text: "Nozzle  idle" in text)
        screen.until(lambda text: text.count("down") >= 2)
    screen.end()
    assert screen.process.wait() == 0


REPORT = CameraReport(0, "Bed", "http://127.0.0.1:18081", 30.0, (1280, 720))


def test_wide_letters() -> None:
    """They take two columns, and combining ones none."""
    assert [cut(text, 5) for text in ("カメラ", "cafe\u0301s", "12345", "123456")] == [
        "カメ…",
        "cafe\u0301s",
        "12345",
        "1234…",
    ]
    table = as_table([REPORT, CameraReport(1, "カメラ", "", 30.0, (1280, 720))], Terminal(None))
    assert table[1].index("down") == len("0       Bed     ")
    assert table[2].startswith("1       カメラ  down") or "カメラ  down" in table[2]


def test_notices_and_clients() -> None:
    """Notices are shown in both forms; the number of clients agrees with its word."""
    streaming = replace(
        REPORT,
        state="streaming",
        since=time.time() - 7300,
        fps=29.96,
        size=(640, 480),
        clients=1,
        notices=("Changed.",),
    )
    assert as_table([streaming], Terminal(None))[1:] == [
        "0       Bed   streaming  2 h    30.0 of 30  640x480  1",
        "        Changed.",
    ]
    assert as_sentences([streaming])[0].endswith(
        "camera 0 (Bed): streaming for 2 h, 1 client, 640x480, 30.0 of 30 fps; Changed."
    )
