"""Logging to stderr and a file, frame rates, and HTTP requests."""

import asyncio
import http.client
import logging
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from aiohttp import ClientSession

from soft_stream.config.loader import SettingsError, load
from soft_stream.service import fps_log
from soft_stream.web.middleware import access_log
from tests.support.processes import run, serving
from tests.support.server import QUICK, Portal, StartPortal

DATED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d (DEBUG|INFO|WARNING|ERROR) cam0 .+")


@contextmanager
def logging_requests(file: Path, *flags: str) -> Iterator[tuple["subprocess.Popen[str]", IO[str], Callable[[], None]]]:
    """Serve with a log file; yield the process, its stderr, and a function that causes one line."""
    with serving("--log-file", str(file), "--loghttp", *flags) as (process, url):
        assert process.stderr

        def ask() -> None:
            with urllib.request.urlopen(f"{url}/healthz") as answer:
                assert answer.status == 200

        yield process, process.stderr, ask


def until_said(stderr: IO[str], words: str) -> list[str]:
    """Read stderr up to the line with these words; return the lines before it."""
    before: list[str] = []
    while words not in (line := stderr.readline()):
        assert line, f"stderr ended without {words}: {before}"
        before.append(line)
    return before


def end(process: "subprocess.Popen[str]") -> None:
    """End a process as systemd does."""
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 0


def log_lines(url: str, count: int) -> None:
    """Send requests over one connection; with `--loghttp` each logs a line of about 300 bytes."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    for _ in range(count):
        connection.request("GET", f"/healthz?{'x' * 250}")
        assert connection.getresponse().read()
    connection.close()


def test_a_stderr_that_no_one_reads_stops_no_client() -> None:
    """While the pipe is full requests are answered; the lines that waited arrive when it is read again."""
    with serving("--loghttp") as (process, url):
        assert process.stderr
        log_lines(url, 600)
        with urllib.request.urlopen(f"{url}/snapshot.jpg?size=stream", timeout=10) as answer:
            assert answer.read().startswith(b"\xff\xd8")
        lines = until_said(process.stderr, "HTTP: 127.0.0.1 GET /snapshot.jpg")
        assert sum("GET /healthz?" in line for line in lines) == 600


def test_lines_that_found_no_room_are_counted() -> None:
    """At most 10,000 lines wait for the reader; the others are counted, and those of a storm."""
    with serving("--loghttp") as (process, url):
        assert process.stderr
        log_lines(url, 11_000)
        said = process.stderr.readline()
        while "log lines were dropped" not in said:
            said += process.stderr.readline()
        with urllib.request.urlopen(f"{url}/stream.mjpg"):
            while "Client connected" not in said:  # it is behind all lines that waited
                said += process.stderr.readline()
        process.terminate()
        said += process.stderr.read()
    lines = re.findall("INFO cam0 HTTP: .* GET /healthz[?]", said)
    omitted = re.findall(r"INFO cam0 (\d+) more lines? like this in", said)
    dropped = re.findall(r"WARNING cam0 (\d+) log lines were dropped: ", said)
    stream = 1  # its own line of the HTTP log; that is one of the omitted ones
    assert len(lines) + sum(map(int, omitted)) + sum(map(int, dropped)) == 11_000 + stream
    assert 1000 <= len(lines) < 2000
    assert 0 < sum(map(int, dropped)) <= 1000


def test_a_stderr_that_no_one_reads_does_not_delay_the_end() -> None:
    """SIGTERM ends the process with status 0 although its last lines cannot be written."""
    with serving("--loghttp") as (process, url):
        log_lines(url, 600)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0


def test_each_has_its_own_level(tmp_path: Path) -> None:
    """The file has lines below the level of the journal, with date and time, up to the last one, and mode 640."""
    file = tmp_path / "cam0.log"
    with port_in_use() as port:
        result = run(
            *("serve", "--source", "test-pattern", "--port", str(port)),
            *("--log-file", str(file), "--log-file-level", "D", "-d", "C"),
        )
    assert (result.returncode, result.stderr) == (75, "")
    lines = file.read_text().splitlines()
    assert all(DATED.fullmatch(line) for line in lines), lines
    assert "DEBUG cam0 Using selector" in lines[0]
    assert "ERROR cam0 Cannot listen on " in lines[-1]
    assert file.stat().st_mode & 0o777 == 0o640


def test_the_file_may_have_less_than_the_journal(tmp_path: Path) -> None:
    """A warning is in both; a line of level info is only in the journal."""
    file = tmp_path / "cam0.log"
    with serving("--log-file", str(file), "--log-file-level", "W", "--width", "162", "--height", "120") as (
        process,
        url,
    ):
        urllib.request.urlopen(f"{url}/snapshot.jpg?size=stream").close()
        end(process)
        assert process.stderr
        said = process.stderr.read()
    assert "INFO cam0 Camera open" in said
    assert file.read_text() == "".join(
        f"{date} {line}\n"
        for date, line in zip(re.findall(r"^\S+", file.read_text(), re.M), re.findall("WARNING .*", said), strict=True)
    )


@contextmanager
def port_in_use() -> Iterator[int]:
    """Yield a port that is in use."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_the_letters_of_mjpgstreamer() -> None:
    """D, I, W, E and C are levels, also of the file."""
    for letter, level in (("D", "debug"), ("I", "info"), ("W", "warning"), ("E", "error"), ("C", "critical")):
        flags = {"log_level": letter, "log_file_level": letter}
        settings = load({}, camera=0, flags=flags).cameras[0]
        assert (settings.log_level, settings.log_file_level) == (level, level)


