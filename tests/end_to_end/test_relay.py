"""A relay as a process: the server that it gets its picture from is killed and started again."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.multipart_reader import StreamReader
from tests.support.processes import ENVIRON, free_ports

ROUNDS = 3


@asynccontextmanager
async def server(folder: Path, port: int, **settings: object) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a server as a process, with settings in the environment, and kill it."""
    environ = {f"cam0_{name}": str(value) for name, value in settings.items()}
    command = ("-m", "soft_stream", "serve", "--bind", "127.0.0.1", "--port", str(port), "--users-file", "")
    state = {"STATE_DIRECTORY": str(folder)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        env=ENVIRON | state | environ,
        stdout=subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr
    try:
        while b"Listening on" not in await process.stderr.readline():
            assert process.returncode is None
        draining = asyncio.create_task(process.stderr.read())
        yield process
    finally:
        process.kill()
        await process.wait()
        await draining


async def test_the_server_is_killed_and_started(tmp_path: Path) -> None:
    """The clients stay, see why the picture is not live, and see a live one after each start."""
    first = free_ports(2)
    second = first + 1
    camera = {"source": "test-pattern", "width": 320, "height": 240, "fps": 20}
    relay = {"source": "http", "url": f"http://127.0.0.1:{first}/stream.mjpg", "fps": 20}
    async with server(tmp_path, second, **relay) as running:
        clients: list[StreamReader] = []
        for round_ in range(ROUNDS):
            async with server(tmp_path, first, **camera):
                for _ in range(0 if round_ else 3):
                    clients.append(await StreamReader.get(second))
                    assert clients[-1].head.startswith(b"HTTP/1.1 200"), clients[-1].head
                    await clients[-1].opening()
                for client in clients:
                    await client.until("live")
            for client in clients:
                while "cannot be reached" not in (await client.part()).headers.get("x-reason", ""):
                    pass
        assert running.returncode is None
        for client in clients:
            await client.close()


def test_a_password_on_the_command_line_is_refused() -> None:
    """Every user of the machine can read it there; the message does not repeat it."""
    url = "http://anna:secret-word@127.0.0.1/stream"
    command = [sys.executable, "-m", "soft_stream", "serve", "--source", "http", "--url", url]
    run = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert run.returncode == 78
    assert "every user of this machine can read a command line" in run.stderr
    assert "secret-word" not in run.stdout + run.stderr
