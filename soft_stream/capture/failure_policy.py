"""What happens after a fault: when to try again, and when only a new process may help."""

from soft_stream.cameras.base import (
    CameraBusy,
    CameraError,
    CameraHung,
    CameraMissing,
    CameraUnsupported,
)

# Sessions in a row without a frame, of a camera that is connected, after which only a new process may help.
FRUITLESS_SESSIONS = 3


class FailurePolicy:
    """Counts the faults of a camera that is connected and gives no frames."""

    def __init__(self) -> None:
        self.is_busy = False
        """Whether another program had the camera at the last attempt."""
        self._fruitless = 0

    def after_success(self) -> None:
        """Record that a session had frames."""
        self._fruitless = 0

    def after(self, fault: CameraError, *, had_frames: bool) -> None:
        """Record the fault that ended a session.

        Raises:
            CameraHung: the last sessions had no frames; only a new process may help.
        """
        self.is_busy = isinstance(fault, CameraBusy)
        if had_frames or isinstance(fault, CameraMissing | CameraBusy | CameraUnsupported):
            self._fruitless = 0
            return
        self._fruitless += 1
        if self._fruitless == FRUITLESS_SESSIONS:
            raise CameraHung(f"the camera is there and gave no frame in {FRUITLESS_SESSIONS} openings: {fault}")
