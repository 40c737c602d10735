"""What the server sends on a connection, read strictly, and the promises that each answer must keep."""

import re
import zlib
from dataclasses import dataclass

from soft_stream.frames.multipart import BOUNDARY

STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9]) [ -~]*")
HEADER_LINE = re.compile(rb"([A-Za-z][A-Za-z-]*): ?([\t -~\x80-\xff]*)")
# A client or a proxy may try these again; no other status above 499 is promised.
PROMISED_FAILURES = (503, 507)
SERVERS = ("camera-soft-stream", "MJPG-Streamer (camera-soft-stream)")
LONGEST_ERROR = 2000
# What people get who have to log in.
# the content of each file of tests/web/own_pages/site.py that no answer may have
SECRET = b"SECRET"
WITH_LOGIN_PAGE, LOGIN_FIELD = (400, 401, 403, 429, 503), b'type="password"'
# All that this server sends: a header that a request brought in is none of them.
KNOWN_HEADERS = frozenset(
    {
        "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
        "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age", "allow",
        "cache-control", "connection", "content-encoding", "content-language", "content-length",
        "accept-ranges", "content-range", "content-security-policy", "content-type", "date", "etag", "last-modified",
        "location", "referrer-policy", "retry-after",
        "server", "set-cookie", "transfer-encoding", "vary", "www-authenticate", "x-accel-buffering", "x-age-ms",
        "x-content-type-options", "x-exposure-time", "x-focus", "x-frame-options", "x-frame-size", "x-gain",
        "x-message", "x-monotonic", "x-reason", "x-snapshot-size", "x-timestamp", "x-zoom",
    }
)  # fmt: skip


class NotHttp(Exception):
    """The bytes are no answer; the message says why."""


@dataclass
class Answer:
    """One answer; the body of a stream is what has arrived of it."""

    status: int
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes
    is_stream: bool = False


