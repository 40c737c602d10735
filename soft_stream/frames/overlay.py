"""Text for pictures."""

import unicodedata
from contextlib import suppress
from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

# What Pillow brings along knows no letters beyond Western Europe's; this one, which most systems have, does.
SYSTEM_FONT = "DejaVuSans.ttf"


def lettering(text: str, height: int) -> Image.Image:
    """Return a line of text `height` pixels high, as a mask: an L picture, white on black."""
    font, knows_accents = _font(height * 0.8)
    if not knows_accents:
        text = "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))
    _, top, _, bottom = font.getbbox("ÁAjg")
    box = (max(1, round(font.getlength(text))), max(1, round(bottom - top)))
    mask = Image.new("L", box)
    ImageDraw.Draw(mask).text((0, -top), text, fill=255, font=font)
    return mask.resize((max(1, box[0] * height // box[1]), height), Image.Resampling.BICUBIC)


@lru_cache(maxsize=4)
def _font(size: float) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, bool]:
    """Return a font, and whether it knows all letters that names have."""
    with suppress(OSError, ImportError):  # it is not there, or Pillow was built without FreeType
        return ImageFont.truetype(SYSTEM_FONT, round(size)), True
    try:
        return ImageFont.load_default(size=size), False
    except TypeError:  # Pillow before 10.1 has one size only; what is drawn is scaled
        return ImageFont.load_default(), False
