"""What a client sends on one connection: the pieces, as the server receives them, and how the client ends."""

import gzip
import json
import re
import zlib
from dataclasses import dataclass
from random import Random

from tests.end_to_end.fuzz import values
from tests.end_to_end.fuzz.dictionary import Words

METHODS = ("GET",) * 4 + ("POST",) * 4 + ("HEAD",) * 3 + ("PUT", "DELETE", "OPTIONS", "OPTIONS", "PATCH", "TRACE")
ODD_METHODS = ("CONNECT", "get", "PROPFIND", "M-SEARCH", "GET\t", "", "G\0T", "\xff", "A" * 200, "PRI")
ODD_VERSIONS = (
    "HTTP/1.0",
    "HTTP/1.0",
    "HTTP/1.0",
    "HTTP/1.2",
    "HTTP/2.0",
    "HTTP/0.9",
    "HTTP/1",
    "HTTP/11.1",
    "http/1.1",
    "",
    "X",
)
ODD_PATHS = (
    "*", "//", "/..", "/../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/static/../app.py", "/%00", "/%", "/a//b", "/é",
    "http://pi/", "http://evil.example/snapshot.jpg", "http://[::1/", "pi:80", "?action=snapshot", "/\xff", "/;x", "",
    "/" + "a" * 9000, "/" * 500, "/%3Faction%3Dsnapshot", "/\\..\\", "/stream.mjpg/", "/#x", "/.",
)  # fmt: skip
# the owner's pages that tests/web/own_pages/site.py makes, and what is never served of them
OWN_PATHS = (
    "/javascript.html", "/functions.js", "/docs/", "/docs", "/www/", "/docs/with%20space.txt", "/album/one.txt",
    "/snap.jpg.link", "/.htpasswd", "/docs/.git/config", "/outside.txt", "/outside/secret.txt", "/hidden-link.txt",
    "/pipe", "/socket", "/null.link", "/loop.txt", "/docs/..%2f..%2fsecret.txt", "/docs/%2e%2e/%2e%2e/secret.txt",
    "/empty.css", "/album/out.txt", "/docs%00", "/docs//with%20space.txt",
)  # fmt: skip
# what most requests ask for, with most of the parameters
BROWSER_HEADERS = ("User-Agent", "Accept", "Accept-Language", "Accept-Encoding", "Referer", "Cookie", "Sec-Fetch-Site")
BUSY_PATHS = ("/", "/snapshot.jpg", "/snapshot", "/stream.mjpg", "/stream", "/controls")
PREFIXES = ("/webcam", "/cam0", "/cam1", "/CAM1", "/a/b/c", "/webcam2", "/@x", "/" + "p" * 100)
OTHER_HEADERS = (
    "Connection", "Content-Length", "Transfer-Encoding", "Expect", "Upgrade", "Range", "If-None-Match", "Cookie",
    "If-Modified-Since", "Authorization", "Content-Type", "Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "TE",
    "X-Forwarded-Host", "X-Real-IP", "Keep-Alive", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Trailer", "Via",
    "Proxy-Connection", "X-Http-Method-Override", "X-Requested-With", "If-Range", "Pragma", "Date", "Sec-Fetch-Mode",
)  # fmt: skip
TOKENS = (b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b":", b"\xff", b"0\r\n\r\n", b"\r\n\r\n", b"Content-Length: 5\r\n",
          b"Transfer-Encoding: chunked\r\n", b"Host: a\r\n", b"HTTP/1.1", b"HTTP/1.0", b"GET / HTTP/1.1\r\n\r\n", b"%",
          b"?", b"ffffffff", b"-1", b"chunked", b"\x16\x03\x01\x02\0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")  # fmt: skip


@dataclass(frozen=True)
class Conversation:
    """One input over HTTP."""

    pieces: tuple[bytes, ...]
    end: str = "read"
    """`read` waits for the answer, `close` and `reset` do not wait, `silent` waits for what the server does."""
    requests: int = 0
    """Number of requests that need an answer; 0 if it is not known, because the bytes were damaged on purpose."""

    @property
    def sent(self) -> bytes:
        """All bytes."""
        return b"".join(self.pieces)


