"""`soft-stream import` with the files and commands of the older programs' documents."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.older_programs.promises import tried_by
from tests.support.processes import ENVIRON

SOFT_STREAM = str(Path(sys.executable).with_name("soft-stream"))
MJPGSTREAMER = """[default]
logfile=/var/tmp/mjpgstreamer.log
loglevel='WARNING'

[server]
port=8090
keyfile=/etc/ssl/private/camera.key
certfile=/etc/ssl/certs/camera.pem

[/dev/video0]
width=640
height=480
fps=30
"""

PLUGINS = {
    "input_file": {"cam0_source=folder", "cam0_folder=/srv/frames", "cam0_fps=2", "cam0_folder_mode=new"},
    "input_http": {"cam0_source=http", "cam0_url='http://10.0.0.5:8090/?action=stream'"},
    "input_opencv": {"cam0_source=media", "cam0_url=rtsp://10.0.0.5/1"},
    "input_ptp2": {"cam0_source=gphoto", "cam0_fps=5"},
    "input_raspicam": {"cam0_width=1280", "cam0_height=720", "cam0_fps=15", "cam0_quality=85"},
    "input_uvc": {"cam0_source=v4l2", "cam0_device=/dev/video0", "cam0_width=1280", "cam0_fps=15"},
    "output_http": {"cam0_port=8090", "cam0_bind=0.0.0.0"},
}


def imported(*arguments: str) -> tuple[list[str], str]:
    """Return the settings that are printed, and what is said about the rest."""
    command = [SOFT_STREAM, "import", *arguments]
    done = subprocess.run(command, env=ENVIRON, text=True, capture_output=True, check=True)
    return done.stdout.splitlines(), done.stderr


def test_the_file_of_mjpgstreamer(tmp_path: Path) -> None:
    """Each key of its three sections becomes a setting."""
    file = tmp_path / "mjpgstreamer.conf"
    file.write_text(MJPGSTREAMER)
    lines, rest = imported(str(file))
    assert {
        "cam0_log_file=/var/tmp/mjpgstreamer.log",
        "cam0_log_level=warning",
        "cam0_listen=https://0.0.0.0:8090",
        "cam0_tls_key=/etc/ssl/private/camera.key",
        "cam0_tls_certificate=/etc/ssl/certs/camera.pem",
        "cam0_width=640",
        "cam0_height=480",
        "cam0_fps=30",
    } <= set(lines)
    assert "/dev/video0" in rest or any(line.startswith("cam0_id=/") for line in lines)
    file.write_text(MJPGSTREAMER.replace("keyfile", "#").replace("certfile", "#"))
    assert {"cam0_port=8090", "cam0_bind=0.0.0.0"} <= set(imported(str(file))[0])


def test_the_command_of_mjpg_streamer() -> None:
    """The command of the document becomes settings: a Raspberry Pi camera, on mjpg-streamer's port."""
    lines, rest = imported("--", "./mjpg_streamer", "-o", "output_http.so -w ./www", "-i", "input_raspicam.so")
    assert {"cam0_width=640", "cam0_height=480", "cam0_port=8080"} <= set(lines)
    assert "-w ./www" in rest


@pytest.mark.parametrize("command", tried_by("tests/older_programs/test_import.py::test_the_plugins_of_mjpg_streamer"))
def test_the_plugins_of_mjpg_streamer(command: str) -> None:
    """The options of a plugin become settings."""
    plugin = next(name for name in sorted(PLUGINS, reverse=True) if name in command)
    assert PLUGINS[plugin] <= set(imported(*shlex.split(command)[2:])[0])


def test_the_unit_of_webcamd(tmp_path: Path) -> None:
    """The flags of a unit become settings."""
    file = tmp_path / "webcamd.service"
    file.write_text("[Service]\nUser=octoprint\nExecStart=/usr/bin/webcamd --width 800 --height 600 --rotate 1\n")
    lines, _ = imported(str(file))
    assert {"cam0_width=800", "cam0_height=600", "cam0_rotation=180", "cam0_port=8080"} <= set(lines)
