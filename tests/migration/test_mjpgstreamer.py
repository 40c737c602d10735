"""MJPGStreamer's file and command line."""

from pathlib import Path

import pytest

from soft_stream.migration.recognise import cameras_of_command
from tests.migration.importing import NODES, command, file

CONF = """[default]
logfile=/var/log/camera-soft-stream/cam.log
loglevel='WARNING'
[server]
listen =
port = 8090
[/dev/video0]
width = 640
height = 480
fps = 30
"""


def test_the_file() -> None:
    """The file that the program is shipped with becomes the settings of one camera."""
    result = file(CONF, "mjpgstreamer.conf")
    assert result.values == {
        "cam0_id": NODES["/dev/video0"], "cam0_width": "640", "cam0_height": "480", "cam0_fps": "30",
        "cam0_bind": "0.0.0.0", "cam0_port": "8090", "cam0_log_level": "warning", "cam0_log_file_level": "warning",
        "cam0_log_file": "/var/log/camera-soft-stream/cam.log", "cam0_log_file_size": "5120",
        "cam0_log_file_count": "2", "cam0_open_to_network": "1",
    }  # fmt: skip
    assert result.notes == []


def test_https() -> None:
    """With a key and a certificate the port is HTTPS; HTTP stays at this machine."""
    values = file(CONF.replace("[server]", "[server]\nkeyfile=/etc/k.pem\ncertfile=/etc/c.pem")).values
    assert (values["cam0_tls_key"], values["cam0_tls_certificate"]) == ("/etc/k.pem", "/etc/c.pem")
    assert values["cam0_listen"] == "https://0.0.0.0:8090"
    assert not {"cam0_port", "cam0_bind"} & values.keys()


def test_several_devices_become_several_cameras() -> None:
    """Each device is a camera; what only one camera can have stays with the first one."""
    result = file(f"{CONF}[/dev/video2]\nwidth=1280\nheight=720\nfps=500\n", first=1)
    assert (result.values["cam1_port"], result.values.get("cam2_port")) == ("8090", None)
    assert (result.values["cam2_width"], result.values.get("cam2_fps")) == ("1280", None)
    assert result.has_note("cam2", "fps=500", "from 0.1 to 240")
    assert result.has_note("cam2", "each has its own") or result.has_note("cam2", "its own")


@pytest.mark.parametrize(("option", "level"), [("-l D", "debug"), ("--log=ERROR", "error"), ("-d W", "warning")])
def test_the_command_overrides_its_file(tmp_path: Path, option: str, level: str) -> None:
    """`-c` names the file, relative to the folder of the unit or script; `-l` overrides its level."""
    (tmp_path / "my.conf").write_text(CONF)
    words = ["mjpgstreamer.py", "-c", "my.conf", *option.split()]
    given = cameras_of_command(words, folder=tmp_path)[0].given
    assert any(each.value == "/dev/video0" for each in given)
    (tmp_path / "mjpgstreamer.conf").write_text(CONF)
    result = command(f"python3 mjpgstreamer.py -c {tmp_path}/my.conf {option}")
    assert result.values["cam0_log_level"] == level


def test_a_file_that_cannot_be_read_is_named() -> None:
    """Without its file the command has the program's defaults, and a note."""
    result = command("mjpgstreamer.py -c /none/x.conf")
    assert result.values["cam0_port"] == "8080"
    assert result.has_note("configuration file cannot be read")


def test_quoted_values_and_unknown_names() -> None:
    """Quotes around values are not part of them; a name that the program does not have is named."""
    result = file(CONF.replace("width = 640", "width = '800'\nbrightness = 3"))
    assert result.values["cam0_width"] == "800"
    assert result.has_note("brightness=3", "no such option")


def test_the_spellings_of_a_file() -> None:
    """The names of the fixed sections and of options may have capitals, and `:` is as good as `=`."""
    conf = (
        '[DEFAULT]\nLogLevel: "INFO"\n; a comment\n[Server]\nPort: "8443"\n[/dev/video0]\nWidth: "1280"\nheight: 720\n'
    )
    result = file(conf, "mjpgstreamer.conf")
    assert {key: result.values[key] for key in ("cam0_log_level", "cam0_port", "cam0_width", "cam0_height")} == {
        "cam0_log_level": "info", "cam0_port": "8443", "cam0_width": "1280", "cam0_height": "720",
    }  # fmt: skip
    assert result.notes == []


def test_the_second_camera_of_an_https_server() -> None:
    """It has no port for HTTPS, and the note says which setting it needs."""
    conf = CONF.replace("[server]", "[server]\nkeyfile=/etc/k.pem\ncertfile=/etc/c.pem")
    assert file(f"{conf}[/dev/video2]\nwidth=640\n").has_note("cam1", "HTTPS", "camN_listen")
