"""How the planes of YUV420 lie in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soft_stream.cameras.base import Plane


def planes_of(pixels: Plane, size: tuple[int, int], stride: int) -> tuple[Plane, Plane, Plane]:
    """Cut the planes out of a flat YUV420 array without a copy; U's and V's rows are half a stride apart."""
    width, height = size
    y = pixels[: height * stride].reshape(height, stride)[:, :width]
    chroma = pixels[height * stride : height * stride * 3 // 2].reshape(2, height // 2, stride // 2)[:, :, : width // 2]
    return y, chroma[0], chroma[1]
