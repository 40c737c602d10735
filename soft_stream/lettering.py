"""Text for pictures."""

from PIL import Image, ImageDraw, ImageFont


def lettering(text: str, height: int) -> Image.Image:
    """Return a line of text `height` pixels high, as a mask: an L picture, white on black."""
    try:
        font = ImageFont.load_default(size=height * 0.8)
    except TypeError:  # Pillow before 10.1 has one size only; it is scaled below
        font = ImageFont.load_default()
    _, top, _, bottom = font.getbbox("ÁAjg")
    box = (max(1, round(font.getlength(text))), max(1, round(bottom - top)))
    mask = Image.new("L", box)
    ImageDraw.Draw(mask).text((0, -top), text, fill=255, font=font)
    return mask.resize((max(1, box[0] * height // box[1]), height), Image.Resampling.BICUBIC)
