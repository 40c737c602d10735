"""The cameras of this machine, for options that name a camera by its device file or by its place in a list."""

from functools import cached_property
from pathlib import Path


class Machine:
    """Finds libcamera's ids; on a machine without cameras it finds none."""

    def id_of_node(self, path: str) -> str | None:
        """Return the id of the camera behind a device file such as /dev/video0."""
        from soft_stream.cameras.video_node import id_of_node

        return id_of_node(Path(path))

    def id_at(self, index: int) -> str | None:
        """Return the id at a place of `Picamera2.global_camera_info()`."""
        return self._ids[index] if 0 <= index < len(self._ids) else None

    @cached_property
    def _ids(self) -> list[str]:
        from soft_stream.cameras.base import CameraError
        from soft_stream.cameras.discovery import list_cameras

        try:
            found = [each.id for each in list_cameras()]
        except CameraError:
            return []
        # Picamera2's order: https://github.com/raspberrypi/picamera2, picamera2.py, global_camera_info()
        return sorted(found, key=lambda camera_id: ("/usb" not in camera_id, camera_id), reverse=True)
