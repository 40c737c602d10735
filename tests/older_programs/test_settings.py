"""Settings of the direct ancestor, with the real Picamera2 on a fake libcamera."""

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.lab.machine import wait
from tests.support.fake_libcamera import environment, installed
from tests.support.fake_libcamera.remote import Remote
from tests.support.fake_libcamera.world import PI5
from tests.support.processes import ENVIRON, free_port

SOFT_STREAM = str(Path(sys.executable).with_name("soft-stream"))
CONTINUOUS = 2  # libcamera's AfMode
SECOND = f"{PI5}/i2c@80000/imx708@1a"
pytestmark = pytest.mark.skipif(
    not installed(), reason="Picamera2 is not in .venv/picamera2; scripts/test.sh puts it there"
)


@contextmanager
def served(folder: Path, *lines: str) -> Iterator[tuple["subprocess.Popen[str]", str, Remote]]:
    """Serve camera 0 of a Raspberry Pi 5 with two cameras for the block, with lines in the settings file."""
    port, file, socket = free_port(), folder / "camera-soft-stream.env", folder / "verbs"
    file.write_text("\n".join([*lines, f"cam0_port={port}", "cam_width=320", "cam_height=180", ""]))
    command = [SOFT_STREAM, "serve", "--env-file", str(file)]
    environ = ENVIRON | environment("pi5", socket)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environ) as process:
        try:
            assert process.stderr
            assert any("Listening on" in line for line in process.stderr)
            yield process, f"http://127.0.0.1:{port}", Remote(socket)
        finally:
            process.kill()


def test_the_id_of_a_camera(tmp_path: Path) -> None:
    """The camera with the id is opened, though it is not the first one."""
    with (
        served(tmp_path, f"cam0_id={SECOND}") as (_, url, remote),
        urllib.request.urlopen(f"{url}/stream.mjpg") as stream,
    ):
        assert stream.read(5000)
        assert remote.facts("cam1")["acquired"]
        assert not remote.facts("cam0")["acquired"]


def test_autofocus_is_on(tmp_path: Path) -> None:
    """A stream begins with a cycle; then continuous autofocus starts."""
    with (
        served(tmp_path, "cam0_autofocus=1") as (process, url, remote),
        urllib.request.urlopen(f"{url}/stream.mjpg") as stream,
    ):
        assert stream.read(5000)
        assert process.stderr
        assert any("Autofocus cycle focused" in line for line in process.stderr)
        wait(lambda: remote.facts("cam0")["af_mode"] == CONTINUOUS, "continuous autofocus", 60)


def test_a_missing_camera_is_66(tmp_path: Path) -> None:
    """The process ends with 66, and names the id and what is connected."""
    file = tmp_path / "camera-soft-stream.env"
    file.write_text(f"cam0_id={PI5}/i2c@1/imx219@10\ncam_start_timeout=1\n")
    command = [SOFT_STREAM, "serve", "--env-file", str(file), "--port", str(free_port())]
    done = subprocess.run(
        command, env=ENVIRON | environment("pi5"), text=True, capture_output=True, check=False, timeout=300
    )
    assert done.returncode == 66, done.stderr
    assert "i2c@1/imx219@10 is not connected; connected: " in done.stderr


def test_the_ids_are_those_of_picamera2() -> None:
    """`soft-stream cameras` prints the ids of `Picamera2.global_camera_info()` as lines for the settings file."""
    environ = ENVIRON | environment("pi5")
    program = "from picamera2 import Picamera2; print(*(each['Id'] for each in Picamera2.global_camera_info()))"
    ids = subprocess.run([sys.executable, "-c", program], env=environ, text=True, capture_output=True, check=True)
    listed = subprocess.run([SOFT_STREAM, "cameras"], env=environ, text=True, capture_output=True, check=True)
    lines = [line for line in listed.stdout.splitlines() if line.startswith("cam")]
    assert {line.partition("=")[2] for line in lines} == set(ids.stdout.split())
    assert [line.partition("=")[0] for line in lines] == ["cam0_id", "cam1_id"]
