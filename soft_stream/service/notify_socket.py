"""The socket on which the processes of the cameras report to their parent, as they report to systemd in a unit."""

import os
import socket
import struct
from collections.abc import Iterator

# `struct ucred`: pid, uid and gid of the sender, which the kernel fills in
CREDENTIALS = struct.Struct("3i")
MAX_BYTES = 4096


class NotifySocket:
    """Receives the messages of sd_notify; its name is abstract, so that no file remains after a kill."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self._socket.bind("")  # the kernel chooses a name that is free
        self.address = f"@{os.fsdecode(self._socket.getsockname()[1:])}"
        """The value of $NOTIFY_SOCKET."""

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._socket.fileno()

    def receive(self) -> Iterator[tuple[int, list[str]]]:
        """Yield all messages that wait: the pid of the sender, and its lines."""
        while True:
            try:
                text, ancillary, _, _ = self._socket.recvmsg(MAX_BYTES, socket.CMSG_SPACE(CREDENTIALS.size))
            except BlockingIOError:
                return
            for level, kind, content in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS):
                    yield CREDENTIALS.unpack(content)[0], text.decode(errors="replace").splitlines()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