def test_a_new_file_begins_when_one_is_full(tmp_path: Path) -> None:
    """No file exceeds the size of the settings, and the set number of older files is kept."""
    file = tmp_path / "cam0.log"
    with logging_requests(file, "--log-file-size", "1", "--log-file-count", "2") as (process, _, ask):
        for _ in range(60):
            ask()
        end(process)
    files = sorted(tmp_path.iterdir())
    assert [each.name for each in files] == ["cam0.log", "cam0.log.1", "cam0.log.2"]
    assert all(500 < each.stat().st_size <= 1000 for each in files[1:])
    lines = "".join(each.read_text() for each in reversed(files)).splitlines()
    assert all(DATED.fullmatch(line) for line in lines)
    times = [line.split()[0] for line in lines]
    assert times == sorted(times)


@pytest.mark.parametrize(
    ("make", "reason"), [(lambda _: None, "No such file"), (Path.mkdir, "Is a directory"), (os.mkfifo, "")]
)
def test_a_file_that_cannot_be_opened(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    """One warning names file, setting and reason; the process goes on with the journal only."""
    file = tmp_path / "folder" / "cam0.log"
    if reason != "No such file":
        file.parent.mkdir()
        make(file)
    flags = ["--log-file", str(file), "--loghttp"]
    command = ["serve", "--source", "test-pattern", *flags]
    with port_in_use() as port:
        result = run(*command, "--port", str(port))
    told = [line for line in result.stderr.splitlines() if str(file) in line]
    assert len(told) == 1
    assert told[0].startswith(f"WARNING cam0 {file} (cam0_log_file) cannot be written: {reason}")
    assert "Cannot listen" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_full_disk_is_reported_once(tmp_path: Path) -> None:
    """One warning for all lost lines; once there is room the file continues, with the number of missing lines."""
    file = tmp_path / "cam0.log"
    with logging_requests(file) as (process, stderr, ask):
        until_said_in(file, "Listening")
        unlimited = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (file.stat().st_size + 10, unlimited[1]))
        for _ in range(5):
            ask()
        said = until_said(stderr, "cannot be written: File too large; only the journal has the log")
        open_files = [os.readlink(each) for each in Path(f"/proc/{process.pid}/fd").iterdir() if each.is_symlink()]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)
        ask()
        said += until_said(stderr, "is written again; ")
        ask()
        end(process)
        said += stderr.readlines()
    assert open_files.count(str(file)) <= 1
    assert all(line.startswith("INFO cam0 HTTP: ") for line in said)
    lines = file.read_text().splitlines()
    written = [line for line in lines if DATED.fullmatch(line)]
    (missing,) = (int(found[1]) for line in written if (found := re.search(r"; (\d+) lines are missing", line)))
    assert missing == 3 + len(said) - len(written)  # what stderr had: these, "Listening", and two about the file
    assert [len(line) for line in lines if line not in written] == [10]  # what there was room for
    assert "HTTP: " in lines[-1]


@pytest.mark.parametrize("take_away", [Path.unlink, lambda file: file.rename(file.with_suffix(".old"))])
def test_a_file_that_is_taken_away(tmp_path: Path, take_away: Callable[[Path], None]) -> None:
    """After the file was moved or removed, the next line creates a new one."""
    file = tmp_path / "cam0.log"
    with logging_requests(file) as (process, stderr, ask):
        until_said_in(file, "Listening")
        take_away(file)
        ask()
        until_said(stderr, "HTTP: ")
        end(process)
    lines = file.read_text().splitlines()
    assert "HTTP: 127.0.0.1 GET /healthz: 200, " in lines[0]


def until_said_in(file: Path, words: str) -> None:
    """Wait until a file contains these words."""
    while not file.exists() or words not in file.read_text():
        os.sched_yield()


def test_two_cameras_need_two_files() -> None:
    """The same log file for two cameras is an error that names both lines."""
    environ = {"cam0_log_file": "/tmp/x.log", "cam1_log_file": "/tmp/x.log"}  # noqa: S108 # nothing is written
    with pytest.raises(SettingsError, match=r"cam1_log_file=/tmp/x\.log: camera 0 has the same"):
        load(environ)
    load({"cam0_name": "a", "cam1_name": "b"})


async def lines_of(portal: Portal, caplog: pytest.LogCaptureFixture, count: int) -> list[str]:
    """Wait for this number of lines about requests; return them."""
    logger = access_log.log.name
    await portal.until(lambda: sum(each.name == logger for each in caplog.records) >= count)
    return [each.getMessage() for each in caplog.records if each.name == logger]


