"""Several endpoints at once: http, https and unix sockets."""

import asyncio
import ipaddress
import json
import os
import signal
import socket
import stat
import subprocess
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.loader import SettingsError, load
from soft_stream.web.transport import connection
from tests.support import certificates
from tests.support.processes import free_port, run, serving
from tests.support.server import StartPortal

HAS_IPV6 = socket.has_ipv6 and Path("/proc/net/if_inet6").exists()


def curl(*arguments: str) -> str:
    """Run curl, and return the body."""
    return subprocess.run(
        ["/usr/bin/env", "curl", "-sS", "--fail", *arguments], check=True, capture_output=True, text=True
    ).stdout


def test_every_endpoint_serves(tmp_path: Path) -> None:
    """http, https and a unix socket at once, each named in the log; the unix socket goes with the process."""
    pair, path, port = certificates.make(tmp_path), tmp_path / "cam0.sock", free_port()
    address = "::1" if HAS_IPV6 else "127.0.0.1"
    endpoints = [Endpoint("https", address, port), Endpoint("unix", path=str(path))]
    files = ["--tls-certificate", str(pair.certificate), "--tls-key", str(pair.key)]
    with serving("--listen", *map(str, endpoints), *files) as (process, url):
        assert process.stderr
        for endpoint in endpoints:
            assert process.stderr.readline().endswith(f"Listening on {endpoint}\n")
        for question in (
            [f"{url}/status.json"],
            ["--cacert", str(pair.certificate), f"{endpoints[0]}/status.json"],
            ["--unix-socket", str(path), "http://localhost/status.json"],
        ):
            assert json.loads(curl(*question))["state"] == "idle"
        assert stat.S_IMODE(path.stat().st_mode) == 0o666  # everybody may ask there, as on loopback
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
        assert not path.exists()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a unix socket."""
    return tmp_path / "cam0.sock"


def over(path: Path) -> ClientSession:
    """Return a client for a unix socket."""
    return ClientSession("http://localhost", connector=UnixConnector(str(path)))


async def test_a_proxy_on_a_unix_socket_is_trusted(start_portal: StartPortal, path: Path) -> None:
    """X-Forwarded-For names the client; without it the client is the unix socket."""
    portal = await start_portal(listen=(Endpoint("unix", path=str(path)),))
    async with over(path) as http:
        for headers, peer in (({}, "unix socket"), ({"X-Forwarded-For": "1.2.3.4, 192.168.1.7"}, "192.168.1.7")):
            async with http.get("/stream.mjpg", headers=headers) as stream:
                await stream.content.readany()
                assert [client["peer"] for client in (await portal.status())["clients"]] == [peer]
            await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def stopped_reading(path: Path) -> asyncio.StreamWriter:
    """Start a stream over a unix socket, and then read nothing."""
    reader, writer = await asyncio.open_unix_connection(path, limit=1)
    writer.write(b"GET /stream.mjpg HTTP/1.0\r\n\r\n")
    await reader.read(1)
    return writer


async def test_little_waits_for_a_client_of_a_unix_socket(start_portal: StartPortal, path: Path) -> None:
    """A client that stops reading costs one part here and 64 kB in the kernel; all of it counts as unsent."""
    portal = await start_portal(listen=(Endpoint("unix", path=str(path)),), width=640, height=480)
    writer = await stopped_reading(path)
    async with portal.http.get("/stream.mjpg?client=fast") as stream:
        stopped, fast = portal.supervisor.subscribers.clients
        while fast.sent < 40:
            await stream.content.readany()
    newest = portal.supervisor.subscribers.feed.newest
    assert newest
    assert stopped.sent < 20
    assert 0 < stopped.unsent() < 2 * len(newest.part) + 64 * 1024
    writer.transport.abort()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)


async def test_a_client_of_a_unix_socket_that_reads_nothing_is_disconnected(
    start_portal: StartPortal, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After CLIENT_TIMEOUT without a byte read, the connection ends and the client is forgotten."""
    monkeypatch.setattr(connection, "CLIENT_TIMEOUT", 0.5)
    portal = await start_portal(listen=(Endpoint("unix", path=str(path)),), width=640, height=480)
    writer = await stopped_reading(path)
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    writer.transport.abort()


