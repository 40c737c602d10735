"""The condition of the camera as a sentence for people."""

from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.pause import Pause
from soft_stream.capture.status import CameraStatus, State
from soft_stream.message import Message


class Health:
    """Says what is wrong with the camera, from its status, its thread and its pause."""

    def __init__(self, status: CameraStatus, thread: CameraThread, pause: Pause) -> None:
        self._status = status
        self._thread = thread
        self._pause = pause

    @property
    def problem(self) -> str:
        """What keeps the camera from working, as a sentence; empty if nothing does."""
        status = self._status
        if self._thread.late:
            return self._thread.hanging
        if status.state is State.RETRYING and status.last_restart:
            return Message("trying_again", "{why}; trying again", why=status.last_restart.why)
        if status.last_error and status.state is not State.PAUSED:
            return status.last_error
        if status.state in (State.STREAMING, State.FOCUSING) and status.timer.is_stale:
            return status.silence
        return ""

    @property
    def why_no_frame(self) -> str:
        """Why a client has waited for a frame and got none."""
        damage = self._status.damage
        if not self.problem and damage.is_current(self._status.timer.stale_after):
            return damage.summary
        return self.problem or Message("camera_is", "the camera is {state}", state=self.summary)

    @property
    def summary(self) -> str:
        """The problem, or which program has the camera, or the state."""
        lease = self._pause.lease
        state = self._status.state
        return self.problem or (lease.sentence if lease and state is State.PAUSED else Message(f"state.{state}", state))
