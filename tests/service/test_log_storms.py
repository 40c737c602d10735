"""Storms of log lines: the first lines are written, then their number."""

import http.client
import io
import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import pytest

from soft_stream.config.loader import load
from soft_stream.service import log_storms, logs
from soft_stream.service.log_storms import LogStorms
from soft_stream.web.middleware import access_log
from tests.service.test_log_queues import wait_until
from tests.support.processes import serving

log = logging.getLogger("soft_stream.test")
SUMMARY = re.compile(r"(\w+) cam0 (\d+) more lines? like this in (\d+) s: (.*)$", re.M)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that advances the time of the storms, which stops otherwise."""
    now = 1000.0

    def advance(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("soft_stream.service.log_storms.time.monotonic", lambda: now)
    return advance


def line(
    message: str = "Client %s", *values: object, name: str = "web", level: int = logging.INFO
) -> logging.LogRecord:
    """Return a line as the queues have it."""
    record = logging.LogRecord(name, level, __file__, 1, message, values, None)
    log_storms.mark(record)
    return record


def admitted(storms: LogStorms, count: int, *values: object, **kind: object) -> int:
    """Log lines, and return how many are written."""
    return sum(storms.admit(line("Client %s", *(values or (number,)), **kind)) for number in range(count))  # type: ignore[arg-type]


def summaries(storms: LogStorms, *, is_end: bool = False) -> list[str]:
    """Return the texts of the summaries that are due."""
    return [each.getMessage() for each in storms.summaries(is_end=is_end)]


def test_a_storm_is_summarised(clock: Callable[[float], None]) -> None:
    """The first 100 lines of ten seconds are written, then the number of the others and the last one."""
    storms = LogStorms()
    assert admitted(storms, 500) == 100
    clock(9.9)
    assert summaries(storms) == []
    clock(0.2)
    assert summaries(storms) == ["400 more lines like this in 10 s: Client 499"]
    assert summaries(storms) == []


def test_a_storm_that_lasts_has_few_lines(clock: Callable[[float], None]) -> None:
    """From the second interval on 10 lines are written; after an interval without a storm, 100 again."""
    storms = LogStorms()
    admitted(storms, 101)
    for _ in range(3):
        clock(10)
        assert len(summaries(storms)) == 1
        assert admitted(storms, 5000) == 10
    clock(10)
    assert summaries(storms) == ["4990 more lines like this in 10 s: Client 4999"]
    assert admitted(storms, 11) == 10
    clock(10)
    assert summaries(storms) == ["1 more line like this in 10 s: Client 10"]
    assert admitted(storms, 500) == 100


def test_a_rate_below_the_limit_is_no_storm(clock: Callable[[float], None]) -> None:
    """Nine lines a second are all written, for ever."""
    storms, written = LogStorms(), 0
    for _ in range(1000):
        clock(0.11)
        assert summaries(storms) == []
        written += admitted(storms, 1)
    assert written == 1000


def test_other_lines_are_not_affected(clock: Callable[[float], None]) -> None:
    """Lines of another text, level or logger are written during a storm; so are other states of the camera."""
    storms = LogStorms()
    admitted(storms, 1000)
    assert storms.admit(line("Connection limit of %d reached", 96))
    assert admitted(storms, 1, level=logging.WARNING) == 1
    assert admitted(storms, 1, name="capture") == 1
    for _ in range(1000):
        storms.admit(line("%s", "PAUSED: paused by a client"))
    assert storms.admit(line("%s", "RETRYING: no frames"))
    assert not storms.admit(line("%s", "PAUSED: paused by another client"))
    assert admitted(storms, 1) == 0


def failed(message: str, failing: Callable[[], object]) -> logging.LogRecord:
    """Return a line with the traceback of a call that fails."""
    try:
        failing()
    except ArithmeticError as error:
        of_error = (type(error), error, error.__traceback__)
        record = logging.LogRecord("web", logging.ERROR, __file__, 1, message, (), of_error)
    log_storms.mark(record)
    return record


def test_errors_of_different_places_are_different(clock: Callable[[float], None]) -> None:
    """A client that causes one error again and again does not hide the traceback of another error."""
    storms = LogStorms()
    text = "Task exception was never retrieved\nfuture: <Task finished name='Task-{}'>"
    assert sum(storms.admit(failed(text.format(number), lambda: 1 / 0)) for number in range(300)) == 100
    assert storms.admit(failed(text.format(300), lambda: 1 % 0))


def test_lines_that_were_asked_for_have_a_higher_limit(clock: Callable[[float], None]) -> None:
    """The HTTP log of a page that sends 20 requests a second is complete, and so are as many debug lines."""
    storms = LogStorms()
    for _ in range(200):
        clock(0.5)
        assert summaries(storms) == []
        assert admitted(storms, 10, name=access_log.log.name) == 10
        assert admitted(storms, 10, level=logging.DEBUG) == 10
    assert admitted(storms, 5000, name=access_log.log.name) < 1000
    assert admitted(storms, 5000, level=logging.DEBUG) < 1000


def test_the_memory_is_bounded(clock: Callable[[float], None]) -> None:
    """Texts that clients choose do not add counters without limit; what is beyond is counted together."""
    storms = LogStorms()
    written = sum(storms.admit(line(f"text {number}")) for number in range(100_000))
    assert len(storms._counts) <= log_storms.MAX_KINDS + 1
    assert written == log_storms.MAX_KINDS + 100
    clock(10)
    assert summaries(storms) == [f"{100_000 - written} more lines like this in 10 s: text 99999"]
    clock(10)
    assert summaries(storms) == []
    assert storms._counts == {}


def test_a_summary_is_short(clock: Callable[[float], None]) -> None:
    """It has one line, without the traceback of the last line, and a part of a long text."""
    storms = LogStorms()
    error = ValueError("wrong")
    for _ in range(101):
        record = line("%s failed\nmore", "x" * 1000, level=logging.ERROR)
        record.exc_info = (ValueError, error, None)
        storms.admit(record)
    clock(10)
    (summary,) = storms.summaries()
    text = logging.Formatter("%(levelname)s %(message)s").format(summary)
    assert text == f"ERROR 1 more line like this in 10 s: {'x' * 200}"


@contextmanager
def logging_to(stderr: io.StringIO, file: Path, **flags: str) -> Iterator[None]:
    """Log as camera 0 does, to stderr and a file."""
    level, before = logging.getLogger().level, logging.getLogger("PIL").level
    settings = load({}, camera=0, flags={"log_file": str(file), **flags}).cameras[0]
    try:
        with redirect_stderr(stderr), logs.configure(settings):
            yield
    finally:
        logging.getLogger().setLevel(level)
        logging.getLogger("PIL").setLevel(before)


def counted(text: str) -> int:
    """Return the number of lines that a log has or counts."""
    return text.count("WARNING cam0 refused ") + sum(int(found[1]) for found in SUMMARY.findall(text))


def test_the_summary_is_written_when_the_storm_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the interval, without a further line, on stderr and in the file; the counts are complete."""
    monkeypatch.setattr(log_storms, "INTERVAL", 1.0)
    stderr, file = io.StringIO(), tmp_path / "cam0.log"
    with logging_to(stderr, file):
        for number in range(5000):
            log.warning("refused %d", number)
        for read in (stderr.getvalue, file.read_text):
            wait_until(lambda: bool(SUMMARY.search(read())) and counted(read()) == 5000)  # noqa: B023
    for text in (stderr.getvalue(), file.read_text()):
        assert counted(text) == 5000
        assert text.endswith("refused 4999\n")


