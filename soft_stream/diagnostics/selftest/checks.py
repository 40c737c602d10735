"""The checks, in the order in which they run."""

import asyncio
import os
import platform
import time
from dataclasses import dataclass
from pathlib import Path

from soft_stream.cameras import discovery
from soft_stream.cameras.base import CameraBusy, CameraError
from soft_stream.cameras.identity import select_camera
from soft_stream.cameras.v4l2 import nodes
from soft_stream.capture.pause import Borrower
from soft_stream.config.env_file import quote_value
from soft_stream.diagnostics.selftest import pictures
from soft_stream.diagnostics.selftest.probes import count_resources, describe_change
from soft_stream.diagnostics.selftest.report import Report
from soft_stream.diagnostics.selftest.rig import TestRig
from soft_stream.diagnostics.stop_hint import how_to_stop


@dataclass(frozen=True)
class Plan:
    """How much the checks do."""

    rate_seconds: float
    snapshots: int
    rounds: int


FULL = Plan(rate_seconds=5.0, snapshots=20, rounds=10)
QUICK = Plan(rate_seconds=2.0, snapshots=3, rounds=2)

TREE = Path("/proc/device-tree")
# The setting that names the camera, if that is not its id
SELECTED_BY = {"folder": "folder", "http": "url", "v4l2": "device", "media": "url", "gphoto": "device"}
# Relative to the negotiated rate: a few frames may be lost, and a clock may run fast.
SLOWEST, FASTEST = 0.95, 1.1
# After these seconds streams show a placeholder.
MAX_LAG = 2.0


async def run_all(rig: TestRig, report: Report, plan: Plan) -> CameraError | None:
    """Run all checks; return the error if the camera could not be opened, else None."""
    if fault := await _identity(rig, report):
        return fault
    async with rig.streaming():
        if fault := await _opening(rig, report):
            return fault
        _negotiated(rig, report)
        await _platform(rig, report)
        await _frame_rate(rig, report, plan.rate_seconds)
        await pictures.check_white(rig, report)
        await pictures.check_autofocus(rig, report)
        full = await pictures.check_still(rig, report)
        await pictures.check_stills(rig, report, full, plan.snapshots)
        await _pause(rig, report)
    await _rounds(rig, report, plan.rounds)
    _event_loop(rig, report)
    return None


async def _identity(rig: TestRig, report: Report) -> CameraError | None:
    settings = rig.settings
    setting = SELECTED_BY.get(settings.source, "id")
    with report.check("camera", f"connected, and named by cam{settings.camera}_{setting}") as check:
        if settings.source == "test-pattern":
            check.skip("cam_source=test-pattern is a test camera")
        elif settings.source == "v4l2":
            rig.is_usb = True  # or as good as that: no sensor mode, and colours that are converted
            check.conclude(settings.device or f"{await asyncio.to_thread(nodes.first_device)}, the first device")
        elif settings.source != "picamera":
            rig.is_usb = True
            check.conclude(settings.what_is_shown)
        else:
            found, advice = await asyncio.to_thread(
                discovery.wait_for_camera, lambda connected: select_camera(connected, settings.id, settings.camera), 0.0
            )
            rig.is_usb = found.usb
            hint = f"; {advice}; add this line to the settings: cam{settings.camera}_id={quote_value(found.id)}"
            check.conclude(f"{found.model}, {'USB' if found.usb else 'CSI'}, {found.id}{hint if advice else ''}")
    return check.fault


async def _opening(rig: TestRig, report: Report) -> CameraError | None:
    settings = rig.settings
    with report.check("opening", f"a frame within cam_start_timeout={settings.start_timeout:g} s") as check:
        began = time.monotonic()
        try:
            await rig.next_frame()
        except CameraBusy as fault:
            raise CameraBusy(f"{fault}. {await asyncio.to_thread(how_to_stop, str(fault), settings)}") from fault
        seconds = time.monotonic() - began
        check.conclude(f"open after {rig.calls.seconds['open']:.2f} s, first frame after {seconds:.2f} s")
    return check.fault


