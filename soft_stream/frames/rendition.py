"""What somebody may want instead of the pictures as they come: narrower, turned, more or less compressed."""

from dataclasses import dataclass, replace

from soft_stream.frames.raw import Orientation


@dataclass(frozen=True)
class Rendition:
    """A kind of pictures; all who want the same one share what is encoded."""

    width: int = 0
    """Pixels after the turn, where the picture is not narrower anyway; 0 is as wide as it comes."""
    quality: int = 0
    """JPEG quality; 0 is what the settings say."""
    rotation: int = 0
    """Degrees clockwise, beyond what the settings turn."""

    def __str__(self) -> str:
        asked = (("width", self.width), ("quality", self.quality), ("rotate", self.rotation))
        return " ".join(f"{name}={value}" for name, value in asked if value) or "as it comes"

    def rotate(self, orientation: Orientation) -> Orientation:
        """Return how a picture is turned that would be turned like `orientation` without it."""
        return replace(orientation, rotation=(orientation.rotation + self.rotation) % 360).normalized

    def scale(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) of a picture that has `size` after the turn: never larger, in the same shape."""
        width, height = size
        if not 0 < self.width < width:
            return size
        return self.width, max(1, round(height * self.width / width))

    def simplify(self, width: int, quality: int) -> "Rendition":
        """Return the simplest rendition that is the same for a picture of this width after the turn, and quality."""
        same_width, same_quality = self.width >= width, self.quality == quality
        return replace(self, width=0 if same_width else self.width, quality=0 if same_quality else self.quality)


ORIGINAL = Rendition()


class TooManyRenditions(Exception):  # no error: there is a limit
    """As many other renditions are being made as may be at once; the message is a sentence."""
