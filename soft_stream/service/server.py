"""One process for one camera: the source and its web side, from the first socket to the exit status."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from aiohttp import web

from soft_stream.cameras.base import Camera, CameraHung
from soft_stream.cameras.factory import make_camera
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.settings import Settings
from soft_stream.service import fps_log
from soft_stream.service.exit_status import ExitStatus
from soft_stream.service.pause_file import PauseFile
from soft_stream.service.systemd import SystemdNotifier
from soft_stream.web.app import build_app
from soft_stream.web.transport.connection import KEEPALIVE_TIMEOUT
from soft_stream.web.transport.listener import Listener, ListenError

log = logging.getLogger(__name__)

# Open streams get so long to finish the part that they are sending when the process ends; aiohttp waits twice.
SHUTDOWN_TIMEOUT = 0.5


async def serve(
    settings: Settings, cameras: Mapping[int, Settings], new_camera: Callable[[Settings], Camera] = make_camera
) -> ExitStatus:
    """Serve until SIGTERM or SIGINT, or until the camera's life ends by itself.

    A camera that hangs leaves a thread behind that keeps the interpreter from ending.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    supervisor = CameraSupervisor(settings, new_camera)
    manager = SystemdNotifier(os.environ)
    supervisor.status.on_change = manager.status
    runner = web.AppRunner(
        build_app(supervisor, cameras),
        access_log=None,
        handler_cancellation=True,
        keepalive_timeout=KEEPALIVE_TIMEOUT,
        shutdown_timeout=SHUTDOWN_TIMEOUT,
    )
    await runner.setup()
    listener = Listener(settings, cast("web.Server", runner.server))  # None only before setup()
    stopped = asyncio.create_task(stop.wait(), name="stop")
    life = asyncio.create_task(supervisor.run(), name="camera")
    beside = [asyncio.create_task(manager.keep_alive(supervisor.thread), name="keep alive")]
    if settings.showfps:
        beside.append(asyncio.create_task(fps_log.keep(supervisor), name="fps log"))
    if settings.pause_file:
        pause_file = PauseFile(Path(settings.pause_file), supervisor.pause, settings.pause_max)
        beside.append(asyncio.create_task(pause_file.watch(), name="pause file"))
        await pause_file.looked.wait()
    try:
        await listener.begin()
        manager.ready()
        await asyncio.wait([stopped, life], return_when=asyncio.FIRST_COMPLETED)
    except ListenError as reason:
        log.error("%s", reason)  # noqa: TRY400 # the reason is all that the operator needs
    finally:
        manager.stopping()
        await listener.end()
        await runner.cleanup()
        for task in (stopped, life, *beside):
            task.cancel()
        await asyncio.wait([stopped, life, *beside])
        manager.close()
    if not life.cancelled() and (fault := life.exception()):
        log.log(
            logging.WARNING if stop.is_set() else logging.CRITICAL,
            "This process ends: %s",
            fault,
            exc_info=None if isinstance(fault, CameraHung) else fault,
        )
    return ExitStatus.STOPPED if stop.is_set() else ExitStatus.TEMPORARY_FAILURE
