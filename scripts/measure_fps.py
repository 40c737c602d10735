#!/usr/bin/env python3
"""Measures an MJPEG stream: frame rate, intervals and sizes; for any machine with Python 3.9 or newer.

Counts live frames; parts that the server labels as repeats or placeholders are counted separately. A part without a
right Content-Length ends at the next boundary. Exit status: 0 if all frames arrived, 1 with an error message if not.
"""

import argparse
import base64
import contextlib
import http.client
import os
import re
import stat
import statistics
import string
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from typing import NamedTuple

CHUNK = 1 << 14
MAX_LINE = 1 << 13  # bytes of a header of a part
MAX_HEADERS = 100  # lines of the headers of a part
MAX_LABELS = 10  # different labels
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # characters that change the terminal
MAX_SIZE = 1 << 26  # bytes of a part
MAX_DELIMITER = 128  # bytes of a delimiter beside the boundary: line ends, dashes, white space


class StreamError(Exception):
    """The stream cannot be measured."""


class Part(NamedTuple):
    """One part of a stream."""

    headers: "dict[str, str]"  # names in lower case
    size: int  # bytes of its content
    at: float  # when it was complete, in monotonic seconds


def main() -> int:
    """Measure and print; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Measure an MJPEG stream.",
        epilog="Environment variables: SOFT_STREAM_PASSWORD, the password for a URL with USER@ before HOST "
        "(USER:PASSWORD@ works, but the list of processes shows it); SSL_CERT_FILE, for a self-signed certificate.",
    )
    parser.add_argument("url", help="http://HOST:PORT/stream.mjpg")
    parser.add_argument("--login-file", metavar="FILE", help="file with USER:PASSWORD or a token; -: standard input")
    parser.add_argument("--frames", type=int, default=150, metavar="N", help="number of live frames to count (150)")
    parser.add_argument("--patience", type=float, default=15, metavar="S", help="seconds to wait for a live frame (15)")
    args = parser.parse_args()
    if args.frames < 2:
        parser.error("--frames must be 2 or more: an interval needs two frames")
    try:
        measure(args.url, args.frames, args.patience, read_login(args.login_file) if args.login_file else "")
    except StreamError as error:
        print(f"measure_fps: {CONTROLS.sub(' ', str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def measure(url: str, frames: int, patience: float, login: str = "") -> None:
    """Read parts until there are enough live frames, and print their figures."""
    labels: Counter[str] = Counter()
    live: list[Part] = []
    with contextlib.closing(open_stream(url, patience, login)) as stream:
        give_up_at = time.monotonic() + patience
        try:
            while len(live) < frames:
                part = stream.read_part(give_up_at)
                label = CONTROLS.sub(" ", part.headers.get("x-frame", "live"))[:30] if part.size else "empty"
                labels[label if label in ("live", *labels) or len(labels) < MAX_LABELS else "other"] += 1
                if label == "live":
                    give_up_at = time.monotonic() + patience
                    live.append(part)
        except OSError as error:  # also the time limit
            others = f", {dict(labels)} in total" if labels else ""
            raise StreamError(f"no live frame for {patience:g} s{others} ({error})") from None
        except http.client.HTTPException as error:
            raise StreamError(f"the stream ended early ({error!r})") from None
    report(live, labels)
    if not stream.trusts_lengths:
        print("Content-Length  missing or wrong; frames end at the next boundary")


class Stream:
    """The parts of a multipart stream; only the first is kept in memory, until a delimiter follows its length."""

    def __init__(self, response: http.client.HTTPResponse, boundary: str) -> None:
        self.trusts_lengths = True  # until a part has no right Content-Length
        self._response, self.close = response, response.close
        self._buffer = bytearray()
        self._give_up_at, self._parts = 0.0, 0
        self._is_after_delimiter = self._has_ended = False
        self._boundary = boundary.lstrip("-").encode("latin-1", "replace")

    def read_part(self, give_up_at: float) -> Part:
        """Read one part.

        Raises:
            StreamError: the stream ended, or is not multipart.
            TimeoutError: the part was not complete at `give_up_at`, in monotonic seconds.
        """
        self._give_up_at = give_up_at
        if not self._parts:
            self._boundary = self._first_boundary() or self._boundary
        if not self._is_after_delimiter and self._read_to_delimiter() > len("\r\n\r\n") and self._parts:
            self.trusts_lengths = False
        headers = self._read_headers()
        length = headers.get("content-length", "")
        if not length.isdecimal() or len(length) > 9 or int(length) > MAX_SIZE:
            self.trusts_lengths = False
        part = self._read_content(headers, int(length) if self.trusts_lengths else -1)
        self._parts += 1
        return part

    def _read_content(self, headers: "dict[str, str]", length: int) -> Part:
        """Read a part by its Content-Length, or up to the next delimiter if that is negative."""
        if length < 0:
            return Part(headers, self._read_to_delimiter(), time.monotonic())
        self._is_after_delimiter = False
        missing = length
        while missing > len(self._buffer):
            if self._parts:
                missing -= len(self._buffer)
                self._buffer.clear()
            self._fill()
        at = time.monotonic()
        if not self._parts and not self._delimiter_follows(length):
            self.trusts_lengths = False
            return self._read_content(headers, -1)
        del self._buffer[:missing]
        return Part(headers, length, at)

    def _read_to_delimiter(self) -> int:
        """Discard the content up to the next delimiter, and the delimiter; return the size of the content."""
        if not self._boundary:
            raise StreamError("the stream has no boundary")
        pattern, size = self._delimiter(rb"(?:\r?\n-*|--+)"), 0
        while True:
            found = pattern.search(self._buffer) if self._boundary in self._buffer else None
            if found:
                size += found.start()
                self._has_ended = found["end"] is not None
                del self._buffer[: found.end()]
                self._is_after_delimiter = True
                return size
            discarded = max(0, len(self._buffer) - len(self._boundary) - MAX_DELIMITER)
            del self._buffer[:discarded]
            size += discarded
            self._fill()

    def _delimiter_follows(self, position: int) -> bool:
        """Return whether a delimiter follows a position in the buffer; read more until that is clear."""
        pattern = self._delimiter(rb"\s*-*")
        try:
            while not pattern.match(self._buffer, position):
                if len(self._buffer) > position + len(self._boundary) + MAX_DELIMITER:
                    return False
                self._fill()
        except StreamError:  # the last part
            return not self._buffer[position:].strip()
        return True

    def _delimiter(self, before: bytes) -> "re.Pattern[bytes]":
        return re.compile(before + re.escape(self._boundary) + rb"(?P<end>--)?[ \t]*\r?\n")

    def _first_boundary(self) -> bytes:
        """Return the boundary in the first line of the body; nothing if that is no delimiter.

        The Content-Type of some servers has none or another one, or has it with the dashes of the delimiter.
        """
        while not (line := self._peek_line()).strip():
            del self._buffer[: len(line)]
        self._buffer[:0] = b"\n"  # a delimiter begins after a line
        return line.strip().lstrip(b"-") if line.startswith(b"--") else b""

    def _read_headers(self) -> "dict[str, str]":
        """Read the headers of a part; their names in lower case."""
        headers: dict[str, str] = {}
        if self._has_ended:
            raise StreamError("the stream ended early")
        for _ in range(MAX_HEADERS):
            line = self._peek_line()
            del self._buffer[: len(line)]
            if line.strip():
                name, _, value = line.decode("latin-1").partition(":")
                headers[name.strip().lower()] = value.strip()
            elif headers or self._begins_with_jpeg():
                return headers
        raise StreamError(f"a part has more than {MAX_HEADERS} headers")

    def _begins_with_jpeg(self) -> bool:
        """Return whether a JPEG follows; some servers send an empty line before the headers."""
        while len(self._buffer) < 2:
            self._fill()
        return self._buffer.startswith(b"\xff\xd8")

    def _peek_line(self) -> bytes:
        """Return the next line with its end."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_LINE:
                raise StreamError("it is not a multipart stream, or a part has no headers")
            self._fill()
        return bytes(self._buffer[: end + 1])

    def _fill(self) -> None:
        """Read more into the buffer."""
        if time.monotonic() > self._give_up_at:
            raise TimeoutError("the data arrives too slowly, or is not live")
        piece = self._response.read1(CHUNK)
        if not piece and self._boundary and self._buffer.endswith(self._boundary + b"--"):
            piece = b"\n"  # the last line may have no end
        elif not piece:
            raise StreamError("the stream ended early")
        self._buffer += piece


