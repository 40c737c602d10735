"""The settings and controls of docs/cameras.md exist, and the camera gets their values."""

import re
from pathlib import Path
from typing import Any

import pytest

from soft_stream.capture.controls import Controls
from soft_stream.config.loader import load
from tests.cameras.picamera.common import MARKS, QUICK, captured_until, opened
from tests.support.checkout import ROOT
from tests.support.fake_libcamera import enable

pytestmark = MARKS
PAGE = (ROOT / "docs/cameras.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SETTINGS = [text for language, text in BLOCKS if not language and "cam0_" in text]
COMMANDS = [dict(re.findall(r"-d (\w+)=(\S+)", line)) for line in re.findall(r"^curl .*-d .*$", PAGE, re.MULTILINE)]


def controls_in(block: str) -> dict[str, Any]:
    """Return the value of `cam0_controls` in a block."""
    return dict(
        each.split("=") for line in re.findall(r"^cam0_controls=(.*)$", block, re.MULTILINE) for each in line.split()
    )


def test_the_page_has_what_is_tested() -> None:
    """The page has settings for 50 and 60 Hz, low light and a trigger, commands for day and night, and names ARMv6."""
    assert len(SETTINGS) >= 4
    assert len(COMMANDS) == 2
    assert "power_line_frequency=1" in PAGE
    assert "ARMv6" in PAGE


@pytest.mark.parametrize("block", SETTINGS)
def test_the_settings_can_be_loaded(block: str, tmp_path: Path) -> None:
    """Each block of settings is accepted as it is."""
    file = tmp_path / "settings.env"
    file.write_text(block)
    load({}, file=file)


@pytest.mark.parametrize("asked", [*filter(None, map(controls_in, SETTINGS)), *COMMANDS])
def test_the_camera_gets_the_values(asked: dict[str, Any]) -> None:
    """A CSI camera has each control, and each value is within its bounds."""
    device = enable("pi5").camera()
    with opened() as (camera, _):
        controls = Controls(QUICK)
        controls.update_advertised(camera.controls())
        values = controls.check(asked)
        assert values.keys() == asked.keys()
        camera.set_controls(values)
        set_by_value = {name for name, value in values.items() if value}  # 0 may mean automatic
        captured_until(camera, lambda _: all(values[each] in device.values_of(each) for each in set_by_value))
