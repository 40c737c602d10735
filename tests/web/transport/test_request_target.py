"""Raw bytes in request lines are percent-encoded, and nothing else is changed."""

import pytest

from soft_stream.web.transport.request_target import RequestTarget

LINE, REST = "GET /Küche?name=Müller HTTP/1.1\r\n".encode(), b"Host: a\r\nX-Name: \xc3\xbc\xff\r\n\r\n"
ENCODED = b"GET /K%C3%BCche?name=M%C3%BCller HTTP/1.1\r\n"


def feed(target: RequestTarget, *pieces: bytes) -> bytes:
    """Return what the parser gets."""
    return b"".join(target.encode(piece) for piece in pieces)


@pytest.mark.parametrize("at", range(len(LINE + REST)))
def test_a_request_in_two_pieces(at: int) -> None:
    """Only the address is encoded, wherever the network has cut the request; so is that of the next request."""
    request, target = LINE + REST, RequestTarget()
    for _ in range(2):
        assert feed(target, request[:at], request[at:]) == ENCODED + REST
        target.expect_next()


def test_a_request_in_single_bytes() -> None:
    """Each byte is encoded by itself."""
    target = RequestTarget()
    assert feed(target, *(bytes([byte]) for byte in LINE + REST)) == ENCODED + REST


def test_a_raw_method_stays_wrong() -> None:
    """Bytes before the address are not encoded: the parser refuses them."""
    line = b"G\xc3\x89T / HTTP/1.1\r\n\r\n"
    assert feed(RequestTarget(), line) == line


@pytest.mark.parametrize("first", [LINE + REST + b"\xff", LINE + REST + b"GET / HTTP/1.1\r\nContent-Length: 9\r\n\r\n"])
def test_bodies_are_not_changed(first: bytes) -> None:
    """Where the next request begins is unknown after anything that followed a head: nothing is encoded any more."""
    target = RequestTarget()
    assert feed(target, first) == first.replace(LINE, ENCODED)
    target.expect_next()
    body = b'{"\xc3\xbc": 1}\r\n'
    assert feed(target, body, LINE + REST) == body + LINE + REST
    target.expect_next()
    assert feed(target, LINE) == LINE


def test_a_body_in_a_later_piece_is_not_changed() -> None:
    """The body may arrive after the answer."""
    target, body = RequestTarget(), b"\xc3\xbc \xff\r\n"
    feed(target, b"POST / HTTP/1.1\r\nContent-Length: 6\r\n\r\n")
    assert feed(target, body) == body
    target.expect_next()
    assert feed(target, body) == body