def read_login(file: str) -> str:
    """Return the login in a file, which other users must not be able to read; `-` is standard input."""
    try:
        with open(0 if file == "-" else file, encoding="utf-8") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            login = opened.readline(MAX_LINE).rstrip("\r\n")
    except (OSError, ValueError) as error:
        raise StreamError(f"{file}: {getattr(error, 'strerror', '') or 'not a text file'}") from None
    if os.name == "posix" and stat.S_ISREG(mode) and mode & 0o077:
        raise StreamError(f"{file}: other users can read it; chmod 600 {file}")
    if not re.fullmatch(r"[^:]+:.+|[!-9;-~]+", login):
        raise StreamError(f"{file}: its first line must be USER:PASSWORD or a token")
    return login


def open_stream(url: str, timeout: float, login: str = "") -> Stream:
    """Request the stream; a login, USER:PASSWORD or a token, has priority over that of the URL."""
    try:
        address = urllib.parse.urlsplit(url)
        valid = address.scheme in ("http", "https") and address.hostname and address.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isprintable() or " " in url:
        raise StreamError(f"{re.sub('//[^/]*@', '//', url)}: not an http or https address")
    host = address.netloc.rpartition("@")[2]
    path, query = (urllib.parse.quote(text, safe=string.punctuation) for text in (address.path, address.query))
    target = address._replace(netloc=host, path=path, query=query).geturl()
    request = urllib.request.Request(target)  # noqa: S310 # checked above
    if address.username and not login:
        password = urllib.parse.unquote(address.password or "") or os.environ.get("SOFT_STREAM_PASSWORD", "")
        login = f"{urllib.parse.unquote(address.username)}:{password}"
    if login:
        sent = "Basic " + base64.b64encode(login.encode()).decode() if ":" in login else "Bearer " + login
        # a redirect may lead to another host, which must not see the password
        request.add_unredirected_header("Authorization", sent)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)  # noqa: S310 # checked above
    except urllib.error.HTTPError as error:
        origin = f"{error.url}: " if error.url != target else ""
        raise StreamError(f"{origin}{error.code} {error.reason}: {hint(error, login and not origin)}") from None
    except http.client.HTTPException:
        raise StreamError(f"{host}: the answer is not HTTP") from None
    except (OSError, UnicodeError) as error:  # URLError is an OSError
        raise StreamError(f"{host}: {getattr(error, 'reason', error)}") from None
    kind = response.headers.get("Content-Type", "nothing")
    if not kind.lower().startswith("multipart/x-mixed-replace"):
        raise StreamError(f"not a multipart stream but {kind}")
    return Stream(response, response.headers.get_boundary(""))


