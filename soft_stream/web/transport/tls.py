"""TLS between a socket and HTTP, without buffers of its own.

asyncio's TLS hides how much a slow client has not taken: `get_write_buffer_size` leaves out the buffer of the socket's
transport, which takes 64 kB and a part before it asks for a pause (asyncio/sslproto.py of Python 3.11). A part
would be taken for sent that is not, and the next ones would queue behind it. Here each byte is encrypted when it is
written, so what is left is in the socket's transport, and counted there.
"""

import asyncio
import logging
import ssl
from typing import Any, cast

log = logging.getLogger(__name__)

# A client that has not agreed on a key after so many seconds never will.
HANDSHAKE_TIMEOUT = 10.0
# So many bytes are encrypted before they are handed on: few calls, and little memory that OpenSSL keeps.
AT_ONCE = 64 * 1024
PLAIN_HTTP = b"HTTP/1.0 400 Bad Request\r\nContent-Type: text/plain\r\n\r\nThis port speaks https:// only.\n"


class Tls(asyncio.Protocol, asyncio.Transport):
    """One connection: the protocol of the socket's transport, and the transport of the protocol above.

    The protocol above hears of the connection when the handshake is done, and is never asked about `eof_received`: a
    client that ends its side of TLS has left. `shaking` has the connections whose handshake is not done.
    """

    def __init__(self, context: ssl.SSLContext, above: asyncio.Protocol, shaking: "set[Tls]") -> None:
        super().__init__()
        self._context = context
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._above = above
        self._shaking = shaking
        self._socket: asyncio.Transport
        self._deadline: asyncio.TimerHandle
        self._is_paused = False
        self._is_held = False
        self._is_closing = False
        self._is_lost = False

    # what the socket's transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the handshake."""
        self._socket = cast("asyncio.Transport", transport)
        self._shaking.add(self)
        self._deadline = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT, self.abort)

    def data_received(self, data: bytes) -> None:
        """Decrypt what came, and hand it on."""
        if self._is_closing:
            return
        self._incoming.write(data)
        try:
            if self in self._shaking:
                self._shake_hands()
            self._read()
            self._flush()  # alerts, answers and tickets that TLS itself has to send
        except ssl.SSLWantReadError:
            self._flush()
        except ssl.SSLError as error:
            log.debug("TLS with %s failed: %s", self._socket.get_extra_info("peername"), error.reason)
            if error.reason == "HTTP_REQUEST":
                self._socket.write(PLAIN_HTTP)
            else:
                self._flush()
            self.abort()
        self._hold()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass on that the connection is gone, if anybody knew of it."""
        self._is_closing = self._is_lost = True
        self._deadline.cancel()
        if self in self._shaking:
            self._shaking.discard(self)
        else:
            self._above.connection_lost(exc)

    def pause_writing(self) -> None:
        """Pass on that the client is slower than what is written."""
        self._above.pause_writing()

    def resume_writing(self) -> None:
        """Pass on that the client has taken what there was."""
        self._above.resume_writing()
        if self._is_held:
            self._is_held = False
            if not self._is_paused:
                self.resume_reading()

    def _shake_hands(self) -> None:
        self._tls.do_handshake()
        self._shaking.discard(self)
        self._deadline.cancel()
        self._above.connection_made(self)

    def _read(self) -> None:
        while self._socket.is_reading():
            data = self._tls.read(AT_ONCE)
            if not data:
                self.close()
                return
            self._above.data_received(data)

    def _hold(self) -> None:
        """Read nothing more from a client that leaves too much of it unanswered: TLS answers each KeyUpdate."""
        _, high = self._socket.get_write_buffer_limits()
        if self._socket.get_write_buffer_size() > max(AT_ONCE, high):
            self._is_held = True
            self._socket.pause_reading()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._socket.write(self._outgoing.read())

    # what the protocol above calls

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt all of it, and write it."""
        if self._is_closing:
            return
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._tls.write(rest) :]
                if self._outgoing.pending >= AT_ONCE:
                    self._flush()
            self._flush()
        except ssl.SSLError as error:
            log.debug("TLS with %s failed: %s", self._socket.get_extra_info("peername"), error.reason)
            self.abort()

    def close(self) -> None:
        """Say goodbye and close; nobody has to wait for the other side's (RFC 8446, 6.1)."""
        if self._is_closing:
            return
        self._is_closing = True
        try:
            self._tls.unwrap()
        except ssl.SSLError as error:
            log.debug("TLS ends without the other side's goodbye: %s", error.reason)
        self._flush()
        self._socket.close()

    def abort(self) -> None:
        """Close at once; what was not sent is lost."""
        self._is_closing = True
        if not self._is_lost:
            self._socket.abort()

    def is_closing(self) -> bool:
        """Whether nothing can be written any more."""
        return self._is_closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Tell of TLS, and of the socket's transport."""
        return self._context if name == "sslcontext" else self._socket.get_extra_info(name, default)

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Return the protocol above."""
        return self._above

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Replace the protocol above."""
        self._above = cast("asyncio.Protocol", protocol)

    def is_reading(self) -> bool:
        """Whether the protocol above gets data."""
        return not self._is_paused

    def pause_reading(self) -> None:
        """Keep data from the protocol above."""
        self._is_paused = True
        self._socket.pause_reading()

    def resume_reading(self) -> None:
        """Give the protocol above what has come meanwhile, and what comes, unless the client has to take some first."""
        self._is_paused = False
        if self._is_held:
            return
        self._socket.resume_reading()
        asyncio.get_running_loop().call_soon(self.data_received, b"")

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set when writing is to pause and go on, in bytes of the socket's transport."""
        self._socket.set_write_buffer_limits(high, low)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return what was set."""
        return self._socket.get_write_buffer_limits()

    def get_write_buffer_size(self) -> int:
        """Count the encrypted bytes that the kernel has not taken."""
        return self._socket.get_write_buffer_size()

    def can_write_eof(self) -> bool:
        """Whether one side alone can be closed; in TLS both end."""
        return False
