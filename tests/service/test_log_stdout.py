"""The log on the standard output: `log_file=-`."""

import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from soft_stream.config.loader import SettingsError, load
from tests.service.test_logs import DATED, log_lines, until_said
from tests.support.processes import ENVIRON, free_port


@contextmanager
def serving(stdout: int | IO[str], *flags: str) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """Serve with the log on stdout; yield the process and its URL."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "soft_stream",
        "serve",
        "--source",
        "test-pattern",
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
    ]
    with subprocess.Popen(
        [*command, "--log-file", "-", *flags], stdout=stdout, stderr=subprocess.PIPE, text=True, env=ENVIRON
    ) as process:
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def end(process: "subprocess.Popen[str]") -> None:
    """End a process as systemd does; it must end with status 0 although its log may have no reader."""
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def test_the_log_is_on_stdout_and_only_there() -> None:
    """Each line has date and time, as in a log file; --log-level is its level; nothing is on stderr."""
    with serving(subprocess.PIPE, "-d", "debug") as (process, _):
        assert process.stdout
        assert process.stderr
        before = until_said(process.stdout, "INFO cam0 Listening on http://127.0.0.1:")
        assert any("DEBUG cam0 Using selector" in line for line in before)
        end(process)
        lines = [*before, *process.stdout]
        assert all(DATED.fullmatch(line.rstrip("\n")) for line in lines), lines
        assert process.stderr.read() == ""


def test_a_file_gets_each_line_at_once(tmp_path: Path) -> None:
    """Lines are not buffered when stdout is a file."""
    with (tmp_path / "log").open("w") as file, serving(file) as (process, _):
        while "Listening" not in (tmp_path / "log").read_text():
            assert process.poll() is None
            os.sched_yield()


def test_a_pipe_that_is_not_read_stops_nothing() -> None:
    """While the pipe is full requests are answered and the process can end; the lines wait until it is read."""
    with serving(subprocess.PIPE, "--loghttp") as (process, url):
        assert process.stdout
        until_said(process.stdout, "Listening")
        log_lines(url, 600)
        with urllib.request.urlopen(f"{url}/snapshot.jpg?size=stream", timeout=10) as answer:
            assert answer.read().startswith(b"\xff\xd8")
        lines = until_said(process.stdout, "HTTP: 127.0.0.1 GET /snapshot.jpg")
        assert sum("GET /healthz?" in line for line in lines) == 600
        log_lines(url, 600)
        end(process)


@pytest.mark.parametrize("reason", ["Broken pipe", "No space left on device"])
def test_a_stdout_that_fails_is_replaced_by_stderr(reason: str) -> None:
    """No line is lost: the log continues on stderr with one warning; the server goes on and ends with status 0."""
    reader, writer = os.pipe()
    if reason != "Broken pipe":
        os.close(writer)
        writer = os.open("/dev/full", os.O_WRONLY)
    os.close(reader)
    with serving(writer, "--loghttp") as (process, url):
        os.close(writer)
        assert process.stderr
        before = until_said(process.stderr, "INFO cam0 Listening")
        with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
            assert answer.status == 200
        end(process)
        others = [*before, *process.stderr]
    warning = f"WARNING cam0 stdout cannot be written: {reason}; the log continues on stderr"
    expected = (warning, "GET /healthz: 200")  # in either order: the warning is queued when the first line fails
    assert len(others) == 2
    assert all(any(text in line for line in others) for text in expected)


def test_a_closed_stdout() -> None:
    """Without a standard output the log is on stderr."""
    port = free_port()
    command = 'exec "$@" >&-'
    serve = ["serve", "--source", "test-pattern", "--port", str(port), "--log-file", "-"]
    with subprocess.Popen(
        ["/bin/sh", "-c", command, "sh", sys.executable, "-m", "soft_stream", *serve],
        stderr=subprocess.PIPE, text=True, env=ENVIRON,
    ) as process:  # fmt: skip
        try:
            assert process.stderr
            assert until_said(process.stderr, "INFO cam0 Listening") == []
            end(process)
        finally:
            process.kill()


def test_all_cameras_may_use_stdout() -> None:
    """`-` is valid for all cameras and for several; a file is not, and other relative paths are errors."""
    loaded = load({"cam_log_file": "-", "cam0_name": "a", "cam1_log_file": "/var/log/cam1.log"})
    assert [each.log_file for each in loaded.cameras.values()] == ["-", "/var/log/cam1.log"]
    assert load({"cam0_log_file": "-", "cam1_log_file": "-"}).cameras[1].log_file == "-"
    with pytest.raises(SettingsError, match=r"cam1_log_file=/a\.log: camera 0 has the same"):
        load({"cam_log_file": "/a.log", "cam0_name": "a", "cam1_name": "b"})
    with pytest.raises(SettingsError, match=r"must be an absolute path, - \(standard output\), or empty"):
        load({"cam0_log_file": "cam0.log"})
