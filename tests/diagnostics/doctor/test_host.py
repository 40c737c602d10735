"""Access to this machine: every wait is limited, and nothing that is missing ends the doctor."""

import base64
import gzip
import os
import socket
import ssl
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor import host as host_module
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.device_users import used_cameras
from soft_stream.diagnostics.doctor.host import Host


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """Return this machine, with a short time limit."""
    monkeypatch.setattr(host_module, "TIMEOUT", 1.0)
    return Host()


def test_what_is_not_there_is_nothing(host: Host, tmp_path: Path) -> None:
    """Missing files, devices, commands, modules and servers raise nothing."""
    assert host.read(f"{tmp_path}/none") is None
    assert host.paths(f"{tmp_path}/*") == []
    assert host.node(f"{tmp_path}/none") is None
    assert host.run("soft-stream-none") is None
    assert host.module("soft_stream_none") is None
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert host.get(f"http://127.0.0.1:{port}/").refused


def test_what_is_there(host: Host, tmp_path: Path) -> None:
    """Text, mode and target of a file; output and status of a command; a module, which is not imported."""
    file = tmp_path / "file"
    file.write_bytes(b"text\0\xff")
    file.chmod(0o640)
    (tmp_path / "link").symlink_to(file)
    assert host.read(str(file)) == "text\0�"
    node = host.node(f"{tmp_path}/link")
    assert node
    assert (node.mode, node.target, node.can_open) == (0o640, str(file), True)
    output = host.run("sh", "-c", "echo out; exit 3")
    assert output
    assert (output.text, output.status) == ("out\n", 3)
    module = host.module("aiohttp")
    assert module
    assert module.path.endswith("aiohttp/__init__.py")
    assert module.version


def test_no_reply_within_the_time_limit(host: Host) -> None:
    """Commands and servers that do not reply are given up."""
    assert host.run("sleep", "60") is None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert host.get(f"http://127.0.0.1:{silent.getsockname()[1]}/").error == "no answer for 1 s"


class Locked(BaseHTTPRequestHandler):
    """A server that requires a login."""

    def do_GET(self) -> None:
        """Send 200 or 401."""
        right = f"Basic {base64.b64encode('anna:süß'.encode()).decode()}"
        self.send_response(200 if self.headers["Authorization"] == right else 401)
        self.end_headers()
        self.wfile.write(b"text")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_a_server_that_asks_for_a_login(host: Host, tmp_path: Path) -> None:
    """Its certificate may be self-signed; the password may have any letters."""
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*request, "-subj", "/CN=pi", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with ThreadingHTTPServer(("127.0.0.1", 0), Locked) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"https://127.0.0.1:{server.server_port}/"
        answers = [host.get(url, login).status for login in (None, ("anna", "wrong"), ("anna", "süß"))]
        server.shutdown()
    assert answers == [401, 401, 200]


class Compressed(BaseHTTPRequestHandler):
    """A server whose replies are small, and large when decompressed."""

    body = gzip.compress(bytes(10_000_000))

    def do_GET(self) -> None:
        """Reply with 10 MB of zeros."""
        self.send_response(200)
        self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_a_reply_is_not_decompressed(host: Host) -> None:
    """It could have any size."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Compressed) as server:
        threading.Thread(target=server.serve_forever).start()
        reply = host.get(f"http://127.0.0.1:{server.server_port}/")
        server.shutdown()
    assert (reply.status, len(reply.text) < 200_000) == (200, True)


def test_settings_in_a_folder_that_may_not_be_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """That is one of the problems; the doctor goes on."""

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/etc/camera-streamer/camera-soft-stream.env")

    monkeypatch.setattr("soft_stream.config.loader.load", denied)
    problem = "/etc/camera-streamer/camera-soft-stream.env: cannot be read: Permission denied"
    assert DoctorContext(Host()).problems == [problem]


@pytest.mark.parametrize(
    ("address", "url"),
    [("127.0.0.1", "http://127.0.0.1:18081"), ("0.0.0.0", "http://127.0.0.1:18081"), ("::", "http://[::1]:18081")],  # noqa: S104 # is not bound
)
def test_the_local_url(address: str, url: str) -> None:
    """Its address is one that this machine can reach."""
    assert Settings(bind=(address,)).local_url == url


def test_cameras_in_use_are_read_from_sysfs(tmp_path: Path) -> None:
    """Cameras count and codecs do not; a program that has a video node open uses the camera."""
    for minor, (parent, name) in enumerate(
        [("csi", "unicam-image"), ("csi", "unicam-embedded"), ("isp", "bcm2835-isp")]
    ):
        node = tmp_path / f"sys/devices/{parent}/video4linux/video{minor}"
        node.mkdir(parents=True)
        (node / "name").write_text(f"{name}\n")
        (node / "dev").write_text(f"81:{minor}\n")
        (node / "device").symlink_to(f"../../../{parent}")
        for folder, link in (("sys/class/video4linux", f"video{minor}"), ("sys/dev/char", f"81:{minor}")):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / link).symlink_to(node)
    process = tmp_path / "proc/12"
    (process / "fd").mkdir(parents=True)
    (process / "comm").write_text("ffmpeg\n")
    for descriptor in (1, 2):
        (process / "fd" / str(descriptor)).symlink_to(tmp_path / f"dev/video{descriptor}")
    [used] = used_cameras(tmp_path)
    assert (used.camera, used.node, used.programs) == ("unicam-image", "/dev/video0", "ffmpeg (pid 12)")
    assert used.pids == {12}


def test_a_command_has_the_systems_path(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Debian the PATH of a user has no /usr/sbin."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    output = host.run("id", "-u")
    assert output
    assert output.text.strip() == str(os.geteuid())
