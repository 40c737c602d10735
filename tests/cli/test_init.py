"""`soft-stream init`: the first settings file."""

import argparse
import os
import re
import subprocess
import sys
import urllib.request
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from soft_stream.cameras import discovery
from soft_stream.cameras.base import CameraError, CameraInfo
from soft_stream.cameras.v4l2 import nodes
from soft_stream.cli import init
from soft_stream.config import shipped
from soft_stream.config.loader import load
from soft_stream.config.settings_values import Values
from tests.support.checkout import ROOT
from tests.support.processes import ENVIRON, free_port, run

CSI = CameraInfo("/base/axi/pcie@1000120000/rp1/i2c@88000/imx708@1a", "imx708")
USB = CameraInfo(r"\_SB_.PCI0-1.2:1.0-046d:0825", "C270", usb=True)


class Machine:
    """The machine on which the command runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch = monkeypatch
        self.webcams: list[CameraInfo] = []
        monkeypatch.chdir(folder)
        monkeypatch.setenv("HOME", str(folder / "home"))
        for name in ("XDG_STATE_HOME", "STATE_DIRECTORY"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setattr("soft_stream.config.loader.INSTALLED_FILE", folder / "not-installed")
        self.has([])

    def has(self, cameras: Sequence[CameraInfo] | str, *, pi: bool = False, uid: int = 1000) -> None:
        """Set the connected cameras, or why they cannot be listed; whether it is a Raspberry Pi; and the user."""

        def list_cameras() -> list[CameraInfo]:
            if isinstance(cameras, str):
                raise CameraError(cameras)
            return [*cameras]

        self._patch.setattr(discovery, "list_cameras", list_cameras)
        self._patch.setattr(nodes, "list_devices", lambda: self.webcams)
        self._patch.setattr(discovery, "is_raspberry_pi", lambda: pi)
        self._patch.setattr(os, "geteuid", lambda: uid)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    """Return a machine without cameras."""
    return Machine(monkeypatch, tmp_path)


def write(file: str = "camera-soft-stream.env") -> int:
    """Run the command."""
    return init.init(argparse.Namespace(env_file=Path(file), units=False))


def test_the_connected_cameras(machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file has their ids; the output has what was written, and what to do next."""
    machine.has([USB, CSI])
    assert write() == 0
    cameras = load({}, file=tmp_path / "camera-soft-stream.env").cameras
    assert {number: (each.id, each.source) for number, each in cameras.items()} == {
        0: (CSI.id, "picamera"),
        1: (USB.id, "picamera"),
    }
    output = capsys.readouterr().out.splitlines()
    assert output[:3] == [
        "camera-soft-stream.env is written:",
        f"  camera 0: imx708, CSI, cam0_id={CSI.id}",
        rf"  camera 1: C270, USB, cam1_id='{USB.id}'",
    ]
    assert [re.split(" {4,}", line) for line in output[3:]] == [
        ["Next:"],
        ["  soft-stream serve --all", "serves them in this terminal; with --lan for your network"],
        ["  soft-stream check", "after a change of the file"],
    ]


@pytest.mark.parametrize("reason", ["", "No module named 'picamera2'"])
@pytest.mark.parametrize("pi", [True, False])
def test_without_a_camera(machine: Machine, reason: str, capsys: pytest.CaptureFixture[str], *, pi: bool) -> None:
    """A Raspberry Pi waits for its camera; another machine gets a test camera. The reason is printed."""
    machine.has(reason or [], pi=pi)
    assert write() == 0
    values = Values(Path("camera-soft-stream.env").read_text())
    assert values.value(0, "source") == ("picamera" if pi else "test-pattern")
    output = capsys.readouterr().out
    assert f"No camera was found: {reason or 'libcamera finds no camera'}" in output
    assert ("camera 0: a test camera" in output) != pi


def test_the_users_file_is_one_that_the_user_can_write(machine: Machine, tmp_path: Path) -> None:
    """It is in the state directory of an ordinary user; root has that of the service."""
    assert write("user.env") == 0
    machine.has([], uid=0)
    assert write("root.env") == 0
    files = [load({}, file=Path(name)).cameras[0].users_file for name in ("user.env", "root.env")]
    assert files == [f"{tmp_path}/home/.local/state/camera-soft-stream/htpasswd", "/etc/camera-streamer/htpasswd"]


