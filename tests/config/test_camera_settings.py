"""The settings of the camera itself: its sensor mode, its pixel format, the command at its opening."""

import pytest

from soft_stream.config.loader import SettingsError, load
from soft_stream.config.settings import SETTINGS


def parse(name: str, text: str) -> object:
    """Parse the text of a setting."""
    return SETTINGS[name].metadata["type"].parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("auto", "auto"),
        ("Driver", "driver"),
        ("2304x1296", "2304x1296"),
        ("1280X800:8", "1280x800:8"),
        ("640x480:10", "640x480:10"),
        ("4056x3040:16", "4056x3040:16"),
    ],
)
def test_sensor_modes(text: str, value: str) -> None:
    """A mode is a word, or a size with or without bits."""
    assert parse("sensor_mode", text) == value


@pytest.mark.parametrize(
    "text", ["1280x800:", "1280x800:0", "1280x800:7", "1280x800:25", "1280x800:8:P", "1280:800", "x800:8", "8", ":8"]
)
def test_wrong_sensor_modes(text: str) -> None:
    """Bits are 8 to 24."""
    with pytest.raises(ValueError, match=text or "^$"):
        parse("sensor_mode", text)


@pytest.mark.parametrize("text", ["uyvy", "NV12", "r8", "yuyv", "mjpeg", "yuv420", "auto"])
def test_pixel_formats(text: str) -> None:
    """They have libcamera's names in lower case."""
    assert parse("pixel_format", text) == text.lower()


@pytest.mark.parametrize(
    "text", ["", "v4l2-ctl -d {device} -c a=1,b=2", "/opt/x/run 'two words' \"$HOME\"", "sh -c 'a; b > c'"]
)
def test_open_commands(text: str) -> None:
    """The text stays as it is; only its words are read."""
    assert parse("open_command", text) == text


@pytest.mark.parametrize("text", ["v4l2-ctl 'a", "bin/run", "./run", "'' -x", "run \x1b", "run \\"])
def test_wrong_open_commands(text: str) -> None:
    """A quote without an end, a relative path and no program at all are errors."""
    with pytest.raises(SettingsError, match=r"--open-command=.*must be a command by its name or absolute path"):
        load({}, camera=0, flags={"open_command": text}, defaults={})