def test_the_end_of_the_log_has_the_summary(tmp_path: Path) -> None:
    """A process that ends during a storm writes the number of the omitted lines first."""
    stderr, file = io.StringIO(), tmp_path / "cam0.log"
    with logging_to(stderr, file):
        for number in range(1234):
            log.error("refused %d", number)
    for text in (stderr.getvalue(), file.read_text()):
        assert text.count("ERROR cam0 refused ") == 100
        assert [found[1::2] for found in SUMMARY.findall(text)] == [("1134", "refused 1233")]


def test_a_client_that_connects_again_and_again(tmp_path: Path) -> None:
    """The log of the program has the first connections of a client, and how many more there were."""
    file = tmp_path / "cam0.log"
    with serving("--log-file", str(file), "--fps", "90", "--width", "160", "--height", "120") as (process, url):
        for _ in range(400):
            connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
            connection.request("GET", "/stream.mjpg")
            connection.getresponse().close()
            connection.close()
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert process.stderr
        said = process.stderr.read()
    for text in (said, file.read_text()):
        more = [int(found[1]) for found in SUMMARY.findall(text) if "Client connected: " in found[3]]
        written = len(re.findall(r"cam0 Client connected: ", text))
        assert more
        assert written + sum(more) == 400
        assert "IDLE" in text or "STARTING" in text
