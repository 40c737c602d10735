"""The real nginx with the configuration of the project, as this user, in a folder of its own."""

import asyncio
import os
import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from rollout import nginx

from tests.support.processes import free_ports

# Debian installs them in directories that only the PATH of root has
NGINX, HAPROXY = (shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") or name for name in ("nginx", "haproxy"))

USER, PASSWORD = "owner", "correct horse"

# The relevant part of Debian's nginx.conf. `user`: only the user of pytest can read its folders.
NGINX_CONF = """
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    gzip on;
    types {{ image/jpeg jpg; text/html html; }}
    access_log {folder}/access.log;
    client_body_temp_path {folder}/temp/body;
    proxy_temp_path {folder}/temp/proxy;
    fastcgi_temp_path {folder}/temp/fastcgi;
    uwsgi_temp_path {folder}/temp/uwsgi;
    scgi_temp_path {folder}/temp/scgi;
    include {folder}/conf.d/*.conf;
    {others}
}}
"""


def login(password: str = PASSWORD) -> dict[str, str]:
    """Return the header with the login."""
    return {"Authorization": f"Basic {b64encode(f'{USER}:{password}'.encode()).decode()}"}


@dataclass(frozen=True)
class Nginx:
    """A running nginx and its ports."""

    folder: Path
    places: nginx.Places
    pid: int

    def url(self, camera: int | None = None) -> str:
        """Return the address of a camera's own port, or of the port of all cameras."""
        return f"http://127.0.0.1:{self.port(camera)}"

    def port(self, camera: int | None = None) -> int:
        """Return a camera's own port, or the port of all cameras."""
        return self.places.all_cameras_port if camera is None else self.places.first_port + camera

    @property
    def workers(self) -> list[int]:
        """The worker processes."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    @property
    def worker(self) -> int:
        """The worker process."""
        return self.workers[0]

    def memory(self) -> int:
        """Return the private memory of the worker in kB."""
        status = Path(f"/proc/{self.worker}/status").read_text()
        return int(status.partition("RssAnon:")[2].split()[0])

    def temporary_files(self) -> list[str]:
        """List the files with answers or requests, also unnamed ones."""
        open_files = [os.readlink(each) for each in Path(f"/proc/{self.worker}/fd").iterdir() if each.is_symlink()]
        temp = self.folder / "temp"
        return [str(file) for file in temp.rglob("*") if file.is_file()] + [
            name for name in open_files if name.startswith(str(temp))
        ]


StartNginx = Callable[..., Awaitable[Nginx]]


def install(
    folder: Path,
    cameras: Mapping[int, int],
    *,
    tls: bool = False,
    others: str = "",
    upstream: str = "127.0.0.1:{port}",
) -> nginx.Places:
    """Write all files that nginx needs into a folder; `others` are other sites on the same nginx."""
    first = free_ports(max(cameras) + 2)
    places = nginx.Places(
        etc=folder,
        upstream=upstream,
        htpasswd=folder / "htpasswd",
        certificate=folder / "certificate.pem",
        key=folder / "key.pem",
        first_port=first + 1,
        all_cameras_port=first,
    )
    (folder / "temp").mkdir(exist_ok=True)
    if not places.htpasswd.exists():
        write_login(places.htpasswd)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(NGINX_CONF.format(user=user, folder=folder, others=others))
    if tls:
        make_certificate(places.certificate, places.key)
    for path, text in nginx.render(cameras, tls=tls, ipv6=has_ipv6(), places=places).items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return places


def write_login(file: Path) -> str:
    """Write a file with the login, and return its path for `users_file`."""
    command = ["openssl", "passwd", "-6", "-salt", "x", "-stdin"]
    coded = subprocess.run(command, input=PASSWORD, capture_output=True, text=True, check=True).stdout
    file.write_text(f"{USER}:{coded}")
    return str(file)


def make_certificate(certificate: Path, key: Path) -> None:
    """Create a self-signed certificate for this machine."""
    what = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"]
    command = ["openssl", "req", "-x509", *kind, *what, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, capture_output=True, check=True)


def has_ipv6() -> bool:
    """Return True if this machine can listen on IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def address_in_the_network() -> str:
    """Return the address of this machine towards others; skip the test if it has none."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


def check(folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run the configuration check of nginx on a folder."""
    command = [NGINX, "-t", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


async def listening(port: int, process: asyncio.subprocess.Process) -> None:
    """Wait until a process listens."""
    while True:
        assert process.returncode is None, "the process has ended; its messages are above"
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


@asynccontextmanager
async def running(folder: Path, cameras: Mapping[int, int], **options: Any) -> AsyncIterator[Nginx]:
    """Run nginx in front of these cameras (number -> port)."""
    places = install(folder, cameras, **options)
    process = await asyncio.create_subprocess_exec(
        NGINX, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"), "-g", "daemon off;"
    )
    try:
        # while a port is the local one of another connection, nginx tries again to bind that one
        for port in (places.all_cameras_port, *(places.first_port + number for number in cameras)):
            await listening(port, process)
        nginx = Nginx(folder, places, process.pid)
        # before its workers start, nginx sets the options of the sockets that listen already
        while not nginx.workers:  # noqa: ASYNC110 # nginx reports no event
            await asyncio.sleep(0.01)
        yield nginx
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
