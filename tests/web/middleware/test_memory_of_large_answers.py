"""The memory of clients that read large answers slowly or never; the bounds do not depend on the machine's speed."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from tests.support import certificates
from tests.support.processes import free_port, free_ports, serving
from tests.support.stopped_client import StoppedClient

PHOTO = 10_000_000
PHOTO_CLIENTS, MOST_FOR_PHOTOS = 60, 60
# a sensor of 12 megapixels, and time for its stills on a busy machine
STILL = ("--snapshot-width", "4608", "--snapshot-height", "2592", "--close-after", "60", "--start-timeout", "60")
FULL = "/snapshot.jpg?size=full&deadline_ms=600000"
ROUNDS, EACH_ROUND, MOST_FOR_STILLS = 3, 100, 100
MOST_AFTER_STILLS = 60

Connect = Callable[[], StoppedClient]


def resident(process: int) -> float:
    """Return the resident memory of a process in MB."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """Disconnect all clients after the test."""
    with ExitStack() as connected:
        yield connected


@pytest.mark.parametrize("kind", ["http", "https", "unix"])
def test_clients_that_never_read_share_one_photo(tmp_path: Path, clients: ExitStack, kind: str) -> None:
    """60 clients of a /snap.jpg of 10 MB cost less than 60 MB together, whatever their connection."""
    (tmp_path / "snap.jpg").write_bytes(b"\xff\xd8\xff" + bytes(PHOTO))
    pair, port, socket_file = certificates.make(tmp_path), free_ports(2), tmp_path / "socket"
    options = ["--pause-snapshot", str(tmp_path / "snap.jpg"), "--tls-certificate", str(pair.certificate)]
    options += ["--tls-key", str(pair.key), "--listen", f"https://127.0.0.1:{port + 1}", f"unix:{socket_file}"]
    context: ssl.SSLContext = pair.trusting()
    connect: dict[str, Connect] = {
        "http": lambda: StoppedClient(("127.0.0.1", port)),
        "https": lambda: StoppedClient(("127.0.0.1", port + 1), context),
        "unix": lambda: StoppedClient(str(socket_file)),
    }
    with serving(*options, port=port) as (process, _):
        wait_for_endpoints(process.stderr)
        with connect[kind]() as first:
            first.ask("/healthz")
            first.read_head()
        before = resident(process.pid)
        stopped = [clients.enter_context(connect[kind]()) for _ in range(PHOTO_CLIENTS)]
        for client in stopped:
            client.ask("/snap.jpg")
        for client in stopped:
            client.read_head()
        assert resident(process.pid) - before < MOST_FOR_PHOTOS


def wait_for_endpoints(log: IO[str] | None) -> None:
    """Read the log until all three endpoints listen; `serving` has read the first."""
    assert log
    for _ in range(2):
        assert "Listening on" in log.readline()


@pytest.mark.slow
def test_clients_that_read_stills_slowly(clients: ExitStack) -> None:
    """300 clients cost less than 100 MB: three groups, each of which gets another still."""
    port = free_port()
    with serving(*STILL, port=port) as (process, _):
        read_one(port)
        before = resident(process.pid)
        for _ in range(ROUNDS):
            group = [clients.enter_context(StoppedClient(("127.0.0.1", port))) for _ in range(EACH_ROUND)]
            for client in group:
                client.ask(FULL)
            for client in group:
                assert b"X-Snapshot-Size: full" in client.read_head()
        assert resident(process.pid) - before < MOST_FOR_STILLS


@pytest.mark.slow
def test_stills_that_were_sent() -> None:
    """The memory of many stills, each in another thread, goes back to the system."""
    port = free_port()
    with serving(*STILL, port=port) as (process, _):
        read_one(port)
        before = resident(process.pid)
        for _ in range(10):
            read_one(port)
        assert resident(process.pid) - before < MOST_AFTER_STILLS


def read_one(port: int) -> None:
    """Get a still, as the first client of a camera."""
    with StoppedClient(("127.0.0.1", port)) as client:
        client.ask(FULL)
        head = client.read_head().decode()
        assert "X-Snapshot-Size: full" in head
        client.read(int(head.partition("Content-Length: ")[2].split()[0]))
