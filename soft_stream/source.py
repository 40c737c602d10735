"""The life of a camera: it sleeps, is opened when somebody wants frames, and opened again after a fault.

One task owns it and is straight-line code: the state is where the program stands. Every fault takes one road: raise,
close, pause, open again.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from soft_stream.cameras import Camera, CameraError, CameraHung
from soft_stream.cameras.kinds import make_camera
from soft_stream.condition import Condition, Restart, State
from soft_stream.demand import Demand
from soft_stream.opening import STOP_TIMEOUT, Opening
from soft_stream.settings import Settings

log = logging.getLogger(__name__)

CAMERA_THREAD = "camera"


class Source:
    """The one camera of this process."""

    def __init__(self, settings: Settings, new_camera: Callable[[Settings], Camera] = make_camera) -> None:
        self.settings = settings
        self.demand = Demand()
        self.condition = Condition(settings)
        self._new_camera = new_camera
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=CAMERA_THREAD)

    async def run(self) -> None:
        """Serve all who come, until cancelled; the camera is closed when this returns.

        Raises:
            CameraHung: the camera thread is stuck, and only a new process helps.
        """
        try:
            while True:
                client = await self.demand.client()
                self.condition.enter(State.STARTING, f"for {client}")
                await self._one_opening()
                if self.condition.state is State.RETRYING:
                    await asyncio.sleep(self.settings.retry_pause)
                if not self.demand.clients:
                    self.demand.feed.clear()
                    self.condition.enter(State.IDLE, "nobody watches")
        finally:
            self._thread.shutdown(wait=False)

    async def _one_opening(self) -> None:
        opening = Opening(self._new_camera(self.settings), self._thread, self.settings, self.demand, self.condition)
        patience = self.settings.close_timeout
        try:
            await opening.flow(await opening.open())
        except CameraHung:
            raise
        except CameraError as fault:
            self._fail(fault)
        except Exception as fault:
            log.exception("This should not happen")
            self._fail(CameraError(f"{type(fault).__name__}: {fault}"))
        except asyncio.CancelledError:
            patience = STOP_TIMEOUT
            raise
        finally:
            await opening.close(patience)

    def _fail(self, fault: CameraError) -> None:
        self.condition.counters.restarts += 1
        self.condition.last_restart = Restart(str(fault), time.time())
        pause = self.settings.retry_pause
        self.condition.enter(State.RETRYING, f"{fault}; next try in {pause:g} s", logging.WARNING)
        self.demand.fail(fault)
