"""An output as a client of the camera: it keeps the camera open, and is in the list of clients."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from soft_stream.cameras.base import CameraError
from soft_stream.capture.feed import Feed, FeedEnded
from soft_stream.capture.subscribers import THIS_PROCESS, Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.frame import Frame

log = logging.getLogger(__name__)


@contextmanager
def connected(supervisor: CameraSupervisor, setting: str, fps_max: float = 0.0) -> Iterator[Client]:
    """Keep the camera open for an output during the block; its name is the key of its setting."""
    client = Client(THIS_PROCESS, setting, "", streams=True, fps_max=fps_max)
    with supervisor.subscribers.connected(client):
        log.info("Client connected: %s", client)
        try:
            yield client
        finally:
            seconds = time.monotonic() - client.since
            facts = (client, seconds, client.sent, client.dropped)
            log.info("Client disconnected: %s after %.0f s, %d frames taken, %d dropped", *facts)


async def next_frame(feed: Feed, last: Frame | None) -> Frame:
    """Wait for a frame newer than the last one; faults of the camera and pauses only make the wait longer.

    Raises:
        FeedEnded: the server shuts down.
    """
    while True:
        try:
            return await feed.wait_newer(last)
        except FeedEnded:
            raise
        except CameraError as fault:
            log.debug("no frame: %s", fault)  # the supervisor has logged it, and opens the camera again
