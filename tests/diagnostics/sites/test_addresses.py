"""Which addresses are ports of the cameras on this machine."""

import socket
from pathlib import Path

import pytest

from soft_stream.config import own_names
from soft_stream.diagnostics.sites.addresses import is_camera

HOSTS = "127.0.0.1 localhost\n127.0.1.1 printer.example.org Kamera # mine\n10.9.8.7 other.example.org\n"


@pytest.fixture(autouse=True)
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine a name and a file of names."""
    (tmp_path / "hosts").write_text(HOSTS)
    monkeypatch.setattr(own_names, "HOSTS_FILE", tmp_path / "hosts")
    monkeypatch.setattr(socket, "gethostname", lambda: "Pi")


@pytest.mark.parametrize(
    "host",
    [
        "127.1.2.3",
        "[::]",
        "[::1]",
        "localhost",
        "ip6-localhost",
        "pi",
        "pi.LOCAL",
        "printer.example.org",
        "kamera",
        "$x",
    ],
)
def test_hosts_that_are_this_machine(host: str) -> None:
    """Loopback, its names, and a variable, which may be one of them."""
    assert is_camera(f"{host}:18081", [18081])


@pytest.mark.parametrize(
    "target", ["10.9.8.7:18081", "other.example.org:18081", "127.0.0.1:80", "127.0.0.1", "x:18081"]
)
def test_other_targets(target: str) -> None:
    """Other machines and ports do not count."""
    assert not is_camera(target, [18081])
