"""Autofocus: the orders to the lens of one camera, then autofocus cycles with a supervisor."""

import asyncio
import logging
from collections.abc import Callable

import pytest

from soft_stream.cameras.base import FocusMode
from soft_stream.capture.requests import FocusPolicy, FocusResult
from soft_stream.capture.status import State
from soft_stream.capture.subscribers import Client
from soft_stream.frames.raw import FocusState
from tests.cameras.picamera.common import (
    MARKS,
    captured,
    captured_until,
    in_state,
    life,
    living,
    next_frame,
    opened,
    snapshot,
    still_of,
    until,
    watching,
)
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.controls import AfModeEnum, AfStateEnum
from tests.support.fake_libcamera.device import Device

pytestmark = MARKS
MANUAL, AUTO, CONTINUOUS = 0, 1, 2
START = 0


def af_orders(device: Device) -> list[tuple[str, object]]:
    """Return the controls of the lens that were set, in order."""
    return [(name, value) for _, name, value in device.applied if name in ("AfMode", "AfTrigger", "LensPosition")]


@pytest.fixture(autouse=True)
def _log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)


# Orders.


@pytest.mark.parametrize(
    ("autofocus", "orders"),
    [
        ("continuous", [("AfMode", AUTO)]),
        ("once", [("AfMode", AUTO)]),
        ("manual", [("AfMode", MANUAL), ("LensPosition", 4.5)]),
        ("off", []),
    ],
)
def test_the_order_to_the_lens_when_the_camera_opens(autofocus: str, orders: list[tuple[str, object]]) -> None:
    """The lens keeps its position until a cycle, moves to the configured position, or is never moved."""
    device = enable("pi4").camera()
    with opened(autofocus=autofocus, lens_position=4.5) as (camera, negotiated):
        captured(camera, 3)
        assert sorted(af_orders(device)) == orders
        assert negotiated.has_autofocus


@pytest.mark.parametrize(
    ("mode", "orders"),
    [
        (FocusMode.HOLD, {("AfMode", AUTO)}),
        (FocusMode.CYCLE, {("AfMode", AUTO), ("AfTrigger", START)}),
        (FocusMode.CONTINUOUS, {("AfMode", CONTINUOUS)}),
        (FocusMode.MANUAL, {("AfMode", MANUAL), ("LensPosition", 7.0)}),
    ],
)
def test_orders_to_the_lens_while_frames_flow(mode: FocusMode, orders: set[tuple[str, object]]) -> None:
    """A position is valid only in manual mode, a trigger only in auto mode, so each is set with its mode."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        before = len(af_orders(device))
        camera.focus(mode, 7.0)
        while len(af_orders(device)) < before + len(orders):
            captured(camera)
        assert set(af_orders(device)[before:]) == orders


def test_frames_report_the_state_of_autofocus() -> None:
    """Frames report idle, scanning, focused, and the lens position."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        camera.focus(FocusMode.CYCLE)
        seen = captured_until(camera, lambda raw: raw.focus is FocusState.FOCUSED)
    assert list(dict.fromkeys(raw.focus for raw in seen)) == [FocusState.IDLE, FocusState.SCANNING, FocusState.FOCUSED]
    assert seen[-1].metadata.lens_position == device.subject


@pytest.mark.parametrize("mode", [FocusMode.CONTINUOUS, FocusMode.MANUAL, FocusMode.CYCLE])
def test_a_restart_sends_the_order_again(mode: FocusMode) -> None:
    """The order is sent again after each configuration, but a cycle is not repeated."""
    device = enable("pi4").camera()
    with opened() as (camera, _):
        captured(camera)
        camera.focus(mode, 7.0)
        captured_until(camera, lambda _: len(af_orders(device)) > 1)
        before = len(af_orders(device))
        camera.restart()
        captured(camera, 2)
        again = {
            FocusMode.CONTINUOUS: [("AfMode", CONTINUOUS)],
            FocusMode.MANUAL: [("AfMode", MANUAL), ("LensPosition", 7.0)],
            FocusMode.CYCLE: [("AfMode", AUTO)],
        }
        assert sorted(af_orders(device)[before:]) == again[mode]


