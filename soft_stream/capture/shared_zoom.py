"""The zoom for everybody: the sensor enlarges a part of the frame, as long as a page that has asked for it is there.

It belongs to the session of the camera and to the pages that have asked, never to the settings: it is no control that
is set, so that it is neither kept nor reset with the controls, and a session begins without it.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from soft_stream.cameras.base import CameraError
from soft_stream.capture.controls import Controls
from soft_stream.capture.status import CameraStatus
from soft_stream.capture.subscribers import Client, Subscribers, named
from soft_stream.frames.zoom import Part, Rectangle, from_sensor, middle_of, to_sensor
from soft_stream.message import Message

log = logging.getLogger(__name__)

CROP = "ScalerCrop"
# The largest magnification; a sensor has no more details than that.
MAX_ZOOM = 10.0
# Seconds without a request for frames after which a page is gone. A page whose stream is lost notices that after 5 s,
# and later requests a new one.
GRACE = 15.0

SetZoom = Callable[[Rectangle | None], Awaitable[None]]
Owner = tuple[str, str]


class NoZoom(CameraError):
    """The sensor of this camera cannot enlarge a part of the frame."""


@dataclass(frozen=True)
class Zoom:
    """A part of the frame, and the client that asked for it; the time is in monotonic seconds."""

    part: Part
    client: Client
    since: float


class SharedZoom:
    """What the clients have asked for: the newest is set; when its client is gone, the one before it."""

    def __init__(self, subscribers: Subscribers, controls: Controls, status: CameraStatus) -> None:
        self._subscribers = subscribers
        self._controls = controls
        self._status = status
        self._set_zoom: SetZoom | None = None
        """Sets the crop of the open camera; None while it is closed."""
        self._zooms: dict[Owner, Zoom] = {}
        """The newest is the last one."""
        self._labels_frames = False
        """Whether frames of this session may show a part."""
        self._changing = asyncio.Lock()

    @property
    def current(self) -> Zoom | None:
        """The zoom that is set."""
        return next(reversed(tuple(self._zooms.values())), None)

    @property
    def largest(self) -> float:
        """The largest magnification of the open camera; 1 if it cannot enlarge."""
        whole, crop = self._whole, self._controls.advertised.get(CROP)
        if whole is None or crop is None or not isinstance(crop.min, tuple):
            return 1.0
        least = max(crop.min[2] / whole[2], crop.min[3] / whole[3], 1 / MAX_ZOOM)
        return max(1.0, 1 / least)

    async def ask(self, part: Part, client: Client) -> None:
        """Show a part to all clients, until no page that has asked for one is left or the camera is closed.

        Raises:
            NoZoom: the camera cannot do that.
            CameraError: the camera is closed, or does not take it.
        """
        async with self._changing:
            set_zoom = self._set_zoom
            if set_zoom is None:
                raise CameraError(Message("zoom_closed", "the camera is closed"))
            if self.largest <= 1:
                raise NoZoom(Message("zoom_none", "this camera cannot enlarge a part of the frame"))
            part = part.limited(1 / self.largest)
            await self._set(set_zoom, part)
            if self._set_zoom is not set_zoom:
                raise CameraError(Message("zoom_closed", "the camera is closed"))
            self._zooms.pop(_owner(client), None)
            self._zooms[_owner(client)] = Zoom(part, client, time.monotonic())
            who = named(client.peer, client.login)
            text = "The frame is enlarged {zoom} times for all clients by {who}"
            self._status.log_event(Message("zoom_set", text, zoom=round(1 / part.size, 1), who=who))
        self._subscribers.notify()

    async def end(self, why: str) -> None:
        """Show the whole frame to all clients; do nothing if they see it.

        Raises:
            CameraError: the camera does not take that.
        """
        async with self._changing:
            if not self._zooms:
                return
            if self._set_zoom:
                await self._set(self._set_zoom, None)
            self._zooms.clear()
            self._log_end(why)

    @contextmanager
    def during(self, set_zoom: SetZoom) -> Iterator[None]:
        """Allow zooms inside the block, which is a session of the camera; at its end there is none."""
        self._set_zoom = set_zoom
        watching = asyncio.create_task(self._watch(), name="shared zoom")
        try:
            yield
        finally:
            watching.cancel()
            self._set_zoom = None
            self._labels_frames = False
            if self._zooms:
                self._zooms.clear()
                self._log_end(Message("zoom_camera_closed", "the camera is closed"))

    def part_of(self, crop: Rectangle | None) -> Part | None:
        """Return the part that a frame with this crop shows; None for the whole frame. May be called in any thread."""
        whole = self._whole if self._labels_frames and crop else None
        if crop is None or whole is None:
            return None
        return from_sensor(crop, whole, self._status.require_negotiated.orientation)

    @property
    def _whole(self) -> Rectangle | None:
        """What the sensor shows without a zoom; None if the camera is closed or has no crop."""
        control, negotiated = self._controls.advertised.get(CROP), self._status.negotiated
        if control is None or negotiated is None:
            return None
        whole = self._controls.values.get(CROP) or control.default or control.max
        if not isinstance(whole, tuple) or len(whole) != 4 or min(whole[2:]) <= 0:
            return None
        x, y, width, height = (int(each) for each in whole)
        # beside full-size frames, which have a shape of their own, the stream shows the middle of theirs
        return (
            middle_of((x, y, width, height), negotiated.size)
            if negotiated.still_method == "dual"
            else (x, y, width, height)
        )

    async def _set(self, set_zoom: SetZoom, part: Part | None) -> None:
        self._labels_frames = True
        whole = self._whole
        if part is None or whole is None:
            await set_zoom(None)
        else:
            await set_zoom(to_sensor(part, whole, self._status.require_negotiated.orientation))

    async def _watch(self) -> None:
        """End the zooms of clients that are gone, until cancelled."""
        absent_since: dict[Owner, float] = {}
        while True:
            now = time.monotonic()
            present = {_owner(client) for client in self._subscribers.clients}
            absent_since = {owner: absent_since.get(owner, now) for owner in self._zooms if owner not in present}
            gone = [owner for owner, since in absent_since.items() if now - since >= GRACE]
            if gone:
                await self._forget(gone)
                continue  # clients may have changed meanwhile
            first = min(absent_since.values(), default=None)
            try:
                async with asyncio.timeout(None if first is None else first + GRACE - now):
                    await self._subscribers.wait_changed()
            except TimeoutError:
                continue

    async def _forget(self, gone: list[Owner]) -> None:
        async with self._changing:
            remaining = {owner: zoom for owner, zoom in self._zooms.items() if owner not in gone}
            after = next(reversed(remaining.values()), None)
            is_changed = after is not self.current
            try:
                if is_changed and self._set_zoom:
                    await self._set(self._set_zoom, after.part if after else None)
            except CameraError as fault:  # frames say what they show; the session finds out what is wrong
                log.warning("The zoom of a page that is gone cannot be ended: %s", fault)
            self._zooms = remaining
            if is_changed and after:
                text = "The frame is enlarged as before: the page that has asked is closed"
                self._status.log_event(Message("zoom_before", text))
            elif is_changed:
                self._log_end(Message("zoom_page_closed", "the page that has asked is closed"))

    def _log_end(self, why: str) -> None:
        self._status.log_event(Message("zoom_ended", "The whole frame is shown again: {why}", why=why))


def _owner(client: Client) -> Owner:
    """Return what a page keeps when it requests its stream again: its name and its login."""
    return client.name or client.peer, client.login
