"""The choice of the driver by the settings."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from soft_stream.cameras.picamera.sensor_modes import SensorModes

if TYPE_CHECKING:
    from soft_stream.cameras.base import Camera
    from soft_stream.config.settings import Settings

# The driver of each source: a class that is made of the settings for each session.
DRIVERS = {
    "folder": "soft_stream.cameras.folder.camera:FolderCamera",
    "http": "soft_stream.cameras.http.camera:HttpCamera",
    "v4l2": "soft_stream.cameras.v4l2.camera:V4l2Camera",
    "media": "soft_stream.cameras.media.camera:MediaCamera",
    "gphoto": "soft_stream.cameras.gphoto.camera:GphotoCamera",
}


class CameraFactory:
    """Makes a driver for each session; keeps the data that is the same in all sessions of a process."""

    def __init__(self) -> None:
        self._sensor_modes = SensorModes()

    def __call__(self, settings: Settings) -> Camera:
        """Make the driver that the settings name; import its dependencies only now, when a camera is needed."""
        if settings.source == "test-pattern":
            from soft_stream.cameras.synthetic.camera import SyntheticCamera
            from soft_stream.cameras.synthetic.device import SyntheticDevice

            return SyntheticCamera(settings, SyntheticDevice())
        if settings.source in DRIVERS:
            module, _, name = DRIVERS[settings.source].partition(":")
            driver: Camera = getattr(import_module(module), name)(settings)
            return driver
        from soft_stream.cameras.picamera.camera import PicameraCamera
        from soft_stream.cameras.picamera.library import picamera2_class

        with suppress(Exception):  # `open` reports the error
            picamera2_class()
        return PicameraCamera(settings, self._sensor_modes)
