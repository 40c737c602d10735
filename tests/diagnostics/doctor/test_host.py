"""The way outside, on this machine: nothing waits for ever, nothing that is missing ends the doctor."""

import base64
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
from soft_stream.diagnostics.doctor import host as machine_module
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.device_users import holdings
from soft_stream.diagnostics.doctor.host import Host


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Host:
    """Look at this machine, with little patience."""
    monkeypatch.setattr(machine_module, "LIMIT", 1.0)
    return Host()


def test_what_is_not_there_is_nothing(host: Host, tmp_path: Path) -> None:
    """Files, devices, commands, modules, servers."""
    assert host.read(f"{tmp_path}/none") is None
    assert host.paths(f"{tmp_path}/*") == []
    assert host.node(f"{tmp_path}/none") is None
    assert host.run("soft-stream-none") is None
    assert host.module("soft_stream_none") is None
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert host.get(f"http://127.0.0.1:{port}/").refused


def test_what_is_there(host: Host, tmp_path: Path) -> None:
    """Its text, mode and where a link leads; a command's output and status; a module that is not imported."""
    file = tmp_path / "file"
    file.write_bytes(b"text\0\xff")
    file.chmod(0o640)
    (tmp_path / "link").symlink_to(file)
    assert host.read(str(file)) == "text\0�"
    node = host.node(f"{tmp_path}/link")
    assert node
    assert (node.mode, node.target, node.is_open) == (0o640, str(file), True)
    output = host.run("sh", "-c", "echo out; exit 3")
    assert output
    assert (output.text, output.status) == ("out\n", 3)
    module = host.module("aiohttp")
    assert module
    assert module.path.endswith("aiohttp/__init__.py")
    assert module.version


def test_what_does_not_answer_is_given_up(host: Host) -> None:
    """Commands and servers."""
    assert host.run("sleep", "60") is None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert host.get(f"http://127.0.0.1:{silent.getsockname()[1]}/").error == "no answer for 1 s"


class Locked(BaseHTTPRequestHandler):
    """Answers who has a login, and asks everybody else for one."""

    def do_GET(self) -> None:
        """Answer 200 or 401."""
        right = f"Basic {base64.b64encode('anna:süß'.encode()).decode()}"
        self.send_response(200 if self.headers["Authorization"] == right else 401)
        self.end_headers()
        self.wfile.write(b"text")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_a_server_that_asks_for_a_login(host: Host, tmp_path: Path) -> None:
    """With a certificate of its own; the password may have any letters."""
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


def test_settings_in_a_folder_that_may_not_be_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one of the problems, not the end."""

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "/etc/camera-streamer/camera-soft-stream.env")

    monkeypatch.setattr("soft_stream.config.loader.load", denied)
    problem = "/etc/camera-streamer/camera-soft-stream.env: cannot be read: Permission denied"
    assert DoctorContext(Host()).problems == [problem]


@pytest.mark.parametrize(
    ("address", "url"),
    [("127.0.0.1", "http://127.0.0.1:18081"), ("0.0.0.0", "http://127.0.0.1:18081"), ("::", "http://[::1]:18081")],  # noqa: S104 # is not bound
)
def test_the_address_at_which_a_portal_is_asked(address: str, url: str) -> None:
    """One that this machine can reach."""
    assert Settings(bind=(address,)).local_url == url


def test_holdings_are_read_from_sysfs(tmp_path: Path) -> None:
    """A camera and not a codec, and whoever has its video node open."""
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
    [holding] = holdings(tmp_path)
    assert (holding.camera, holding.node, holding.programs) == ("unicam-image", "/dev/video0", "ffmpeg (pid 12)")
    assert holding.pids == {12}


def test_a_command_has_the_systems_path(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users of Debian do not have /usr/sbin in theirs."""
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    output = host.run("id", "-u")
    assert output
    assert output.text.strip() == str(os.geteuid())
