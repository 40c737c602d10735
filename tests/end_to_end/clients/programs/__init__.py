"""Client programs as processes, and the small scripts that some of them run."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import playwright
import pytest

SCRIPTS = Path(__file__).parent
# scripts/test.sh makes it: what a client needs must not decide what the portal gets
ENVIRONMENT = Path(sys.prefix) / "clients"
PYTHON = str(ENVIRONMENT / "bin" / "python")
# Playwright brings it
NODE = str(Path(playwright.__file__).parent / "driver" / "node")

# No client needs a tenth of this for what it is asked here; in seconds.
STUCK_AFTER = 120.0


class Ended(NamedTuple):
    """A finished program: its exit status, its output and its error messages."""

    status: int
    out: bytes
    said: str


def needs_program(name: str) -> pytest.MarkDecorator:
    """Skip a test if a program is not installed."""
    return pytest.mark.skipif(not shutil.which(name), reason=f"{name} is not installed; scripts/test.sh does that")


def needs_package(name: str) -> pytest.MarkDecorator:
    """Skip a test if the Python of the clients lacks a package."""
    found = [*ENVIRONMENT.glob(f"lib/python*/site-packages/{name}")]
    return pytest.mark.skipif(not found, reason=f"{name} is not in .venv/clients; scripts/test.sh puts it there")


async def run(*command: str | Path) -> Ended:
    """Run a client to its end."""
    async with started(*command, stderr=asyncio.subprocess.PIPE) as process:
        out, said = await process.communicate()
        assert process.returncode is not None
        return Ended(process.returncode, out, said.decode(errors="replace"))


@asynccontextmanager
async def output_of(*command: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run a client that is not root and does not end by itself; yield its output."""
    async with started(*command, user="nobody" if os.geteuid() == 0 else None) as process:
        assert process.stdout
        yield process.stdout


@asynccontextmanager
async def running(*command: str | Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a client that is not root and whose output does not count."""
    user = "nobody" if os.geteuid() == 0 and command[0] == "cvlc" else None
    async with started(
        *command, user=user, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    ) as process:
        yield process


@asynccontextmanager
async def started(
    *command: str | Path,
    stdout: int = asyncio.subprocess.PIPE,
    stderr: int | None = None,
    user: str | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Start a client, and stop it if it does not end by itself.

    Raises:
        TimeoutError: it is stuck.
    """
    process = await asyncio.create_subprocess_exec(*command, stdout=stdout, stderr=stderr, user=user)
    try:
        async with asyncio.timeout(STUCK_AFTER):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
