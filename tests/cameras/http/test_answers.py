"""Answers of servers: what is shown, what is refused, and with which sentence."""

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from soft_stream.cameras.base import CameraMissing, NotLive
from soft_stream.cameras.http import parts, reader, standstill
from soft_stream.cameras.http.camera import HttpCamera
from soft_stream.config.settings import Settings
from tests.support.mjpeg_server import BOUNDARY, HEAD, MjpegServer, answer, jpeg, part, sends, serving
from tests.support.server import QUICK

MULTIPART = "multipart/x-mixed-replace"


def settings_of(server: MjpegServer, **changes: object) -> Settings:
    """Return the settings of a camera for a server."""
    changes = {"url": server.url, "start_timeout": 2.0, "watchdog_timeout": 1.0} | changes
    return replace(QUICK, source="http", **changes)  # type: ignore[arg-type]


def refusal(reply: Callable[..., None], **changes: object) -> str:
    """Return the sentence with which a camera is not opened; the server's own name is SERVER in it."""
    with serving(reply) as server:
        camera = HttpCamera(settings_of(server, **changes))
        with pytest.raises(CameraMissing) as raised:
            camera.open()
        return str(raised.value).replace(f"http://127.0.0.1:{server.port}", "SERVER")


def shown(reply: Callable[..., None], **changes: object) -> tuple[bytes, list[str]]:
    """Return the first picture of a server, and the heads of the requests."""
    with serving(reply) as server:
        camera = HttpCamera(settings_of(server, **changes))
        camera.open()
        frame = camera.capture(2.0)
        camera.close()
        return frame.jpeg, server.requests


def take_all(camera: HttpCamera) -> None:
    """Take pictures until there is none, which is an error."""
    while True:
        camera.capture(0.3)


def multipart(*pieces: bytes, boundary: str = "boundarydonotcross") -> bytes:
    """Return the beginning of a stream."""
    return HEAD.replace(b"boundarydonotcross", boundary.encode()) + b"".join(pieces)


@pytest.mark.parametrize(
    "pieces",
    [
        (multipart(BOUNDARY, part(jpeg(0))), part(jpeg(1))),
        (multipart(BOUNDARY, part(jpeg(0)), boundary='"boundarydonotcross"'), part(jpeg(1))),
        (multipart(BOUNDARY, part(jpeg(0)), boundary="--boundarydonotcross"), part(jpeg(1))),
        (multipart(b"\r\nsome words before\r\n", BOUNDARY, part(jpeg(0))), part(jpeg(1))),
        (multipart(BOUNDARY, part(jpeg(0)).replace(b"Content-Length", b"X-Length")), part(jpeg(1))),
        (multipart(BOUNDARY, part(jpeg(0)).replace(b"image/jpeg", b"image/jpg")), part(jpeg(1))),
        (multipart(BOUNDARY, part(jpeg(0), length=100)), part(jpeg(1))),
        (multipart(BOUNDARY, part(jpeg(0), length=len(jpeg(0)) + 20)), part(jpeg(1))),
    ],
    ids=["usual", "quoted", "dashes", "preamble", "no length", "jpg", "short length", "long length"],
)
def test_streams_as_servers_send_them(pieces: tuple[bytes, ...]) -> None:
    """A wrong length costs one picture, and nothing costs the stream."""
    first, _ = shown(sends(*pieces, then=0.02))
    assert first in (jpeg(0), jpeg(1))


def test_a_picture_does_not_wait_for_the_next_one() -> None:
    """It is complete with its last byte, also if the boundary belongs to the next part."""
    whole = part(jpeg(0))
    first, _ = shown(sends(multipart(BOUNDARY, whole[: whole.index(jpeg(0)) + len(jpeg(0))]), b"", then=0.02))
    assert first == jpeg(0)