@pytest.mark.parametrize("mode", [FocusMode.CONTINUOUS, FocusMode.CYCLE, FocusMode.HOLD])
def test_the_lens_is_held_in_a_still(mode: FocusMode) -> None:
    """A still keeps the lens position of the stream; the stream continues with its mode."""
    device = enable("pi4").camera()
    device.subject = 6.0
    with opened() as (camera, _):
        captured(camera)
        camera.focus(FocusMode.CYCLE)
        captured_until(camera, lambda raw: raw.focus is FocusState.FOCUSED)
        camera.focus(mode)
        captured_until(camera, lambda raw: raw.focus is FocusState.FOCUSED and device.af_mode != AfModeEnum.Manual)
        device.subject = 2.0
        still = still_of(camera)
        assert (still.metadata.lens_position, device.af_mode) == (6.0, MANUAL)
        captured(camera)
        assert device.af_mode == (CONTINUOUS if mode is FocusMode.CONTINUOUS else AUTO)


@pytest.mark.parametrize("boards", ["fixed", "usb"])
def test_no_autofocus_is_no_error(boards: str) -> None:
    """The order is ignored, and frames report that there is no autofocus."""
    device = enable(boards).camera()
    with opened() as (camera, negotiated):
        camera.focus(FocusMode.CYCLE)
        assert captured(camera, 3).focus is FocusState.NONE
        assert negotiated.has_autofocus is False
        assert af_orders(device) == []


def test_where_how_far_and_how_fast_autofocus_looks() -> None:
    """The window of the frame is converted to sensor pixels, also with a rotation that the sensor does not do."""
    device = enable("pi4").camera()
    window = (0.5, 0.0, 0.5, 0.25)
    for rotation, expected in ((0, "(2304, 0)/2304x648"), (90, "(0, 0)/1152x1296")):
        with opened(autofocus_window=window, autofocus_range="macro", autofocus_speed="fast", rotation=rotation) as (
            camera,
            _,
        ):
            captured(camera)
        assert [str(each) for each in device.values_of("AfWindows")[-1]] == [expected]
        assert [device.values_of(name)[-1] for name in ("AfMetering", "AfRange", "AfSpeed")] == [1, 1, 1]


# Cycles.


async def test_a_stream_begins_with_a_cycle_and_goes_on_continuously(caplog: pytest.LogCaptureFixture) -> None:
    """The cycle scans and ends focused while frames flow; then continuous autofocus starts."""
    device = enable("pi4").camera()
    device.slow_af(30)
    async with living() as source:
        with watching(source):
            await in_state(source, State.FOCUSING)
            frame = await next_frame(source)
            while source.status.state is State.FOCUSING:
                newer = await next_frame(source, frame)
                assert newer.number - frame.number <= 3  # a scan drops none; a slow machine may
                frame = newer
            assert frame.number >= 30
            assert source.status.last_focus
            assert source.status.last_focus.result is FocusResult.FOCUSED
            await until(lambda: device.af_mode == CONTINUOUS)
        await in_state(source, State.IDLE)
    assert device.values_of("AfTrigger") == [START]
    assert "STREAMING: Autofocus cycle focused after " in caplog.text


async def test_a_scan_under_way_is_not_taken_for_the_one_that_was_asked_for() -> None:
    """A cycle that is requested during a scan of continuous autofocus starts when that scan has ended."""
    device = enable("pi4").camera()
    async with living() as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            device.slow_af(40)
            await until(lambda: (device.af_mode, device.af_state) == (CONTINUOUS, AfStateEnum.Scanning))
            finished = await source.subscribers.focus()
            assert finished.result is FocusResult.FOCUSED
            triggered = [frame for frame, name, _ in device.applied if name == "AfTrigger"]
            assert len(triggered) == 2
            assert finished.seconds >= 40 / source.settings.fps
            assert device.af_state != AfStateEnum.Failed
        await in_state(source, State.IDLE)


