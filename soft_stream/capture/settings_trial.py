"""Other settings on trial: until the camera has given a frame with them, a fault means that they are taken back."""

from soft_stream.cameras.base import CameraError
from soft_stream.config.page_settings import must_restart
from soft_stream.config.settings import Settings


class SettingsTrial:
    """A change of the settings while the process runs."""

    def __init__(self, former: Settings, new: Settings) -> None:
        self.former = former
        self.new = new
        self.fault: CameraError | None = None
        """Why the camera gave no frame with the new settings."""

    @property
    def must_restart(self) -> bool:
        """Whether the camera has to be opened again."""
        return must_restart(self.former, self.new)

    def fail(self, fault: CameraError, opened_with: Settings) -> bool:
        """Record the fault of a session; return False if that session had other settings."""
        if not self.must_restart or self.fault or must_restart(opened_with, self.new):
            return False
        self.fault = fault
        return True
