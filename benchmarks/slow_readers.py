#!/usr/bin/env python3
"""Measures the memory that clients cost that request a snapshot or /snap.jpg, and read it slowly or never.

See benchmarks/README.md.
"""

import argparse
import re
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from servers import Server, running
from usage import use_of

PHOTO = b"\xff\xd8\xff"
# Bytes of each client's receive buffer: what it holds there counts for the client, not for the server.
RECEIVE_BUFFER = 64 * 1024
PATIENCE = 60.0
# Bytes of the answer that are read before the measurement; a stream never ends.
MOST = 20_000_000
# In a line of `ss --memory`: the send buffer of a unix socket; the reserve and the send queue of a TCP connection.
UNIX_MEMORY, TCP_MEMORY = re.compile(r",t(\d+),"), re.compile(r",[fw](\d+)(?=,)")


class SlowReader:
    """A client that sends one request and reads the answer slowly."""

    def __init__(self, address: tuple[str, int] | str, path: str, *, is_secure: bool) -> None:
        self.status = "no answer"
        self.received = 0
        self._socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        self._socket.connect(address)  # a unix socket with a timeout would not wait for a place in the backlog
        self._socket.settimeout(PATIENCE)
        if is_secure:
            self._socket = _trusting().wrap_socket(self._socket)
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def read(self, size: int) -> None:
        """Read at most this number of bytes."""
        try:
            data = self._socket.recv(size)
        except OSError:
            data = b""
        if data.startswith(b"HTTP/"):
            self.status = data[9:12].decode()
        self.received += len(data)
        if not data:
            self.status += ", disconnected"

    @property
    def is_connected(self) -> bool:
        """Whether the server has not closed the connection."""
        return not self.status.endswith("disconnected")

    def close(self) -> None:
        """Disconnect."""
        self._socket.close()


def _trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def make_certificate(folder: Path) -> tuple[str, str]:
    """Make a certificate and its key."""
    files = str(folder / "certificate.pem"), str(folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-noenc", "-subj", "/CN=localhost"]
    subprocess.run([*command, "-out", files[0], "-keyout", files[1]], check=True, capture_output=True)
    return files


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def send_buffers(address: tuple[str, int] | str) -> float:
    """Return the kernel's memory for the server's side of its connections, in MB; a control group counts it."""
    is_unix = isinstance(address, str)
    which = ["--unix", "src", str(address)] if is_unix else ["--tcp", f"sport = :{address[1]}"]
    command = ["ss", "--no-header", "--numeric", "--memory", *which]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sum(int(size) for size in (UNIX_MEMORY if is_unix else TCP_MEMORY).findall(shown)) / 1e6


def measure(args: argparse.Namespace, port: int, process: int, address: tuple[str, int] | str) -> None:
    """Connect the clients, let them read for the given time, and print the memory of the server."""
    with urlopen(f"http://127.0.0.1:{port}{args.path.format('first')}", timeout=PATIENCE) as answer:
        print(f"{args.path}: {len(answer.read(MOST)) / 1e6:.1f} MB; {args.clients} clients, {args.rate:g} kB/s each")
    Path(f"/proc/{process}/clear_refs").write_text("5")  # the peak begins again
    before = use_of(process).rss
    print(f"before: RSS {before:.0f} MB", flush=True)
    readers = []
    for number in range(args.clients):
        readers.append(SlowReader(address, args.path.format(number), is_secure=args.tls))
        time.sleep(args.apart)
    for reader in readers:
        reader.read(12 if args.tls else 1024)
    began, highest, in_kernel = time.monotonic(), 0.0, 0.0
    while (seconds := time.monotonic() - began) < args.seconds:
        for reader in readers:
            if args.rate and reader.is_connected and reader.received < args.rate * 1000 * seconds:
                reader.read(int(args.rate * 1000))
        highest, in_kernel = max(highest, use_of(process).rss), max(in_kernel, send_buffers(address))
        time.sleep(0.5)
    peak = int(re.findall(r"VmHWM:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[0]) / 1024
    print(f"while they read: RSS {highest:.0f} MB ({highest - before:+.0f}), send buffers {in_kernel:.0f} MB")
    print(f"peak RSS of the process: {peak:.0f} MB ({peak - before:+.0f})")
    print("answers:", ", ".join(f"{count} x {status}" for status, count in Counter(r.status for r in readers).items()))
    for reader in readers:
        reader.close()
    time.sleep(1)
    print(f"after: RSS {use_of(process).rss:.0f} MB")


def main() -> int:
    """Start a server and measure it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=60)
    parser.add_argument("--path", default="/snap.jpg", help="{} is replaced with the number of the client")
    parser.add_argument("--photo", type=float, default=10, help="size of the file of /snap.jpg, in MB")
    parser.add_argument("--rate", type=float, default=0, help="what each client reads, in kB/s; 0 is nothing")
    parser.add_argument("--apart", type=float, default=0, help="seconds from one client to the next")
    parser.add_argument("--seconds", type=float, default=10, help="how long the clients read")
    parser.add_argument("--size", default="4608x2592", help="size of a full-size still")
    parser.add_argument("--stream-size", default="1280x720")
    parser.add_argument("--quality", default="90")
    parser.add_argument("--tls", action="store_true", help="connect with https://")
    parser.add_argument("--log", type=int, default=0, help="print the last characters of the log")
    parser.add_argument("--unix", action="store_true", help="connect to a unix socket")
    args = parser.parse_args()
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "snap.jpg").write_bytes(PHOTO + bytes(int(args.photo * 1e6)))
        (width, height), (stream_width, stream_height) = args.size.split("x"), args.stream_size.split("x")
        command = [sys.executable, "-m", "soft_stream", "serve", "--source", "test-pattern", "--port", "{port}"]
        command += ["--pause-snapshot", str(folder / "snap.jpg"), "--quality", args.quality, "--close-after", "60"]
        command += ["--width", stream_width, "--height", stream_height]
        command += ["--snapshot-width", width, "--snapshot-height", height]
        address: tuple[str, int] | str = ""
        if args.unix:
            address = str(folder / "socket")
            command += ["--listen", f"unix:{address}"]
        elif args.tls:
            certificate, key = make_certificate(folder)
            address = ("127.0.0.1", free_port())
            command += ["--tls-certificate", certificate, "--tls-key", key]
            command += ["--listen", f"https://127.0.0.1:{address[1]}"]
        portal = stack.enter_context(running(Server("portal", tuple(command), "/stream.mjpg"), folder))
        measure(args, portal.port, portal.process, address or ("127.0.0.1", portal.port))
        print((folder / "portal.log").read_text()[-args.log :] if args.log else "", end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
