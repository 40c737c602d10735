"""Names of the machine that change while the process runs."""

import socket
from pathlib import Path

import pytest

from soft_stream.config import own_names
from soft_stream.web.middleware.own_names_cache import OwnNamesCache


async def test_a_change_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Changed files and a changed host name count after two seconds; unchanged files are not read again."""
    now, host_name, times_read, read_names = 0.0, "pi", 0, own_names.read_names

    def read() -> list[str]:
        nonlocal times_read
        times_read += 1
        return list(read_names())

    resolver = tmp_path / "resolv.conf"
    monkeypatch.setattr(own_names, "HOST_NAME_FILE", tmp_path / "hostname")
    monkeypatch.setattr(own_names, "HOSTS_FILE", tmp_path / "hosts")
    monkeypatch.setattr(own_names, "RESOLVER_FILE", resolver)
    monkeypatch.setattr(own_names, "read_names", read)
    monkeypatch.setattr(socket, "gethostname", lambda: host_name)
    names = OwnNamesCache(clock=lambda: now)
    assert await names.get() == {"pi"}
    resolver.write_text("search a.example")
    assert await names.get() == {"pi"}
    now = 2.5
    assert await names.get() == {"pi", "pi.a.example"}
    for _ in range(5):
        now += 2.5
        await names.get()
    assert times_read == 2
    now, host_name = 20.0, "cam"
    assert await names.get() == {"cam", "cam.a.example"}
    resolver.unlink()
    now = 30.0
    assert await names.get() == {"cam"}
    (tmp_path / "hostname").write_text("new.example.org\n")
    now = 40.0
    assert await names.get() == {"cam", "new.example.org"}
