"""A camera whose frames show their number as bars that survive JPEG and scaling."""

import numpy
from numpy.typing import NDArray

from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.config.settings import Settings
from soft_stream.frames.clock import unix_time
from soft_stream.frames.raw import RawFrame

BITS = 16
WHITE = 255
# of the brightness: what is not clearly black or white is no number
BLACK_MOST, WHITE_LEAST = 64, 192


class NumberedCamera(SyntheticCamera):
    """One opening; frames are numbered from 0 on."""

    def __init__(self, settings: Settings, device: SyntheticDevice, shots: list[float]) -> None:
        super().__init__(settings, device)
        self._shots = shots
        """When each frame was captured, Unix seconds."""

    def capture(self, timeout: float) -> RawFrame:
        """Draw the next number; see `Camera.capture`."""
        raw = super().capture(timeout)
        assert raw.planes
        _, u, v = raw.planes
        grey = [numpy.full_like(plane, 128) for plane in (u, v)]
        raw.planes = (bars(len(self._shots), raw.size), grey[0], grey[1])
        self._shots.append(unix_time(raw.captured_at))
        return raw


def bars(number: int, size: tuple[int, int]) -> NDArray[numpy.uint8]:
    """Draw a number: its bits in the upper half, the lowest one at the left, white for 1; below them the opposite."""
    width, height = size
    bit_of_column = numpy.arange(width) * BITS // width
    row = (number >> bit_of_column & 1).astype(numpy.uint8) * WHITE
    return numpy.repeat(numpy.stack([row, WHITE - row]), height // 2, axis=0)


def number_in(brightness: NDArray[numpy.uint8]) -> int | None:
    """Read the number in a frame of any size (rows, columns); return None if there is none."""
    height, width = brightness.shape
    columns = (numpy.arange(BITS) * 2 + 1) * width // (2 * BITS)
    upper, lower = brightness[height // 4, columns], brightness[height * 3 // 4, columns]
    bits = upper >= WHITE_LEAST
    if not numpy.all(numpy.where(bits, lower <= BLACK_MOST, (upper <= BLACK_MOST) & (lower >= WHITE_LEAST))):
        return None
    return int(numpy.sum(bits << numpy.arange(BITS)))
