"""The self-test of one camera of the settings: the part of docs/on-a-pi.md that needs no hands.

`report.py` prints the results, `rig.py` runs the camera, `probes.py` measures while it runs. The checks are in
`checks.py`, those of the images in `pictures.py`.
"""

import asyncio
import gc
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
    """Run all checks; return the error that ended the test early, or None.

    A camera that hangs leaves a thread behind that prevents the interpreter from exiting.
    """
    gc.collect()
    gc.freeze()  # later collections skip these objects, so they block the event loop for a shorter time
    rig = TestRig(settings, new_camera or CameraFactory())
    camera = asyncio.create_task(rig.supervisor.run(), name="camera")
    lag = asyncio.create_task(rig.loop_lag.measure(), name="loop lag")
    checking = asyncio.create_task(checks.run_all(rig, report, checks.QUICK if quick else checks.FULL))
    try:
        await asyncio.wait([camera, checking], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (checking, lag, camera):
            task.cancel()
        await asyncio.wait([camera, lag, checking])
        gc.unfreeze()
    if not camera.cancelled() and (fault := camera.exception()):
        if not isinstance(fault, CameraError):
            raise fault
        report.failed("camera calls", "every call returns, and frames arrive", fault)
        return fault
    return checking.result()
