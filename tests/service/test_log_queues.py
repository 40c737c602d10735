"""The queues between the log and its destinations: slow and stuck destinations."""

import io
import logging
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import pytest

from soft_stream.config.loader import load
from soft_stream.service import log_destinations, log_storms, logs
from tests.service.test_logs import log_lines, until_said
from tests.support.processes import ENVIRON, free_port, serving

log = logging.getLogger("soft_stream.test")
DROPPED = re.compile(r"WARNING cam0 (\d+) log lines were dropped: (.+) was too slow$", re.M)

# `soft-stream serve` with a log file whose writes never return
STUCK_FILE = """
import sys, threading
from soft_stream.cli.main import main
from soft_stream.service import log_destinations, log_storms, logs
log_destinations.LogFile.emit = lambda *_: threading.Event().wait()
sys.exit(main(sys.argv[1:]))
"""


class SlowStream(io.StringIO):
    """A stream of which each write waits until `accepts` is set; `on_write` may log more lines."""

    def __init__(self) -> None:
        super().__init__()
        self.accepts = threading.Event()
        self.on_write: Callable[[], None] | None = None

    def write(self, text: str) -> int:
        """Write a line."""
        self.accepts.wait()
        if on_write := self.on_write:
            time.sleep(0.001)
            on_write()
        return super().write(text)


