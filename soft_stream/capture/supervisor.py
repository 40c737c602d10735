"""The life of the camera: closed without clients, opened for the first one, opened again after a fault.

One task owns it and is straight-line code. Every fault is handled in one way: it is raised, the camera is closed, and
after a pause it is opened again.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import replace

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
from soft_stream.capture.open_command import OpenCommand
from soft_stream.capture.pause import Lease, Pause
from soft_stream.capture.session import CALL_TIMEOUT, STOP_TIMEOUT, CameraSession
from soft_stream.capture.settings_trial import SettingsTrial
from soft_stream.capture.shared_zoom import CROP, SharedZoom
from soft_stream.capture.status import CameraStatus, State
from soft_stream.capture.still_pacing import StillPacing
from soft_stream.capture.subscribers import Subscribers
from soft_stream.capture.thumbnail import Thumbnails
from soft_stream.config.relays import make_relay_name
from soft_stream.config.settings import Settings
from soft_stream.message import Message, message_of

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
        self.shared_zoom = SharedZoom(self.subscribers, self.controls, self.status)
        self.thumbnails = Thumbnails(settings, self.status, self.subscribers)
        self._context = CaptureContext(
            settings,
            self.thread,
            self.status,
            self.subscribers,
            self.controls,
            self.pause,
            self.adaptive_quality,
            StillPacing(settings.still_pause),
            self.shared_zoom,
        )
        self.relay_name = make_relay_name()
        """The name by which this process knows its own requests, when they come back to it."""
        self._new_camera = new_camera or CameraFactory()
        self._session: CameraSession | None = None
        self._trial: SettingsTrial | None = None
        self._failures = FailurePolicy()
        self._retry_after = 0.0
        """Seconds that the last fault asks to wait."""
        self._open_command = OpenCommand(settings, self.status)

    async def run(self) -> None:
        """Serve clients until cancelled; the camera is closed when this returns.

        Raises:
            CameraHung: the camera thread is stuck or the camera gives no frames, and only a new process helps.
        """
        self.thumbnails.begin()
        try:
            while True:
                await self._wait_until(lambda: self.subscribers.clients or self.pause.lease)
                if self.pause.lease:
                    await self._stay_paused(self.pause.lease)
                    continue
                client = next(iter(self.subscribers.clients))
                why = Message("for_client", "for {client}", client=client)
                if self._context.must_reopen:
                    why = Message("for_client_with_settings", "with other settings, for {client}", client=client)
                self.status.set_state(State.STARTING, why)
                await self._run_session()
                if self.status.state is State.RETRYING:
                    await self._wait_until(
                        lambda: self.pause.lease or self._context.must_reopen,
                        max(self.settings.retry_pause, self._retry_after),
                    )
                if not self.subscribers.clients and not self.pause.lease:
                    self._become_idle(Message("no_clients", "no clients"))
        finally:
            self.thread.end()

    async def set_controls(self, change: ControlChange) -> None:
        """Set controls, now or when the camera opens; a crop ends the zoom for everybody, which is a part of the crop.

        Raises:
            CameraError: the camera does not take them.
        """
        if self._session:
            await self._session.set_controls(change.values)
        self.controls.record(change)
        if CROP in change.values or CROP in change.reset:
            await self.shared_zoom.end(Message("zoom_crop_set", "a client has set the crop of the sensor"))
        self.subscribers.notify()

    async def apply_settings(self, new: Settings) -> None:
        """Use other settings: at once, or by opening the camera again and waiting for a frame.

        Only one call may run at a time, and a client must be connected during it.

        Raises:
            CameraError: the camera gives no frame with them; the former settings are in effect again.
        """
        trial = self._trial = SettingsTrial(self.settings, new)
        self.use_settings(new)
        try:
            if trial.must_restart:
                await self._wait_reopened(trial)
        except BaseException:
            self.use_settings(trial.former)
            raise
        finally:
            self._trial = None

    async def _wait_reopened(self, trial: SettingsTrial) -> None:
        """Wait for a frame with the settings in effect; raise CameraError without one."""
        seconds = trial.new.close_timeout + trial.new.start_timeout
        await self._wait_until(lambda: trial.fault or self.pause.lease or self._has_frames, seconds)
        if not self._has_frames:
            lease = self.pause.lease
            raise trial.fault or CameraError(lease.sentence if lease else self.health.why_no_frame)

    def use_settings(self, settings: Settings) -> None:
        """Use other settings, of which it is known that the camera accepts them; it is opened again if necessary."""
        self.settings = self._context.settings = settings
        self.status.timer.settings = self.adaptive_quality.settings = settings
        self.subscribers.notify()

    @property
    def _has_frames(self) -> bool:
        """Whether the camera gives frames with the settings in effect."""
        return self._session is not None and self._session.has_frames and not self._context.must_reopen

    async def _wait_until(self, condition: Callable[[], object], seconds: float | None = None) -> None:
        """Wait until a condition is true, or for `seconds`."""
        deadline = None if seconds is None else asyncio.get_running_loop().time() + seconds
        while not condition():
            try:
                async with asyncio.timeout_at(deadline):
                    await self.subscribers.wait_changed()
            except TimeoutError:
                return

    async def _stay_paused(self, lease: Lease) -> None:
        """Leave the camera to another program until that releases it."""
        self.status.counters.pauses += 1
        self.status.set_state(State.PAUSED, lease.sentence)
        with self.pause.hand_over():
            await self._wait_until(lambda: not self.pause.lease)
        if not self.subscribers.clients:
            self._become_idle(Message("pause_over", "the pause is over, and there are no clients"))

    def _become_idle(self, why: str) -> None:
        if self._failures.is_busy:  # another program may have the camera while no client needs it
            self.status.last_error = ""
        self.subscribers.clear_frames()
        self.status.set_state(State.IDLE, why)

    async def _run_session(self) -> None:
        """Run one session; after a fault the state is RETRYING."""
        began = time.monotonic()
        self._context.opened_with = self.settings
        # in the thread: a driver may import for seconds
        camera = await self.thread.run("make", CALL_TIMEOUT, self._new_camera, self._with_relays())
        session = CameraSession(camera, self._context)
        patience = self.settings.close_timeout
        try:
            await session.open(began)
            self._session = session  # from now on controls are set at once
            if values := self.controls.to_apply:
                await session.set_controls(values)
            if await self._open_command.run(self.pause):
                session.discard_earlier_frames()  # they are not as the command has set the camera
            with self.history.sampling(), self.shared_zoom.during(session.set_zoom):
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
            try:
                await session.close(0.0 if self.thread.overrun else patience)
            finally:
                self.thumbnails.keep()

    def _with_relays(self) -> Settings:
        """Return the settings for a driver, with the servers that its frames will have passed through."""
        relays = dict.fromkeys(each for client in self.subscribers.clients for each in client.relays)
        return replace(self.settings, relays=(*relays, self.relay_name))

    def _fail(self, fault: CameraError, session: CameraSession) -> None:
        if self._trial and self._trial.fail(fault, self._context.opened_with):
            # clients continue to wait: the settings with which they will get a frame have not failed
            self.status.retry(fault, Message("former_settings", "the former settings are used again"))
            self.use_settings(self._trial.former)
            return
        self._retry_after = fault.retry_after
        pause = max(self.settings.retry_pause, fault.retry_after)
        self.status.retry(fault, Message("next_try", "next try in {seconds:g} s", seconds=pause))
        self.subscribers.fail(fault)
        self.status.last_error = message_of(fault)
        if isinstance(fault, ControlsRefused):
            log.warning("The camera fails with the controls %s: they are reset", self.controls.values)
            self.controls.values.clear()
        self._failures.after(fault, had_frames=session.has_frames)
