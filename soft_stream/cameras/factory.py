"""Which kinds of cameras there are."""

from contextlib import suppress

from soft_stream.cameras.base import Camera
from soft_stream.config.settings import Settings


def make_camera(settings: Settings) -> Camera:
    """Make the camera that the settings name; what it needs is imported here, when it is first opened."""
    if settings.source == "test-pattern":
        from soft_stream.cameras.synthetic.camera import SyntheticCamera, SyntheticDevice

        return SyntheticCamera(settings, SyntheticDevice())
    if settings.source == "folder":
        from soft_stream.cameras.image_folder import FolderCamera

        return FolderCamera(settings)
    from soft_stream.cameras.picamera.camera import PicameraCamera
    from soft_stream.cameras.picamera.library import picamera2_class

    with suppress(Exception):  # `open` says what is wrong
        picamera2_class()
    return PicameraCamera(settings)
