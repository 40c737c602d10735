"""Statistics of the stream that several older programs report."""

import time

from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.jpeg import rotated_size
from soft_stream.frames.rendition import Rendition


def get_streaming_clients(supervisor: CameraSupervisor) -> list[Client]:
    """Return the clients of the stream, without those of snapshots."""
    return [client for client in supervisor.subscribers.clients if client.streams]


def get_sent_fps(client: Client) -> float:
    """Return the frame rate that a client receives."""
    return client.frame_counter.per_second(time.monotonic())


def get_encoded_fps(supervisor: CameraSupervisor) -> float:
    """Return the sum of the frame rates of all renditions; each is the rate of its fastest client."""
    fastest: dict[Rendition, float] = {}
    for client in get_streaming_clients(supervisor):
        fastest[client.rendition] = max(fastest.get(client.rendition, 0.0), get_sent_fps(client))
    return sum(fastest.values(), 0.0)


def get_stream_size(supervisor: CameraSupervisor) -> tuple[int, int]:
    """Return the (width, height) of original frames: of the last one, or as negotiated, or from the settings."""
    settings, negotiated = supervisor.settings, supervisor.status.negotiated
    if supervisor.status.frame_size:
        return supervisor.status.frame_size
    if negotiated:
        return rotated_size(negotiated.size, negotiated.orientation)
    size = settings.width, settings.height
    return size if settings.rotation % 180 == 0 else (size[1], size[0])
