"""Small video files, which PyAV writes."""

from pathlib import Path
from typing import Any

import numpy


def write_video(
    file: Path,
    size: tuple[int, int] = (64, 48),
    frames: int = 10,
    fps: int = 25,
    codec: str = "mpeg4",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
) -> Path:
    """Write a video of grey pictures, each one brighter than the one before; return the file."""
    import av

    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        stream.options = options or {}
        for number in range(frames):
            pixels = numpy.full((size[1], size[0], 3), 40 + 150 * number // max(1, frames), numpy.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file
