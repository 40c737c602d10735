"""The command that runs at each opening of the camera, for what libcamera cannot set.

It runs without a shell, in a process group of its own, and has no descriptor of the camera.
"""

import asyncio
import logging
import os
import select
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from soft_stream.cameras.video_node import node_of_id
from soft_stream.capture.pause import Pause
from soft_stream.capture.status import CameraStatus
from soft_stream.config.settings import Settings
from soft_stream.message import Message

log = logging.getLogger(__name__)

# Seconds after which the command and its children are killed.
TIMEOUT = 5.0
# Seconds between two checks whether it has ended, or must be killed.
POLL_INTERVAL = 0.05
# Seconds that a killed process may take to end; one that hangs in the kernel does not.
KILL_TIMEOUT = 1.0
# What the log shows of its output.
LONGEST_OUTPUT, MOST_LINES, LONGEST_LINE = 8192, 20, 200
# The variables of this process that it gets; others are for this process only, or secret.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")
DEVICE = "{device}"


@dataclass(frozen=True)
class Ended:
    """The end of a command: its exit status, negative for a signal, and what it has printed."""

    status: int
    output: bytes
    killed: str = ""
    """Why it was killed."""


class OpenCommand:
    """The setting `open_command` of one camera."""

    def __init__(self, settings: Settings, status: CameraStatus, root: Path = Path("/")) -> None:
        self._settings = settings
        self._status = status
        self._root = root
        self._name = f"cam{settings.camera}_open_command"

    async def run(self, pause: Pause) -> bool:
        """Run the command until it ends, for TIMEOUT seconds, or until the camera is paused; False if none is set.

        Its output, and whether it failed, is logged; a failure is no fault of the camera.
        """
        if not self._settings.open_command:
            return False
        began, stop = time.monotonic(), threading.Event()
        running = asyncio.create_task(asyncio.to_thread(self._run, stop), name=self._name)
        try:
            while not running.done():
                await asyncio.wait([running], timeout=POLL_INTERVAL)
                if pause.lease:
                    stop.set()
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait([running], timeout=2 * KILL_TIMEOUT)
            raise
        problem, ended = running.result()
        for line in _lines(ended.output):
            log.info("%s: %s", self._name, line)  # only in the log: clients may see the events, not what it prints
        if problem:
            self._status.log_event(f"{self._name}: {problem}", logging.WARNING)
        else:
            seconds = round(time.monotonic() - began, 2)
            template = "{command} has run in {seconds:.2f} s"
            self._status.log_event(Message("log_command", template, command=self._name, seconds=seconds))
        return True

    def _run(self, stop: threading.Event) -> tuple[str, Ended]:
        """Run the command in this thread; return what is wrong, or "", and its end."""
        settings, negotiated = self._settings, self._status.negotiated
        # not that of the settings, which may be missing or older than the kernel's name of a bus
        camera_id = negotiated.camera_id if negotiated else ""
        node = settings.device if settings.source == "v4l2" else node_of_id(camera_id, self._root)
        device = str(node or "")
        if DEVICE in settings.open_command and not device:
            which = camera_id or f"of the source {settings.source}"
            return f"it was not run, because no device file of the camera {which} was found", Ended(0, b"")
        words = [word.replace(DEVICE, device) for word in shlex.split(settings.open_command)]
        environ = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        environ |= {"CAMERA_NUMBER": str(settings.camera), "CAMERA_ID": camera_id, "CAMERA_DEVICE": device}
        try:
            ended = run_command(words, environ, stop)
        except OSError as error:
            return f"it cannot be run: {error.strerror or error}", Ended(0, b"")
        if ended.killed:
            return f"it was killed {ended.killed}", ended
        if ended.status < 0:
            return f"it was ended by signal {-ended.status}", ended
        return f"it ended with exit status {ended.status}" if ended.status else "", ended


def run_command(
    words: Sequence[str], environ: Mapping[str, str], stop: threading.Event, timeout: float = TIMEOUT
) -> Ended:
    """Run a command until it ends, until `stop` is set, or for `timeout` seconds; then kill its process group.

    Raises:
        OSError: it cannot be run.
    """
    process = subprocess.Popen(  # noqa: S603 # root wrote it into the settings
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environ,
        cwd="/",
        start_new_session=True,
    )
    assert process.stdout  # noqa: S101 # it is a pipe
    output, deadline, killed = b"", time.monotonic() + timeout, ""
    with process.stdout as pipe:
        os.set_blocking(pipe.fileno(), False)
        while not _has_ended(process.pid):
            output += _read(pipe.fileno(), POLL_INTERVAL)[: LONGEST_OUTPUT - len(output)]
            if stop.is_set():
                killed = "because the camera is closed"
                break
            if time.monotonic() > deadline:
                killed = f"after {timeout:g} s"
                break
        while len(output) < LONGEST_OUTPUT and (rest := _read(pipe.fileno(), 0)):
            output += rest[: LONGEST_OUTPUT - len(output)]
        # before the process is waited for: until then no other process group can get its number
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            process.wait(KILL_TIMEOUT)
    return Ended(process.returncode or 0, output, killed)


def _has_ended(pid: int) -> bool:
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _read(descriptor: int, timeout: float) -> bytes:
    """Return what a pipe has after at most `timeout` seconds; nothing after its end, for which it also waits."""
    began = time.monotonic()
    if not select.select([descriptor], [], [], timeout)[0]:
        return b""
    with suppress(BlockingIOError):
        if data := os.read(descriptor, LONGEST_OUTPUT):
            return data
    time.sleep(max(0.0, timeout - (time.monotonic() - began)))
    return b""


def _lines(output: bytes) -> list[str]:
    """Return the first lines of an output as text for the log."""
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    shown = [
        "".join(each if each.isprintable() else " " for each in line)[:LONGEST_LINE] for line in lines[:MOST_LINES]
    ]
    return [*shown, "..."] if len(lines) > MOST_LINES or len(output) >= LONGEST_OUTPUT else shown
