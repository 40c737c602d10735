"""Which camera is meant by an id."""

from collections.abc import Sequence

from soft_stream.cameras import CameraMissing, Found


def choose(connected: Sequence[Found], wanted: str, number: int) -> Found:
    """Return the camera with the id `wanted`; without an id the one at position `number`, CSI cameras first.

    Raises:
        CameraMissing: it is not connected; the message lists those that are.
    """
    for position, found in enumerate(connected):
        if found.id == wanted or (not wanted and position == number):
            return found
    there = ", ".join(found.id for found in connected) or "none"
    meant = f"camera {wanted}" if wanted else f"camera number {number} (counted from 0)"
    raise CameraMissing(f"{meant} is not connected; connected: {there}")
