"""libcamera's CameraManager: the list of cameras, and the completed requests."""

from __future__ import annotations

import os
import threading
import weakref

from tests.support.fake_libcamera import world
from tests.support.fake_libcamera.camera import Camera
from tests.support.fake_libcamera.request import Request


class ReadyRequests:
    """The completed requests, and the event descriptor that signals them."""

    def __init__(self) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        weakref.finalize(self, os.close, self.fd)
        self._lock = threading.Lock()
        self._requests: list[Request] = []

    def push(self, requests: list[Request]) -> None:
        """Add completed requests; called in the thread of the sensor."""
        with self._lock:
            self._requests += requests
        os.eventfd_write(self.fd, 1)

    def pop(self) -> list[Request]:
        """Remove and return all completed requests."""
        try:
            os.eventfd_read(self.fd)
        except BlockingIOError:
            return []
        with self._lock:
            requests, self._requests = self._requests, []
        return requests


class CameraManager:
    """The CameraManager; it and the algorithms of its cameras live as long as a reference to it."""

    version = "v0.7.1+fake"
    _alive: weakref.ref[CameraManager] | None = None

    def __init__(self) -> None:
        self._world = world.current()
        self._ready = ReadyRequests()
        self._cameras = [Camera(device, self._ready) for device in self._world.connected()]

    @classmethod
    def singleton(cls) -> CameraManager:
        """Return the only manager of this process; create it if there is none."""
        manager = cls._alive() if cls._alive else None
        if manager is None:
            manager = cls()
            cls._alive = weakref.ref(manager)
        return manager

    @property
    def cameras(self) -> list[Camera]:
        """The cameras: webcams are updated, CSI cameras are listed only when the manager starts."""
        known = [camera.device for camera in self._cameras if camera.connected]
        new = [device for device in self._world.connected() if device.model.is_usb and device not in known]
        gone = [camera for camera in self._cameras if not camera.connected]
        self._cameras = [camera for camera in self._cameras if camera not in gone]
        self._cameras += [Camera(device, self._ready) for device in new]
        return list(self._cameras)

    def get(self, camera_id: str) -> Camera:
        """Return the camera with an id."""
        return next(camera for camera in self.cameras if camera.id == camera_id)

    @property
    def event_fd(self) -> int:
        """The descriptor that becomes readable when requests are completed."""
        return self._ready.fd

    def get_ready_requests(self) -> list[Request]:
        """Remove and return the completed requests."""
        return self._ready.pop()
