"""The objects that every part of the capture package shares."""

from dataclasses import dataclass

from soft_stream.capture.adaptive_quality import AdaptiveQuality
from soft_stream.capture.camera_thread import CameraThread
from soft_stream.capture.controls import Controls
from soft_stream.capture.pause import Pause
from soft_stream.capture.status import CameraStatus
from soft_stream.capture.subscribers import Subscribers
from soft_stream.config.settings import Settings


@dataclass(frozen=True)
class CaptureContext:
    """What belongs to the camera of this process, whether it is open or closed."""

    settings: Settings
    thread: CameraThread
    status: CameraStatus
    subscribers: Subscribers
    controls: Controls
    pause: Pause
    adaptive_quality: AdaptiveQuality
