"""The processes of several cameras under one parent."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from soft_stream.service import all_cameras, camera_process
from soft_stream.service.all_cameras import AllCameras

# A process that listens as a camera does: after a pause, if it gets one; then it waits for a signal.
CAMERA = """
import os, signal, socket, sys, time
at_term, pause = sys.argv[1:]
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
address = os.environ["NOTIFY_SOCKET"].replace("@", chr(0), 1)
time.sleep(float(pause))
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", address)
signal.sigwait([signal.SIGTERM])
if at_term:
    sys.exit(int(at_term))
signal.sigwait([signal.SIGUSR1])
"""


@pytest.fixture(autouse=True)
def _nothing_blocks_the_event_loop() -> None:
    """Let the parent wait until a process has started: it has no clients."""


def camera(*, at_term: str = "0", pause: float = 0) -> list[str]:
    """Return the command of a camera; `at_term` is its exit status after SIGTERM, "" to ignore that."""
    return [sys.executable, "-c", CAMERA, at_term, str(pause)]


def ending(status: int) -> list[str]:
    """Return the command of a camera that ends at once."""
    return ["/bin/sh", "-c", f"exit {status}"]


class Observer:
    """Notes what happens; some events may stop this process as a signal would."""

    def __init__(self, stop_after: str = "") -> None:
        self.events: list[str] = []
        self._stop_after = stop_after

    def note(self, event: str) -> None:
        """Note an event."""
        self.events.append(event)
        if event == self._stop_after:
            os.kill(os.getpid(), signal.SIGTERM)

    def listening(self, camera: int) -> None:
        """Note it."""
        self.note(f"{camera} listens")

    def all_started(self) -> None:
        """Note it."""
        self.note("all started")

    def ended(self, camera: int, status: int, pause: float | None) -> None:
        """Note it."""
        self.note(f"{camera} ended: {status}, {pause}")

    def hangs(self, camera: int) -> None:
        """Note it."""
        self.note(f"{camera} hangs")

    def stopping(self) -> None:
        """Note it."""
        self.note("stopping")


async def run(commands: dict[int, list[str]], observer: Observer) -> int:
    """Run the processes until the end, which must not take long."""
    async with asyncio.timeout(60):
        return await AllCameras(commands, os.environ, observer).run()


@contextmanager
def no_child_is_left() -> Iterator[None]:
    """Check after a block that this process has no further children."""

    def children() -> list[str]:
        return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()

    before = children()
    yield
    assert children() == before


async def test_cameras_are_reported_in_their_order() -> None:
    """A camera that listens late is reported before the next one; a signal stops all."""
    observer = Observer("all started")
    with no_child_is_left():
        assert await run({0: camera(pause=0.5), 2: camera(), 5: camera()}, observer) == 0
    assert observer.events == ["0 listens", "2 listens", "5 listens", "all started", "stopping"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_signals_stop_all_processes(number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal stop all cameras; a second signal changes nothing."""

    class Signalled(Observer):
        def all_started(self) -> None:
            os.kill(os.getpid(), number)

        def stopping(self) -> None:
            os.kill(os.getpid(), number)
            super().stopping()

    observer = Signalled()
    with no_child_is_left():
        assert await run({0: camera(), 1: camera()}, observer) == 0
    assert observer.events[-1] == "stopping"


