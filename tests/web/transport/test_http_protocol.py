"""What aiohttp refuses by itself has the form of our other errors, with either of its parsers."""

import asyncio
import errno
import logging

import pytest
from aiohttp import http_parser, web

from soft_stream.web.middleware import access_log
from soft_stream.web.transport.message_checks import MAX_HEAD
from tests.support import processes
from tests.support.raw_http import Answer, exchange
from tests.support.server import Portal, StartPortal

PARSERS = {"C": http_parser.HttpRequestParser, "Python": http_parser.HttpRequestParserPy}
HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /status.json HTTP/1.1\r\n" + HOST
POST = b"POST /controls HTTP/1.1\r\n" + HOST
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
SECRET = b"hunter2"  # in each request below; no answer and no line of the log may repeat it
MALFORMED = {
    "no HTTP": b"hunter2\r\n\r\n",
    "no method": b"hunter2@ / HTTP/1.1\r\n" + HOST + b"\r\n",
    "no version": b"GET /hunter2\r\nHost: a\r\n\r\n",
    "wrong version": b"GET /hunter2 HTTP/3.7\r\n" + HOST + b"\r\n",
    "version 2": b"GET /hunter2 HTTP/2.0\r\n" + HOST + b"\r\n",
    "version 0.9": b"GET /hunter2 HTTP/0.9\r\n" + HOST + b"\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "bare line feeds": b"GET /hunter2 HTTP/1.1\nHost: a\n\n",
    "NUL in the path": b"GET /hunter2\0 HTTP/1.1\r\n" + HOST + b"\r\n",
    "tab in the path": b"GET /hunter2\tb HTTP/1.1\r\n" + HOST + b"\r\n",
    "path without a host": b"GET http:///hunter2 HTTP/1.1\r\n" + HOST + b"\r\n",
    "proxy request": b"CONNECT hunter2:443 HTTP/1.1\r\n" + HOST + b"\r\n",
    "no host": b"GET /hunter2 HTTP/1.1\r\n\r\n",
    "two hosts": GET + b"Host: hunter2\r\n\r\n",
    "header without a colon": GET + b"hunter2\r\n\r\n",
    "space in the name of a header": GET + b"X hunter2: y\r\n\r\n",
    "NUL in a header": GET + b"X-Header: hunter2\0\r\n\r\n",
    "escape in a header": GET + b"X-Header: hunter2\x1b[31m\r\n\r\n",
    "carriage return in a header": GET + b"X-Header: hunter2\rINFO cam0 forged\r\n\r\n",
    "folded header": GET + b"X-Header: a\r\n hunter2\r\n\r\n",
    "old websocket": GET + b"Sec-WebSocket-Key1: hunter2\r\n\r\n",
    "length that is no number": POST + b"Content-Length: hunter2\r\n\r\n",
    "negative length": POST + b"X-Header: hunter2\r\nContent-Length: -1\r\n\r\n",
    "length and chunks": POST + b"X-Header: hunter2\r\nContent-Length: 1\r\n" + CHUNKED + b"0\r\n\r\n",
    "unknown transfer encoding": POST + b"Transfer-Encoding: hunter2\r\n\r\n0\r\n\r\n",
    "chunk without a size": POST + CHUNKED + b"hunter2\r\n{}\r\n0\r\n\r\n",
    "unknown expectation": POST + b"X-Header: hunter2\r\nExpect: coffee\r\nContent-Length: 2\r\n\r\n{}",
    "expectation without a version": b"GET /hunter2\r\nHost: a\r\nExpect: coffee\r\n\r\n",
    "expectation of version 2": b"GET /hunter2 HTTP/2.0\r\n" + HOST + b"Expect: 100-continue\r\n\r\n",
    "expectation and an unreadable host": b"GET /hunter2 HTTP/1.1\r\nHost: \xff\r\nExpect: 100-continue\r\n\r\n",
    "long header": GET + b"X-Header: hunter2" + b"x" * MAX_HEAD + b"\r\n\r\n",
    "long head": GET + b"X-Header: hunter2%s\r\n" % (b"x" * 8000) * 9 + b"\r\n",
    "head without an end": GET + b"X-Header: hunter2%s\r\n" % (b"x" * 8000) * 60,
    "very many headers": GET + b"X: hunter2\r\n" * 2000 + b"\r\n",
    "long path": b"GET /hunter2" + b"x" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "unreadable host": b"GET /hunter2 HTTP/1.1\r\nHost: \xff\r\n\r\n",
    "unreadable origin": POST + b"X-Header: hunter2\r\nOrigin: \xff\r\nContent-Length: 2\r\n\r\n{}",
    "unreadable referer": GET + b"X-Header: hunter2\r\nReferer: http://\xff/\r\n\r\n",
    "unreadable preflight": b"OPTIONS /hunter2 HTTP/1.1\r\n" + HOST + b"Origin: \xff\r\n"
    b"Access-Control-Request-Method: POST\r\n\r\n",
}
STATUSES = {"unknown expectation": 417, "long path": 414} | dict.fromkeys(
    ("long header", "long head", "head without an end"), 431
)


