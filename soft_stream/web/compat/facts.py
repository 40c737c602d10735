"""What several older programs tell about the stream."""

import time

from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.jpeg import turned_size
from soft_stream.frames.rendition import Rendition


def streaming_clients(supervisor: CameraSupervisor) -> list[Client]:
    """List the clients of the stream, without those that take a snapshot."""
    return [client for client in supervisor.subscribers.clients if client.streams]


def sent_fps(client: Client) -> float:
    """Return how many frames a second a client gets."""
    return client.frame_counter.per_second(time.monotonic())


def made_fps(supervisor: CameraSupervisor) -> float:
    """Return how many frames a second are made for streams: what the quickest client of each rendition gets."""
    quickest: dict[Rendition, float] = {}
    for client in streaming_clients(supervisor):
        quickest[client.rendition] = max(quickest.get(client.rendition, 0.0), sent_fps(client))
    return sum(quickest.values(), 0.0)


def size_of_stream(supervisor: CameraSupervisor) -> tuple[int, int]:
    """Return the (width, height) of pictures as they come: the newest one's, or as agreed, or as the settings ask."""
    settings, newest, negotiated = supervisor.settings, supervisor.subscribers.feed.newest, supervisor.status.negotiated
    if newest:
        return newest.size
    if negotiated:
        return turned_size(negotiated.size, negotiated.orientation)
    size = settings.width, settings.height
    return size if settings.rotation % 180 == 0 else (size[1], size[0])