async def test_the_socket_of_a_dead_process_is_replaced(start_portal: StartPortal, path: Path) -> None:
    """A socket without a process behind it does not prevent a start."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    await start_portal(listen=(Endpoint("unix", path=str(path)),))
    async with over(path) as http, http.get("/healthz") as answer:
        assert answer.status == 200


def cannot_listen(endpoint: str) -> str:
    """Serve at an endpoint that cannot be bound, and return the error."""
    flags = ["--source", "test-pattern", "--port", str(free_port())]
    result = run("serve", *flags, "--listen", endpoint)
    assert result.returncode == 75
    sentence: str = result.stderr.partition("Cannot listen on ")[2].partition("\n")[0]
    return sentence


def test_what_is_in_use_is_left_alone(path: Path) -> None:
    """A socket in use, and a file that is no socket, stay; the error names endpoint and setting."""
    with socket.socket(socket.AF_UNIX) as living:
        living.bind(str(path))
        living.listen()
        assert cannot_listen(f"unix:{path}") == f"unix:{path} (cam0_listen): Address already in use"
        assert path.is_socket()
    path.unlink()
    path.write_text("not a socket")
    assert cannot_listen(f"unix:{path}") == f"unix:{path} (cam0_listen): something that is not a socket is there"
    assert path.read_text() == "not a socket"


def test_another_processs_socket_is_not_removed(path: Path) -> None:
    """A process that ends leaves a socket on which another process listens now."""
    with serving("--listen", f"unix:{path}") as (process, _):
        while not path.exists():
            assert process.poll() is None
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
            other.listen()
            process.send_signal(signal.SIGTERM)
            assert process.stderr
            assert f"{path} was not removed: Address already in use" in process.stderr.read()
            assert process.wait() == 0
            assert path.is_socket()


def test_reasons(tmp_path: Path) -> None:
    """The error says why an endpoint cannot be bound, and what to do about it."""
    missing = f"unix:{tmp_path}/none/cam0.sock"
    assert cannot_listen(missing) == f"{missing} (cam0_listen): No such file or directory"
    elsewhere = "http://192.0.2.1:8080"
    assert cannot_listen(elsewhere) == (
        f"{elsewhere} (cam0_listen): Cannot assign requested address; this machine does not have the address now"
    )
    unknown = "http://[fe80::1%none]:8080"
    assert cannot_listen(unknown) == f"{unknown} (cam0_listen): Name or service not known"


def link_local() -> list[str]:
    """Find the link-local addresses of this machine, with their scopes."""
    lines = Path("/proc/net/if_inet6").read_text().split("\n") if HAS_IPV6 else []
    fields = [line.split() for line in lines if line.startswith("fe80")]
    return [f"{ipaddress.ip_address(bytes.fromhex(each[0]))}%{each[-1]}" for each in fields]


@pytest.mark.skipif(not link_local(), reason="this machine has no link-local address")
async def test_a_link_local_address_has_a_scope(start_portal: StartPortal) -> None:
    """The server listens on it with its scope."""
    portal = await start_portal(bind=(link_local()[0],))
    _, writer = await asyncio.open_connection(link_local()[0], portal.port)
    writer.close()


def problems(**environ: str) -> list[str]:
    """Return the errors of settings that contradict each other."""
    with pytest.raises(SettingsError) as error:
        load(environ, file=Path(os.devnull))
    return error.value.problems


def test_an_endpoint_can_be_used_once() -> None:
    """The same endpoint twice is found without listening; 0.0.0.0 is every IPv4 address."""
    assert problems(cam0_port="18081", cam1_listen="http://0.0.0.0:18081") == [
        "environment: cam1_listen=http://0.0.0.0:18081: camera 0 listens at http://127.0.0.1:18081 already "
        "(environment); each endpoint can be used once"
    ]
    assert problems(cam0_listen="http://127.0.0.1:18081")
    assert problems(cam0_bind=":: 0.0.0.0 127.0.0.1") == [
        "environment: cam0_bind=:: 0.0.0.0 127.0.0.1: http://0.0.0.0:18081 and http://127.0.0.1:18081 overlap; "
        "0.0.0.0 is every IPv4 address, and :: every IPv6 address"
    ]
    assert problems(cam0_listen="unix:/run/a", cam1_listen="unix:/run/a")
    assert problems(cam0_listen="http://10.0.0.1:1 http://0.0.0.0:1")
    here = {"cam0_listen": "http://10.0.0.1:1 http://[::]:18081 unix:/run/a", "cam1_listen": "http://10.0.0.2:1"}
    assert load(here, file=Path(os.devnull)).cameras.keys() == {0, 1}


def test_https_needs_a_certificate() -> None:
    """An https:// endpoint requires both files."""
    assert problems(cam0_listen="https://[::1]:9000", cam_tls_key="/key.pem") == [
        "environment: cam0_listen=https://[::1]:9000: cam0_tls_certificate must name its certificate (PEM)"
    ]
    assert len(problems(cam0_listen="https://[::1]:9000")) == 2
