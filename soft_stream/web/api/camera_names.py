"""The names of the cameras, which their pages may change while this process runs."""

import asyncio
from collections.abc import AsyncIterator, Mapping

from aiohttp import web

from soft_stream.config.kept_controls import page_layer
from soft_stream.config.page_settings import PageLayer
from soft_stream.web.auth.live_accounts import LiveFiles
from soft_stream.web.request import SUPERVISOR

LAYERS = web.AppKey("layers", Mapping[int, PageLayer])
"""The settings of each camera below those of its page."""
TITLES = web.AppKey("titles", dict[int, str])
"""The names of the cameras that the page of each may have changed."""


async def follow_names(app: web.Application) -> AsyncIterator[None]:
    """Keep the names of the other cameras up to date while the application runs."""
    own = app[SUPERVISOR].settings.camera
    layers = {number: each for number, each in app[LAYERS].items() if number != own and each.below.controls_file}
    if not layers:
        yield
        return

    def read() -> dict[int, str]:
        return {number: page_layer(each.below, each.origins)[0].settings.title for number, each in layers.items()}

    files = [file for each in layers.values() if (file := each.below.controls_file)]
    following = asyncio.create_task(LiveFiles(files, read).follow(app[TITLES].update), name="names of cameras")
    yield
    following.cancel()
    await asyncio.wait([following])
