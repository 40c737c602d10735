"""What a camera must do, tried on the one of the settings: the part of docs/on-a-pi.md that needs no hands.

`report.py` has the lines, `bench.py` runs the camera, `watch.py` looks at it meanwhile; the checks are in `checks.py`,
those of the pictures in `pictures.py`.
"""

import asyncio
from collections.abc import Callable

from soft_stream.cameras.base import Camera, CameraError
from soft_stream.cameras.factory import CameraFactory
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.selftest import checks
from soft_stream.diagnostics.selftest.report import Report
from soft_stream.diagnostics.selftest.rig import TestRig


async def run(
    settings: Settings, report: Report, *, quick: bool = False, new_camera: Callable[[Settings], Camera] | None = None
) -> CameraError | None:
    """Run all checks; return what made an end of it before the last one, None when nothing did.

    A camera that hangs leaves a thread behind that keeps the interpreter from ending.
    """
    rig = TestRig(settings, new_camera or CameraFactory())
    life = asyncio.create_task(rig.supervisor.run(), name="camera")
    heart = asyncio.create_task(rig.heartbeat.beat(), name="heart")
    checking = asyncio.create_task(checks.run_all(rig, report, checks.QUICK if quick else checks.FULL))
    try:
        await asyncio.wait([life, checking], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (checking, heart, life):
            task.cancel()
        await asyncio.wait([life, heart, checking])
    if not life.cancelled() and (fault := life.exception()):
        if not isinstance(fault, CameraError):
            raise fault
        report.failed("life of the camera", "every call returns, and frames come", fault)
        return fault
    return checking.result()
