"""The frames that every server sends: the same bytes each time they are created, about 120 kB per JPEG."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))

from soft_stream.frames import jpeg
from soft_stream.frames.raw import RawFrame

if TYPE_CHECKING:
    from soft_stream.frames.raw import Plane


SIZE = WIDTH, HEIGHT = 1280, 720
QUALITY = 80
JPEGS = 30
# number of uncompressed frames: too many for the CPU cache
PLANES = 10
MARGIN = 64
# the camera writes the time of a frame here, for servers that report only the time of sending
COMMENT = b"X-Timestamp: 0000000000.000000"
COMMENT_SEGMENT = b"\xff\xfe" + (len(COMMENT) + 2).to_bytes(2, "big") + COMMENT
SEED = 20


def make(folder: Path) -> None:
    """Write NN.jpg, WxH.i420 (Y, U, V of each frame) and WxH.yuyv to a folder."""
    random = numpy.random.default_rng(SEED)
    scene = [_texture(random, contrast) for contrast in (52.0, 14.0, 14.0)]
    i420, yuyv = bytearray(), bytearray()
    for number in range(JPEGS):
        y, u, v = (_seen(plane, number, random) for plane in scene)
        u, v = u[:, ::2], v[:, ::2]
        planes: tuple[Plane, Plane, Plane] = (y, u[::2].copy(), v[::2].copy())
        encoded = jpeg.encode(RawFrame(SIZE, 0.0, planes=planes), QUALITY)
        (folder / f"{number:02}.jpg").write_bytes(encoded[:2] + COMMENT_SEGMENT + encoded[2:])
        if number < PLANES:
            i420 += b"".join(plane.tobytes() for plane in planes)
            yuyv += numpy.stack([y, numpy.stack([u, v], axis=2).reshape(HEIGHT, WIDTH)], axis=2).tobytes()
    (folder / f"{WIDTH}x{HEIGHT}.i420").write_bytes(i420)
    (folder / f"{WIDTH}x{HEIGHT}.yuyv").write_bytes(yuyv)


def _texture(random: numpy.random.Generator, contrast: float) -> NDArray[numpy.float64]:
    """Return a texture with detail of all sizes, the finer the weaker, as in photographs."""
    height, width = HEIGHT + MARGIN, WIDTH + MARGIN
    frequency = numpy.hypot(numpy.fft.fftfreq(height)[:, None], numpy.fft.rfftfreq(width)[None, :])
    frequency[0, 0] = 1.0
    waves = random.normal(size=frequency.shape) + 1j * random.normal(size=frequency.shape)
    texture = numpy.fft.irfft2(waves / frequency**1.5, s=(height, width))
    return numpy.asarray(128 + contrast * texture / texture.std())


def _seen(plane: NDArray[numpy.float64], number: int, random: numpy.random.Generator) -> "Plane":
    """Cut a frame out of a larger image, moved a little for each number, with sensor noise."""
    down, right = number * 2, number
    cut = plane[down : down + HEIGHT, right : right + WIDTH]
    return numpy.clip(cut + random.normal(0, 1.0, cut.shape) + 0.5, 0, 255).astype(numpy.uint8)
