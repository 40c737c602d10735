"""Firefox shows each frame as soon as it is complete, so it needs no repeats."""

import asyncio
import io
from dataclasses import replace
from functools import partial

import numpy
import pytest
from PIL import Image

from tests.end_to_end.browser.firefox import FIREFOX, firefox
from tests.end_to_end.clients.numbered_camera import NumberedCamera, number_in
from tests.end_to_end.clients.test_newest_frame import LOW_RATE, until_seen_before_the_next
from tests.support.server import QUICK, running

pytestmark = pytest.mark.skipif(not FIREFOX, reason="Firefox is not installed: sudo apt-get install firefox-esr")

IMAGE = 'document.documentElement.innerHTML = `<img src="/stream.mjpg?fps=1">`'
MARGIN = 8  # pixels around a body; the server's Content-Security-Policy allows no styles here


async def test_each_frame_of_a_low_rate() -> None:
    """At one frame per second each frame is visible before the next one is sent, although none is repeated."""
    assert FIREFOX
    settings = replace(QUICK, watchdog_timeout=0.0)
    async with running(settings, new_camera=partial(NumberedCamera, shots=[])) as portal, firefox(FIREFOX) as tab:
        await tab.goto(f"http://127.0.0.1:{portal.port}/status.json")
        await tab.evaluate(IMAGE)
        await portal.until(lambda: portal.supervisor.subscribers.clients)
        (client,) = portal.supervisor.subscribers.clients
        assert not client.repeats

        async def sees(number: int) -> bool:
            png = await tab.photograph(MARGIN + settings.width, MARGIN + settings.height)
            seen = number_in(numpy.asarray(Image.open(io.BytesIO(png)).convert("L"))[MARGIN:, MARGIN:])
            return seen is not None and seen >= number

        while not await sees(0):  # noqa: ASYNC110 # the browser has no event for it
            await asyncio.sleep(0.01)
        for _ in range(LOW_RATE):
            await until_seen_before_the_next(portal, sees)
