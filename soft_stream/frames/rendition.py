"""Renditions: the versions of a frame that clients can request, by width, quality and rotation."""

from dataclasses import dataclass, replace

from soft_stream.frames.raw import Orientation


@dataclass(frozen=True)
class Rendition:
    """A version of the frames; clients that request the same one share its JPEGs."""

    width: int = 0
    """The maximum width in pixels, after the rotation; 0 keeps the width."""
    quality: int = 0
    """JPEG quality; 0 is that of the settings."""
    rotation: int = 0
    """Degrees clockwise, in addition to the rotation of the settings."""

    def __str__(self) -> str:
        asked = (("width", self.width), ("quality", self.quality), ("rotate", self.rotation))
        return " ".join(f"{name}={value}" for name, value in asked if value) or "original"

    def rotate(self, orientation: Orientation) -> Orientation:
        """Return `orientation` with the rotation of this rendition added."""
        return replace(orientation, rotation=(orientation.rotation + self.rotation) % 360).normalized

    def scale(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) for a frame of `size` after the rotation: never larger, same aspect ratio."""
        width, height = size
        if not 0 < self.width < width:
            return size
        return self.width, max(1, round(height * self.width / width))

    def simplify(self, width: int, quality: int) -> "Rendition":
        """Return the simplest equal rendition for a frame of this quality and of this width after the rotation."""
        same_width, same_quality = self.width >= width, self.quality == quality
        return replace(self, width=0 if same_width else self.width, quality=0 if same_quality else self.quality)


ORIGINAL = Rendition()


class TooManyRenditions(Exception):
    """The limit of simultaneous renditions is reached; the message is a sentence for the user."""
