"""The outputs that the settings of a camera ask for."""

import asyncio
from collections.abc import Callable, Coroutine
from importlib import import_module

from soft_stream.capture.supervisor import CameraSupervisor

# The function of each output, by the setting that switches it on; it runs until it is cancelled, and never fails.
OUTPUTS = {
    "save": "soft_stream.outputs.saving:save_frames",
    "zmq": "soft_stream.outputs.zmq_publisher:publish_frames",
}
Run = Callable[[CameraSupervisor], Coroutine[None, None, None]]


def start_outputs(supervisor: CameraSupervisor) -> list[asyncio.Task[None]]:
    """Start a task for each output that is switched on; import what it needs only now."""
    tasks = []
    for name, place in OUTPUTS.items():
        if getattr(supervisor.settings, name):
            module, _, function = place.partition(":")
            run: Run = getattr(import_module(module), function)
            tasks.append(asyncio.create_task(run(supervisor), name=name))
    return tasks
