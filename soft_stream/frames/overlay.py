"""Text drawn on pictures: the frame number of the synthetic camera, and the placeholder."""

import unicodedata
from contextlib import suppress
from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from soft_stream.frames.frame import Frame

# What Pillow brings along knows no letters beyond Western Europe's; this one, which most systems have, does.
SYSTEM_FONT = "DejaVuSans.ttf"
PLACEHOLDER_QUALITY = 70


def render_text(text: str, height: int) -> Image.Image:
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


def draw_placeholder(last: Frame, lines: tuple[str, ...]) -> bytes:
    """Dim a frame and write lines across its middle; takes some 10 ms for 1280x720."""
    picture = ImageEnhance.Brightness(_decode(last)).enhance(0.35)
    height = max(12, picture.height // 18)
    top = (picture.height - len(lines) * height * 3 // 2) // 2
    for row, line in enumerate(lines):
        mask = render_text(line, height)
        if mask.width > picture.width * 0.94:
            mask = mask.resize((int(picture.width * 0.94), height))
        place = ((picture.width - mask.width) // 2, top + row * height * 3 // 2)
        picture.paste((255, 255, 255), place, mask)
    jpeg = BytesIO()
    picture.save(jpeg, "JPEG", quality=PLACEHOLDER_QUALITY)
    return jpeg.getvalue()


def _decode(frame: Frame) -> Image.Image:
    """Decode a frame; one that a camera delivered broken becomes a grey area."""
    try:
        return Image.open(BytesIO(frame.jpeg)).convert("RGB")
    except OSError:
        return Image.new("RGB", frame.size, (128, 128, 128))
