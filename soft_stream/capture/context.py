"""The objects that every part of the capture package shares."""

from dataclasses import dataclass, field

from soft_stream.capture.adaptive_quality import AdaptiveQuality
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.controls import Controls
from soft_stream.capture.pause import Pause
from soft_stream.capture.shared_zoom import SharedZoom
from soft_stream.capture.status import CameraStatus
from soft_stream.capture.still_pacing import StillPacing
from soft_stream.capture.subscribers import Subscribers
from soft_stream.config.page_settings import must_restart
from soft_stream.config.settings import Settings


@dataclass
class CaptureContext:
    """What belongs to the camera of this process, whether it is open or closed."""

    settings: Settings
    """The settings in effect; only `CameraSupervisor` replaces them, and the camera thread reads them."""
    thread: CameraThread
    status: CameraStatus
    subscribers: Subscribers
    controls: Controls
    pause: Pause
    adaptive_quality: AdaptiveQuality
    still_pacing: StillPacing
    shared_zoom: SharedZoom
    opened_with: Settings = field(init=False)
    """The settings that the session was started with."""

    def __post_init__(self) -> None:
        self.opened_with = self.settings

    @property
    def must_reopen(self) -> bool:
        """Whether the camera has to be opened again for the settings in effect."""
        return must_restart(self.opened_with, self.settings)
