"""Raw bytes in the address of a request line, which simple clients send: `GET /?name=Küche HTTP/1.1`."""

HEAD_END = b"\r\n\r\n"
PERCENT_ENCODED = {byte: b"%%%02X" % byte for byte in range(0x80, 0x100)}


class RequestTarget:
    """Percent-encodes raw bytes in the request lines of a connection, as browsers do.

    aiohttp's parser in C refuses such bytes; the one in Python decodes them. Only request lines whose first byte is
    certain are changed: the first one, and those after requests that had no body and were answered before anything else
    arrived.
    """

    def __init__(self) -> None:
        self._in_line = True
        self._in_address = False
        self._end = b""
        """The last bytes of the head, to find its end; more than HEAD_END once anything has followed it."""

    def encode(self, data: bytes) -> bytes:
        """Return the bytes that follow those of the last call, with an encoded request line."""
        self._track_end(data)
        if not self._in_line:
            return data
        line, newline, rest = data.partition(b"\n")
        self._in_line = not newline
        method, space, address = (b"", b"", line) if self._in_address else line.partition(b" ")
        self._in_address = self._in_address or bool(space)
        if not address.isascii():
            address = b"".join(PERCENT_ENCODED.get(byte) or bytes([byte]) for byte in address)
        return method + space + address + newline + rest

    def expect_next(self) -> None:
        """Note that the request was answered, and that it has no body: the next bytes may begin a request line."""
        if self._end == HEAD_END:
            self._in_line, self._in_address, self._end = True, False, b""

    def _track_end(self, data: bytes) -> None:
        known = self._end + (data[:1] if self._end.startswith(HEAD_END) else data)
        end = known.find(HEAD_END)
        self._end = known[end:][: len(HEAD_END) + 1] if end >= 0 else known[-len(HEAD_END) + 1 :]
