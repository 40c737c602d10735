"""The labelled picture that stands in for frames that do not come: the last one, dimmed, with what is going on."""

import asyncio
import time
from io import BytesIO
from typing import TYPE_CHECKING

from soft_stream.capture.feed import Frame
from soft_stream.capture.status import Condition
from soft_stream.frames import multipart

if TYPE_CHECKING:
    from PIL import Image

# A new one is drawn this often: its age in seconds counts on.
DRAW_INTERVAL = 1.0
QUALITY = 70


class Notices:
    """Draws one labelled picture for all clients, in a thread of its own: the camera's may be stuck."""

    def __init__(self, title: str, condition: Condition) -> None:
        self._title = title
        self._condition = condition
        self._drawing: asyncio.Task[bytes] | None = None
        self._drawn_at = float("-inf")

    async def part(self, last: Frame) -> bytes:
        """Return the newest labelled picture as a part; `last` is the frame that it shows."""
        now = time.monotonic()
        if self._drawing is None or (self._drawing.done() and now - self._drawn_at > DRAW_INTERVAL * 0.9):
            self._drawn_at = now
            self._drawing = asyncio.create_task(self._draw(last), name="notice")
        return await asyncio.shield(self._drawing)

    async def _draw(self, last: Frame) -> bytes:
        age = f"last picture {time.time() - last.captured_at:.0f} s ago"
        lines = (f"{self._title}: not live", self._condition.sentence, age)
        return multipart.part(await asyncio.to_thread(labelled_picture, last, lines), last.captured_at, "notice")


def labelled_picture(last: Frame, lines: tuple[str, ...]) -> bytes:
    """Dim a frame and write lines across its middle; takes some 10 ms for 1280x720."""
    from PIL import ImageEnhance

    from soft_stream.frames.overlay import lettering

    picture = ImageEnhance.Brightness(_picture(last)).enhance(0.35)
    height = max(12, picture.height // 18)
    top = (picture.height - len(lines) * height * 3 // 2) // 2
    for row, line in enumerate(lines):
        mask = lettering(line, height)
        if mask.width > picture.width * 0.94:
            mask = mask.resize((int(picture.width * 0.94), height))
        place = ((picture.width - mask.width) // 2, top + row * height * 3 // 2)
        picture.paste((255, 255, 255), place, mask)
    jpeg = BytesIO()
    picture.save(jpeg, "JPEG", quality=QUALITY)
    return jpeg.getvalue()


def _picture(frame: Frame) -> "Image.Image":
    """Decode a frame; one that a camera delivered broken becomes a grey area."""
    from PIL import Image

    try:
        return Image.open(BytesIO(frame.jpeg)).convert("RGB")
    except OSError:
        return Image.new("RGB", frame.size, (128, 128, 128))