async def test_every_request_has_a_line(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """A line has client, request, status, bytes and seconds; also for errors and for clients that disconnect."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(loghttp=True)
    forwarded = {"X-Forwarded-For": "192.0.2.7"}
    async with portal.http.get("/status.json?a=b", headers=forwarded) as answer:
        body = len(await answer.read())
    async with portal.http.get("/nothing") as answer:
        assert answer.status == 404
    async with ClientSession(f"http://127.0.0.1:{portal.port}") as leaving, leaving.get("/stream.mjpg") as stream:
        read = len(await stream.content.readexactly(100_000))
    portal.device.stall()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    state, missing, streamed = await lines_of(portal, caplog, 3)
    told = re.fullmatch(r"HTTP: 192\.0\.2\.7 GET /status\.json\?a=b: 200, (\d+) bytes, 0\.\d{3} s", state)
    assert told
    assert body < int(told[1]) < body + 500
    assert missing.startswith("HTTP: 127.0.0.1 GET /nothing: 404, ")
    told = re.fullmatch(r"HTTP: 127\.0\.0\.1 GET /stream\.mjpg: 200, (\d+) bytes, \d+\.\d{3} s", streamed)
    assert told
    assert int(told[1]) >= read


async def test_who_left_before_the_answer(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """A client that disconnects before its snapshot is logged as one without an answer."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(loghttp=True)
    portal.device.stall()
    async with ClientSession(f"http://127.0.0.1:{portal.port}") as leaving:
        asking = asyncio.create_task(leaving.get("/snapshot.jpg"))
        await portal.until(lambda: portal.supervisor.subscribers.clients)
        asking.cancel()
        await asyncio.wait([asking])
    (line,) = await lines_of(portal, caplog, 1)
    assert line.startswith("HTTP: 127.0.0.1 GET /snapshot.jpg: no answer, 0 bytes, ")


async def test_no_secrets_and_no_novels(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """Secrets in URLs are replaced, long URLs are shortened, and escapes stay escaped."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(loghttp=True)
    for query in ("apikey=123&x=%0ACRITICAL&access_token=456&y%26token%3D789", "x=" + "y" * 5000):
        async with portal.http.get(f"/healthz?{query}") as answer:
            assert answer.status == 200
    secret, long = await lines_of(portal, caplog, 2)
    assert "GET /healthz?apikey=...&x=%0ACRITICAL&access_token=...&y%26token%3D...: 200" in secret
    assert len(long) < 400


def test_no_client_adds_lines(tmp_path: Path) -> None:
    """Line breaks, colours and other control characters in a message are escaped, on stderr and in the file."""
    file = tmp_path / "log"
    forged = "Client \n\rERROR cam0 forged\x1b[31m\u2028\x9b\udcff"
    script = (
        "import logging, sys; from soft_stream.config.settings import Settings; from soft_stream.service import logs\n"
        f"with logs.configure(Settings(log_file=sys.argv[1])): logging.getLogger().warning('%s', {forged!a})"
    )
    process = subprocess.run([sys.executable, "-c", script, str(file)], check=True, capture_output=True, text=True)
    escaped = "WARNING cam0 Client \\n\\rERROR cam0 forged\\x1b[31m\\u2028\\x9b\\udcff"
    assert process.stderr.splitlines() == [escaped]
    assert file.read_text().splitlines()[0].endswith(escaped)


async def test_nothing_is_logged_unless_asked(portal: Portal, caplog: pytest.LogCaptureFixture) -> None:
    """By default requests are not logged."""
    caplog.set_level(logging.DEBUG)
    async with portal.http.get("/healthz") as answer:
        assert answer.status == 200
    assert not [each for each in caplog.records if each.name == access_log.log.name]


async def test_frames_a_second(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """While a client streams, one line in each period has the figures that webcamd shows; without streams none."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(close_after=60)
    logger = logging.getLogger("soft_stream.service.fps_log").name
    keeping = asyncio.create_task(fps_log.log_frame_rates(portal.supervisor, period=0.3))

    def lines() -> list[str]:
        return [each.getMessage() for each in caplog.records if each.name == logger]

    async with portal.http.get("/snapshot.jpg?size=stream") as answer:
        assert answer.status == 200
    await asyncio.sleep(0.7)
    assert lines() == []
    async with portal.http.get("/stream.mjpg") as one, portal.http.get("/stream.mjpg") as two:
        reading = [asyncio.create_task(each.read()) for each in (one, two)]
        await portal.until(lambda: len(lines()) >= 2)
        async with portal.http.get("/snapshot.jpg?size=stream") as answer:
            assert answer.status == 200
        count = len(lines())
        await portal.until(lambda: len(lines()) > count)
        told = re.fullmatch(
            r"FPS: captured (\d+\.\d), encoded (\d+\.\d); streams 2, on average (\d+\.\d); snapshots 1", lines()[count]
        )
        assert told, lines()
        assert all(0 < float(rate) <= QUICK.fps * 1.5 for rate in told.groups())
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)
    await portal.until(lambda: not portal.supervisor.subscribers.streaming)
    count = len(lines())
    await asyncio.sleep(0.7)
    assert len(lines()) == count
    keeping.cancel()
