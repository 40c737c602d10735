"""What `/settings.json` says: the settings that the page may change, and what the stream costs now."""

import asyncio
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Any

from aiohttp import web

from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.config.page_settings import LONGEST_NAME, NAMES, RESTARTING, PageLayer
from soft_stream.config.settings import SETTINGS, default_of
from soft_stream.config.settings_values import default_text
from soft_stream.message import Message, describe
from soft_stream.web.api.costs import CostMeter
from soft_stream.web.request import SUPERVISOR

# Changes that can be undone, since the start of the process.
MAX_UNDO = 20


class PageSettings:
    """The layer of the page, and the values that an undo goes back to."""

    def __init__(self, layer: PageLayer) -> None:
        self.layer = layer
        self.earlier = deque[Mapping[str, Any]](maxlen=MAX_UNDO)
        self.changing = asyncio.Lock()
        """Held during a change, which may open the camera: a second one begins with the result of the first."""
        self.costs = CostMeter()


PAGE_SETTINGS = web.AppKey("page_settings", PageSettings)


async def list_settings(request: web.Request) -> dict[str, Any]:
    """Return the content of `/settings.json`."""
    page, supervisor = request.app[PAGE_SETTINGS], request.app[SUPERVISOR]
    costs = await page.costs.measure(supervisor)
    differences = list(_differences(supervisor))
    described = {name: _described(name, page.layer) for name in NAMES}
    return described | {
        "costs": costs,
        "undo": bool(page.earlier),
        "differences": differences,
        "difference_messages": [describe(each) for each in differences],
    }


def _differences(supervisor: CameraSupervisor) -> Iterator[str]:
    """Yield a sentence for each way in which the open camera does not do what the settings request."""
    if negotiated := supervisor.status.negotiated:
        (width, height), settings = negotiated.size, supervisor.settings
        if (width, height) != (settings.width, settings.height):
            wanted, got = f"{settings.width}x{settings.height}", f"{width}x{height}"
            yield Message("log_size", "Asked for {wanted}, negotiated {got}", wanted=wanted, got=got)
        yield from negotiated.differences


def _described(name: str, layer: PageLayer) -> dict[str, Any]:
    """Return what a page needs for the field of a setting."""
    camera, fixed_by, is_own = layer.below.camera, layer.fixed_by(name), name in layer.values
    default = default_text(camera, name) if name == "name" else default_of(name, camera)
    value_type = SETTINGS[name].metadata["type"]
    return {
        "value": getattr(layer.settings, name) or default,
        "default": default,
        "below": getattr(layer.below, name) or default,
        "origin": "page" if is_own and not fixed_by else layer.origins.get(name, "default"),
        "own": is_own,
        "type": value_type.kind,
        "min": value_type.low,
        "max": LONGEST_NAME if name == "name" else value_type.high,
        "choices": [int(word) for word in value_type.words] if name == "rotation" else None,
        "applies": "restarts the capture" if name in RESTARTING else "at once",
        "fixed_by": fixed_by,
    }
