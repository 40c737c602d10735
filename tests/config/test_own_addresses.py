"""The name and the addresses of this machine in its network."""

import ipaddress
import socket
from pathlib import Path

import pytest

from soft_stream.config import own_addresses


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("raspberrypi", "raspberrypi.local"),
        ("Printer.example.org", "printer.local"),
        ("localhost", ""),
        ("a b", ""),
        ("", ""),
    ],
)
def test_the_local_name(monkeypatch: pytest.MonkeyPatch, host: str, name: str) -> None:
    """It is the first part of the host name; a name that is none in DNS has none."""
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert own_addresses.local_name() == name


def test_the_address_is_one_of_this_machine() -> None:
    """A server can listen there, and it is not that of loopback; a machine without a network has none."""
    if address := own_addresses.network_address():
        assert not ipaddress.ip_address(address).is_loopback
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.create_server((address, 0), family=family).close()


def test_an_interface_without_a_route(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no route, as on a cable between two machines, the address of an interface is used."""
    monkeypatch.setattr(own_addresses, "_source_address", lambda *_: "")
    monkeypatch.setattr(own_addresses, "_interfaces", lambda: ["no-such-interface", "lo"])
    assert own_addresses.network_address() == "127.0.0.1"


def test_only_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """An IPv6 address is used if there is no other."""
    monkeypatch.setattr(
        own_addresses, "_source_address", lambda family, _: "fd00::7" if family == socket.AF_INET6 else ""
    )
    monkeypatch.setattr(own_addresses, "_interfaces", list)
    assert own_addresses.network_address() == "fd00::7"


def test_who_announces_the_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The name is announced while avahi has its directory."""
    monkeypatch.setattr(own_addresses, "AVAHI", tmp_path / "avahi-daemon")
    assert not own_addresses.announces_name()
    (tmp_path / "avahi-daemon").mkdir()
    assert own_addresses.announces_name()
