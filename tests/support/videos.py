"""Small video files, which PyAV writes."""

from collections.abc import Sequence
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
    levels: Sequence[int] = (),
) -> Path:
    """Write a video of grey pictures and return the file; `levels` repeat, without them the pictures get brighter."""
    import av

    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream(codec, rate=fps)
        stream.width, stream.height, stream.pix_fmt = *size, pixel_format
        for number in range(frames):
            level = levels[number % len(levels)] if levels else 40 + 150 * number // frames
            pixels = numpy.full((size[1], size[0], 3), level, numpy.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return file


def damage_packet(file: Path, number: int) -> None:
    """Overwrite one packet of an AVI with zeros."""
    import av

    with av.open(str(file)) as container:
        packet = [each for each in container.demux(video=0) if each.size][number]
    data = bytearray(file.read_bytes())
    at = (packet.pos or 0) + 8  # after the head of the chunk
    data[at : at + packet.size] = bytes(packet.size)
    file.write_bytes(data)


def write_sound(file: Path) -> Path:
    """Write a file that has only sound; return it."""
    import av

    with av.open(str(file), "w") as container:
        stream: Any = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(numpy.zeros((1, 800), numpy.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return file
