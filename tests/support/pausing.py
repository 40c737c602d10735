"""A server that watches a pause file."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from soft_stream.service.pause_file import PauseFile
from tests.support.server import Portal


@asynccontextmanager
async def pause_file_of(
    portal: Portal, file: Path, elsewhere: Path | None = None
) -> AsyncIterator["asyncio.Task[None]"]:
    """Watch a pause file until the block ends."""
    supervisor = portal.supervisor
    pause_file = PauseFile(file, supervisor.pause, supervisor.settings.pause_max, elsewhere)
    watching = asyncio.create_task(pause_file.watch())
    try:
        yield watching
    finally:
        watching.cancel()
        await asyncio.wait([watching])
