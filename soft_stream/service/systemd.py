"""What systemd is told: ready, the state, and that we are alive.

The protocol is one datagram for each message (`man sd_notify`).
"""

import asyncio
import logging
import os
import socket
from collections import deque
from collections.abc import Mapping

from soft_stream.capture.camera_thread import CameraThread

log = logging.getLogger(__name__)

# When systemd is too busy to be told something, it is told again after so many seconds.
BUSY_PAUSE = 0.1


class SystemdNotifier:
    """The socket of systemd; without one, as in a shell, all messages go nowhere."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        # what is meant for a process that started us is not meant for us (`man sd_watchdog_enabled`)
        is_meant = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog = int(environ.get("WATCHDOG_USEC", "0")) / 1_000_000 if is_meant else 0.0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._status = ""
        self._untold: deque[str] = deque()

    def close(self) -> None:
        """Free the socket."""
        self._untold.clear()
        self._socket.close()

    def ready(self) -> None:
        """Tell that requests are answered."""
        self._tell("READY=1")
        if not self._status:
            self.status("IDLE: nobody has asked yet")

    def status(self, sentence: str) -> None:
        """Tell what `systemctl status` is to show."""
        if sentence != self._status:
            self._status = sentence
            self._tell(f"STATUS={sentence}")

    def stopping(self) -> None:
        """Tell that the end is near."""
        self._tell("STOPPING=1")

    async def keep_alive(self, thread: CameraThread) -> None:
        """Tell that we are alive for as long as the event loop runs and no call into the camera hangs.

        A binding that holds the interpreter's lock stops the event loop, and with it these messages: only systemd can
        end such a hang. A pause, a slow start or a camera in other hands is none.
        """
        while self._watchdog:
            if not thread.overrun and not self._untold:
                self._tell("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 2)

    def _tell(self, message: str) -> None:
        if self._address:
            self._untold.append(message.replace("\n", " "))
            if len(self._untold) == 1:  # else it waits for its turn
                self._send()

    def _send(self) -> None:
        """Send what was not sent yet, in order; systemd's queue holds few messages, and a full one is tried again."""
        while self._untold:
            try:
                self._socket.sendto(self._untold[0].encode(), _path(self._address))
            except BlockingIOError:
                asyncio.get_running_loop().call_later(BUSY_PAUSE, self._send)
                return
            except OSError as error:
                log.warning("systemd cannot be told %s: %s", self._untold[0], error)
            self._untold.popleft()


def _path(address: str) -> str:
    """An address that begins with @ is in the abstract namespace."""
    return f"\0{address[1:]}" if address.startswith("@") else address
