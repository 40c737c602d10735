"""The command that runs at each opening of the camera: its environment, its output, its end."""

import asyncio
import logging
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from soft_stream.cameras.base import Negotiated
from soft_stream.capture.open_command import LONGEST_LINE, MOST_LINES, OpenCommand, run_command
from soft_stream.capture.pause import Borrower, Pause
from soft_stream.capture.status import CameraStatus, State
from soft_stream.frames.raw import Orientation
from tests.cameras.test_video_node import Machine
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, StartPortal

USB = "/base/scb/pcie@7d500000/pci@0,0/usb@0,0-1.4:1.0-046d:0825"
SOON = 10.0
"""Seconds within which the kernel ends a killed process."""
FOREVER = "1000"
"""Seconds that no test waits for."""


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


@pytest.fixture
def webcam(tmp_path: Path) -> Path:
    """Return the root of a machine with a webcam at /dev/video2 and /dev/video10."""
    machine = Machine(tmp_path)
    machine.add_tree_node("pci", "scb/pcie@7d500000/pci@0,0/usb@0,0")
    machine.add_node("video0", "codec")
    for name in ("video10", "video2"):
        machine.add_webcam(name, "pci", "1.4", "046d:0825")
    return machine.root


def negotiated(camera_id: str) -> Negotiated:
    """Return what the camera with this id has negotiated."""
    return Negotiated((640, 480), "MJPEG", 0, "sYCC", "", 30.0, False, Orientation(), camera_id=camera_id)


async def log_of(
    command: str, caplog: pytest.LogCaptureFixture, root: Path = Path("/"), source: str = "picamera"
) -> str:
    """Run a command for the webcam; return the log. The settings have an id as before an update of the kernel."""
    settings = replace(QUICK, camera=1, id=USB.replace("/scb/", "/soc/"), source=source, open_command=command)
    status = CameraStatus(settings)
    status.set_negotiated(negotiated(USB if source == "picamera" else ""))
    assert await OpenCommand(settings, status, root).run(Pause(lambda: None))
    return caplog.text


def is_running(pid: int) -> bool:
    """Return whether a process runs; a zombie that init has not removed yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_gone(pid: int) -> bool:
    """Wait until a killed process does not run; return whether that is soon."""
    deadline = time.monotonic() + SOON
    while is_running(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not is_running(pid)


async def test_it_gets_the_camera(
    webcam: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its words and its environment name the first device file; it gets no other variables, nor a shell."""
    monkeypatch.setenv("SECRET", "x")
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/systemd/notify")
    text = await log_of("/usr/bin/env printf '%s|' -d {device} '$HOME;*' --id=/x{device}", caplog, webcam)
    assert "cam1_open_command: -d|/dev/video2|$HOME;*|--id=/x/dev/video2|" in text
    caplog.clear()
    lines = set((await log_of("/usr/bin/env", caplog, webcam)).split())
    assert {"CAMERA_NUMBER=1", f"CAMERA_ID={USB}", "CAMERA_DEVICE=/dev/video2"} <= lines
    assert not any(line.startswith(("SECRET", "NOTIFY_SOCKET")) for line in lines)
    assert "cam1_open_command has run in " in caplog.text


async def test_a_camera_without_a_device_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A command that needs the file is not run; another one is."""
    assert f"no device file of the camera {USB} was found" in await log_of("touch {device}", caplog, tmp_path)
    caplog.clear()
    assert "open_command: ok" in await log_of("echo ok", caplog, tmp_path)
    caplog.clear()
    assert "open_command: []" in await log_of("sh -c 'echo [$CAMERA_DEVICE]'", caplog, source="test-pattern")


@pytest.mark.parametrize(
    ("command", "warning"),
    [
        ("sh -c 'echo broken >&2; exit 3'", "it ended with exit status 3"),
        ("sh -c 'kill -TERM $$'", "it was ended by signal 15"),
        ("no-such-program -d", "it cannot be run: No such file or directory"),
        ("/", "it cannot be run: Permission denied"),
    ],
)
async def test_a_failure_is_a_warning(command: str, warning: str, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the reason and what was printed."""
    text = await log_of(command, caplog, source="folder")
    assert [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING] == [
        f"cam1_open_command: {warning}"
    ]
    assert ("cam1_open_command: broken" in text) == ("broken" in command)