def make(rng: Random, words: Words) -> Conversation:
    """Return a conversation."""
    count = rng.choices((1, 2, 3, 5), (80, 10, 7, 3))[0]
    requests = [request(rng, words, is_last=number == count - 1) for number in range(count)]
    kind, end = rng.random(), rng.choices(("read", "close", "reset"), (88, 8, 4))[0]
    if kind < 0.72:
        return Conversation(_pieces(rng, b"".join(requests)), end, count)
    data = b"".join(requests)
    if kind < 0.90:
        return Conversation(_pieces(rng, damaged(rng, data)), end)
    if kind < 0.97:
        return Conversation(_pieces(rng, data[: rng.randrange(len(data))]), rng.choice(("read", "close", "reset")))
    if kind < 0.98:
        return Conversation(_pieces(rng, data[: rng.randrange(len(data))]), "silent")
    return Conversation(_pieces(rng, rng.randbytes(rng.choice((1, 9, 99, 999, 20_000)))), end)


def request(rng: Random, words: Words, *, is_last: bool) -> bytes:
    """Return a request that is complete, with a body where its headers say so; the last one ends the connection."""
    target, method = _target(rng, words)
    if rng.random() < 0.3:
        method = rng.choice(ODD_METHODS) if rng.random() < 0.1 else rng.choice(METHODS)
    version = rng.choice(ODD_VERSIONS) if rng.random() < 0.06 else "HTTP/1.1"
    headers: list[tuple[str, str]] = []
    if rng.random() < 0.95:
        headers.append(("Host", rng.choice(values.HOSTS) if rng.random() < 0.2 else "127.0.0.1"))
    body = b""
    if method in ("POST", "PUT", "PATCH") or rng.random() < 0.04:
        body = _body(rng, words, headers)
    if rng.random() < 0.15:  # as browsers send
        headers += [(name, values.header(rng, words, name)) for name in BROWSER_HEADERS]
    framing = {"host", "content-length", "transfer-encoding", "connection"}
    for _ in range(rng.choice((0, 0, 1, 1, 2, 3, 6))):
        name = rng.choice(words.headers) if rng.random() < 0.6 else rng.choice(OTHER_HEADERS)
        if name.lower() not in framing or rng.random() < 0.02:
            value = values.header(rng, words, name)
            # a control character makes the whole request invalid, so it is rare
            headers.append((name, value if rng.random() < 0.1 else re.sub(r"[\0-\x08\x0a-\x1f\x7f]", "", value)))
    if is_last:
        headers.append(("Connection", "close"))
    if rng.random() < 0.2:
        rng.shuffle(headers)
    lines = [
        f"{method} {target} {version}",
        *(f"{name}: {values.one_line(value)}" for name, value in headers),
    ]
    return (
        "".join(f"{line}\r\n" for line in lines).encode("utf-8" if rng.random() < 0.5 else "latin-1", "replace")
        + b"\r\n"
        + body
    )


def _target(rng: Random, words: Words) -> tuple[str, str]:
    """Return what is requested, and the method that it allows."""
    method, near = "GET", words.parameters
    if rng.random() < 0.06:
        path = rng.choice((*ODD_PATHS, *OWN_PATHS))
    else:
        is_static = rng.random() < 0.05
        path = rng.choice([each for each in words.paths if each.startswith("/static") == is_static])
        if path == "/pause" or rng.random() < 0.35:  # a pause makes all others wait
            path = rng.choice((*BUSY_PATHS, "/pause"))
        method, near = words.methods[path], words.near.get(path, words.parameters)
        if rng.random() < 0.12:
            path = rng.choice(PREFIXES) + path
        if rng.random() < 0.04:
            path += values.encoded(rng, values.text(rng, words))
    if rng.random() < 0.7:
        path += "?" + _query(rng, words, near)
    return values.in_target(path), method


def _query(rng: Random, words: Words, near: list[str]) -> str:
    fields = []
    if rng.random() < 0.1:
        fields.append(
            rng.choice(("action=snapshot", "action=stream", "action=command", "stream", "snapshot", "info", "shutdown"))
        )
    for _ in range(rng.choice((1, 1, 2, 2, 3, 4, 6))):
        name = rng.choice(near if rng.random() < 0.6 else words.parameters)
        if rng.random() < 0.06:
            name = values.text(rng, words)
        value = parameter_value(rng, words, name)
        fields.append(f"{values.encoded(rng, name)}={values.encoded(rng, value)}" if rng.random() < 0.97 else name)
    return rng.choice(("&", "&", "&", "&", "&", "&", ";", "?", "&&")).join(fields)