def test_an_existing_file_is_never_changed(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither a file, nor a folder, nor a link that leads to nothing; the message names it."""
    Path("file").write_text("mine")
    Path("folder").mkdir()
    Path("link").symlink_to(tmp_path / "target")
    for name in ("file", "folder", "link"):
        assert write(name) == 1
        assert capsys.readouterr().err == f"{name} cannot be written: it exists already, and is not changed.\n"
    assert Path("file").read_text() == "mine"
    assert not (tmp_path / "target").exists()


def test_webcams_without_libcamera(machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """On a desktop the file has the device of each webcam; a Raspberry Pi waits for a camera of libcamera."""
    machine.webcams = [CameraInfo(f"/dev/v4l/by-id/usb-{each}-video-index0", each, usb=True) for each in ("A", "B")]
    machine.has("Picamera2 cannot be imported")
    assert write() == 0
    cameras = load({}, file=tmp_path / "camera-soft-stream.env").cameras
    assert {number: (each.source, each.device) for number, each in cameras.items()} == {
        number: ("v4l2", found.id) for number, found in enumerate(machine.webcams)
    }
    printed = capsys.readouterr().out
    assert "camera 1: V4L2, cam1_device=/dev/v4l/by-id/usb-B-video-index0" in printed
    assert "No camera was found" not in printed
    machine.has([], pi=True)
    assert write("pi.env") == 0
    assert {each.source for each in load({}, file=tmp_path / "pi.env").cameras.values()} <= {"picamera"}


def test_a_file_that_appears_meanwhile(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another program writes while the cameras are listed is kept."""

    def list_cameras() -> list[CameraInfo]:
        Path("camera-soft-stream.env").write_text("theirs")
        return []

    monkeypatch.setattr(discovery, "list_cameras", list_cameras)
    assert write() == 1
    assert Path("camera-soft-stream.env").read_text() == "theirs"


def test_a_disk_that_is_full(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No part of the file stays, so that the command can be repeated."""

    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    assert write() == 1
    assert capsys.readouterr().err == "camera-soft-stream.env cannot be written: No space left on device.\n"
    assert not Path("camera-soft-stream.env").exists()
    assert write("no/folder.env") == 1
    assert capsys.readouterr().err == "no/folder.env cannot be written: No such file or directory.\n"


@pytest.mark.parametrize(("name", "is_installed"), [("other.env", False), ("camera-soft-stream.env", True)])
def test_a_file_that_is_not_found_by_itself(
    machine: Machine, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, *, is_installed: bool
) -> None:
    """The next steps name a file that the commands would not read."""
    if is_installed:
        (tmp_path / "not-installed").write_text("")
    assert write(name) == 0
    assert f"  soft-stream serve --all --env-file {name}    " in capsys.readouterr().out


@pytest.mark.parametrize(("on_path", "shown"), [(False, "my/cameras/bin/soft-stream"), (True, "soft-stream")])
def test_the_next_command_can_be_typed(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    *,
    on_path: bool,
    shown: str,
) -> None:
    """Where the shell does not find soft-stream, as in a virtual environment, the output has its path."""
    program = tmp_path / "my/cameras/bin/soft-stream"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    machine.has([CSI])
    monkeypatch.setenv("PATH", str(program.parent) if on_path else str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["my/cameras/bin/soft-stream", "init"])
    assert write() == 0
    output = capsys.readouterr().out
    assert f"\n  {shown} serve --all    " in output
    assert f"\n  {shown} check          " in output


def test_an_edited_checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The shipped file of a checkout may have values of its owner; the first settings have the defaults."""
    monkeypatch.setattr(shipped, "PACKAGE", tmp_path / "soft_stream")
    text = (ROOT / "camera-soft-stream.env").read_text()
    (tmp_path / "camera-soft-stream.env").write_text(text.replace("cam_fps=30", "cam_fps=5"))
    assert "\ncam_fps=30\n" in shipped.read_shipped()


def test_a_wheel_is_complete(tmp_path: Path) -> None:
    """The files of a wheel alone, in an empty folder, have what init, check and serve --all need."""
    wheels, site, home = tmp_path / "wheels", tmp_path / "site", tmp_path / "home"
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    home.mkdir()
    # the port of the settings may be that of a camera of this machine
    environ = ENVIRON | {"PYTHONPATH": str(site), "HOME": str(home), "cam0_port": str(free_port())}

    soft_stream = [sys.executable, "-P", "-m", "soft_stream"]

    def run_it(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [*soft_stream, *arguments], cwd=home, env=environ, capture_output=True, text=True, check=False, timeout=60
        )

    code = "import soft_stream; print(soft_stream.__file__)"
    where = subprocess.run([sys.executable, "-P", "-c", code], env=environ, capture_output=True, text=True, check=True)
    assert where.stdout.startswith(str(site))
    done = run_it("init")
    assert done.returncode == 0, done.stderr
    assert "cam0_port=18081" in (home / "camera-soft-stream.env").read_text()
    assert run_it("init").returncode == 1
    assert "no problems" in run_it("check").stdout
    command = [*soft_stream, "serve", "--all", "--source", "test-pattern"]
    with subprocess.Popen(command, cwd=home, env=environ, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            match = re.fullmatch(r"Camera 0: (http\S+)  \(a test camera\)\n", process.stdout.readline())
            assert match
            for path in ("", "static/camera/main.js", "snapshot.jpg"):
                urllib.request.urlopen(f"{match[1]}{path}").close()
        finally:
            process.terminate()
    assert process.returncode == 0


@pytest.mark.parametrize("option", ["-o", "--env-file"])
def test_both_names_of_the_option(option: str, tmp_path: Path) -> None:
    """That of the other commands, and the short one that people expect."""
    assert run("init", option, "my.env", cwd=tmp_path).returncode == 0
    assert "cam0_" in (tmp_path / "my.env").read_text()
