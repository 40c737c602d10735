"""Messages to systemd: READY, the status text, and the watchdog.

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

# seconds until a message is sent again that did not fit into systemd's queue
RETRY_PAUSE = 0.1


class SystemdNotifier:
    """Sends messages to systemd's socket; without one, as in a shell, they are discarded."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        # the variables may be inherited from a parent process that they were meant for (`man sd_watchdog_enabled`)
        is_for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._watchdog = int(environ.get("WATCHDOG_USEC", "0")) / 1_000_000 if is_for_us else 0.0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._status = ""
        self._pending: deque[str] = deque()

    def close(self) -> None:
        """Close the socket and discard messages that were not sent."""
        self._pending.clear()
        self._socket.close()

    def ready(self) -> None:
        """Report that requests are answered."""
        self._notify("READY=1")
        if not self._status:
            self.set_status("IDLE: no clients")

    def set_status(self, text: str) -> None:
        """Set the text that `systemctl status` shows."""
        if text != self._status:
            self._status = text
            self._notify(f"STATUS={text}")

    def stopping(self) -> None:
        """Report that the process is shutting down."""
        self._notify("STOPPING=1")

    async def run_watchdog(self, thread: CameraThread) -> None:
        """Reset systemd's watchdog for as long as the event loop runs and no camera call hangs.

        A library call that holds the interpreter's lock stops the event loop, and with it these messages: only systemd
        can end such a hang. A pause, a slow start or a camera in use by another program does not stop them.
        """
        while self._watchdog:
            if not thread.overrun and not self._pending:
                self._notify("WATCHDOG=1")
            await asyncio.sleep(self._watchdog / 2)

    def _notify(self, message: str) -> None:
        if self._address:
            self._pending.append(message.replace("\n", " "))
            if len(self._pending) == 1:  # else a retry is scheduled already
                self._send_pending()

    def _send_pending(self) -> None:
        """Send the waiting messages in order; systemd's queue is short, and a full one is tried again later."""
        while self._pending:
            try:
                self._socket.sendto(self._pending[0].encode(), _socket_name(self._address))
            except BlockingIOError:
                asyncio.get_running_loop().call_later(RETRY_PAUSE, self._send_pending)
                return
            except OSError as error:
                log.warning("sd_notify %s failed: %s", self._pending[0], error)
            self._pending.popleft()


def _socket_name(address: str) -> str:
    """Return the name of the socket; an address that begins with @ is in the abstract namespace."""
    return f"\0{address[1:]}" if address.startswith("@") else address
