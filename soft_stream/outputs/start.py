"""The outputs that the settings of a camera ask for."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from importlib import import_module

from soft_stream.capture.feed import FeedEnded
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.outputs.report import OutputReport

log = logging.getLogger(__name__)

# The function of each output, by the setting that switches it on; it runs until it is cancelled or the feed ends.
OUTPUTS = {
    "save": "soft_stream.outputs.saving:save_frames",
    "zmq": "soft_stream.outputs.zmq_publisher:publish_frames",
}
# Seconds after an unexpected error until the output starts again.
RESTART_DELAY = 60.0
Run = Callable[[CameraSupervisor, OutputReport], Coroutine[None, None, None]]


def start_outputs(supervisor: CameraSupervisor, reports: list[OutputReport]) -> list[asyncio.Task[None]]:
    """Start a task for each output that is switched on, and append its report; import what it needs only now."""
    tasks = []
    for name, place in OUTPUTS.items():
        if target := getattr(supervisor.settings, name):
            module, _, function = place.partition(":")
            run: Run = getattr(import_module(module), function)
            report = OutputReport(f"cam{supervisor.settings.camera}_{name}", target)
            reports.append(report)
            tasks.append(asyncio.create_task(keep_running(run, supervisor, report), name=name))
    return tasks


async def keep_running(run: Run, supervisor: CameraSupervisor, report: OutputReport) -> None:
    """Run an output until it ends; after an unexpected error it starts again, and the camera and the streams go on."""
    while True:
        try:
            await run(supervisor, report)
        except FeedEnded:
            return
        except Exception as error:
            log.exception("Unexpected error in the output %s", report.setting)
            report.fail(f"unexpected error {type(error).__name__}; it starts again in {RESTART_DELAY:g} s")
        else:
            return
        await asyncio.sleep(RESTART_DELAY)
