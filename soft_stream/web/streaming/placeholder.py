"""The placeholder: the frame that clients get when the camera gives none, and its text."""

import asyncio
from collections.abc import Callable

from soft_stream.capture.health import Health
from soft_stream.frames import multipart
from soft_stream.frames.frame import Frame


class Placeholder:
    """Draws what clients see instead of an old frame."""

    def __init__(self, title: Callable[[], str], health: Health) -> None:
        self._title = title
        self._health = health

    async def draw(self, last: Frame) -> bytes:
        """Return a new placeholder as a part: the last frame, dimmed, with the reason why there is no newer one."""
        age = f"last picture {last.age:.0f} s ago"
        why = self._health.summary
        lines = (f"{self._title()}: not live", why, age)
        # the camera's own thread may be blocked
        drawn = await asyncio.to_thread(_draw_label, last, lines)
        return multipart.make_part(drawn, last.timestamp, last.captured_at, multipart.NOTICE, reason=why)


def _draw_label(last: Frame, lines: tuple[str, ...]) -> bytes:
    """Import Pillow in a thread, and only when it is needed: it takes several MB of memory."""
    from soft_stream.frames.overlay import draw_placeholder

    return draw_placeholder(last, lines)
