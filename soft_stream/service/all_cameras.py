"""The processes of several cameras under one parent, which does for them what systemd does for units."""

import asyncio
import signal
from collections.abc import Mapping, Sequence
from typing import Protocol

from soft_stream.service.camera_process import CameraProcess
from soft_stream.service.exit_status import ExitStatus
from soft_stream.service.notify_socket import NotifySocket

# as in the unit: RestartSec=, RestartMaxDelaySec=, RestartPreventExitStatus=, WatchdogSec=
RESTART_PAUSE, LONGEST_PAUSE = 2.0, 60.0
FINAL = (ExitStatus.CAMERA_MISSING, ExitStatus.CONFIG_ERROR)
WATCHDOG = 30.0
# variables of systemd that are meant for this process, not for its children
OF_PARENT = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


class Observer(Protocol):
    """What the parent does when something happens to its processes."""

    def listening(self, camera: int) -> None:
        """A camera listens for the first time."""

    def all_started(self) -> None:
        """Each camera listens, or its first process has ended."""

    def ended(self, camera: int, status: int, pause: float | None) -> None:
        """A process has ended; the next one starts after a pause, or none does."""

    def hangs(self, camera: int) -> None:
        """A process has sent no message for too long, and is ended."""

    def stopping(self) -> None:
        """A signal stops the cameras."""


class AllCameras:
    """Runs a command for each camera until a signal, or until none of them can go on."""

    def __init__(self, commands: Mapping[int, Sequence[str]], environ: Mapping[str, str], observer: Observer) -> None:
        self._commands = commands
        self._environ = {name: text for name, text in environ.items() if name not in OF_PARENT}
        self._observer = observer
        self._running: dict[int, CameraProcess] = {}
        self._heard_at: dict[int, float] = {}
        self._aborting: dict[int, asyncio.Task[None]] = {}
        self._unreported = [*commands]
        self._started: dict[int, bool] = {}
        self._announced: list[int] = []
        self._events: asyncio.Queue[int] = asyncio.Queue()

    async def run(self) -> ExitStatus | int:
        """Run until the end and return the exit status: 0 after a signal, else the highest one of the cameras."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup ignores it
                loop.add_signal_handler(number, stop.set)
        notify = NotifySocket()
        self._environ.setdefault("PYTHONFAULTHANDLER", "1")
        self._environ |= {"NOTIFY_SOCKET": notify.address, "WATCHDOG_USEC": f"{WATCHDOG * 1_000_000:.0f}"}
        loop.add_reader(notify.fileno(), self._receive, notify)
        keeping = [asyncio.create_task(self._keep_running(camera)) for camera in self._commands]
        others = [asyncio.create_task(each) for each in (stop.wait(), self._report(), self._watch())]
        all_ended = asyncio.create_task(asyncio.wait(keeping, return_when=asyncio.FIRST_EXCEPTION))
        try:
            await asyncio.wait([all_ended, *others], return_when=asyncio.FIRST_COMPLETED)
            if stop.is_set():
                self._observer.stopping()
        finally:
            for task in (*keeping, all_ended, *others):
                task.cancel()
            await asyncio.wait([*keeping, all_ended, *others])
            loop.remove_reader(notify.fileno())
            notify.close()
        for task in (*keeping, *others):
            if not task.cancelled() and (error := task.exception()):
                raise error
        return ExitStatus.STOPPED if stop.is_set() else max(task.result() for task in keeping)

    async def _keep_running(self, camera: int) -> int:
        """Start the process of a camera again whenever it ends; return its exit status if that would not help."""
        pause = RESTART_PAUSE
        while True:
            started_at = _now()
            status = await self._run_once(camera)
            if _now() - started_at > LONGEST_PAUSE:
                pause = RESTART_PAUSE
            self._observer.ended(camera, status, None if status in FINAL else pause)
            self._set_started(camera, is_listening=False)
            if status in FINAL:
                return status
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _run_once(self, camera: int) -> int:
        try:
            process = CameraProcess(self._commands[camera], self._environ)
        except OSError:  # too many processes, or no memory
            return ExitStatus.TEMPORARY_FAILURE
        self._running[camera] = process
        try:
            return await process.wait()
        except asyncio.CancelledError:
            await process.stop()
            raise
        finally:
            del self._running[camera]
            self._heard_at.pop(camera, None)

    def _receive(self, notify: NotifySocket) -> None:
        """Take the messages of the processes; those of other senders do not count."""
        for pid, lines in notify.receive():
            camera = next((camera for camera, process in self._running.items() if process.pid == pid), None)
            if camera is None:
                continue
            if "READY=1" in lines:
                self._heard_at[camera] = _now()
                self._events.put_nowait(camera)
            elif camera in self._heard_at:
                self._heard_at[camera] = _now()

    async def _report(self) -> None:
        """Report which cameras listen; a terminal that is gone ends this task, and with it all cameras."""
        while True:
            self._set_started(await self._events.get(), is_listening=True)

    def _set_started(self, camera: int, *, is_listening: bool) -> None:
        """Report in the order of the cameras which of them listen; one that listens only later is reported then."""
        self._started[camera] = is_listening or self._started.get(camera, False)
        were_starting = bool(self._unreported)
        while self._unreported and self._unreported[0] in self._started:
            self._unreported.pop(0)
        for each in self._commands:
            if self._started.get(each) and each not in (*self._unreported, *self._announced):
                self._announced.append(each)
                self._observer.listening(each)
        if were_starting and not self._unreported:
            self._observer.all_started()

    async def _watch(self) -> None:
        """End processes whose event loop hangs, as systemd's watchdog does."""
        while True:
            await asyncio.sleep(WATCHDOG / 3)
            for camera, heard_at in [*self._heard_at.items()]:
                if _now() - heard_at > WATCHDOG:
                    self._heard_at.pop(camera)
                    self._observer.hangs(camera)
                    # with PYTHONFAULTHANDLER=1, as in the unit, the log then has the traceback of each thread
                    self._aborting[camera] = asyncio.create_task(self._running[camera].stop(signal.SIGABRT))


def _now() -> float:
    return asyncio.get_running_loop().time()