def parameter_value(rng: Random, words: Words, name: str) -> str:
    """Return a value for a parameter, in half of the cases one that it may have."""
    kind = rng.random()
    if kind < 0.5 and (allowed := words.choices.get(name)):
        return rng.choice(allowed)
    if kind < 0.5 and name not in words.bounds:
        return values.text(rng, words)
    if kind < 0.6 and name in words.bounds:
        low, high = words.bounds[name]
        value = rng.choice((low, high, low + (high - low) * rng.random() ** rng.choice((1, 1, 3, 9))))
        return f"{value:.{rng.choice((0, 0, 0, 1, 3))}f}"
    if kind < 0.85:
        return values.number(rng, words)
    return rng.choice(words.tokens) if kind < 0.92 else values.text(rng, words)


def _body(rng: Random, words: Words, headers: list[tuple[str, str]]) -> bytes:
    """Return a body as it is sent, and add the headers that describe it."""
    kind = rng.random()
    if kind < 0.6:
        text, content_type = values.json_text(rng, words), "application/json"
    elif kind < 0.8:
        pairs = [
            f"{control.name}={values.encoded(rng, str(values.control_value(rng, words, control)))}"
            for control in rng.sample(values.CONTROLS, rng.randint(0, 3))
        ]
        text, content_type = "&".join(pairs), "application/x-www-form-urlencoded"
    elif kind < 0.92:
        text, content_type = _multipart(rng, words), "multipart/form-data; boundary=B"
    else:
        text, content_type = values.text(rng, words) * rng.choice((1, 1, 50)), rng.choice(values.TYPES)
    if rng.random() < 0.1:
        content_type = rng.choice(values.TYPES)
    if rng.random() < 0.93:
        headers.append(("Content-Type", content_type))
    body = text.encode(rng.choice(("utf-8",) * 9 + ("utf-16",)), "replace")
    if rng.random() < 0.12:
        coding = rng.choice(values.CODINGS)
        headers.append(("Content-Encoding", coding))
        body = {"gzip": gzip.compress(body), "deflate": zlib.compress(body)}.get(coding, body)
        body = damaged(rng, body) if body and rng.random() < 0.3 else body
    if rng.random() < 0.2:
        headers.append(("Transfer-Encoding", "chunked"))
        return _chunked(rng, body)
    if rng.random() < 0.03:
        headers.append(("Expect", "100-continue"))
    headers.append(("Content-Length", str(len(body))))
    return body


def _multipart(rng: Random, words: Words) -> str:
    parts = [
        f'--B\r\nContent-Disposition: form-data; name="{rng.choice(values.CONTROLS).name}"'
        + rng.choice(("", '; filename="a.jpg"\r\nContent-Type: image/jpeg', "\r\nContent-Transfer-Encoding: base64"))
        + f"\r\n\r\n{values.text(rng, words)}\r\n"
        for _ in range(rng.randint(0, 4))
    ]
    return "".join(parts) + rng.choice(("--B--\r\n", "--B", "--C--\r\n", ""))


def _chunked(rng: Random, body: bytes) -> bytes:
    step = max(1, len(body) // rng.choice((1, 1, 3, 9)))
    extension = rng.choice((b"", b"", b";a=b", b" ", b';x="\xff"'))
    chunks = [body[at : at + step] for at in range(0, len(body), step)]
    trailer = rng.choice((b"", b"", b"X-Trailer: 1\r\n"))
    return b"".join(b"%x%b\r\n%b\r\n" % (len(each), extension, each) for each in chunks) + b"0\r\n" + trailer + b"\r\n"


def damaged(rng: Random, data: bytes) -> bytes:
    """Return bytes with one to four of them changed, removed, doubled, or with a token put between."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(changed) + 1)
        match rng.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del changed[at : at + rng.choice((1, 2, 4, 20))]
            case 2:
                changed[at:at] = rng.choice(TOKENS)
            case 3:
                changed[at:at] = changed[at : at + rng.choice((1, 8, 40))]
            case _:
                token = rng.choice(TOKENS)
                changed[at : at + len(token)] = token
    return bytes(changed)


def _pieces(rng: Random, data: bytes) -> tuple[bytes, ...]:
    """Split bytes as a network may do: mostly not at all, sometimes anywhere."""
    if rng.random() < 0.75 or len(data) < 2:
        return (data,)
    cuts = sorted(rng.sample(range(1, len(data)), min(len(data) - 1, rng.choice((1, 1, 2, 5)))))
    return tuple(data[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True))


def as_case(each: Conversation) -> str:
    """Return the entry for cases/http.toml; the characters are the bytes (latin-1)."""
    pieces = ", ".join(json.dumps(piece.decode("latin-1")).replace("\x7f", "\\u007f") for piece in each.pieces)
    return f'[[case]]\nwhy = ""\nend = "{each.end}"\nrequests = {each.requests}\npieces = [{pieces}]\n'
