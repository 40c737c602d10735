"""The delivered frame rate: what explains a low one, and what is no reason to report it."""

import json
from typing import Any

import pytest

from soft_stream.diagnostics.doctor.host import Reply
from soft_stream.diagnostics.doctor.report import Finding
from tests.diagnostics.doctor.stand_in import CAM0, CONFIGURED, NEGOTIATED, deployed, examine, status

URL = "http://127.0.0.1:18081/status.json"
NOW = 10_000.0
USB = r"\_SB_.PCI0-1.2:1.0-046d:0825"
LIVE = {
    "now": NOW,
    "state_since": NOW - 60,
    "captured_fps": 30.0,
    "fault": "",
    "frame": {"exposure_time": 0.01},
    "last_still": None,
    "last_restart": None,
    "controls": {},
    "counters": {"captured": 1000, "damaged": 0},
    "clients": [],
    "history": {"encode": [0.002]},
}
STEADY = {**NEGOTIATED, "camera_id": CAM0, "longest_interval": 1 / 30, "still_method": "switch"}


def findings(lines: str = "", /, later: dict[str, Any] | None = None, **facts: Any) -> list[Finding]:
    """Return the findings about the rate of a camera that is live; `later` replaces facts a few seconds later."""
    negotiated = STEADY | facts.pop("negotiated", {})
    first = json.loads(status()) | LIVE | facts | {"negotiated": negotiated}
    urls = {
        URL: Reply(200, json.dumps(first)),
        f"{URL}?history=1": Reply(200, json.dumps(first | (later or {}))),
    }
    found = examine(deployed(settings=CONFIGURED + lines, urls=urls))["service"]
    return [each for each in found if " fps" in each.what and "sensor mode" not in each.what]


def finding(lines: str = "", /, **facts: Any) -> Finding:
    """Return the only finding about the rate."""
    (only,) = findings(lines, **facts)
    return only


def test_the_rate_that_was_asked_for() -> None:
    """It is shown; a little less is no reason to report it."""
    for fps in (29.9, 27.0):
        found = finding(captured_fps=fps)
        assert (found.level, found.what) == ("ok", f"camera 0 delivers {fps} of 30 fps")


@pytest.mark.parametrize(
    "facts",
    [
        {"captured_fps": 0.0},
        {"captured_fps": 10.0, "state": "idle"},
        {"captured_fps": 10.0, "state": "paused"},
        {"captured_fps": 10.0, "state": "retrying"},
        {"captured_fps": 10.0, "fault": "no frames for 3 s"},
        {"captured_fps": 10.0, "state_since": NOW - 2},
        {"captured_fps": 10.0, "last_still": {"seconds": 1.0, "at": NOW - 3}},
        {"captured_fps": 10.0, "last_restart": {"why": "no frames", "at": NOW - 3}},
    ],
)
def test_a_rate_that_says_nothing(facts: dict[str, Any]) -> None:
    """The camera is closed, does not deliver, or was disturbed a moment ago."""
    assert findings(**facts) == []


def test_clients_that_ask_for_fewer_frames() -> None:
    """Only the camera counts."""
    slow = {"peer": "10.0.0.1", "path": "/stream.mjpg", "sent_fps": 2.0, "fps_max": 2.0}
    assert finding(clients=[slow]).level == "ok"


def test_a_low_rate_is_measured_again() -> None:
    """One that has recovered after a few seconds, or a camera that was closed, is no finding."""
    assert finding(captured_fps=10.0, later={"captured_fps": 30.0}).level == "ok"
    assert findings(captured_fps=10.0, later={"state": "idle", "negotiated": None}) == []


def test_low_light_that_the_settings_allow() -> None:
    """With min_fps automatic exposure may make longer frames; they are no fault down to that rate."""
    dark = {"captured_fps": 4.0, "frame": {"exposure_time": 0.24}, "negotiated": {"longest_interval": 0.5}}
    found = finding("cam0_min_fps=2\n", **dark)
    assert found.level == "ok"
    assert "low light, down to 2 fps" in found.what
    assert finding("cam0_min_fps=2\n", **dark | {"frame": None}).level == "ok"
    bright = finding("cam0_min_fps=2\n", **dark | {"frame": {"exposure_time": 0.01}})
    assert (bright.level, "low light" in bright.what) == ("note", False)
    below = finding("cam0_min_fps=2\n", **dark | {"captured_fps": 1.0, "frame": {"exposure_time": 0.01}})
    assert below.level == "note"


@pytest.mark.parametrize(
    ("facts", "why", "fix"),
    [
        ({"frame": {"exposure_time": 0.095}}, "each frame is exposed for 0.095 s", "more light"),
        ({"counters": {"captured": 900, "damaged": 100}}, "100 frames were damaged", "USB port"),
        ({"history": {"encode": [0.001, 0.09]}}, "encoding a frame takes 90 ms, of 33 ms", "cam0_width"),
        (
            {"negotiated": {"camera_id": USB}, "frame": {"exposure_time": None}},
            "a USB camera",
            "cam0_pixel_format=mjpeg",
        ),
        ({"history": {"encode": []}}, "the machine is busy", "soft-stream selftest --camera 0"),
    ],
)
def test_the_reason_of_a_low_rate(facts: dict[str, Any], why: str, fix: str) -> None:
    """The likeliest one, with what to do."""
    found = finding(captured_fps=10.0, **facts)
    assert (found.level, found.what) == ("note", "camera 0 delivers 10.0 of 30 fps")
    assert why in found.why
    assert fix in found.fix


@pytest.mark.parametrize(
    ("settings", "facts", "why", "fix"),
    [
        ("cam_fps=60\n", {}, "the sensor mode 2304x1296 has no higher rate", "cam0_fps=30"),
        (
            "",
            {"controls": {"ExposureTime": 100_000}, "negotiated": {"fps": 10.0}},
            "ExposureTime=100000 is set",
            "shorter",
        ),
        ("cam_still_method=dual\n", {"negotiated": {"fps": 14.0, "still_method": "dual"}}, "full-size", "=switch"),
    ],
)
def test_a_rate_that_the_settings_do_not_allow(settings: str, facts: dict[str, Any], why: str, fix: str) -> None:
    """The camera delivers what it has agreed to, which is less than what was asked for."""
    fps = facts.get("negotiated", STEADY).get("fps", 30.0)
    limited, delivered = findings(settings, captured_fps=fps, **facts)
    assert (limited.level, delivered.level) == ("note", "ok")
    assert why in limited.why
    assert fix in limited.fix


def test_a_rate_that_was_changed_since_the_start() -> None:
    """The process has asked for the earlier one, so only the change is reported."""
    changed = {"file": "/etc/camera-streamer/camera-soft-stream.env", "changed": ["cam_fps"], "notice": "x", "fix": "y"}
    assert finding("cam_fps=60\n", settings=changed).level == "ok"


def test_the_rate_of_a_webcam_is_thinned_evenly() -> None:
    """A USB camera with 30 fps that is asked for 20 delivers 20."""
    webcam = {"camera_id": USB, "fps": 20.0, "longest_interval": 0.05}
    assert finding("cam_fps=20\n", captured_fps=20.1, negotiated=webcam).level == "ok"
