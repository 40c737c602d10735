"""What `soft-stream check` says about outputs, and the endpoints that the settings accept."""

import importlib.util
from pathlib import Path

import pytest

from soft_stream.config.loader import SettingsError, load
from soft_stream.config.settings import Settings
from soft_stream.config.zmq_endpoint import ZmqEndpoint, parse_zmq_endpoint
from soft_stream.outputs import advice
from tests.support.processes import run


@pytest.mark.parametrize(
    ("text", "shown", "is_public"),
    [
        ("tcp://127.0.0.1:5555", "tcp://127.0.0.1:5555", False),
        ("tcp://localhost:5555", "tcp://127.0.0.1:5555", False),
        ("tcp://*:5555", "tcp://0.0.0.0:5555", True),
        ("tcp://192.168.1.5:1", "tcp://192.168.1.5:1", True),
        ("tcp://[::1]:65535", "tcp://[::1]:65535", False),
        ("tcp://[::]:5555", "tcp://[::]:5555", True),
        ("ipc:///run/zmq", "ipc:///run/zmq", False),
    ],
)
def test_endpoints(text: str, shown: str, is_public: bool) -> None:
    """Addresses, paths, and mjpg-streamer's `*`."""
    endpoint = parse_zmq_endpoint(text)
    assert (str(endpoint), endpoint.is_public) == (shown, is_public)
    assert parse_zmq_endpoint(shown) == endpoint
    assert isinstance(endpoint, ZmqEndpoint)


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:5555", "tcp://127.0.0.1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:65536", "tcp://camera.local:5555",
        "tcp://::1:5555", "tcp://[127.0.0.1]:5555", "ipc://relative", "ipc://@abstract", "ipc:///" + "x" * 107,
        "pgm://eth0;239.1.1.1:5555", "inproc://frames", "tcp://user:secret@127.0.0.1:5555",
    ],
)  # fmt: skip
def test_wrong_endpoints(text: str) -> None:
    """What a publisher cannot listen on is refused, with what is expected."""
    with pytest.raises(SettingsError, match=r"tcp://ADDRESS:PORT with an IP address or \*"):
        load({}, camera=0, flags={"zmq": text}, defaults={})


def test_ports_that_are_used_twice(tmp_path: Path) -> None:
    """Two cameras cannot publish at one endpoint, nor at a port of HTTP."""
    file = tmp_path / "settings.env"
    file.write_text("cam0_zmq=tcp://127.0.0.1:5555\ncam1_zmq=tcp://127.0.0.1:5555\n")
    result = run("check", "--env-file", str(file))
    assert result.returncode == 78
    assert "cam1_zmq=tcp://127.0.0.1:5555: camera 0 has the same" in result.stderr
    file.write_text("cam0_port=7000\ncam0_zmq=tcp://*:7000\n")
    result = run("check", "--env-file", str(file))
    assert result.returncode == 78
    assert "cam0_zmq=tcp://*:7000: camera 0 serves HTTP on port 7000; each port can be used once" in result.stderr


def test_warnings_of_check(tmp_path: Path) -> None:
    """An address that other machines reach, a folder and a command that do not exist."""
    file = tmp_path / "settings.env"
    file.write_text(
        f"cam0_users_file=\ncam0_zmq=tcp://*:5555\ncam0_save={tmp_path}/none\ncam0_save_command=/no/such/program\n"
    )
    result = run("check", "--env-file", str(file))
    assert result.returncode == 0
    for sentence in (
        "cam0_zmq=tcp://*:5555: other machines can see the camera, and ZeroMQ has no login; "
        "tcp://127.0.0.1:5555 is for programs on this machine only",
        f"cam0_save={tmp_path}/none: this folder does not exist, so nothing is saved until it does",
        "cam0_save_command: there is no executable /no/such/program",
    ):
        assert sentence in result.stdout + result.stderr


def test_no_warnings(tmp_path: Path) -> None:
    """Outputs that work, and no outputs, need no sentence."""
    assert not [*advice.warnings(Settings())]
    assert not [*advice.warnings(Settings(zmq="ipc:///run/zmq", save=str(tmp_path), save_command="true"))]


def test_a_missing_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence names the package of Debian and of pip."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    [sentence] = advice.warnings(Settings(zmq="tcp://127.0.0.1:5555"))
    assert sentence.startswith("cam0_zmq=tcp://127.0.0.1:5555: the Python package zmq is missing: sudo apt install")
    assert not [*advice.warnings(Settings())]
