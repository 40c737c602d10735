"""Attacks on the way of a request: connections, proxies, caches, addresses, and the time that a login takes."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from soft_stream.access.passwords import is_password
from soft_stream.access.rights import Role
from soft_stream.web.app import ROUTES
from soft_stream.web.auth.failed_logins import FailedLogins, LoginLimits
from tests.support.logins import USERS, basic, login_of, write_logins
from tests.support.raw_http import exchange
from tests.support.server import Portal, StartPortal

Headers = Mapping[str, str]
VERA = "Authorization: " + login_of("vera")["Authorization"]
PROXIES: list[Headers] = [
    {"X-Forwarded-For": "192.0.2.7"},
    {"X-Forwarded-For": "127.0.0.1"},
    {"X-Forwarded-For": ""},
    {"X-Forwarded-For": "garbage"},
    {"x-forwarded-for": "::1, 127.0.0.1"},
    {"Forwarded": "for=127.0.0.1"},
    {"Forwarded": ""},
    {"X-Real-IP": "127.0.0.1"},
    {"Via": "1.1 127.0.0.1"},
]


@pytest.fixture
async def locked(start_portal: StartPortal, tmp_path: Path) -> Portal:
    """Return a server that wants a login from every client."""
    return await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))


async def status_of(portal: Portal, headers: Headers, path: str = "/status.json", method: str = "GET") -> int:
    """Return the status of a request."""
    async with portal.http.request(method, path, headers=headers) as answer:
        await answer.content.read(4096)
        return answer.status


async def talk(port: int, data: bytes) -> bytes:
    """Return all that the server sends on a connection until it is silent or ends it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(data)
        received = b""
        while True:
            try:
                async with asyncio.timeout(0.5):
                    piece = await reader.read(65536)
            except TimeoutError:
                return received
            if not piece:
                return received
            received += piece
    finally:
        writer.transport.abort()