async def test_nohup_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """A SIGHUP that is ignored at the start stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:

        class HungUp(Observer):
            def listening(self, camera: int) -> None:
                os.kill(os.getpid(), signal.SIGHUP)
                super().listening(camera)

        observer = HungUp("all started")
        assert await run({0: camera()}, observer) == 0
        assert observer.events == ["0 listens", "all started", "stopping"]
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_process_that_ends_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pause grows up to a limit, whatever the exit status; the others go on."""
    monkeypatch.setattr(all_cameras, "RESTART_PAUSE", 0.05)
    monkeypatch.setattr(all_cameras, "LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(all_cameras, "_now", lambda: 0.0)  # no run is a long one
    ended = [f"1 ended: 75, {pause}" for pause in (0.05, 0.1, 0.2, 0.2)]

    class Until(Observer):
        def ended(self, camera: int, status: int, pause: float | None) -> None:
            super().ended(camera, status, pause)
            if self.events.count(ended[-1]) == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    observer = Until()
    with no_child_is_left():
        assert await run({0: camera(), 1: ending(75)}, observer) == 0
    assert [event for event in observer.events if event.startswith("1 ")] == ended


async def test_a_killed_process_is_started_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The signal is reported; a camera that listens only then is reported as well."""
    monkeypatch.setattr(all_cameras, "RESTART_PAUSE", 0.05)
    killed_once = ["/bin/sh", "-c", '[ -e "$0" ] && exec "$@"; touch "$0"; kill -9 $$', str(tmp_path / "was-here")]
    observer = Observer("3 listens")
    with no_child_is_left():
        assert await run({3: [*killed_once, *camera()]}, observer) == 0
    assert observer.events == ["3 ended: -9, 0.05", "all started", "3 listens", "stopping"]


async def test_some_statuses_are_final() -> None:
    """A missing camera or a wrong setting is not tried again; the end of the last camera is that of the parent."""
    observer = Observer()
    assert await run({0: ending(66), 1: ending(78)}, observer) == 78
    assert {"0 ended: 66, None", "1 ended: 78, None", "all started"} == {*observer.events}


async def test_a_command_that_cannot_be_started() -> None:
    """It is tried again, as one that fails."""
    observer = Observer("0 ended: 75, 2.0")
    assert await run({0: ["/no/such/program"]}, observer) == 0


async def test_other_senders_do_not_count() -> None:
    """Only a process of the parent can say that its camera listens."""
    observer = Observer("1 ended: 66, None")
    forge = CAMERA.replace('b"READY=1"', 'b"STATUS=x"')
    command = [sys.executable, "-c", forge, "0", "0"]

    class Forged(AllCameras):
        async def _run_once(self, camera: int) -> int:
            name = self._environ["NOTIFY_SOCKET"].replace("@", "\0", 1)
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"READY=1", name)
            return await super()._run_once(camera)

    async with asyncio.timeout(60):
        assert await Forged({0: command, 1: ending(66)}, os.environ, observer).run() == 0
    assert observer.events == ["1 ended: 66, None", "stopping"]


async def test_a_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a message for the time of the watchdog it is aborted, and started again."""
    monkeypatch.setattr(all_cameras, "WATCHDOG", 0.3)
    observer = Observer("0 ended: -6, 2.0")
    with no_child_is_left():
        assert await run({0: camera()}, observer) == 0
    assert observer.events == ["0 listens", "all started", "0 hangs", "0 ended: -6, 2.0", "stopping"]


async def test_a_process_that_is_frozen_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is stopped, as by SIGSTOP, does not react to the first signal."""
    monkeypatch.setattr(all_cameras, "WATCHDOG", 0.3)
    monkeypatch.setattr(camera_process, "STOP_TIMEOUT", 0.2)
    observer = Observer("0 ended: -9, 2.0")
    frozen = CAMERA.replace("signal.sigwait([signal.SIGTERM])", "os.kill(os.getpid(), signal.SIGSTOP)")
    with no_child_is_left():
        assert await run({0: [sys.executable, "-c", frozen, "0", "0"]}, observer) == 0
    assert observer.events[2:] == ["0 hangs", "0 ended: -9, 2.0", "stopping"]


async def test_a_process_that_does_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time of the unit it gets SIGKILL."""
    monkeypatch.setattr(camera_process, "STOP_TIMEOUT", 0.2)
    with no_child_is_left():
        assert await run({0: camera(at_term=""), 1: camera()}, Observer("all started")) == 0


async def test_a_terminal_that_is_gone_stops_all() -> None:
    """An error while an event is printed stops the cameras, and is raised."""

    class Gone(Observer):
        def listening(self, camera: int) -> None:
            raise BrokenPipeError

    with no_child_is_left(), pytest.raises(BrokenPipeError):
        await run({0: camera(), 1: camera()}, Gone())


async def test_variables_of_the_parent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A process gets the socket of its parent, not that of systemd, and is in a session of its own."""
    for name, text in {"NOTIFY_SOCKET": "/run/systemd/notify", "WATCHDOG_PID": "1", "WATCHDOG_USEC": "5"}.items():
        monkeypatch.setenv(name, text)
    file = tmp_path / "environ"
    script = f'(env; ps -o sid= -p $$; echo $$) >"{file}"; exit 66'
    assert await run({0: ["/bin/sh", "-c", script]}, Observer()) == 66
    *environ, session, pid = file.read_text().split("\n")[:-1]
    assert session.strip() == pid
    assert "WATCHDOG_USEC=30000000" in environ
    assert not any(line.startswith(("NOTIFY_SOCKET=/", "WATCHDOG_PID=")) for line in environ)
