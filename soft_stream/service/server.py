"""The process of one camera: it starts everything, waits for its end, and shuts everything down."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from aiohttp import web

from soft_stream.cameras.base import Camera, CameraHung
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.page_settings import PageLayer
from soft_stream.config.settings import Settings
from soft_stream.outputs.start import start_outputs
from soft_stream.service import fps_log
from soft_stream.service.exit_status import ExitStatus
from soft_stream.service.memory import return_large_blocks
from soft_stream.service.notices import NoticeFinder
from soft_stream.service.pause_file import PauseFile
from soft_stream.service.systemd import SystemdNotifier
from soft_stream.web.api.notices import NOTICES
from soft_stream.web.api.outputs import OUTPUTS
from soft_stream.web.app import build_app
from soft_stream.web.transport.listener import Listener, ListenError

log = logging.getLogger(__name__)

# seconds that open streams have to finish the current part when the process stops; aiohttp waits twice as long
SHUTDOWN_TIMEOUT = 0.5


async def serve(
    settings: Settings,
    cameras: Mapping[int, Settings],
    new_camera: Callable[[Settings], Camera] | None = None,
    notices: NoticeFinder | None = None,
    layers: Mapping[int, PageLayer] | None = None,
) -> ExitStatus:
    """Serve until SIGTERM or SIGINT, or until the camera cannot be used any more; return the exit status.

    A camera call that does not return leaves its thread behind, and the interpreter waits for that: see `cli.exit.end`.
    """
    return_large_blocks()
    server = Server(settings, cameras, new_camera, notices, layers)
    await server.start()
    try:
        await server.run()
    finally:
        await server.shut_down()
    return server.exit_status()


class Server:
    """The camera, the web server and the tasks beside them."""

    def __init__(
        self,
        settings: Settings,
        cameras: Mapping[int, Settings],
        new_camera: Callable[[Settings], Camera] | None,
        notices: NoticeFinder | None,
        layers: Mapping[int, PageLayer] | None = None,
    ) -> None:
        self._settings = settings
        self._notices = notices
        self._supervisor = CameraSupervisor(settings, new_camera)
        self._notifier = SystemdNotifier(os.environ)
        self._supervisor.status.on_change = self._on_change
        self._runner = web.AppRunner(
            build_app(self._supervisor, cameras, layers),
            handler_cancellation=True,
            shutdown_timeout=SHUTDOWN_TIMEOUT,
        )
        self._stop = asyncio.Event()

    async def start(self) -> None:
        """Start all tasks; afterwards a pause file that was there before is in effect."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        await self._runner.setup()
        self._listener = Listener(self._settings, cast("web.Server", self._runner.server))  # None only before setup()
        self._stopped = asyncio.create_task(self._stop.wait(), name="stop")
        self._camera = asyncio.create_task(self._supervisor.run(), name="camera")
        self._tasks = [
            self._stopped,
            self._camera,
            asyncio.create_task(self._notifier.run_watchdog(self._supervisor.thread), name="keep alive"),
        ]
        if self._notices:
            self._tasks.append(asyncio.create_task(self._notices.follow(self._runner.app[NOTICES]), name="notices"))
        if self._settings.showfps:
            self._tasks.append(asyncio.create_task(fps_log.log_frame_rates(self._supervisor), name="fps log"))
        if self._settings.pause_file:
            pause_file = PauseFile(
                Path(self._settings.pause_file),
                self._supervisor.pause,
                self._settings.pause_max,
                self._settings.pause_acknowledgement,
            )
            self._tasks.append(asyncio.create_task(pause_file.watch(), name="pause file"))
            await pause_file.checked.wait()

    async def run(self) -> None:
        """Listen, report READY, and wait for a signal or for the end of the camera task."""
        try:
            await self._listener.begin()
        except ListenError as reason:
            log.error("%s", reason)  # noqa: TRY400 # the reason is all that the operator needs
            return
        self._tasks += start_outputs(self._supervisor, self._runner.app[OUTPUTS])
        self._notifier.ready()
        await asyncio.wait([self._stopped, self._camera], return_when=asyncio.FIRST_COMPLETED)

    async def shut_down(self) -> None:
        """Close all connections, then the camera."""
        self._notifier.stopping()
        await self._listener.end()
        await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)
        await self._supervisor.thumbnails.end()
        self._notifier.close()

    def exit_status(self) -> ExitStatus:
        """Log the error that ended the camera task, if any, and return the status of the process."""
        is_stopped = self._stop.is_set()
        if not self._camera.cancelled() and (error := self._camera.exception()):
            log.log(
                logging.WARNING if is_stopped else logging.CRITICAL,
                "Exiting: %s",
                error,
                exc_info=None if isinstance(error, CameraHung) else error,
            )
        return ExitStatus.STOPPED if is_stopped else ExitStatus.TEMPORARY_FAILURE

    def _on_change(self, line: str) -> None:
        """Report the problem of the camera to systemd, or else the line of its log."""
        self._notifier.set_status(self._supervisor.health.problem or line)
