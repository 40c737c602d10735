"""Autofocus of the fake libcamera, used by Picamera2 directly."""

from typing import Any

import pytest

from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.controls import AfModeEnum, AfStateEnum, AfTriggerEnum
from tests.support.fake_libcamera.plain import MARKS, NEVER, QUICK, SOON, metadata_until, streaming

pytestmark = MARKS

AUTO, CONTINUOUS, MANUAL = {"AfMode": AfModeEnum.Auto}, {"AfMode": AfModeEnum.Continuous}, {"AfMode": AfModeEnum.Manual}
START = {"AfTrigger": AfTriggerEnum.Start}


def states(seen: list[dict[str, Any]]) -> list[AfStateEnum]:
    """Return the autofocus states without repetitions."""
    each = [AfStateEnum(facts["AfState"]) for facts in seen]
    return [state for before, state in zip([None, *each], each, strict=False) if state is not before]


def until(picam2: Any, state: AfStateEnum) -> list[AfStateEnum]:
    """Wait for an autofocus state; return all states up to it."""
    return states(metadata_until(picam2, lambda facts: facts["AfState"] == state))


def test_a_cycle_goes_from_idle_over_scanning_to_focused() -> None:
    """A scan starts some frames after the trigger, since controls are part of requests, and ends at the subject."""
    world = enable("pi4")
    with streaming(controls=QUICK | AUTO) as picam2:
        assert picam2.capture_metadata(wait=SOON)["AfState"] == AfStateEnum.Idle
        picam2.set_controls(START)
        assert until(picam2, AfStateEnum.Focused) == [AfStateEnum.Idle, AfStateEnum.Scanning, AfStateEnum.Focused]
        assert picam2.capture_metadata(wait=SOON)["LensPosition"] == world.camera().subject
    triggered = [frame for frame, name, _ in world.camera().applied if name == "AfTrigger"]
    assert triggered > [2]


def test_autofocus_cycle_returns_the_result() -> None:
    """It leaves AfMode at Auto; a scan that never ends needs a timeout of the caller."""
    world = enable("pi4")
    with streaming() as picam2:
        assert picam2.autofocus_cycle(wait=SOON) is True
        world.camera().af_fails()
        assert picam2.autofocus_cycle(wait=SOON) is False
        assert world.camera().af_mode == AfModeEnum.Auto
        world.camera().af_never_ends()
        with pytest.raises(TimeoutError):
            picam2.autofocus_cycle(wait=NEVER)


def test_continuous_scans_at_each_start_and_stays_through_it() -> None:
    """The mode belongs to the algorithm, not to the configuration."""
    enable("pi4")
    with streaming(controls=QUICK | CONTINUOUS) as picam2:
        until(picam2, AfStateEnum.Focused)
        picam2.stop()
        picam2.start()
        assert until(picam2, AfStateEnum.Focused)[0] is AfStateEnum.Scanning


def test_a_scan_in_flight_goes_on_in_auto() -> None:
    """A cycle that starts during a scan ends with that scan; for a new scan, wait for Idle in Auto first."""
    world = enable("pi4")
    world.camera().slow_af(40)
    with streaming(controls=QUICK | CONTINUOUS) as picam2:
        until(picam2, AfStateEnum.Scanning)
        picam2.set_controls(AUTO)
        assert until(picam2, AfStateEnum.Focused)[0] is AfStateEnum.Scanning
        picam2.set_controls(CONTINUOUS)
        metadata_until(picam2, lambda facts: facts["AfState"] == AfStateEnum.Scanning)
        until(picam2, AfStateEnum.Focused)
        picam2.set_controls(AUTO)
        until(picam2, AfStateEnum.Idle)


def test_the_lens_position_counts_in_manual_only() -> None:
    """A position is ignored in other modes; a trigger has an effect only in Auto."""
    enable("pi4")
    with streaming(controls=QUICK | AUTO) as picam2:
        picam2.set_controls({"LensPosition": 9.0})
        seen = [picam2.capture_metadata(wait=SOON)["LensPosition"] for _ in range(10)]
        assert set(seen) == {1.0}
        picam2.set_controls(MANUAL | START | {"LensPosition": 9.0})
        seen_later = metadata_until(picam2, lambda facts: facts["LensPosition"] == 9.0)
        assert states(seen_later) == [AfStateEnum.Idle]


def test_a_lens_without_an_algorithm_has_no_state() -> None:
    """AfMode is advertised but AfState is missing: `autofocus_cycle` fails with a KeyError."""
    enable("pi4").camera().mute_af()
    with streaming() as picam2:
        assert "AfMode" in picam2.camera_controls
        with pytest.raises(KeyError, match="AfState"):
            picam2.autofocus_cycle(wait=SOON)


@pytest.mark.parametrize("boards", ["fixed", "usb"])
def test_without_a_lens_there_is_no_autofocus(boards: str) -> None:
    """The control is not advertised."""
    enable(boards)
    options: dict[str, Any] = (
        {"main": {"format": "YUYV", "size": (640, 480)}, "controls": {}} if boards == "usb" else {}
    )
    with streaming(**options) as picam2, pytest.raises(RuntimeError, match="AfMode is not advertised"):
        picam2.autofocus_cycle(wait=SOON)


def test_a_still_between_two_frames_keeps_the_focus() -> None:
    """Switching to full size and back keeps mode and position of the lens, and applies the configured controls."""
    world = enable("pi4")
    with streaming(controls=QUICK | AUTO) as picam2:
        assert picam2.autofocus_cycle(wait=SOON)
        still = picam2.create_still_configuration(main={"format": "YUV420"}, raw=None, buffer_count=2)
        request = picam2.switch_mode_and_capture_request(still, wait=SOON)
        assert request.get_metadata()["LensPosition"] == world.camera().subject
        request.release()
        assert picam2.capture_metadata(wait=SOON)["AfState"] == AfStateEnum.Focused
    assert [each.size for each in world.camera().configurations] == [(320, 180), (4608, 2592), (320, 180)]
    assert world.camera().starts == 3
