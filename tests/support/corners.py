"""Frames with a colour in each corner, which show how a frame was turned."""

import numpy
import simplejpeg

from soft_stream.frames.raw import RawFrame, split_planes

# full-range BT.601 of white, red, green and blue, for the corners of a frame
CORNERS = {
    "top left": ((255, 128, 128), (255, 255, 255)),
    "top right": ((76, 85, 255), (254, 0, 0)),
    "bottom left": ((150, 44, 21), (0, 255, 1)),
    "bottom right": ((29, 255, 107), (0, 0, 254)),
}


def corners(size: tuple[int, int] = (800, 608), stride: int = 896) -> RawFrame:
    """Make a frame with a colour in each corner and poison in the padding."""
    pixels = numpy.full(stride * size[1] * 3 // 2, 0xA5, numpy.uint8)
    planes = split_planes(pixels, size, stride)
    for plane, index in zip(planes, range(3), strict=True):
        rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
        for row, half in enumerate(("top", "bottom")):
            for column, side in enumerate(("left", "right")):
                value = CORNERS[f"{half} {side}"][0][index]
                plane[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns] = value
    return RawFrame(size, 0.0, planes=planes)


def seen(jpeg: bytes) -> list[str]:
    """Name the colours in the corners of a JPEG: top left, top right, bottom left, bottom right."""
    pixels = simplejpeg.decode_jpeg(jpeg).astype(int)
    names = []
    for row in (8, -8):
        for column in (8, -8):
            pixel = pixels[row, column]
            names.append(min(CORNERS, key=lambda name: abs(pixel - CORNERS[name][1]).sum()))
            assert abs(pixel - CORNERS[names[-1]][1]).max() < 12
    return names
