"""The ports of `soft-stream serve --all` that other programs have."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from ipaddress import IPv4Address

import pytest

from soft_stream.cli import taken_ports
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor import listeners
from soft_stream.diagnostics.doctor.host import Host
from soft_stream.diagnostics.doctor.listeners import Listener
from tests.support.processes import free_ports

LOOPBACK = ("127.0.0.1",)


@pytest.fixture
def open_sockets() -> Iterator[ExitStack]:
    """Close sockets at the end."""
    with ExitStack() as sockets:
        yield sockets


def camera(number: int, port: int, *listen: Endpoint) -> Settings:
    """Return the settings of a camera."""
    return Settings(camera=number, bind=LOOPBACK, port=port, listen=listen)


def test_free_ports_are_no_problem() -> None:
    """Ports that were looked at can be used afterwards."""
    base = free_ports(2)
    cameras = {0: camera(0, base), 1: camera(1, base + 1)}
    assert taken_ports.problems(cameras, base) == []
    socket.create_server(("127.0.0.1", base)).close()


def test_the_next_base_is_free_for_all_cameras(open_sockets: ExitStack) -> None:
    """The numbers of the cameras need not be consecutive, and ports of other endpoints are left out."""
    base = free_ports(20)
    for offset in (0, 5):
        open_sockets.enter_context(socket.create_server(("127.0.0.1", base + offset)))
    other = Endpoint("https", "127.0.0.1", base + 6)
    cameras = {0: camera(0, base, other), 3: camera(3, base + 3)}
    # with camera 0 at base + N and camera 3 at base + N + 3: 1 is free (4 too), unlike 2 (5) and 3 (6)
    assert taken_ports.problems(cameras, base)[-1] == f"Free ports: --port-base {base + 1}"
    open_sockets.enter_context(socket.create_server(("127.0.0.1", base + 4)))
    assert taken_ports.problems(cameras, base)[-1] == f"Free ports: --port-base {base + 7}"


def test_the_base_of_other_endpoints_does_not_help(open_sockets: ExitStack) -> None:
    """A port of camN_listen does not depend on the base, so none is named."""
    base = free_ports(2)
    open_sockets.enter_context(socket.create_server(("127.0.0.1", base + 1)))
    (sentence,) = taken_ports.problems({0: camera(0, base, Endpoint("http", "127.0.0.1", base + 1))}, base)
    assert sentence.startswith(f"http://127.0.0.1:{base + 1} (cam0_listen) is taken: ")


def test_no_port_is_left(open_sockets: ExitStack) -> None:
    """At the end of all ports the message says so."""
    with suppress(OSError):  # another program has it
        open_sockets.enter_context(socket.create_server(("127.0.0.1", 65535)))
    assert taken_ports.problems({0: camera(0, 65535)}, 65535)[-1] == "No other ports are free"


def test_addresses_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other errors than a taken port have their reason, and no advice about ports."""
    settings = Settings(bind=("192.0.2.77",))
    (sentence,) = taken_ports.problems({0: settings}, None)
    assert sentence == "http://192.0.2.77:18081 (cam0_bind, cam0_port) cannot be used: Cannot assign requested address"

    def refuse(*_: object, **__: object) -> socket.socket:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "create_server", refuse)
    (sentence,) = taken_ports.problems({0: camera(0, 80)}, None)
    assert sentence.endswith("cannot be used: Permission denied; this user has no right to ports below 1024")


def test_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ::1 of the default addresses is left out there, as the server does."""
    server = socket.create_server

    def create(address: tuple[str, int], *, family: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "Cannot assign requested address")
        return server(address, family=family)

    port = free_ports(1)
    monkeypatch.setattr(socket, "create_server", create)
    assert taken_ports.problems({0: Settings(port=port)}, None) == []


@pytest.mark.parametrize(
    ("found", "who"),
    [
        ([Listener(LOOPBACK, "nginx", 12, "nginx.service")], "nginx (pid 12)"),
        ([Listener(LOOPBACK, unit="camera-soft-cam@0.service")], "the unit camera-soft-cam@0.service"),
        ([Listener(LOOPBACK, unit="user@1000.service")], "another program (sudo ss"),
        ([Listener(LOOPBACK), Listener((str(IPv4Address(0)),), "caddy", 7)], "caddy (pid 7)"),
        ([Listener(("::1",), "other", 5)], "another program (sudo ss"),
        ([], "another program (sudo ss"),
    ],
)
def test_who_has_a_port(
    monkeypatch: pytest.MonkeyPatch, open_sockets: ExitStack, found: list[Listener], who: str
) -> None:
    """The program is named, or its unit if the program belongs to another user, or the command that shows it."""
    port = free_ports(1)
    open_sockets.enter_context(socket.create_server(("127.0.0.1", port)))
    monkeypatch.setattr(listeners, "find_listeners", lambda *_: found)
    monkeypatch.setattr(Host, "read", lambda *_: None)
    assert f" is taken: {who}" in taken_ports.problems({0: camera(0, port)}, port)[0]
