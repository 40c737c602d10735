"""libcamera's requests and frame buffers."""

from __future__ import annotations

import os
import weakref
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, ClassVar

from tests.support.fake_libcamera.configuration import Stream
from tests.support.fake_libcamera.controls import ControlId, control_value


class FrameStatus(IntEnum):
    """The status of a frame."""

    Success = 0
    Error = 1
    Cancelled = 2
    Startup = 3


@dataclass
class PlaneMetadata:
    """The metadata of a plane: the number of bytes written."""

    bytes_used: int = 0


@dataclass
class FrameMetadata:
    """The metadata of the frame in a buffer."""

    status: FrameStatus = FrameStatus.Success
    sequence: int = 0
    timestamp: int = 0
    planes: list[PlaneMetadata] = field(default_factory=lambda: [PlaneMetadata()])

    Status = FrameStatus
    Plane = PlaneMetadata


class _Plane:
    """The memory of a plane, with its own descriptor, as in libcamera."""

    def __init__(self, fd: int = -1, offset: int = 0, length: int = 0) -> None:
        self._fd = -1
        self.offset = offset
        self.length = length
        if fd >= 0:
            self.fd = fd

    @property
    def fd(self) -> int:
        """The descriptor."""
        return self._fd

    @fd.setter
    def fd(self, fd: int) -> None:
        self._fd = os.dup(fd)
        weakref.finalize(self, os.close, self._fd)


class FrameBuffer:
    """The memory of a frame."""

    Plane: ClassVar[type[_Plane]] = _Plane
    alive: ClassVar[weakref.WeakSet[FrameBuffer]] = weakref.WeakSet()

    def __init__(self, planes: list[_Plane], cookie: int = 0) -> None:
        self.planes = planes
        self.cookie = cookie
        self.metadata = FrameMetadata()
        self.picture: object = None
        """The content, so that only changes must be written."""
        FrameBuffer.alive.add(self)


class RequestStatus(IntEnum):
    """The status of a request."""

    Pending = 0
    Complete = 1
    Cancelled = 2


class Request:
    """A request for a frame: its buffers and controls, later its metadata."""

    Status = RequestStatus
    alive: ClassVar[weakref.WeakSet[Request]] = weakref.WeakSet()

    def __init__(self, cookie: int) -> None:
        self.cookie = cookie
        self.status = RequestStatus.Pending
        self.sequence = 0
        self.buffers: dict[Stream, FrameBuffer] = {}
        self.controls: dict[str, Any] = {}
        self.metadata: dict[ControlId, Any] = {}
        Request.alive.add(self)

    def add_buffer(self, stream: Stream, buffer: FrameBuffer) -> None:
        """Add the buffer for a stream."""
        self.buffers[stream] = buffer

    def set_control(self, control: ControlId, value: Any) -> None:
        """Set a control for this frame."""
        self.controls[control.name] = control_value(value, control.type)

    def reuse(self) -> None:
        """Reset everything but the buffers."""
        self.status = RequestStatus.Pending
        self.controls = {}
        self.metadata = {}

    def finish(self, status: RequestStatus, frame: FrameStatus) -> None:
        """Set its status and that of its buffers."""
        self.status = status
        for buffer in self.buffers.values():
            buffer.metadata.status = frame
            buffer.metadata.sequence = self.sequence
