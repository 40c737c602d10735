"""A part of a frame, and the rectangle of the sensor that shows it."""

from dataclasses import dataclass

from soft_stream.frames.raw import Orientation

# (x, y, width, height) in pixels of the sensor
Rectangle = tuple[int, int, int, int]
# A part that is smaller than the frame by less than this is the whole frame: drivers round a crop to even pixels.
ROUNDING = 0.01


@dataclass(frozen=True)
class Part:
    """A part of a frame that has its aspect ratio: the left upper corner and the size, as fractions of the frame."""

    x: float
    y: float
    size: float

    def __str__(self) -> str:
        return f"{self.x:.4f},{self.y:.4f},{self.size:.4f}"

    def limited(self, least: float) -> "Part":
        """Return the part of at least this size around the same middle, moved so that it is within the frame."""
        size = min(1.0, max(least, self.size))
        middle_x, middle_y = self.x + self.size / 2, self.y + self.size / 2
        x, y = (min(max(0.0, middle - size / 2), 1 - size) for middle in (middle_x, middle_y))
        return Part(x, y, size)


def to_sensor(part: Part, whole: Rectangle, orientation: Orientation) -> Rectangle:
    """Return the rectangle that shows a part, where `whole` shows the whole frame.

    `orientation` is what this program applies to the frames of the camera.
    """
    left, top, width, height = whole
    u, v = _before(orientation, part.x + part.size / 2, part.y + part.size / 2)
    w, h = round(part.size * width), round(part.size * height)
    x = min(max(0, round(u * width - w / 2)), width - w)
    y = min(max(0, round(v * height - h / 2)), height - h)
    return left + x, top + y, w, h


def from_sensor(crop: Rectangle, whole: Rectangle, orientation: Orientation) -> Part | None:
    """Return the part that a rectangle shows; None if it is the whole frame."""
    (x, y, w, h), (left, top, width, height) = crop, whole
    size = max(w / width, h / height)
    if size > 1 - ROUNDING:
        return None
    u, v = _after(orientation, (x + w / 2 - left) / width, (y + h / 2 - top) / height)
    return Part(u - size / 2, v - size / 2, size).limited(0.0)


def middle_of(rectangle: Rectangle, size: tuple[int, int]) -> Rectangle:
    """Return the largest centred part of a rectangle that has the aspect ratio of `size`."""
    x, y, width, height = rectangle
    w, h = min(width, height * size[0] // size[1]), min(height, width * size[1] // size[0])
    return (x + (width - w) // 2, y + (height - h) // 2, w, h)


def _before(orientation: Orientation, u: float, v: float) -> tuple[float, float]:
    """Return where a point of the frame was before it was mirrored and rotated."""
    turned = orientation.normalized
    if turned.rotation:
        u, v = v, 1 - u
    return 1 - u if turned.hflip else u, 1 - v if turned.vflip else v


def _after(orientation: Orientation, u: float, v: float) -> tuple[float, float]:
    """Return where a point of the camera's frame is after it was mirrored and rotated."""
    turned = orientation.normalized
    u, v = 1 - u if turned.hflip else u, 1 - v if turned.vflip else v
    return (1 - v, u) if turned.rotation else (u, v)