Fault = Callable[[Device], None]


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (lambda device: device.slow_af(500), FocusResult.TIMED_OUT),
        (Device.af_never_ends, FocusResult.TIMED_OUT),
        (Device.af_fails, FocusResult.FAILED),
    ],
)
async def test_a_focus_that_is_late_or_fails_leaves_the_stream_alone(fault: Fault, result: FocusResult) -> None:
    """The result is logged, continuous autofocus starts, and frames continue."""
    device = enable("pi4").camera()
    fault(device)
    async with living(autofocus_timeout=1.0) as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            assert source.status.last_focus
            assert source.status.last_focus.result is result
            await until(lambda: device.af_mode == CONTINUOUS)
            await next_frame(source)
            assert source.status.counters.opened == 1
            assert source.status.counters.restarts == 0
        await in_state(source, State.IDLE)


async def test_a_lens_without_an_algorithm_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """With AfMode but without AfState (an imx519 with the default tuning file), the cycle is not tried again."""
    device = enable("pi4").camera()
    device.mute_af()
    async with living() as source:
        for _ in range(2):
            with watching(source):
                await in_state(source, State.STREAMING)
                await next_frame(source)
            await in_state(source, State.IDLE)
        assert source.status.counters.opened == 2
    assert caplog.text.count("Autofocus cycle unsupported") == caplog.text.count("Autofocus cycle begins") == 1
    assert device.values_of("AfTrigger") == []


@pytest.mark.parametrize(
    ("autofocus", "mode", "triggers"), [("once", AUTO, 1), ("manual", MANUAL, 0), ("off", MANUAL, 0)]
)
async def test_other_ways_to_focus(autofocus: str, mode: int, triggers: int) -> None:
    """`once` runs one cycle, `manual` moves the lens to its position, `off` never moves it."""
    device = enable("pi4").camera()
    async with living(autofocus=autofocus, lens_position=4.5) as source:
        with watching(source):
            await in_state(source, State.STREAMING)
            frame = await next_frame(source)
            while frame.number < 20 + triggers * 30:
                frame = await next_frame(source, frame)
            position = frame.metadata.lens_position
        await in_state(source, State.IDLE)
    assert (device.af_mode, len(device.values_of("AfTrigger"))) == (mode, triggers)
    assert position == {"once": device.subject, "manual": 4.5, "off": 1.0}[autofocus]
    assert CONTINUOUS not in device.values_of("AfMode")


async def test_a_still_of_a_sleeping_camera_is_focused_in_the_streams_mode() -> None:
    """The cycle runs at the rate of the stream; the still keeps the lens position."""
    device = enable("pi4").camera()
    device.subject = 5.0
    async with living() as source:
        with source.subscribers.connected(Client("test", "/snapshot.jpg", "", streams=False)):
            still = await snapshot(source, FocusPolicy.AUTO)
        await in_state(source, State.IDLE)
    assert still.size == (4608, 2592)
    assert still.focus is FocusState.FOCUSED
    assert still.metadata.lens_position == 5.0
    assert device.values_of("AfTrigger") == [START]


async def test_a_fault_ends_the_wait_for_a_cycle() -> None:
    """A call that waits for the cycle gets the error."""
    device = enable("usb+pi4").camera("cam0")
    device.af_never_ends()
    async with living(id=device.id, watchdog_timeout=0.5, autofocus_timeout=60.0) as source:
        with watching(source):
            await in_state(source, State.FOCUSING)
            waiting = asyncio.create_task(source.subscribers.focus())
            device.stall(survives_reopening=True)
            await asyncio.wait([waiting])
            assert "no frames for" in str(waiting.exception())
            assert not life().done()
            device.resume()
        await in_state(source, State.IDLE)
