"""The checks of the images: white, focus, and full-size stills while streaming."""

import asyncio
import time
from collections.abc import Mapping
from io import BytesIO
from statistics import mean

from soft_stream.cameras.base import CameraError, ControlValue, FocusMode
from soft_stream.capture.controls import ControlChange, Controls
from soft_stream.capture.requests import FocusResult
from soft_stream.diagnostics.selftest.probes import count_resources, describe_change
from soft_stream.diagnostics.selftest.report import Report
from soft_stream.diagnostics.selftest.rig import TestRig
from soft_stream.frames.frame import Frame

# Microseconds; with this exposure and the highest gain any lit room is white.
OVEREXPOSED = 290_000
WHITE = 250
# White in limited range is 235; JPEG compression may raise a few pixels above that.
WHITE_SHARE = 0.001


async def check_white(rig: TestRig, report: Report) -> None:
    """Overexpose, check that white is white, and restore the controls."""
    supervisor = rig.supervisor
    before, fps = dict(supervisor.controls.values), supervisor.status.negotiated and supervisor.status.negotiated.fps
    asked = _overexposed(supervisor.controls)
    with report.check("white", f"{WHITE} or more in an overexposed frame: full range") as check:
        if not asked:
            check.skip("the camera has neither ExposureTime nor AnalogueGain nor ExposureValue")
            return
        await supervisor.set_controls(ControlChange(asked))
        brightest = 0
        for _ in range(20):
            brightest = max(brightest, await asyncio.to_thread(_brightness, await rig.next_frame()))
            if brightest >= WHITE:
                break
        hint = "" if brightest >= WHITE else "; is there enough light in front of the lens?"
        check.conclude(f"{brightest}{hint}", ok=brightest >= WHITE)
    with report.check("controls restored", "frame rate and exposure as before") as check:
        change = supervisor.controls.resolve({name: before.get(name) for name in asked}, None)
        await supervisor.set_controls(change)
        frame = await rig.next_frame(lambda frame: "ExposureTime" in before or not _has_exposure_of(frame, asked))
        exposure, negotiated = frame.metadata.exposure_time, rig.negotiated
        text = "" if exposure is None else f", exposure {exposure * 1000:.1f} ms"
        check.conclude(
            f"{negotiated.fps:g} fps{text}", ok=negotiated.fps == fps and supervisor.controls.values == before
        )


def _overexposed(controls: Controls) -> dict[str, ControlValue]:
    """Return the controls that overexpose the image, as far as the camera has them."""
    asked: dict[str, ControlValue] = {}
    for name in ("ExposureTime", "AnalogueGain", "ExposureValue"):
        most = controls.advertised[name].max if name in controls.advertised else None
        if not isinstance(most, int | float) or (name == "ExposureValue" and asked):
            continue  # with a fixed exposure, ExposureValue has no effect
        asked[name] = min(OVEREXPOSED, most) if name == "ExposureTime" else most
    return controls.check(asked)


def _has_exposure_of(frame: Frame, asked: Mapping[str, ControlValue]) -> bool:
    exposure, wanted = frame.metadata.exposure_time, asked.get("ExposureTime")
    return exposure is not None and isinstance(wanted, int) and abs(exposure * 1_000_000 / wanted - 1) < 0.01


def _brightness(frame: Frame) -> int:
    """Return the luma that a share of WHITE_SHARE of the pixels reaches."""
    from PIL import Image

    picture = Image.open(BytesIO(frame.jpeg))
    picture.draft("L", picture.size)
    counts = picture.convert("L").histogram()
    reached = 0
    for luma in reversed(range(256)):
        reached += counts[luma]
        if reached >= WHITE_SHARE * sum(counts):
            return luma
    return 0


async def check_autofocus(rig: TestRig, report: Report) -> None:
    """Run an autofocus cycle while streaming, and check the focus mode afterwards."""
    supervisor, settings = rig.supervisor, rig.settings
    with report.check("autofocus", f"focused within cam_autofocus_timeout={settings.autofocus_timeout:g} s") as check:
        if not supervisor.status.has_autofocus:
            check.skip("the camera has none")
            return
        if (mode := supervisor.controls.focus_mode) not in ("continuous", "once"):
            check.skip(f"cam_autofocus={mode}")
            return
        async with asyncio.timeout(settings.autofocus_timeout + settings.start_timeout):
            cycle = await supervisor.subscribers.focus()
        position = (await rig.next_frame()).metadata.lens_position
        text = "" if position is None else f", lens position {position:.2f} dioptres"
        if cycle.result is FocusResult.UNSUPPORTED:
            check.conclude("the lens has a motor, but libcamera's tuning file has no autofocus for it", ok=False)
            return
        check.conclude(f"{cycle.result} after {cycle.seconds:.2f} s{text}", ok=cycle.result is FocusResult.FOCUSED)
    expected = FocusMode.CONTINUOUS if mode == "continuous" else FocusMode.CYCLE
    with report.check("focus mode afterwards", str(expected)) as check:
        await rig.next_frame()
        check.conclude(str(rig.calls.focus_mode), ok=rig.calls.focus_mode is expected)


async def check_still(rig: TestRig, report: Report) -> tuple[int, int] | None:
    """Take a full-size still, and measure the gap in the stream; return the size of the still, or None."""
    settings = rig.settings
    asked, full = (settings.snapshot_width, settings.snapshot_height), None
    size = f"{asked[0]}x{asked[1]}" if all(asked) else "the sensor's size"
    quiet = rig.supervisor.status.timer.stale_after
    expected = f"{size}, a gap in the stream of less than {quiet:g} s"
    with report.check("full-size still while streaming", expected) as check:
        began, method = (await rig.next_frame()).published_at, rig.negotiated.still_method
        frame = await rig.take_still()
        seconds = time.monotonic() - began
        gap = await rig.longest_gap(began)
        found = f"{frame.size[0]}x{frame.size[1]}, {len(frame.jpeg) / 1000:.0f} kB in {seconds:.2f} s"
        if not frame.is_still:
            found += ", the size of the stream: see the log"
        elif not all(asked) or frame.size in (asked, asked[::-1]):
            full = frame.size
        by = f" by {method}" if method else ""
        check.conclude(f"{found}{by}; gap in the stream {gap:.2f} s", ok=full is not None and gap < quiet)
    return full


async def check_stills(rig: TestRig, report: Report, size: tuple[int, int] | None, count: int) -> None:
    """Take full-size stills one after the other, and check that they leave nothing behind."""
    with report.check(f"{count} full-size stills", "all of that size, no descriptor or thread left behind") as check:
        if size is None:
            check.skip("there was no full-size still")
            return
        before = await count_resources()
        seconds = []
        for _ in range(count):
            began = time.monotonic()
            if (await rig.take_still()).size != size:
                raise CameraError("one had another size: see the log")
            seconds.append(time.monotonic() - began)
        await rig.next_frame()
        after = await count_resources()
        times = f"{min(seconds):.2f} to {max(seconds):.2f} s each, {mean(seconds):.2f} s on average"
        check.conclude(f"{times}; {describe_change(before, after)}", ok=not after.exceeds(before))
