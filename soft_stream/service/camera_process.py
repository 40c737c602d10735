"""One camera's process as a child of this one: it ends when its parent ends, however that happens."""

import asyncio
import ctypes
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

# of <linux/prctl.h>
PR_SET_PDEATHSIG = 1
# seconds, as TimeoutStopSec= of the unit
STOP_TIMEOUT = 15.0


class CameraProcess:
    """A running process.

    It has a session of its own, so that Ctrl-C and a closed terminal reach only the parent, which stops all cameras in
    order. If the parent is killed, the kernel sends SIGTERM to the process.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        """Start the process.

        Raises:
            OSError: it cannot be started.
        """
        parent, libc = os.getpid(), ctypes.CDLL(None)

        def end_with_parent() -> None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:  # it was killed a moment ago
                os._exit(os.EX_TEMPFAIL)

        self._child = subprocess.Popen(  # noqa: S603 # our own program
            command, env=environ, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=end_with_parent
        )
        self._ended = asyncio.Event()
        try:
            self._pidfd = os.pidfd_open(self._child.pid)
        except OSError:
            self._child.kill()
            self._child.wait()
            raise
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)

    @property
    def pid(self) -> int:
        """The pid of the process."""
        return self._child.pid

    async def wait(self) -> int:
        """Wait for the end, and return the exit status; a negative number is that of a signal."""
        await self._ended.wait()
        return self._child.wait()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop the process by a signal, and kill it if it does not end in time."""
        self._child.send_signal(number)
        try:
            async with asyncio.timeout(STOP_TIMEOUT):
                await self._ended.wait()
        except TimeoutError:
            self._child.kill()
            await self._ended.wait()

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self._child.wait()
        self._ended.set()