async def test_its_output_is_bounded_and_printable(caplog: pytest.LogCaptureFixture) -> None:
    """The log shows the first lines; a command that prints without end is read, and killed in time."""
    await log_of(
        r"""sh -c 'printf "\033[31mred\n\377\n\n"; seq 1000; yes | head -c 3000000'""", caplog, source="folder"
    )
    lines = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert lines[:3] == [" [31mred", "\N{REPLACEMENT CHARACTER}", "1"]
    assert lines[MOST_LINES] == "..."
    assert "has run in" in caplog.records[-1].getMessage()
    caplog.clear()
    await log_of("sh -c 'yes | head -c 500 | tr -d \"\\n\"'", caplog, source="folder")
    assert len(caplog.records[0].getMessage().partition(": ")[2]) == LONGEST_LINE


def test_after_the_time_its_whole_group_is_killed(tmp_path: Path) -> None:
    """A child that ignores signals and holds the output open is killed, too; what was printed is kept."""
    script = f"trap '' TERM HUP; sleep {FOREVER} & echo $! $$ > {tmp_path}/pids; echo begun; sleep 3; echo late; wait"
    began = time.monotonic()
    ended = run_command(["sh", "-c", script], os.environ, threading.Event(), timeout=0.5)
    assert (ended.killed, ended.status, ended.output) == ("after 0.5 s", -9, b"begun\n")
    assert time.monotonic() - began >= 0.5
    assert all(is_gone(int(pid)) for pid in (tmp_path / "pids").read_text().split())


def test_a_child_that_outlives_it_is_killed(tmp_path: Path) -> None:
    """Each opening would leave one more process; the command is not waited for beyond its own end."""
    script = f"sleep {FOREVER} & echo $! > {tmp_path}/pid; echo done"
    ended = run_command(["sh", "-c", script], os.environ, threading.Event(), timeout=float(FOREVER))
    assert (ended.killed, ended.status, ended.output) == ("", 0, b"done\n")
    assert is_gone(int((tmp_path / "pid").read_text()))


def test_a_command_that_closes_its_output_is_waited_for() -> None:
    """The end of the output is not the end of the command, nor a busy loop."""
    before = time.process_time()
    ended = run_command(["sh", "-c", "exec >&- 2>&-; sleep 1; exit 7"], os.environ, threading.Event())
    assert (ended.status, ended.killed) == (7, "")
    assert time.process_time() - before < 0.5  # a loop would take a second


async def test_it_runs_at_each_opening_before_the_first_frame(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Every opening runs it, a restart of the stream does not; the camera streams also after a failure."""
    portal = await start_portal(open_command=f"sh -c 'echo x >> {tmp_path}/runs; exit 1'", autofocus="off")
    for times in (1, 2):
        reader = await StreamReader.get(portal.port)
        assert (tmp_path / "runs").read_text() == "x\n" * times
        await reader.close()
        await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    messages = [record.getMessage() for record in caplog.records]
    assert messages.index("cam0_open_command: it ended with exit status 1") < next(
        place for place, message in enumerate(messages) if message.startswith("First frame after")
    )
    assert portal.supervisor.status.counters.restarts == 0


async def test_clients_do_not_see_what_it_prints(start_portal: StartPortal) -> None:
    """Its output is in the log, which only the owner reads; that it failed is an event."""
    portal = await start_portal(open_command="sh -c 'echo a secret; exit 9'")
    reader = await StreamReader.get(portal.port)
    for url in ("/status.json?history=1", "/?info"):
        async with portal.http.get(url) as answer:
            text = await answer.text()
            assert "secret" not in text
            assert ("exit status 9" in text) == ("status.json" in url)
    await reader.close()


async def test_a_pause_does_not_wait_for_it(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """The camera is released at once; the command is killed."""
    portal = await start_portal(open_command=f"sleep {FOREVER}")
    client = asyncio.create_task(portal.http.get("/stream.mjpg"))
    await portal.until(lambda: portal.device.opened)
    portal.supervisor.pause.acquire("test", Borrower("a test"), 60.0)
    await portal.until(lambda: portal.supervisor.status.state is State.PAUSED)
    assert "cam0_open_command: it was killed because the camera is closed" in caplog.text
    assert portal.device.closed == 1
    client.cancel()


async def test_the_end_of_the_process_does_not_wait_for_it(start_portal: StartPortal, tmp_path: Path) -> None:
    """The command is killed, and the camera is closed."""
    portal = await start_portal(open_command=f"sh -c 'echo $$ > {tmp_path}/pid; exec sleep {FOREVER}'")
    client = asyncio.create_task(portal.http.get("/stream.mjpg"))
    await portal.until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    assert (await portal.http.get("/healthz")).status in (200, 503)  # the event loop is not blocked
    portal.life.cancel()
    await asyncio.wait([portal.life])
    assert not is_running(int((tmp_path / "pid").read_text()))
    assert portal.device.closed == 1
    client.cancel()
