"""The life of the camera: closed without clients, opened for the first one, opened again after a fault.

One task owns it and is straight-line code. Every fault is handled in one way: it is raised, the camera is closed, and
after a pause it is opened again.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from soft_stream.cameras.base import (
    Camera,
    CameraError,
    CameraHung,
    ControlsRefused,
)
from soft_stream.cameras.factory import CameraFactory
from soft_stream.capture.adaptive_quality import AdaptiveQuality
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.context import CaptureContext
from soft_stream.capture.controls import ControlChange, Controls
from soft_stream.capture.failure_policy import FailurePolicy
from soft_stream.capture.health import Health
from soft_stream.capture.history import History
from soft_stream.capture.pause import Pause
from soft_stream.capture.session import CALL_TIMEOUT, STOP_TIMEOUT, CameraSession
from soft_stream.capture.status import CameraStatus, State
from soft_stream.capture.subscribers import Subscribers
from soft_stream.config.settings import Settings

log = logging.getLogger(__name__)


class CameraSupervisor:
    """The one camera of this process."""

    def __init__(self, settings: Settings, new_camera: Callable[[Settings], Camera] | None = None) -> None:
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
        self._new_camera = new_camera or CameraFactory()
        self._session: CameraSession | None = None
        self._failures = FailurePolicy()

    async def run(self) -> None:
        """Serve clients until cancelled; the camera is closed when this returns.

        Raises:
            CameraHung: the camera thread is stuck or the camera gives no frames, and only a new process helps.
        """
        try:
            while True:
                await self._wait_until(lambda: self.subscribers.clients or self.pause.lease)
                if self.pause.lease:
                    await self._stay_paused()
                    continue
                self.status.set_state(State.STARTING, f"for {next(iter(self.subscribers.clients))}")
                await self._run_session()
                if self.status.state is State.RETRYING:
                    await self._wait_until(lambda: self.pause.lease, self.settings.retry_pause)
                if not self.subscribers.clients and not self.pause.lease:
                    self._become_idle("no clients")
        finally:
            self.thread.end()

    async def set_controls(self, change: ControlChange) -> None:
        """Set controls, now or when the camera opens.

        Raises:
            CameraError: the camera does not take them.
        """
        if self._session:
            await self._session.set_controls(change.values)
        self.controls.record(change)
        self.subscribers.notify()

    async def _wait_until(self, condition: Callable[[], object], seconds: float | None = None) -> None:
        """Wait until a condition is true, or for `seconds`."""
        deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
        while not condition():
            try:
                async with asyncio.timeout_at(deadline):
                    await self.subscribers.wait_changed()
            except TimeoutError:
                return

    async def _stay_paused(self) -> None:
        """Leave the camera to another program until that releases it."""
        self.status.counters.pauses += 1
        self.status.set_state(State.PAUSED, str(self.pause.lease))
        with self.pause.hand_over():
            await self._wait_until(lambda: not self.pause.lease)
        if not self.subscribers.clients:
            self._become_idle("the pause is over, and there are no clients")

    def _become_idle(self, why: str) -> None:
        if self._failures.is_busy:  # another program may have the camera while no client needs it
            self.status.last_error = ""
        self.subscribers.clear_frames()
        self.status.set_state(State.IDLE, why)

    async def _run_session(self) -> None:
        """Run one session; after a fault the state is RETRYING."""
        began = time.monotonic()
        # in the thread: a driver may import for seconds
        camera = await self.thread.run("make", CALL_TIMEOUT, self._new_camera, self.settings)
        session = CameraSession(camera, self._context)
        patience = self.settings.close_timeout
        try:
            await session.open(began)
            self._session = session  # from now on controls are set at once
            if values := self.controls.to_apply:
                await session.set_controls(values)
            with self.history.sampling():
                await session.flow()
        except CameraHung:
            raise
        except CameraError as fault:
            self._fail(fault, session)
        except Exception as error:
            log.exception("Unexpected error in the camera session")
            self._fail(CameraError(f"{type(error).__name__}: {error}"), session)
        except asyncio.CancelledError:
            patience = STOP_TIMEOUT
            raise
        finally:
            self._session = None
            if session.has_frames:
                self._failures.after_success()
            # a call that hangs blocks all later ones
            await session.close(0.0 if self.thread.overrun else patience)

    def _fail(self, fault: CameraError, session: CameraSession) -> None:
        self.status.retry(fault, f"next try in {self.settings.retry_pause:g} s")
        self.subscribers.fail(fault)
        self.status.last_error = str(fault)
        if isinstance(fault, ControlsRefused):
            log.warning("The camera fails with the controls %s: they are reset", self.controls.values)
            self.controls.values.clear()
        self._failures.after(fault, had_frames=session.has_frames)