def test_a_snapshot_is_polled() -> None:
    """Each picture is another request, at the rate of the setting,."""
    with serving(sends(answer(jpeg(0)))) as server:
        camera = HttpCamera(settings_of(server, fps=10.0))
        camera.open()
        began = time.monotonic()
        for _ in range(5):
            assert camera.capture(2.0).jpeg == jpeg(0)
        camera.close()
        assert time.monotonic() - began >= 0.3
        assert 4 <= len(server.requests) <= 7


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (sends(answer(b"<html>", "text/html")), "SERVER sends text/html, which is neither a JPEG nor an MJPEG stream"),
        (sends(answer(b"", "text/plain", status="404 Not Found")), "SERVER answers with 404 (Not Found)"),
        (sends(answer(b"", "text/plain", status="403 Forbidden")), "SERVER answers with 403 (Forbidden)"),
        (sends(answer(b"", status="401 Unauthorized")), "SERVER needs a login: write http://USER:PASSWORD@HOST/"),
        (sends(answer(b"No frame.\nx", "text/plain", status="503 X")), "SERVER has no picture: No frame"),
        (
            sends(answer(b"no http://a:word@h/s?key=word&x=1 here", "text/plain", status="503 X")),
            "SERVER has no picture: no http://***@h/s?key=***&x=*** here",
        ),
        (sends(answer(b"", status="404 No /s?key=word")), "SERVER answers with 404 (No /s?key=***)"),
        (sends(answer(b"<p>", "text/html", status="503 Busy\x07")), "SERVER"),
        (sends(answer(b"", status="508 Loop Detected")), "SERVER gets its picture from this server"),
        (sends(answer(b"x" * 9, "image/jpeg", "Content-Encoding: gzip")), "SERVER sends no stream of JPEGs: it is"),
        (sends(answer(jpeg(0), MULTIPART)), "SERVER sends no stream of JPEGs: its content type names no boundary"),
        (sends(answer(jpeg(0)[:99])), "no picture of the server is whole: "),
        (sends(answer(b"RIFF" * 9)), "no picture of the server is whole: "),
        (sends(multipart(b"--other\r\n" * 9000)), "SERVER sends no stream of JPEGs: no picture begins"),
        (sends(multipart(BOUNDARY, b"X-A: b\r\n" * 9000)), "SERVER sends no stream of JPEGs: "),
        (sends(multipart(BOUNDARY, b"X" * 200_000)), "SERVER sends no stream of JPEGs: "),
        (sends(multipart(BOUNDARY, part(b"x", length=2 << 30))), "SERVER sends no stream of JPEGs: a picture has 2147"),
        (sends(multipart(BOUNDARY, part(b"x", length=-5))), "SERVER sends no stream of JPEGs: "),
        (sends(multipart(BOUNDARY, b"--boundarydonotcross--\r\n")), "SERVER"),
        (sends(HEAD.replace(b"\r\n\r\n", b"\r\nX: " + b"y" * 99_999 + b"\r\n\r\n")), "SERVER cannot be reached: "),
        (sends(HEAD[:-2] + b"X-A: b\r\n" * 99_999), "SERVER cannot be reached: "),
        (sends(b"\xff\xd8 no HTTP at all\r\n\r\n"), "SERVER cannot be reached: "),
        (sends(), "SERVER cannot be reached: "),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(reply: Callable[..., None], sentence: str) -> None:
    """The sentence says what the server sends."""
    said = refusal(reply)
    assert said.startswith(sentence)
    assert said.isprintable()