@pytest.fixture(params=PARSERS, autouse=True)
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let aiohttp use one of its parsers."""
    assert http_parser.HttpRequestParser is not http_parser.HttpRequestParserPy, "aiohttp has no parser in C here"
    monkeypatch.setattr("aiohttp.web_protocol.HttpRequestParser", PARSERS[request.param])
    name: str = request.param
    return name


def check_form(answer: Answer) -> None:
    """Check what each error promises."""
    headers = answer.headers
    assert 400 <= answer.status < 500
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["server"] == "camera-soft-stream"
    sentence = answer.text.removesuffix(".\n")
    assert answer.text.endswith(".\n")
    assert sentence.isprintable()
    assert 10 < len(sentence) < 120


@pytest.mark.parametrize("kind", MALFORMED)
async def test_a_malformed_request(start_portal: StartPortal, caplog: pytest.LogCaptureFixture, kind: str) -> None:
    """It gets one sentence without parts of the request, and a line in the HTTP log."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(loghttp=True)
    answer = await exchange(portal.port, MALFORMED[kind])
    check_form(answer)
    assert answer.status == STATUSES.get(kind, answer.status)
    assert kind in STATUSES or answer.status in (400, 431)
    assert answer.rest == b""
    assert SECRET.decode() not in answer.text
    assert (await exchange(portal.port, GET + b"\r\n")).status == 200
    await portal.until(lambda: any("GET /status.json: 200" in record.message for record in caplog.records))
    http_log = [record for record in caplog.records if record.name == access_log.log.name]  # so a storm is limited
    refused, _ = [record.message for record in http_log]
    assert f": {answer.status}, " in refused
    assert not [record for record in caplog.records if record.levelno > logging.INFO or record.exc_info]


async def test_tls_on_the_port_for_http(portal: Portal, parser: str) -> None:
    """The sentence names the cause; the parser in Python waits for a line end."""
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + (b"\r\n\r\n" if parser == "Python" else b"")
    assert (await exchange(portal.port, hello)).text == "This port serves HTTP, not HTTPS.\n"


