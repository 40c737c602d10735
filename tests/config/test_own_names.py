"""The names of the machine, from its files."""

import socket
import tracemalloc
from pathlib import Path

import pytest

from soft_stream.config import own_names
from soft_stream.config.own_names import read_names


class Machine:
    """A machine with a name and files of its own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hosts, self.resolver, self.name = folder / "hosts", folder / "resolv.conf", "pi"
        self.host_name = folder / "hostname"
        monkeypatch.setattr(own_names, "HOST_NAME_FILE", self.host_name)
        monkeypatch.setattr(own_names, "HOSTS_FILE", self.hosts)
        monkeypatch.setattr(own_names, "RESOLVER_FILE", self.resolver)
        monkeypatch.setattr(socket, "gethostname", lambda: self.name)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine without these files."""
    return Machine(tmp_path, monkeypatch)


def test_the_host_name_alone(machine: Machine) -> None:
    """Without the files the host name is the only one, in lower case."""
    machine.name = "Pi"
    assert set(read_names()) == {"pi"}


def test_aliases_in_etc_hosts(machine: Machine) -> None:
    """Each line that has the host name has aliases of it; no other line counts, as block lists have foreign names."""
    machine.hosts.write_text(
        "127.0.0.1 localhost\n127.0.0.1\tads.example  # pi\n0.0.0.0 pi.ads.example\n"
        "127.0.1.1 Pi.Example.org. pi cam.example.org # evil.example\n"
        "::1 ip6-localhost\n\n192.168.1.9 nas.example.org\n"
    )
    assert set(read_names()) == {"pi", "pi.example.org", "cam.example.org"}


def test_search_domains(machine: Machine) -> None:
    """The machine has a name in each domain of `search` and `domain`, whatever their order is."""
    machine.resolver.write_text(
        "# search x.example\nnameserver 192.168.1.1\ndomain Corp.example\nsearch a.example. b.example .\n"
        "options ndots:2\n"
    )
    assert {name for name in read_names() if name.strip(".").count(".") > 0} == {
        "pi.corp.example",
        "pi.a.example",
        "pi.b.example",
    }


def test_a_full_host_name(machine: Machine) -> None:
    """If the host name has a domain, its first label is what other domains are appended to."""
    machine.name = "pi.example.org"
    machine.hosts.write_text("127.0.1.1 pi alias.example.org")
    machine.resolver.write_text("search b.example")
    assert set(read_names()) == {"pi.example.org", "pi", "alias.example.org", "pi.b.example"}


def test_a_new_host_name(machine: Machine) -> None:
    """A service with ProtectHostname= sees a new host name only in its file; the one from the start stays."""
    machine.host_name.write_text("# set by hostnamectl\nCam.Example.org\n")
    machine.hosts.write_text("127.0.1.1 cam alias.example.org\n127.0.0.1 localhost\n")
    machine.resolver.write_text("search a.example")
    aliases = {"cam", "alias.example.org", "pi.a.example", "cam.a.example"}
    assert set(read_names()) == {"pi", "cam.example.org"} | aliases


def test_a_long_list_takes_little_memory(machine: Machine) -> None:
    """A list that blocks advertisements is not held in memory: foreign names cause it to be read."""
    machine.hosts.write_text("127.0.1.1 pi cam.example.org\n" + "0.0.0.0 ads.example\n" * 100_000)
    tracemalloc.start()
    assert set(read_names()) == {"pi", "cam.example.org"}
    assert tracemalloc.get_traced_memory()[1] < 500_000
    tracemalloc.stop()


def test_a_file_that_is_no_text(machine: Machine) -> None:
    """Bytes that are no UTF-8 and a folder in place of a file are no reason to fail."""
    machine.hosts.write_bytes(b"127.0.1.1 pi \xff.example pi.example\n")
    machine.resolver.mkdir()
    assert {"pi", "pi.example"} <= set(read_names())