@pytest.mark.parametrize(
    "pieces",
    [(b"",), (HEAD, b""), (HEAD + BOUNDARY, b"X"), (HEAD[:30], b"X"), (answer(jpeg(0))[:-1], b"")],
    ids=["nothing", "head only", "a byte now and then", "half a head", "all but one byte"],
)
def test_a_server_that_never_finishes(pieces: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is no progress."""
    monkeypatch.setattr(reader, "PATIENCE", 0.0)
    said = refusal(sends(*pieces, then=0.05), start_timeout=1.0, watchdog_timeout=0.5)
    assert said.startswith("SERVER sends no picture within ")


def test_a_snapshot_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may not be larger than any picture of a camera, whatever the server promises."""
    monkeypatch.setattr("soft_stream.cameras.http.pictures.LARGEST", 1_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n"
    assert refusal(sends(head, b"x" * 99_999, then=0.001)).endswith("a picture has more than 1000000 bytes")


def test_a_picture_of_a_stream_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Content-Length it has a limit, too."""
    monkeypatch.setattr(parts, "LARGEST", 1_000_000)
    head = HEAD + BOUNDARY + b"Content-Type: image/jpeg\r\n\r\n"
    assert "no picture begins or ends" in refusal(sends(head, b"x" * 99_999, then=0.001))


@pytest.mark.parametrize(
    ("location", "shown_as"),
    [
        ("http://other.example/a?token=abc", "http://other.example"),
        ("http://127.0.0.1:1/stream", "http://127.0.0.1"),
        ("http://169.254.169.254/latest/meta-data", "http://169.254.169.254"),
        ("http://localhost/stream", "http://localhost"),
        ("file:///etc/passwd", "file:"),
        ("ftp://127.0.0.1/a", "ftp://127.0.0.1"),
    ],
)
def test_redirections_elsewhere_are_not_followed(location: str, shown_as: str) -> None:
    """The server could make this one request anything that is within its reach."""
    said = refusal(sends(answer(b"", "text/plain", f"Location: {location}", status="302 Found")))
    assert said.startswith(f"SERVER redirects to {shown_as}, which is not followed")


def test_a_redirection_on_the_same_server_is_followed() -> None:
    """Such as to the path with a slash; one that leads to itself ends soon."""

    def reply(server: MjpegServer, connection: object) -> None:
        is_first = "GET /stream " in server.requests[-1]
        moved = answer(b"", "text/plain", "Location: /stream/", status="301 Moved Permanently")
        connection.sendall(moved if is_first else answer(jpeg(0)))  # type: ignore[attr-defined]

    assert shown(reply)[0] == jpeg(0)
    again = sends(answer(b"", "text/plain", "Location: /stream", status="301 Moved Permanently"))
    assert refusal(again).endswith("it redirects again and again")


def test_the_head_of_a_request() -> None:
    """It has no password before the server asks for one, asks for no compression, and names the relays."""
    with serving(sends(answer(jpeg(0)))) as server:
        url = server.url.replace("//", "//anna:secret@")
        camera = HttpCamera(settings_of(server, url=url, relays=("a", "b")))
        camera.open()
        camera.close()
        head = server.requests[0]
    assert "Via: 1.1 a, 1.1 b\r\n" in head
    assert "Accept-Encoding: identity\r\n" in head
    assert "Authorization" not in head


@pytest.mark.parametrize(
    ("challenge", "sent"),
    [
        ('Basic realm="x"', "Authorization: Basic YW5uYTpzZWNyZXQ6MQ=="),
        ('Digest realm="x", nonce="abc", qop="auth", algorithm=MD5', 'Authorization: Digest username="anna"'),
        ('Basic realm="x", Digest realm="x", nonce="abc", qop="auth"', "Authorization: Basic YW5uYTpzZWNyZXQ6MQ=="),
    ],
)
def test_the_login_of_the_url(challenge: str, sent: str) -> None:
    """It is sent in the form that the server asks for; a wrong one is not sent again soon."""
    unauthorized = answer(b"", "text/plain", f"WWW-Authenticate: {challenge}", status="401 Unauthorized")

    def reply(server: MjpegServer, connection: object) -> None:
        is_right = sent in server.requests[-1]
        connection.sendall(answer(jpeg(0)) if is_right else unauthorized)  # type: ignore[attr-defined]

    with serving(reply) as server:
        camera = HttpCamera(settings_of(server, url=server.url.replace("//", "//anna:secret%3A1@")))
        camera.open()
        camera.close()
        assert sent in server.requests[-1]


def test_a_wrong_login() -> None:
    """The password is in no sentence, and the next try is later: servers lock out those who try again and again."""
    with serving(sends(answer(b"", status="401 Unauthorized"))) as server:
        camera = HttpCamera(settings_of(server, url=server.url.replace("//", "//anna:secret@")))
        with pytest.raises(CameraMissing) as raised:
            camera.open()
    assert "refuses the user or the password" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert raised.value.retry_after == 30


def test_placeholders_are_no_pictures() -> None:
    """A driver says why the server has no live picture, stays connected, and shows the next live one."""
    notice = part(jpeg(2), "X-Frame: notice", "X-Reason: the camera is not connected%21")

    def reply(server: MjpegServer, connection: object) -> None:
        connection.sendall(HEAD + BOUNDARY + part(jpeg(0)))  # type: ignore[attr-defined]
        while server.is_plugged:
            piece = notice if server.is_silent else part(jpeg(1))
            time.sleep(0.02)
            connection.sendall(piece)  # type: ignore[attr-defined]

    with serving(reply) as server:
        camera = HttpCamera(settings_of(server))
        camera.open()
        server.is_silent = True
        with pytest.raises(NotLive, match="has no live picture: the camera is not connected!"):
            take_all(camera)
        server.is_silent = False
        assert camera.capture(2.0).jpeg == jpeg(1)
        camera.close()
        assert len(server.requests) == 1


def frozen(server: MjpegServer, connection: socket.socket) -> None:
    """Send the same picture again and again with new times, while the server is silent."""
    connection.sendall(HEAD + BOUNDARY)
    for number in count():
        time.sleep(0.02)
        connection.sendall(part(jpeg(0 if server.is_silent else number), f"X-Timestamp: {time.time():.6f}"))


def frozen_snapshot(server: MjpegServer, connection: socket.socket) -> None:
    """Send the same snapshot again and again, while the server is silent."""
    connection.sendall(answer(jpeg(0 if server.is_silent else len(server.requests))))


@pytest.mark.parametrize("reply", [frozen, frozen_snapshot])
def test_a_frozen_camera_is_not_live(reply: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose camera hangs sends its last picture with new times; the picture is live when it changes again."""
    monkeypatch.setattr(standstill, "LONGEST_SAME", 0.2)
    with serving(reply) as server:
        camera = HttpCamera(settings_of(server, watchdog_timeout=0.2))
        camera.open()
        server.is_silent = True
        with pytest.raises(NotLive, match=r"has sent the same picture for more than 0\.2 s: its camera may hang"):
            take_all(camera)
        server.is_silent = False
        assert camera.capture(2.0).jpeg
        camera.close()


def test_a_still_picture_of_a_server_of_this_kind_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says itself when a picture is not live; its source may be one file."""
    monkeypatch.setattr(standstill, "LONGEST_SAME", 0.0)

    def still(server: MjpegServer, connection: socket.socket) -> None:
        connection.sendall(HEAD + BOUNDARY)
        while server.is_plugged:
            time.sleep(0.02)
            now = time.time()
            connection.sendall(part(jpeg(0), f"X-Timestamp: {now:.6f}", f"X-Monotonic: {now - 1000:.6f}"))

    with serving(still) as server:
        camera = HttpCamera(settings_of(server, watchdog_timeout=0.2))
        camera.open()
        began = time.monotonic()
        while time.monotonic() < began + 0.5:
            assert camera.capture(2.0).jpeg == jpeg(0)
        camera.close()


def test_a_stream_that_ends_between_two_pictures() -> None:
    """The sentence says that, and nothing of the library."""
    with serving(sends(HEAD + BOUNDARY, part(jpeg(0)))) as server:
        camera = HttpCamera(settings_of(server))
        camera.open()
        with pytest.raises(NotLive, match="cannot be reached: the stream has ended"):
            take_all(camera)
        camera.close()


@pytest.mark.parametrize("header", ["X-Frame: repeat", "X-Timestamp: 1000.5"])
def test_a_picture_that_is_sent_again_is_not_live(header: str) -> None:
    """A server whose camera has stopped may send its last picture for ever."""
    with serving(sends(HEAD + BOUNDARY + part(jpeg(0), "X-Timestamp: 1000.5"), part(jpeg(0), header), then=0.01)) as s:
        camera = HttpCamera(settings_of(s))
        camera.open()
        assert camera.capture(1.0).jpeg == jpeg(0)
        with pytest.raises(Exception, match="no frame within"):
            camera.capture(0.3)
        camera.close()