def hint(error: urllib.error.HTTPError, had_login: object) -> str:
    """Return a short explanation of an error status, from the server if it sends one."""
    if error.code == 401:
        return "the login is wrong" if had_login else "a login is needed: --login-file FILE, or USER@ in the URL"
    with contextlib.suppress(OSError, http.client.HTTPException):
        if error.code in (403, 429, 503) and (text := error.read(500).decode(errors="replace").strip()):
            return text
    return "not a stream"


def report(live: "list[Part]", labels: "Counter[str]") -> None:
    """Print the figures of the live frames."""
    times, sizes = [part.at for part in live], [part.size for part in live]
    gaps = sorted(1000 * (later - earlier) for earlier, later in zip(times, times[1:]))
    print(f"observed FPS    {(len(times) - 1) / (times[-1] - times[0]):.2f}  ({len(times)} live frames)")
    p50, p95 = statistics.median(gaps), gaps[int(0.95 * (len(gaps) - 1))]
    print(f"frame interval  p50 {p50:.1f} ms, p95 {p95:.1f} ms, max {gaps[-1]:.1f} ms")
    print(f"mean size       {statistics.mean(sizes) / 1000:.1f} kB")
    others = ", ".join(f"{count} {label}" for label, count in labels.items() if label != "live")
    print(f"not counted     {others or 'none'}")


if __name__ == "__main__":
    sys.exit(main())
