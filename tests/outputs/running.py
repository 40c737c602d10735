"""Outputs of a server in this process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from soft_stream.outputs.report import OutputReport
from soft_stream.outputs.start import start_outputs
from tests.support.server import Portal


@asynccontextmanager
async def outputs_of(portal: Portal) -> AsyncIterator[list[OutputReport]]:
    """Run the outputs of a server; yield their reports."""
    tasks = start_outputs(portal.supervisor, portal.outputs)
    try:
        yield portal.outputs
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
