"""The life of a camera: it sleeps, is opened when somebody wants frames, and opened again after a fault.

One task owns it and is straight-line code: the state is where the program stands. Every fault takes one road: raise,
close, pause, open again.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping

from soft_stream.cameras.base import (
    Camera,
    CameraBusy,
    CameraError,
    CameraHung,
    CameraMissing,
    CameraUnsupported,
    ControlsRefused,
    ControlValue,
)
from soft_stream.cameras.factory import make_camera
from soft_stream.capture.adaptive_quality import AdaptiveQuality
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.controls import Controls
from soft_stream.capture.health import Health
from soft_stream.capture.history import History
from soft_stream.capture.pause import Pause
from soft_stream.capture.session import CALL_TIMEOUT, STOP_TIMEOUT, CameraSession
from soft_stream.capture.status import CameraStatus, State
from soft_stream.capture.subscribers import Subscribers
from soft_stream.config.settings import Settings

log = logging.getLogger(__name__)

# So many openings in a row without a single frame, of a camera that is there: only a new process may help.
FRUITLESS_OPENINGS = 3


class CameraSupervisor:
    """The one camera of this process."""

    def __init__(self, settings: Settings, new_camera: Callable[[Settings], Camera] = make_camera) -> None:
        self.settings = settings
        self.subscribers = Subscribers(settings.renditions_max)
        self.pause = Pause(self.subscribers.notify)
        self.thread = CameraThread()
        self.status = CameraStatus(settings)
        self.health = Health(self.status, self.thread, self.pause)
        self.history = History(self.subscribers, self.status)
        self.controls = Controls(settings)
        self.adaptive_quality = AdaptiveQuality(settings)
        self._context = CaptureContext(
            settings, self.thread, self.status, self.subscribers, self.controls, self.pause, self.adaptive_quality
        )
        self._new_camera = new_camera
        self._session: CameraSession | None = None
        self._fruitless = 0
        self._is_busy = False

    async def run(self) -> None:
        """Serve all who come, until cancelled; the camera is closed when this returns.

        Raises:
            CameraHung: the camera thread is stuck or the camera gives no frames, and only a new process helps.
        """
        try:
            while True:
                await self._until(lambda: self.subscribers.clients or self.pause.hold)
                if self.pause.hold:
                    await self._let_others()
                    continue
                self.status.set_state(State.STARTING, f"for {next(iter(self.subscribers.clients))}")
                await self._run_session()
                if self.status.state is State.RETRYING:
                    await self._until(lambda: self.pause.hold, self.settings.retry_pause)
                if not self.subscribers.clients and not self.pause.hold:
                    self._fall_asleep("nobody watches")
        finally:
            self.thread.end()

    async def set_controls(self, values: Mapping[str, ControlValue]) -> None:
        """Tell the camera, now or when it opens; `values` were checked by `Controls.checked`.

        Raises:
            CameraError: the camera does not take them.
        """
        if self._session:
            await self._session.set_controls(values)
        self.controls.took(values)
        self.subscribers.notify()

    async def _until(self, happened: Callable[[], object], seconds: float | None = None) -> None:
        """Sleep until something has happened, or so many seconds have passed."""
        deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
        while not happened():
            try:
                async with asyncio.timeout_at(deadline):
                    await self.subscribers.wait_changed()
            except TimeoutError:
                return

    async def _let_others(self) -> None:
        """Leave the camera to another program until it gives it back."""
        self.status.counters.pauses += 1
        self.status.set_state(State.PAUSED, str(self.pause.hold))
        with self.pause.release():
            await self._until(lambda: not self.pause.hold)
        if not self.subscribers.clients:
            self._fall_asleep("the pause is over, and nobody watches")

    def _fall_asleep(self, why: str) -> None:
        if self._is_busy:  # which is the other program's right while nobody watches here
            self.status.last_error = ""
        self.subscribers.clear_frames()
        self.status.set_state(State.IDLE, why)

    async def _run_session(self) -> None:
        # in the thread: what a kind of camera imports takes its time
        began = time.monotonic()
        camera = await self.thread.run("make", CALL_TIMEOUT, self._new_camera, self.settings)
        session = CameraSession(camera, self._context)
        patience = self.settings.close_timeout
        try:
            await session.open(began)
            self._session = session  # from now on it is told directly
            if values := self.controls.current:
                await session.set_controls(values)
            with self.history.sampling():
                await session.flow()
        except CameraHung:
            raise
        except CameraError as fault:
            self._fail(fault, session)
        except Exception as fault:
            log.exception("This should not happen")
            self._fail(CameraError(f"{type(fault).__name__}: {fault}"), session)
        except asyncio.CancelledError:
            patience = STOP_TIMEOUT
            raise
        finally:
            self._session = None
            if session.has_frames:
                self._fruitless = 0
            # behind a call that hangs it only queues
            await session.close(0.0 if self.thread.overrun else patience)

    def _fail(self, fault: CameraError, session: CameraSession) -> None:
        self.status.retry(fault, f"next try in {self.settings.retry_pause:g} s")
        self.subscribers.fail(fault)
        self.status.last_error = str(fault)
        self._is_busy = isinstance(fault, CameraBusy)
        if isinstance(fault, CameraMissing | CameraBusy | CameraUnsupported):
            self._fruitless = 0
        elif not session.has_frames:
            self._fruitless += 1
        if isinstance(fault, ControlsRefused):
            log.warning("The camera fails with %s: these controls are given back", self.controls.values)
            self.controls.values.clear()
        if self._fruitless == FRUITLESS_OPENINGS:
            raise CameraHung(f"the camera is there and gave no frame in {FRUITLESS_OPENINGS} openings: {fault}")
