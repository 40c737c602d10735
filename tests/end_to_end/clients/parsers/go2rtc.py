r"""go2rtc and what stands on it (Frigate, Home Assistant's WebRTC): the reader of multipart streams.

https://github.com/AlexxIT/go2rtc/blob/master/pkg/mpjpeg/multipart.go; header lines as in Go's net/textproto.

- Blank lines are skipped when they are CRLF; any other line before a part has to begin with two dashes.
- A boundary with another one right behind it is skipped: Foscam sends that.
- Without Content-Length the stream ends, and with a wrong one at the next boundary. Bare LF after header lines is fine.
- The boundary of the answer's Content-Type is not looked at. A picture is taken with its last byte.
"""

from collections.abc import Generator

from tests.end_to_end.clients.parsers.client import GaveUp, WaitingClient


class Go2rtc(WaitingClient):
    """`mpjpeg.Next`, over and over."""

    def frames(self) -> Generator[bytes | None, None, None]:
        """Yield the body of each part."""
        while True:
            yield from self._boundary()
            headers = yield from self._headers()
            if not (length := headers.get("content-length", "")):
                raise GaveUp("multipart: no content length")
            yield (yield from self.incoming.take(int(length)))

    def _boundary(self) -> Generator[None, None, None]:
        while True:
            line = yield from self.incoming.until(b"\n")
            if line == b"\r\n":
                continue
            if not line.startswith(b"--"):
                raise GaveUp(f"multipart: wrong boundary: {line!r}")
            if (yield from self.incoming.peek(2)) != b"--":
                return

    def _headers(self) -> Generator[None, None, dict[str, str]]:
        headers: dict[str, str] = {}
        name = ""
        while line := (yield from self.incoming.until(b"\n")).decode("latin-1").rstrip("\r\n"):
            if line[0] in " \t" and name:
                headers[name] += f" {line.strip()}"
                continue
            key, colon, value = line.partition(":")
            if not colon:
                raise GaveUp(f"malformed MIME header line: {line}")
            name = key.lower()
            headers.setdefault(name, value.strip())
        return headers
