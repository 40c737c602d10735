"""crowsnest.conf."""

import pytest

from tests.migration.importing import NODES, file

CONF = """#### crowsnest.conf
[crowsnest]
log_path: ~/printer_data/logs/crowsnest.log
log_level: debug                        # Valid Options are quiet/verbose/debug
delete_log: false
no_proxy: false

[cam 1]
mode: ustreamer                         # ustreamer - Provides MJPG and snapshots. (All devices)
port: 8080                              # HTTP/MJPG stream/snapshot port
device: /dev/video0                     # See log for available devices
resolution: 640x480                     # <width>x<height> format
max_fps: 15
v4l2ctl: brightness=5,focus_auto=0, horizontal_flip=1
custom_flags: --rotate=90 --foo bar

[cam nozzle]
mode: camera-streamer
enable_rtsp: true
port: 8081
device: /base/soc/i2c0mux/i2c@1/imx219@10
resolution: 1472x1088
max_fps: 30
v4l2ctl: brightness=0.1,AfMode=2
custom_flags: --camera-height=2464 --camera-width=3280 --camera-snapshot.height=1232
"""


def test_each_section_becomes_a_camera() -> None:
    """Each [cam NAME] becomes a camera; the flags of its program override its other options."""
    result = file(CONF, "crowsnest.conf")
    assert result.values == {
        "cam0_log_level": "debug", "cam0_id": NODES["/dev/video0"], "cam0_bind": "127.0.0.1", "cam0_port": "8080",
        "cam0_width": "640", "cam0_height": "480", "cam0_fps": "15", "cam0_autofocus": "0", "cam0_hflip": "1",
        "cam0_rotation": "90",
        "cam1_log_level": "debug", "cam1_id": "/base/soc/i2c0mux/i2c@1/imx219@10", "cam1_bind": "127.0.0.1",
        "cam1_port": "8081", "cam1_width": "1640", "cam1_height": "1232", "cam1_fps": "30", "cam1_name": "nozzle",
        "cam1_autofocus": "continuous", "cam1_controls": "Brightness=0.1",
        "cam1_snapshot_width": "1640", "cam1_snapshot_height": "1232",
    }  # fmt: skip
    for words in (
        ("cam0", "brightness=5", "driver"),
        ("cam0", "--foo bar"),
        ("cam1", "enable_rtsp"),
        ("cam0", "log_path"),
    ):
        assert result.has_note(*words)


@pytest.mark.parametrize(
    ("line", "expected"),
    [("no_proxy: true", "0.0.0.0"), ("no_proxy: false", "127.0.0.1"), ("", "127.0.0.1"), ("no_proxy: yes", "0.0.0.0")],
)
def test_no_proxy_decides_about_the_address(line: str, expected: str) -> None:
    """Without a proxy all addresses are used, otherwise only this machine."""
    result = file(f"[crowsnest]\n{line}\n[cam 1]\nport: 8080\n")
    assert result.values["cam0_bind"] == expected


@pytest.mark.parametrize(
    ("mode", "words"), [("rtsp", ("mode=rtsp", "no RTSP")), ("hls", ("mode=hls", "unknown")), ("mjpg", ("frob",))]
)
def test_modes(mode: str, words: tuple[str, ...]) -> None:
    """Modes of older versions are understood; an unknown one is named."""
    assert file(f"[cam 1]\nmode: {mode}\nport: 8080\nfrob: 1\n").has_note(*words)


def test_cameras_from_a_number_on() -> None:
    """The first camera gets the number of --camera."""
    assert file(CONF, first=7).values["cam8_name"] == "nozzle"