async def test_the_answer_arrives_although_the_client_still_sends(
    portal: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of a refused request is read for a while: otherwise the kernel would reset the connection."""
    monkeypatch.setattr("soft_stream.web.transport.http_protocol.LINGER", 60)
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    for _ in range(40):
        writer.write(b"hunter2" * 10_000)
        await asyncio.sleep(0.005)
    assert (await reader.read()).startswith(b"HTTP/1.0 4")
    writer.close()


async def test_a_client_that_has_left_before_its_refusal_ends(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A connection that the client has reset cannot be shut down: that is no error."""
    tried: list[bool] = []

    def is_reset(_: asyncio.Transport) -> None:
        tried.append(True)
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")

    monkeypatch.setattr("soft_stream.web.transport.http_protocol.LINGER", 0)
    monkeypatch.setattr("asyncio.selector_events._SelectorSocketTransport.write_eof", is_reset)
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    writer.write(b"no HTTP\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.0 4")
    writer.close()
    assert tried
    assert not [record for record in caplog.records if record.exc_info]


async def test_garbage_behind_a_request(portal: Portal) -> None:
    """What follows a stream is read, and refused only when the stream has ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    writer.write(b"GET /stream.mjpg HTTP/1.1\r\n" + HOST + b"\r\n")
    await reader.readuntil(b"--softstreamframe\r\n")
    for _ in range(100):
        writer.write(b"X-Header: \xff\r\n" * 1000)
        await reader.readuntil(b"--softstreamframe\r\n")
    (client,) = portal.supervisor.subscribers.clients
    sent = client.sent
    await portal.until(lambda: client.sent > sent + 2)
    writer.transport.abort()


@pytest.mark.parametrize("path", ["/controls", "/focus", "/arm?seconds=0"])
async def test_a_body_whose_later_part_is_malformed(portal: Portal, path: str) -> None:
    """It gets exactly one answer, and at once; handlers that need no body do not mind."""
    head = b"POST %s HTTP/1.1\r\n" % path.encode() + HOST + CHUNKED
    answer = await exchange(portal.port, head, b"2\r\n{}\r\nhunter2\r\n")
    assert answer.rest == b""
    if path == "/controls":
        check_form(answer)
        assert answer.text == "The body is incomplete, or its chunks are malformed.\n"
    else:
        assert answer.status == 200


async def test_a_body_in_an_encoding_that_it_does_not_have(portal: Portal) -> None:
    """The sentence names the encoding."""
    answer = await exchange(portal.port, POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}")
    check_form(answer)
    assert answer.text == "Content-Encoding: gzip is not supported for requests.\n"


async def test_a_damaged_body_that_is_not_read(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """The answer arrives as without the body; the log has only its line."""
    caplog.set_level(logging.INFO)
    portal = await start_portal(loghttp=True)
    headers = HOST + b"Content-Encoding: deflate\r\nContent-Length: 4\r\n\r\n"
    get = await exchange(portal.port, b"GET /output.json HTTP/1.1\r\n" + headers, b"abcd")
    post = await exchange(portal.port, b"POST / HTTP/1.1\r\n" + headers, b"abcd")
    assert (get.status, post.status, get.rest + post.rest) == (200, 405, b"")
    assert not [record for record in caplog.records if record.levelno > logging.INFO or record.exc_info]


@pytest.mark.parametrize("body", [b"abcd", b"\xff\xff\xff\xff"])
async def test_the_connection_ends_with_a_damaged_body(
    portal: Portal, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    """The server does not wait for more of a body that cannot have more."""
    monkeypatch.setitem(web.RequestHandler.__init__.__kwdefaults__, "lingering_time", 10_000.0)  # type: ignore[arg-type]
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    headers = HOST + b"Content-Encoding: deflate\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
    writer.write(b"GET /output.json HTTP/1.1\r\n" + headers)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(body)
    assert await reader.read() == b'{"controls": []}'
    writer.close()


async def test_a_long_body_that_is_not_read(portal: Portal) -> None:
    """It is left out, and the next request on the connection is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    size = 4 * MAX_HEAD
    writer.write(b"POST /arm?seconds=0 HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size)
    head = await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]))
    for _ in range(16):
        writer.write(bytes(size // 16))
        await asyncio.sleep(0.005)
    writer.write(GET + b"\r\n")
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    writer.transport.abort()


async def test_a_client_that_does_not_wait_for_what_it_expects(
    portal: Portal, caplog: pytest.LogCaptureFixture
) -> None:
    """Its request is not handled, and the log has no traceback."""
    request = POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}"
    for _ in range(20):
        _, writer = await asyncio.open_connection("127.0.0.1", portal.port)
        writer.write(request)
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    writer.write(request.removesuffix(b"{}"))
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(b"{}")
    assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    writer.close()
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@pytest.mark.parametrize("cookies", [1, 8, 500])
async def test_long_cookies_of_other_programs(portal: Portal, cookies: int) -> None:
    """Browsers send the cookies of all ports of a host: up to 64 kB of headers are accepted and ignored."""
    line = b"Cookie: session=%s\r\n"
    size = (MAX_HEAD - 2000) // cookies - len(line % b"")
    assert (await exchange(portal.port, GET + line % (b"x" * size) * cookies + b"\r\n")).status == 200
    refused = await exchange(portal.port, GET + line % (b"x" * (size + 4000 // cookies)) * cookies + b"\r\n")
    check_form(refused)
    assert refused.status == 431


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"K\xc3\xbcche", "Küche"),
        (b"K\xfcche", "K\ufffdche"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"\xed\xa0\x80", "\ufffd" * 3),
    ],
)
async def test_raw_bytes_in_a_query(portal: Portal, raw: bytes, name: str) -> None:
    """UTF-8 is read as such, and other bytes as unknown characters; in the path they are characters of its prefix."""
    line = b"GET /stream.mjpg?client=%s HTTP/1.1\r\n" % raw
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    for piece in (line[:27], line[27:] + HOST, b"\r\n"):
        writer.write(piece)
        await asyncio.sleep(0.01)
    assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"
    await portal.until(lambda: portal.supervisor.subscribers.clients)
    (client,) = (await portal.status())["clients"]
    assert client["client"].replace("%FC", "\ufffd").replace("%FF%FE", "\ufffd" * 2) == name
    writer.transport.abort()
    path = await exchange(portal.port, b"GET /%s HTTP/1.1\r\n" % raw + HOST + b"\r\n")
    assert (path.status, path.text[:12]) == (404, "Not found: /")


async def test_raw_bytes_in_the_next_request(portal: Portal) -> None:
    """Requests on one connection, one after the other, are all the same."""
    reader, writer = await asyncio.open_connection("127.0.0.1", portal.port)
    for _ in range(3):
        writer.write("GET /healthz?name=Küche HTTP/1.1\r\n".encode() + HOST + b"\r\n")
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
        assert (await reader.readline()).startswith(b"Camera 0")
    writer.close()


HEADERS = (
    *(
        "Accept",
        "Accept-Encoding",
        "Accept-Language",
        "Authorization",
        "Cache-Control",
        "Content-Encoding",
        "Content-Type",
    ),
    *(
        "Cookie",
        "From",
        "If-Modified-Since",
        "If-None-Match",
        "Range",
        "Sec-Fetch-Dest",
        "Upgrade",
        "User-Agent",
        "Via",
    ),
    *("X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Prefix", "X-Forwarded-Proto", "X-Unknown"),
)


@pytest.mark.parametrize("name", HEADERS)
async def test_unreadable_headers_without_a_meaning(
    portal: Portal, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Headers that do not decide who requests what may have any bytes: the answer is that of an unknown value."""
    header = name.encode() + b": \xff\xc3\x28\xed\xa0\x80\r\n"
    for path in ("/", "/status", "/status.json", "/static/shared/style.css", "/cameras.json", "/?action=command&id=1"):
        answer = await exchange(portal.port, b"GET %s HTTP/1.0\r\n" % path.encode() + HOST + header + b"\r\n")
        assert answer.status == (501 if "command" in path else 200), path
    body = await exchange(portal.port, POST + header + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert body.status == 200
    assert not [record for record in caplog.records if record.exc_info]


async def test_both_parsers_in_whole_processes(parser: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Aiohttp chooses its parser when it is imported; the log has a line for each refusal, without a traceback."""
    if parser == "Python":
        monkeypatch.setitem(processes.ENVIRON, "AIOHTTP_NO_EXTENSIONS", "1")
    with processes.serving("--loghttp") as (process, url):
        port = int(url.rpartition(":")[2])
        for kind in ("no HTTP", "unreadable host", "unknown expectation"):
            check_form(await exchange(port, MALFORMED[kind]))
        assert (await exchange(port, "GET /healthz?name=Küche HTTP/1.1\r\n".encode() + HOST + b"\r\n")).status == 200
        process.terminate()
        assert process.stderr
        said = process.stderr.read()
    assert said.count("malformed request: 400") == 1
    assert said.count("HTTP: ") == 4
    assert "Traceback" not in said


@pytest.mark.parametrize("header", ["Content-Encoding: gzip, ", "Expect: "])
async def test_unreadable_headers_are_never_repeated(portal: Portal, header: str) -> None:
    """What is repeated has an unknown character instead; so the answer can be sent."""
    answer = await exchange(portal.port, POST + header.encode() + b"\xff\r\n" + CHUNKED, b"no size\r\n")
    check_form(answer)
    assert "\ufffd" in answer.text