async def test_a_login_is_valid_for_one_request(locked: Portal) -> None:
    """Behind a request with a login, one without it on the same connection gets 401, also if both arrive together."""
    first = f"GET /status.json HTTP/1.1\r\nHost: pi\r\n{VERA}\r\n\r\n".encode()
    second = b"GET /status.json HTTP/1.1\r\nHost: pi\r\n\r\n"
    received = await talk(locked.port, first + second)
    assert received.index(b"HTTP/1.1 200") < received.index(b"HTTP/1.1 401")
    assert received.count(b'"state"') == 1
    received = await talk(locked.port, second + first)
    assert received.index(b"HTTP/1.1 401") < received.index(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: {size}\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: {size}",
        "Content-Length: {size}\r\nContent-Length: 0", "Content-Length: +{size}", "Content-Length: 0x10",
        "Content-Length: {size},{size}", "Transfer-Encoding: xchunked", "Transfer-Encoding : chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding:\x0bchunked", "Content-Length: {size}\r\n Transfer-Encoding: chunked",
        "Content_Length: {size}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("login", [VERA, "X: y"])
async def test_a_request_in_the_body_of_another(locked: Portal, framing: str, login: str) -> None:
    """Where a proxy and this server may disagree about the end of a body, no hidden request gets an answer of its own.

    Behind nginx many clients share a connection: the hidden request would be that of the next one.
    """
    hidden = b"GET /status.json HTTP/1.1\r\nHost: pi\r\n\r\n"
    for body in (hidden, b"0\r\n\r\n" + hidden):
        head = f"POST /resume HTTP/1.1\r\nHost: pi\r\n{login}\r\n{framing.format(size=len(body))}\r\n\r\n".encode(
            "latin-1"
        )
        received = await talk(locked.port, head + body)
        assert b'"state"' not in received
        assert b"HTTP/1.1 200" not in received


async def test_old_and_chunked_requests(locked: Portal) -> None:
    """HTTP/1.0, without a Host and with chunks, is no way around the login."""
    for request in (
        "GET /status.json HTTP/1.0\r\n\r\n",
        "GET http://127.0.0.1/status.json HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        "GET /status.json HTTP/1.1\r\nHost: pi\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"GET /status.json HTTP/1.1\r\nHost: pi\r\n{VERA.replace('Authorization', 'Authorization ')}\r\n\r\n",
        f"GET /status.json HTTP/1.1\r\nHost: pi\r\nX: y\r\n {VERA}\r\n\r\n",
        f"GET /status.json HTTP/1.1\r\nHost: pi\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{VERA}\r\n\r\n",
    ):
        answer = await exchange(locked.port, request.encode())
        assert answer.status in (400, 401), request
        assert b'"state"' not in answer.body + answer.rest


@pytest.mark.parametrize("headers", PROXIES)
async def test_a_proxy_on_this_machine(start_portal: StartPortal, tmp_path: Path, headers: Headers) -> None:
    """Its clients are of the network as soon as there is a user; no header makes a client one of this machine."""
    portal = await start_portal(users_file=str(write_logins(tmp_path).users))
    assert await status_of(portal, headers) == 401
    assert await status_of(portal, headers, "/resume", "POST") == 401
    assert await status_of(portal, {**headers, **login_of("vera")}) == 200
    assert await status_of(portal, {}) == 200


@pytest.mark.parametrize("headers", PROXIES)
async def test_a_proxy_with_a_login_of_its_own(start_portal: StartPortal, tmp_path: Path, headers: Headers) -> None:
    """`cam_local_proxy_role` is the role of its clients, and no client gets more by its headers."""
    portal = await start_portal(users_file=str(write_logins(tmp_path).users), local_proxy_role="view")
    assert await status_of(portal, headers) == 200
    assert await status_of(portal, {**headers, "X-Soft-Stream-Role": "admin"}, "/resume", "POST") == 403
    assert await status_of(portal, {**headers, "X-Soft-Stream-Auth": "always"}) == 401


async def test_nginx_without_users(start_portal: StartPortal, tmp_path: Path) -> None:
    """What nginx of the deployment passes on needs a login, also while there is no user: its ports stay closed."""
    portal = await start_portal(users_file=str(tmp_path / "htpasswd"), open_to_network=True, local_proxy_role="admin")
    for value in ("always", "ALWAYS"):
        for more in ({}, {"X-Forwarded-For": "192.0.2.7"}):
            assert await status_of(portal, {"X-Soft-Stream-Auth": value, **more}) == 401
    assert await status_of(portal, {}) == 200


@pytest.mark.parametrize("content", ["", "# no user\n"])
async def test_a_users_file_that_cannot_be_read(start_portal: StartPortal, tmp_path: Path, content: str) -> None:
    """A folder, or a line that is no user, in the place of the users never opens the cameras."""
    folder = tmp_path / "folder"
    folder.mkdir()
    forwarded = {"X-Forwarded-For": "192.0.2.7"}
    assert await status_of(await start_portal(users_file=str(folder)), forwarded) == 401
    broken = tmp_path / "broken"
    broken.write_text(content + "anna without a hash\n")
    assert await status_of(await start_portal(users_file=str(broken)), forwarded) == 401
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert await status_of(await start_portal(users_file=str(loop)), forwarded) == 401


async def test_the_time_of_unknown_users(locked: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each wrong login costs one verification of a hash of the file, whether its user exists or not."""
    hashes = {line.split(":")[1] for line in USERS.splitlines()}
    verified: list[str] = []

    def count(password: str, coded: str) -> bool:
        verified.append(coded)
        return is_password(password, coded)

    monkeypatch.setattr("soft_stream.web.auth.password_checks.is_password", count)
    names = ["vera", "nobody", "root", "", "nora", "x" * 900, "\u00e4", "vera "]
    for number, name in enumerate(names):
        address = {"X-Forwarded-For": f"192.0.2.{number}"}
        assert await status_of(locked, {**basic(name, "wrong"), **address}) == 401
        assert len(verified) == number + 1, name
    assert {*verified} <= hashes
    again = verified[1]
    assert await status_of(locked, {**basic("nobody", "wrong-2"), "X-Forwarded-For": "192.0.2.99"}) == 401
    assert verified[-1] == again  # the same each time, as that of a user is


@pytest.mark.parametrize(
    "address",
    [
        "2001:db8:1:1::{:x}", "[2001:db8:1:1:{:x}::1]:443", "2001:db8:1:1:{:x}:{:x}::%eth0",
        "1.2.3.{:d}, 192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7:{:d}",
    ],
)  # fmt: skip
async def test_a_ban_that_many_addresses_do_not_evade(
    start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """All addresses of an IPv6 network, all forms of an address, and what a client adds to X-Forwarded-For are one."""
    monkeypatch.setattr(FailedLogins.__init__, "__defaults__", (LoginLimits(free=3, most=3),))
    portal = await start_portal(auth="always", users_file=str(write_logins(tmp_path).users))
    known = {**login_of("vera"), "X-Forwarded-For": "2001:db8:1:1::5"}
    assert await status_of(portal, known) == 200
    statuses = [
        await status_of(portal, {**basic("adam", f"guess-{number}"), "X-Forwarded-For": address.format(number, number)})
        for number in range(1, 6)
    ]
    assert statuses == [401, 401, 401, 429, 429]
    assert await status_of(portal, known) == 200
    other = {**basic("adam", "guess"), "X-Forwarded-For": "2001:db8:1:2::1"}
    assert await status_of(portal, other) == 401


@pytest.mark.parametrize("path", [route.path for route in ROUTES[Role.VIEW]])
async def test_caches_store_nothing(locked: Portal, path: str) -> None:
    """No answer that needs a login, and no 401 and 403, may be stored by a proxy and given to another client."""
    for headers in (login_of("vera"), {}, login_of("nina")):
        async with locked.http.get(path, headers=headers) as answer:
            await answer.content.read(100)
            assert "no-store" in answer.headers["Cache-Control"]
