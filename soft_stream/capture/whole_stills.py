"""Stills that are whole and, after a change of the mode, well exposed; all of this runs in the camera thread."""

import time
from collections.abc import Sequence

from soft_stream.cameras.base import Camera, NoFrame, NoStill
from soft_stream.capture.exposure import BLIND_PATIENCE, Brightness
from soft_stream.capture.requests import SnapshotRequest
from soft_stream.capture.snapshot_policy import MARGIN
from soft_stream.capture.status import CameraStatus
from soft_stream.frames import jpeg
from soft_stream.frames.raw import RawFrame
from soft_stream.message import message_of

# Seconds, and intervals between two frames, for which a still is taken again while all frames are damaged: the stream
# may be interrupted for it. Some webcams begin each mode with one or two damaged frames.
DAMAGED_PATIENCE = 1.0
DAMAGED_INTERVALS = 3


class WholeStills:
    """Takes stills until one is good enough."""

    def __init__(self, camera: Camera, status: CameraStatus) -> None:
        self._camera = camera
        self._status = status

    def take(self, due: Sequence[SnapshotRequest], timeout: float, *, settles: bool) -> RawFrame:
        """Return a whole still that is newer than the requests, with memory of its own.

        `settles` says whether it waits for the exposure, as far as the deadlines of the requests allow.

        Raises:
            NoStill: the frames are damaged.
            CameraError: as for `Camera.still`.
        """
        newest = max(due, key=lambda request: request.requested_at)
        still = self._next(newest, time.monotonic() + timeout)
        if not settles:
            return still
        brightness, now = Brightness(), time.monotonic()
        until = now + min(BLIND_PATIENCE, *(request.seconds_left(now) - MARGIN for request in due))
        while now < until and not brightness.is_steady(still, now):
            try:
                still = self._next(newest, until)
            except (NoFrame, NoStill):
                break  # the last whole one is better than none
            now = time.monotonic()
        return still

    def _next(self, request: SnapshotRequest, until: float) -> RawFrame:
        """Return the next whole still that is newer than a request; `until` is monotonic."""
        patience = max(DAMAGED_PATIENCE, DAMAGED_INTERVALS * self._status.timer.interval)
        gives_up_at = float("inf")
        while True:
            damaged, is_silent, now = list[str](), False, time.monotonic()
            try:
                with self._camera.still(max(0.0, min(until - now, patience))) as raw:
                    if request.accepts(raw.captured_at, raw.metadata):  # the camera may have an older one in its queue
                        jpeg.ensure_whole(raw)
                        return raw.copy()
            except jpeg.DamagedJpeg as fault:
                damaged.append(message_of(fault))
            except NoFrame:
                is_silent = True
                if time.monotonic() >= until:
                    raise
            finally:
                damaged += self._camera.take_damaged()
                self._status.record_damaged(damaged)
            now = time.monotonic()
            if damaged:  # the change of the mode does not count
                gives_up_at = min(gives_up_at, now if is_silent else now + patience)
            if now >= gives_up_at:
                raise NoStill(self._status.damage.summary)