def _negotiated(rig: TestRig, report: Report) -> None:
    settings = rig.settings
    asked = f"{settings.width}x{settings.height}"
    is_fixed = settings.has_own_size
    with report.check("size", "that of the source" if is_fixed else asked) as check:
        width, height = rig.negotiated.size
        check.conclude(f"{width}x{height}", ok=is_fixed or f"{width}x{height}" == asked)
    colours = "any colour space, which is converted" if rig.is_usb else "sYCC"
    with report.check("pixel format", f"{colours}; stride not less than the width") as check:
        negotiated = rig.negotiated
        as_asked = rig.is_usb or negotiated.colour_space == "sYCC"
        wide_enough = negotiated.pixel_format == "MJPEG" or negotiated.stride >= negotiated.size[0]
        found = f"{negotiated.pixel_format}, stride {negotiated.stride}, {negotiated.colour_space}"
        check.conclude(found, ok=as_asked and wide_enough)
    with report.check("sensor mode", f"{settings.fps:g} fps, no difference from the settings") as check:
        negotiated = rig.negotiated
        found = f"sensor mode {negotiated.sensor_mode}, {negotiated.fps:g} fps"
        check.conclude("; ".join((found, *negotiated.differences)), ok=not negotiated.differences)


async def _platform(rig: TestRig, report: Report) -> None:
    with report.check("platform", "PiSP on a Raspberry Pi 5, VC4 on older models") as check:
        board = None if rig.settings.source != "picamera" else await asyncio.to_thread(_board)
        if board is None:
            check.skip(f"not a camera of a Raspberry Pi; {platform.machine()}, Python {platform.python_version()}")
        else:
            model, expected, detected = board
            check.conclude(f"{model}, {detected}, Linux {os.uname().release}", ok=expected == detected)


def _board() -> tuple[str, str, str] | None:
    """Return the model of this Raspberry Pi, its image processor, and the one that Picamera2 detects."""
    from soft_stream.cameras.picamera.library import is_pisp

    try:
        model, chips = ((TREE / name).read_text().strip("\0") for name in ("model", "compatible"))
    except OSError:
        return None
    return model, "PiSP" if "bcm2712" in chips else "VC4", "PiSP" if is_pisp() else "VC4"


async def _frame_rate(rig: TestRig, report: Report, seconds: float) -> None:
    settings, negotiated = rig.settings, rig.supervisor.status.negotiated
    fps = negotiated.fps if negotiated else settings.fps
    # in the dark a webcam halves its rate and does not report that
    slowest = min(fps, settings.min_fps or fps) / (2 if rig.is_usb else 1)
    low, high = SLOWEST * slowest, FASTEST * fps
    with report.check("frame rate", f"{low:.1f} to {high:.1f} fps over {seconds:g} s") as check:
        since = (await rig.next_frame()).published_at
        await asyncio.sleep(max(seconds, 3 / fps))
        until = (await rig.next_frame()).published_at
        measured = len(rig.arrivals_between(since, until)) / (until - since)
        gap = await rig.longest_gap(since)
        found = f"{measured:.2f} fps, longest gap {gap * 1000:.0f} ms"
        check.conclude(found, ok=low <= measured <= high)


async def _pause(rig: TestRig, report: Report) -> None:
    supervisor, settings = rig.supervisor, rig.settings
    patience = settings.close_timeout + settings.start_timeout
    with report.check("pause and resume", "closed during the pause, then frames again") as check:
        began = time.monotonic()
        supervisor.pause.acquire("selftest", Borrower("selftest"), 2 * patience)
        try:
            async with asyncio.timeout(patience):
                await supervisor.pause.released.wait()
            released = time.monotonic()
            closed = supervisor.status.negotiated is None
        finally:
            supervisor.pause.release("selftest")
        resumed = time.monotonic()
        await rig.next_frame(lambda frame: frame.published_at > released)
        check.conclude(
            f"closed after {released - began:.2f} s, frames again {time.monotonic() - resumed:.2f} s after the pause",
            ok=closed,
        )


async def _rounds(rig: TestRig, report: Report, count: int) -> None:
    with report.check(f"open and close {count} times", "no descriptor or thread left behind") as check:
        await rig.wait_closed()
        before = await count_resources()
        seconds = []
        for _ in range(count):
            began = time.monotonic()
            async with rig.streaming():
                await rig.next_frame()
                seconds.append(time.monotonic() - began)
            await rig.wait_closed()
        after = await count_resources()
        times = f"first frame after {min(seconds):.2f} to {max(seconds):.2f} s"
        check.conclude(f"{times}; {describe_change(before, after)}", ok=not after.exceeds(before))


def _event_loop(rig: TestRig, report: Report) -> None:
    """Check how long the event loop was blocked: libcamera's bindings hold Python's global lock during a call."""
    expected = f"less than {MAX_LAG:g} s; calls into libcamera block Python, everything else less than 0.05 s"
    with report.check("event loop lag", expected) as check:
        longest = sorted(rig.loop_lag.longest.items(), key=lambda each: each[1], reverse=True)
        found = ", ".join(f"{what} {seconds:.3f} s" for what, seconds in longest)
        check.conclude(found, ok=longest[0][1] < MAX_LAG)
