"""asyncio's TLS, which also counts what the socket's transport holds.

`loop.create_server(ssl=...)` uses the same protocol, but four things do not fit a camera:

- `get_write_buffer_size` leaves out what the socket's transport holds, up to 64 kB and a frame. Frames wait there, and
  `/status.json` does not count them: a client that read 0.3 MB/s of 3.2 MB/s saw frames that were 1.11 s old instead of
  0.67 s, and `/status.json` reported 0.95 s.
- A connection can only be rejected after its handshake, so there is no bound on their number.
- Each connection has a read buffer of 256 kB.
- A client that sends data and reads nothing can make TLS queue answers without limit (KeyUpdate).
"""

import asyncio
import logging
import ssl
import sys
from asyncio.sslproto import SSLProtocol
from typing import cast

log = logging.getLogger(__name__)

# Seconds for the handshake.
HANDSHAKE_TIMEOUT = 10
# Seconds to wait for the client's close_notify. aiohttp closes a connection when the kernel has taken the whole answer.
SHUTDOWN_TIMEOUT = 2
# Nothing is read from a client while more bytes than this wait for it.
MAX_UNSENT = 64 * 1024


class TlsProtocol(SSLProtocol):
    """TLS of one connection; `handshakes` gets its socket's transport, and the time, until the handshake has ended.

    The methods with an underscore are asyncio's own, the same in Python 3.11 to 3.13. `tests/web/transport/test_tls.py`
    fails if they change.
    """

    max_size = 32 * 1024  # of the read buffer; a TLS record has up to 16 kB

    def __init__(
        self, context: ssl.SSLContext, http: asyncio.Protocol, handshakes: dict[asyncio.Transport, float]
    ) -> None:
        loop = asyncio.get_running_loop()
        self._handshakes = handshakes
        self._handshake: asyncio.Future[None] = loop.create_future()
        self._socket_transport: asyncio.Transport
        super().__init__(
            loop,
            http,
            context,
            self._handshake,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT,
            ssl_shutdown_timeout=SHUTDOWN_TIMEOUT,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the handshake."""
        self._socket_transport = cast("asyncio.Transport", transport)
        self._socket_transport.set_write_buffer_limits(high=0)
        self._handshakes[self._socket_transport] = asyncio.get_running_loop().time()
        self._handshake.add_done_callback(self._on_handshake_end)
        super().connection_made(transport)

    def resume_writing(self) -> None:
        """Send what asyncio has queued, and read from the client again."""
        super().resume_writing()
        self._control_ssl_reading()  # type: ignore[attr-defined] # typeshed leaves it out, as those below

    def _on_handshake_end(self, handshake: "asyncio.Future[None]") -> None:
        self._handshakes.pop(self._socket_transport, None)
        if not handshake.cancelled() and (error := handshake.exception()):
            log.debug("TLS handshake with %s failed: %s", self._socket_transport.get_extra_info("peername"), error)

    def _get_write_buffer_size(self) -> int:
        """Return the number of bytes that the kernel has not taken; asyncio pauses writing by it."""
        in_socket_transport = self._socket_transport.get_write_buffer_size()
        if self._socket_transport.is_closing():  # the rest is dropped, and asyncio keeps on counting it
            return in_socket_transport
        queued: int = super()._get_write_buffer_size()  # type: ignore[misc]
        return queued + in_socket_transport

    def _get_read_buffer_size(self) -> int:
        """Return the number of bytes that were received; asyncio pauses reading by it."""
        if self._get_write_buffer_size() > MAX_UNSENT:
            return sys.maxsize
        received: int = super()._get_read_buffer_size()  # type: ignore[misc]
        return received