def read_answers(data: bytes, methods: list[str] | None, *, ended: bool) -> tuple[list[Answer], bytes]:
    """Return the complete answers, without those that only announce one (100), and the bytes after them.

    `methods` are those of the requests; None if they are not known, and then an answer to HEAD looks like others.

    Raises:
        NotHttp: the bytes cannot be the beginning of answers.
    """
    answers: list[Answer] = []
    while b"\r\n\r\n" in data:
        head, rest = data.split(b"\r\n\r\n", 1)
        status, headers = _read_head(head)
        if status < 200:
            data = rest
            continue
        method = "?" if methods is None else methods[len(answers)] if len(answers) < len(methods) else "surplus"
        if method == "surplus":
            raise NotHttp(f"an answer to no request: {head[:80]!r}")
        body = _read_body(rest, status, headers, ended=ended)
        if method == "HEAD" or status in (204, 304) or (method == "?" and b"HTTP/1" in rest[:6]):
            # what cannot be parsed has no method: its refusal has a body, and ends the connection
            refused = status == 400 and not b"HTTP/1.".startswith(rest[:7])
            if method == "HEAD" and not refused and rest and not rest.startswith(b"HTTP/1."):
                raise NotHttp(f"a body in the answer to HEAD: {rest[:40]!r}")
            body = b"", b"" if refused else rest
        if body is None and method == "?" and ended:
            body = rest, b""  # perhaps an answer to HEAD
        if body is None:
            break
        answers.append(Answer(status, headers, body[0], is_stream=_is_endless(status, headers)))
        data = body[1]
    if data and not b"HTTP/1.".startswith(data[:7]):
        raise NotHttp(f"not the beginning of an answer: {data[:60]!r}")
    return answers, data


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    status = STATUS_LINE.fullmatch(first)
    if not status:
        raise NotHttp(f"not a status line: {first[:80]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        match = HEADER_LINE.fullmatch(line)
        if not match:
            raise NotHttp(f"not a header: {line[:80]!r}")
        name = match[1].decode().lower()
        if name in headers and name not in ("vary", "set-cookie"):
            raise NotHttp(f"twice: {name}")
        headers[name] = match[2].decode("latin-1")
    return int(status[1]), headers


def _is_endless(status: int, headers: dict[str, str]) -> bool:
    return status == 200 and not {"content-length", "transfer-encoding"} & headers.keys()


def _read_body(rest: bytes, status: int, headers: dict[str, str], *, ended: bool) -> tuple[bytes, bytes] | None:
    """Return a body and the bytes after it; None if some of it has not arrived."""
    if headers.get("transfer-encoding") == "chunked":
        return _read_chunks(rest)
    if length := headers.get("content-length"):
        return (rest[: int(length)], rest[int(length) :]) if len(rest) >= int(length) else None
    if _is_endless(status, headers) and (whole := rest.find(b"\xff\xd9\r\n--" + BOUNDARY.encode())) >= 0:
        return rest[: whole + 4 + len(BOUNDARY) + 2], b""
    return (rest, b"") if ended else None


def _read_chunks(rest: bytes) -> tuple[bytes, bytes] | None:
    body = b""
    while b"\r\n" in rest:
        size, rest = rest.split(b"\r\n", 1)
        if not re.fullmatch(b"[0-9A-Fa-f]+", size):
            raise NotHttp(f"not the size of a chunk: {size[:40]!r}")
        length = int(size, 16)
        if len(rest) < length + 2:
            return None
        if rest[length : length + 2] != b"\r\n":
            raise NotHttp("a chunk without an end")
        body, rest = body + rest[:length], rest[length + 2 :]
        if not length:
            return body, rest
    return None


def broken_promises(answer: Answer) -> list[str]:
    """Return a sentence for each promise that an answer does not keep."""
    problems = []
    headers = answer.headers
    if headers.get("server") not in SERVERS:
        problems.append(f"Server: {headers.get('server')}")
    if headers.get("x-content-type-options") != "nosniff":
        problems.append("an answer without nosniff")
    if answer.status >= 400 and "no-store" not in headers.get("cache-control", ""):
        problems.append(f"an error that caches may store: {answer.status}")
    if answer.status >= 500 and answer.status not in PROMISED_FAILURES:
        problems.append(f"status {answer.status}: {answer.body[:100]!r}")
    if unknown := headers.keys() - KNOWN_HEADERS:
        problems.append(f"headers that this server does not send: {sorted(unknown)}")
    if answer.is_stream and answer.body and (wrong := _wrong_in_stream(answer.body)):
        problems.append(wrong)
    if answer.status == 503 and not headers.get("retry-after", "1").isdecimal():
        problems.append("Retry-After is no number")
    if SECRET in answer.body:
        problems.append("a file that is never served")
    is_login_page = answer.status in WITH_LOGIN_PAGE and LOGIN_FIELD in _uncompressed(answer)
    is_html = headers.get("content-type", "text/plain").split(";")[0] == "text/html"
    if answer.status >= 400 and is_html and not (is_login_page or not answer.body):
        problems.append("an error as HTML")
    if answer.status >= 400 and len(answer.body) > LONGEST_ERROR and not is_login_page:
        problems.append(f"an error of {len(answer.body)} bytes")
    return problems


def _uncompressed(answer: Answer) -> bytes:
    """Return the body of an answer without its Content-Encoding."""
    if not answer.body or "content-encoding" not in answer.headers:
        return answer.body
    try:
        return zlib.decompress(answer.body, zlib.MAX_WBITS | 32)
    except zlib.error:
        return answer.body


def _wrong_in_stream(body: bytes) -> str:
    """Return what is wrong with the parts of a stream that have arrived, or nothing."""
    opening = f"--{BOUNDARY}\r\n".encode()
    if not body.startswith(opening):
        return f"a stream begins with {body[:40]!r}"
    head, _, jpeg = body[len(opening) :].partition(b"\r\n\r\n")
    length = re.search(rb"^Content-Length: ([0-9]+)$", head, re.MULTILINE | re.IGNORECASE)
    if not length and jpeg:
        length = re.search(rb"\r\nContent-Length: ([0-9]+)\r\n", b"\r\n" + head + b"\r\n")
    if jpeg and not length:
        return f"a part without its length: {head[:80]!r}"
    if length and len(jpeg) >= int(length[1]):
        part = jpeg[: int(length[1])]
        if not (part.startswith(b"\xff\xd8\xff") and part.endswith(b"\xff\xd9")):
            return f"a part that is no JPEG: {part[:20]!r}"
    return ""
