"""The frame rate that a camera delivers, compared with the one that the settings ask for.

What clients receive does not count: each of them may ask for fewer frames.
"""

from collections.abc import Iterator
from typing import Any

from soft_stream.cameras.picamera.library import is_usb
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.doctor.context import DoctorContext
from soft_stream.diagnostics.doctor.report import Finding, note, ok
from soft_stream.diagnostics.settings_changes import settings_change

# A lower part of a rate is reported: rates are measured over three seconds, and vary.
ENOUGH = 0.85
# Seconds after the opening, an autofocus cycle, a still or a restart in which the rate says nothing.
SETTLING = 6.0
# Seconds until a low rate is measured once more.
PAUSE = 4.0
# The part of the time between two frames from which on an exposure, or the encoding, decides about the rate.
FILLED = 0.8
# The part of all frames that may be damaged.
FEW = 0.05


def check_rate(context: DoctorContext, settings: Settings, status: dict[str, Any]) -> Iterator[Finding]:
    """Compare the rates of a camera that has delivered frames for some seconds."""
    if not _is_settled(status):
        return
    possible = float(status["negotiated"]["fps"])
    # a process that runs with earlier settings has asked for another rate
    if possible < ENOUGH * settings.fps and not settings_change(status, context.loaded.file):
        yield _limited(settings, status)
    if _is_low(status):
        context.host.wait(PAUSE)
        status = context.ask_again(settings, "/status.json?history=1") or {}
        if not _is_settled(status):
            return
    rates = f"camera {settings.camera} delivers {status['captured_fps']:.1f} of {possible:g} fps"
    yield _low(settings, status, rates) if _is_low(status) else ok(rates)


def _is_settled(status: dict[str, Any]) -> bool:
    """Return True if the camera delivers frames, and nothing has disturbed their rate in the last seconds."""
    if status.get("state") not in ("streaming", "focusing") or not status.get("negotiated"):
        return False
    if not status.get("captured_fps") or status.get("fault"):
        return False  # /healthz has the reason
    events = (status.get("last_still"), status.get("last_restart"), {"at": status["state_since"]})
    return all(status["now"] - each["at"] > SETTLING for each in events if each)


def _is_low(status: dict[str, Any]) -> bool:
    return float(status["captured_fps"]) < ENOUGH * float(status["negotiated"]["fps"])


def _limited(settings: Settings, status: dict[str, Any]) -> Finding:
    """Return a finding about a rate that the camera cannot have with these settings."""
    number, negotiated = settings.camera, status["negotiated"]
    what = f"camera {number}: the settings ask for {settings.fps:g} fps, it has at most {negotiated['fps']:g}"
    exposure = (status.get("controls") or {}).get("ExposureTime") or 0
    if exposure and 1_000_000 / exposure < ENOUGH * settings.fps:
        why = f"ExposureTime={exposure:g} is set: each frame is exposed for {exposure / 1_000_000:g} s"
        return note(what, why, "a shorter ExposureTime in the controls of the page; 0 is automatic")
    if negotiated.get("still_method") == "dual" and settings.still_method == "dual":
        why = f"cam{number}_still_method=dual: the sensor always captures full-size frames"
        return note(what, why, f"cam{number}_still_method=switch")
    return note(
        what,
        f"the sensor mode {negotiated['sensor_mode']} has no higher rate",
        f"a smaller cam{number}_width and cam{number}_height, another cam{number}_sensor_mode "
        f"(rpicam-hello --list-cameras), or cam{number}_fps={negotiated['fps']:g}",
    )


def _low(settings: Settings, status: dict[str, Any], rates: str) -> Finding:
    """Return a finding about fewer frames than the camera has agreed to, with the likeliest reason."""
    number, negotiated, frame = settings.camera, status["negotiated"], status.get("frame") or {}
    delivered, possible = float(status["captured_fps"]), float(negotiated["fps"])
    lowest = 1 / max(negotiated.get("longest_interval") or 0, 1 / possible)
    exposure = frame.get("exposure_time")
    is_exposed_long = exposure is None or exposure > FILLED / delivered
    if lowest < ENOUGH * possible and delivered > ENOUGH * lowest and is_exposed_long:
        return ok(f"{rates}: automatic exposure makes longer frames in low light, down to {lowest:g} fps")
    if exposure and is_exposed_long:
        why = f"each frame is exposed for {exposure:.3g} s"
        return note(rates, why, f"more light, a higher cam{number}_min_fps, or a shorter ExposureTime")
    counters = status.get("counters") or {}
    damaged = counters.get("damaged", 0)
    if damaged > FEW * (counters.get("captured", 0) + damaged):
        why = f"{damaged} frames were damaged since the process was started, and are skipped"
        return note(rates, why, "another cable or USB port; docs/operate.md, Damaged frames")
    encoding = [each for each in (status.get("history") or {}).get("encode", ()) if each]
    if encoding and encoding[-1] > FILLED / possible:
        why = f"encoding a frame takes {1000 * encoding[-1]:.0f} ms, of {1000 / possible:.0f} ms between two frames"
        fix = f"a smaller cam{number}_width, a lower cam{number}_fps, or cam{number}_adaptive_quality=on"
        return note(rates, why, fix)
    if settings.source == "v4l2" or is_usb(negotiated.get("camera_id") or ""):
        return note(
            rates,
            "a USB camera selects its rate: by size and pixel format, and many have fewer frames in low light",
            f"more light; a smaller cam{number}_width; cam{number}_pixel_format=mjpeg; v4l2-ctl --list-formats-ext; "
            "or exposure_dynamic_framerate=0 (docs/cameras.md, Low light)",
        )
    return note(
        rates,
        "the machine is busy, or frames are lost on the way from the camera",
        f"top; the lines about kernel and power above; without clients: soft-stream selftest --camera {number}",
    )