@pytest.fixture(autouse=True)
def no_storms(monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal lines are no storm in these tests."""
    monkeypatch.setattr(log_storms, "BURST", 1_000_000)


@pytest.fixture(autouse=True)
def clean_up() -> Iterator[None]:
    """Restore the levels that `logs.configure` changes, and wait for the threads that were stuck."""
    loggers = [logging.getLogger(name) for name in (None, "aiohttp.server", "PIL")]
    before = [each.level for each in loggers]
    yield
    for thread in threading.enumerate():
        if thread.daemon:
            thread.join(5)
    for logger, level in zip(loggers, before, strict=True):
        logger.setLevel(level)


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowStream]:
    """A stderr that accepts no line yet, and queues of 10 lines."""
    stream = SlowStream()
    monkeypatch.setattr(logs, "QUEUE_LIMIT", 10)
    yield stream
    stream.accepts.set()


@pytest.fixture
def stuck_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Log files whose writes wait until the event is set."""
    accepts, emit = threading.Event(), log_destinations.LogFile.emit

    def wait_and_emit(file: log_destinations.LogFile, record: logging.LogRecord) -> None:
        accepts.wait()
        emit(file, record)

    monkeypatch.setattr(log_destinations.LogFile, "emit", wait_and_emit)
    yield accepts
    accepts.set()


@contextmanager
def logging_to(stderr: SlowStream, **flags: str) -> Iterator[None]:
    """Log as camera 0 does with these flags, to this stderr."""
    with redirect_stderr(stderr), logs.configure(load({}, camera=0, flags=flags).cameras[0]):
        yield


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait up to 60 s for a condition."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "the lines were not written within 60 s"
        time.sleep(0.001)


def dropped_in(text: str) -> int:
    """Return how many lines were dropped in all, as a log says."""
    return sum(int(found[1]) for found in DROPPED.finditer(text))


def test_steady_overload_is_reported_while_it_lasts(stderr: SlowStream) -> None:
    """A count of dropped lines is logged each second although the queue is never empty; the counts are complete."""
    sent = 0

    def send() -> None:
        nonlocal sent
        for _ in range(3):
            log.info("line")
            sent += 1

    with logging_to(stderr):
        send()
        stderr.on_write = send
        stderr.accepts.set()
        time.sleep(3.5)
        during = stderr.getvalue()
        stderr.on_write = None
        length = len(stderr.getvalue())
        wait_until(lambda: len(stderr.getvalue()) > length)  # a last call of `send` may be running
    after = stderr.getvalue()
    assert 2 <= len(DROPPED.findall(during)) <= 4
    assert after.count("INFO cam0 line") + dropped_in(after) == sent


def test_lines_dropped_before_the_end_are_reported(stderr: SlowStream) -> None:
    """The last line is the number of dropped lines if stderr is read again while the log ends."""
    with logging_to(stderr):
        for _ in range(50):
            log.info("line")
        threading.Timer(0.3, stderr.accepts.set).start()
    lines = stderr.getvalue().splitlines()
    assert lines.count("INFO cam0 line") in (10, 11)  # the thread may have taken one before the queue was full
    assert lines[-1] == f"WARNING cam0 {51 - len(lines)} log lines were dropped: stderr was too slow"


def test_lines_dropped_while_the_log_ends_are_reported(stderr: SlowStream) -> None:
    """Lines that other threads log while the last lines wait are counted, too."""

    def log_and_recover() -> None:
        for _ in range(50):
            log.info("late")
        stderr.accepts.set()

    with logging_to(stderr):
        for _ in range(11):
            log.info("line")
        threading.Timer(0.3, log_and_recover).start()
    assert dropped_in(stderr.getvalue()) in (50, 51)


def test_a_report_obeys_the_level(stderr: SlowStream) -> None:
    """A stderr of level critical gets no warning about dropped lines."""
    with logging_to(stderr, log_level="critical"):
        for _ in range(50):
            log.critical("line")
        stderr.accepts.set()
    assert set(stderr.getvalue().splitlines()) == {"CRITICAL cam0 line"}


def test_only_the_slow_destination_drops_lines(stderr: SlowStream, tmp_path: Path) -> None:
    """While stderr accepts no line the file gets all; only stderr gets the warning, which names it."""
    file = tmp_path / "cam0.log"
    with logging_to(stderr, log_file=str(file)):
        for number in range(50):
            log.info("line %d", number)
            wait_until(lambda: file.exists() and file.read_text().count("INFO cam0 line") > number)  # noqa: B023
        stderr.accepts.set()
    assert file.read_text().count("INFO cam0 line") == 50
    assert "dropped" not in file.read_text()
    assert [found[2] for found in DROPPED.finditer(stderr.getvalue())] == ["stderr"]


def test_a_slow_file_is_named(stderr: SlowStream, stuck_file: threading.Event, tmp_path: Path) -> None:
    """The warning about lines that the file did not get is in the file and names it."""
    file = tmp_path / "cam0.log"
    stderr.accepts.set()
    with logging_to(stderr, log_file=str(file)):
        for number in range(50):
            log.info("line %d", number)
            wait_until(lambda: stderr.getvalue().count("INFO cam0 line") > number)  # noqa: B023
        stuck_file.set()
    assert [found[2] for found in DROPPED.finditer(file.read_text())] == [str(file)]
    assert "dropped" not in stderr.getvalue()


def test_two_stuck_destinations_share_the_deadline(
    stderr: SlowStream, stuck_file: threading.Event, tmp_path: Path
) -> None:
    """The log ends after one second although neither stderr nor the file accepts a line."""
    with logging_to(stderr, log_file=str(tmp_path / "cam0.log")):
        log.info("line")
        began = time.monotonic()
    assert 0.9 < time.monotonic() - began < 1.8
    assert (stderr.accepts.is_set(), stuck_file.is_set()) == (False, False)


def test_a_stderr_that_is_not_read_does_not_stop_the_file(tmp_path: Path) -> None:
    """The file gets each line although the pipe of stderr is full, and the process ends with status 0."""
    file = tmp_path / "cam0.log"
    with serving("--loghttp", "--log-file", str(file)) as (process, url):
        log_lines(url, 1000)
        wait_until(lambda: file.read_text().count("GET /healthz?") == 1000)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_a_stuck_file_does_not_stop_stderr(tmp_path: Path) -> None:
    """All lines up to the last one are on stderr, and the process ends with status 0."""
    port = free_port()
    command = [sys.executable, "-c", STUCK_FILE, "serve", "--source", "test-pattern", "--port", str(port)]
    flags = ["--loghttp", "--log-file", str(tmp_path / "cam0.log")]
    with subprocess.Popen([*command, *flags], stderr=subprocess.PIPE, text=True, env=ENVIRON) as process:
        limit = threading.Timer(120, process.kill)
        limit.start()
        try:
            assert process.stderr
            until_said(process.stderr, "Listening on")
            log_lines(f"http://127.0.0.1:{port}", 100)
            process.send_signal(signal.SIGTERM)
            lines = process.stderr.readlines()
            assert sum("GET /healthz?" in line for line in lines) == 100
            assert process.wait(timeout=10) == 0
        finally:
            limit.cancel()
            process.kill()
