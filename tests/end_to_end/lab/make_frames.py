"""Draws the JPEG frames of the virtual cameras: OUT/CAMERA/WIDTHxHEIGHT/NN.jpg. Runs in the tree, which has Pillow."""

import sys
from pathlib import Path

from PIL import Image, ImageDraw

FRAMES = 30
BACKGROUNDS = [(40, 70, 120), (120, 60, 40)]  # camera 0 is blue, camera 1 is brown
SIZES = [(640, 480), (1280, 720)]


def draw(camera: int, width: int, height: int, number: int) -> Image.Image:
    """Draw one frame: eight bars, a ball that wanders, and what it is in words."""
    picture = Image.new("RGB", (width, height), BACKGROUNDS[camera])
    pen = ImageDraw.Draw(picture)
    for bar in range(8):
        colour = tuple((bar >> bit & 1) * 200 + 30 for bit in range(3))
        pen.rectangle((bar * width // 8, height * 3 // 4, (bar + 1) * width // 8, height), fill=colour)
    left = number * (width - 80) // (FRAMES - 1)
    pen.ellipse((left, height // 3, left + 80, height // 3 + 80), fill=(250, 220, 60))
    pen.text((20, 20), f"camera {camera} frame {number} {width}x{height}", fill=(255, 255, 255))
    return picture


def main() -> None:
    """Draw all frames of both cameras."""
    for camera in range(len(BACKGROUNDS)):
        for width, height in SIZES:
            folder = Path(sys.argv[1], str(camera), f"{width}x{height}")
            folder.mkdir(parents=True)
            for number in range(FRAMES):
                # 4:2:2, like webcams
                draw(camera, width, height, number).save(folder / f"{number:02}.jpg", quality=80, subsampling=1)


main()
