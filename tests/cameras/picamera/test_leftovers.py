"""A closed camera leaves no resources: no requests, descriptors, threads or frame memory."""

import asyncio
import gc
import json
import sys
from typing import Any

import pytest

from soft_stream.cameras.base import NoFrame
from soft_stream.capture.status import State
from tests.cameras.picamera.common import (
    MARKS,
    captured,
    in_state,
    living,
    next_frame,
    opened,
    snapshot,
    still_of,
    watching,
)
from tests.support.fake_libcamera import enable
from tests.support.fake_libcamera.facts import leftovers
from tests.support.fake_libcamera.models import IMX219

pytestmark = MARKS
OPENINGS = 500
PROCESSES = 10
SNAPSHOTS = 200
NOTHING = {"requests": 0, "frame_buffers": 0, "open_buffers": 0, "mapped_buffers": 0}


def nothing_is_left(facts: dict[str, Any]) -> bool:
    """Return whether no frame memory is left, and no thread of Picamera2 or the sensor."""
    threads = [name for name in facts["threads"] if any(word in name for word in ("listen", "thread_func", "sensor"))]
    return {name: facts[name] for name in NOTHING} == NOTHING and threads == []


async def _rounds(number: int) -> dict[str, Any]:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.cameras.picamera.rounds", str(number), stdout=asyncio.subprocess.PIPE
    )
    answer, _ = await child.communicate()
    facts: dict[str, Any] = json.loads(answer)
    return facts


@pytest.mark.slow
async def test_many_openings_leave_nothing_behind() -> None:
    """After 500 sessions with frames and stills there are as many descriptors and threads as after two."""
    for facts in await asyncio.gather(*(_rounds(OPENINGS // PROCESSES) for _ in range(PROCESSES))):
        assert facts["openings"] >= OPENINGS // PROCESSES
        assert facts["after"] == facts["before"]
        assert nothing_is_left(facts["after"])


@pytest.mark.parametrize("boards", ["pi5", "usb"])
def test_what_an_open_camera_costs_is_given_back(boards: str) -> None:
    """Restarts, stills and late frames leave nothing either."""
    device = enable(boards).camera()
    with opened(width=640, height=480):
        pass
    before = leftovers()
    with opened(width=640, height=480) as (camera, _):
        for _ in range(3):
            captured(camera)
            still_of(camera)
            camera.restart()
            device.stall(survives_restart=True)
            for silent in (camera.still, camera.capture):
                with pytest.raises(NoFrame):
                    silent(0.2).release()
            device.resume()
            camera.restart()
        while_open = leftovers()
    assert not nothing_is_left(while_open)
    assert leftovers() == before


def test_a_capture_that_times_out_at_the_last_moment_loses_no_request() -> None:
    """A request that Picamera2 passes to the capture just before it is cancelled is released."""
    enable("pi4")
    with opened():
        pass
    before = leftovers()
    with opened(width=160, height=90) as (camera, _):
        for each in range(60):
            try:
                camera.capture(each % 20 / 1000).release()
            except NoFrame:
                camera.restart()
        captured(camera)
        del camera
    gc.collect()
    assert leftovers() == before


@pytest.mark.slow
async def test_full_size_snapshots_beside_a_stream_leave_nothing_behind() -> None:
    """200 snapshots while a client streams leave nothing."""
    # the imx219 gives 21 full-size frames a second
    device = enable("pi5").add("cam2", "/base/axi/pcie@1000120000/rp1/i2c@70000/imx219@10", IMX219)
    async with living(id=device.id, fps=20.0, still_method="dual", snapshot_quality=20) as source:
        before = leftovers()
        with watching(source):
            await in_state(source, State.STREAMING)
            for each in range(SNAPSHOTS):
                still = await snapshot(source)
                assert still.size == (3280, 2464)
                if each == 1:
                    early = leftovers()
            await next_frame(source)
            late = leftovers()
            assert source.status.counters.stills == SNAPSHOTS
            assert (device.starts, source.status.counters.restarts) == (1, 0)
            for name in ("frame_buffers", "open_buffers", "mapped_buffers", "descriptors"):
                assert late[name] == early[name]
        await in_state(source, State.IDLE)
        after = leftovers()
    assert nothing_is_left(after)
    assert after["descriptors"] == before["descriptors"]
