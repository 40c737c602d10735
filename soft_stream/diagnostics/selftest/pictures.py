"""The checks of the pictures themselves: white, sharp, and full-size while others stream."""

import asyncio
import time
from collections.abc import Mapping
from io import BytesIO
from statistics import mean

from soft_stream.cameras.base import CameraError, ControlValue, FocusMode
from soft_stream.capture.controls import ControlChange, Controls
from soft_stream.capture.requests import FocusResult
from soft_stream.diagnostics.selftest.probes import count_resources, difference
from soft_stream.diagnostics.selftest.report import Report
from soft_stream.diagnostics.selftest.rig import TestRig
from soft_stream.frames.frame import Frame

# Exposed so long, and amplified as much as can be, any room in which there is light is white.
OVEREXPOSED = 290_000
WHITE = 250
# White in limited range is 235; JPEG may take a few pixels of it higher.
WHITE_SHARE = 0.001


async def white(rig: TestRig, report: Report) -> None:
    """Overexpose, look for white, and give the camera its controls back."""
    supervisor = rig.supervisor
    before, fps = dict(supervisor.controls.values), supervisor.status.negotiated and supervisor.status.negotiated.fps
    asked = _overexposed(supervisor.controls)
    with report.check("white", f"{WHITE} or more in an overexposed picture: full range") as check:
        if not asked:
            check.skip("the camera has neither ExposureTime nor AnalogueGain nor ExposureValue")
            return
        await supervisor.set_controls(ControlChange(asked))
        brightest = 0
        for _ in range(20):
            brightest = max(brightest, await asyncio.to_thread(_brightness, await rig.next_frame()))
            if brightest >= WHITE:
                break
        hint = "" if brightest >= WHITE else "; is there light, and does the lens see it?"
        check.conclude(f"{brightest}{hint}", ok=brightest >= WHITE)
    with report.check("controls given back", "the rate and the exposure of before") as check:
        change = supervisor.controls.resolve({name: before.get(name) for name in asked}, None)
        await supervisor.set_controls(change)
        frame = await rig.next_frame(lambda frame: "ExposureTime" in before or not _has_exposure_of(frame, asked))
        exposure, negotiated = frame.metadata.exposure_time, rig.negotiated
        told = "" if exposure is None else f", exposed for {exposure * 1000:.1f} ms"
        check.conclude(
            f"{negotiated.fps:g} fps{told}", ok=negotiated.fps == fps and supervisor.controls.values == before
        )


def _overexposed(controls: Controls) -> dict[str, ControlValue]:
    """Return what makes the picture white, of what the camera can be told."""
    asked: dict[str, ControlValue] = {}
    for name in ("ExposureTime", "AnalogueGain", "ExposureValue"):
        most = controls.advertised[name].max if name in controls.advertised else None
        if not isinstance(most, int | float) or (name == "ExposureValue" and asked):
            continue  # with an exposure that is set, ExposureValue means nothing
        asked[name] = min(OVEREXPOSED, most) if name == "ExposureTime" else most
    return controls.check(asked)


def _has_exposure_of(frame: Frame, asked: Mapping[str, ControlValue]) -> bool:
    exposure, wanted = frame.metadata.exposure_time, asked.get("ExposureTime")
    return exposure is not None and isinstance(wanted, int) and abs(exposure * 1_000_000 / wanted - 1) < 0.01


def _brightness(frame: Frame) -> int:
    """Return the luma that enough pixels reach."""
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


async def focus(rig: TestRig, report: Report) -> None:
    """Run an AF cycle while the stream goes on, and look what the lens does afterwards."""
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
        told = "" if position is None else f", the lens at {position:.2f} dioptres"
        if cycle.result is FocusResult.UNSUPPORTED:
            check.conclude("the lens has a motor, and libcamera's tuning file no autofocus for it", ok=False)
            return
        check.conclude(f"{cycle.result} after {cycle.seconds:.2f} s{told}", ok=cycle.result is FocusResult.FOCUSED)
    expected = FocusMode.CONTINUOUS if mode == "continuous" else FocusMode.CYCLE
    with report.check("lens afterwards", f"its last order was: {expected}") as check:
        await rig.next_frame()
        check.conclude(str(rig.calls.lens), ok=rig.calls.lens is expected)


async def still(rig: TestRig, report: Report) -> tuple[int, int] | None:
    """Take a full-size picture, and measure what the stream notices of it; return its size, None without one."""
    settings = rig.settings
    asked, full = (settings.snapshot_width, settings.snapshot_height), None
    size = f"{asked[0]}x{asked[1]}" if all(asked) else "the sensor's size"
    quiet = rig.supervisor.status.timer.stale_after
    expected = f"{size}, the stream silent for less than {quiet:g} s"
    with report.check("full-size picture while streaming", expected) as check:
        began, method = (await rig.next_frame()).published_at, rig.negotiated.still_method
        frame = await rig.still()
        seconds = time.monotonic() - began
        gap = await rig.longest_gap(began)
        found = f"{frame.size[0]}x{frame.size[1]}, {len(frame.jpeg) / 1000:.0f} kB in {seconds:.2f} s"
        if not frame.is_still:
            found += ", which is the stream's: the log says why"
        elif not all(asked) or frame.size in (asked, asked[::-1]):
            full = frame.size
        by = f" by {method}" if method else ""
        check.conclude(f"{found}{by}; the stream silent for {gap:.2f} s", ok=full is not None and gap < quiet)
    return full


async def snapshots(rig: TestRig, report: Report, size: tuple[int, int] | None, count: int) -> None:
    """Take one full-size picture after the other, and look what they leave behind."""
    with report.check(f"{count} such pictures", "each as large, and no descriptor or thread left") as check:
        if size is None:
            check.skip("there was none")
            return
        before = await count_resources()
        seconds = []
        for _ in range(count):
            began = time.monotonic()
            if (await rig.still()).size != size:
                raise CameraError("one was smaller; the log says why")
            seconds.append(time.monotonic() - began)
        await rig.next_frame()
        after = await count_resources()
        times = f"{min(seconds):.2f} to {max(seconds):.2f} s each, {mean(seconds):.2f} s on average"
        check.conclude(f"{times}; {difference(before, after)}", ok=not after.exceeds(before))
