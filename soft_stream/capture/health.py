"""The condition of the camera as a sentence for people."""

from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.pause import Pause
from soft_stream.capture.status import CameraStatus, State


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
            return f"{status.last_restart.why}; trying again"
        if status.last_error and status.state is not State.PAUSED:
            return status.last_error
        if status.state in (State.STREAMING, State.FOCUSING) and status.timer.is_stale:
            return f"no frames for {status.timer.silent_for:.0f} s"
        return ""

    @property
    def summary(self) -> str:
        """The problem, or which program has the camera, or the state."""
        lease = self._pause.lease
        return self.problem or (str(lease) if lease and self._status.state is State.PAUSED else str(self._status.state))
