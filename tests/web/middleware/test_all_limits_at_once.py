"""All limits under attack at the same time: the memory of the process, and the frame rate of a normal client."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.attackers import REFUSALS
from tests.support.logins import login_of, write_logins
from tests.support.multipart_reader import StreamReader
from tests.support.processes import serving

# Small frames, so that the clients of this test leave the server a share of the processor.
CAMERA = ("--width", "320", "--height", "240", "--fps", "10", "--snapshot-width", "1280", "--snapshot-height", "720")
DESCRIPTORS = 1024  # as systemd's default
SECONDS = 10.0
# The attackers, and the tests beside this one, need processors too: time in which the server waits for a processor does
# not count, and the best of a few rounds does.
ROUNDS = 3
MOST_MEGABYTES, LEAST_SHARE = 150, 0.5


def resident(process: int) -> float:
    """Return the resident memory of a process in MB."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{process}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def starved(*processes: int) -> dict[str, float]:
    """Return for how many seconds each thread of some processes was ready to run, and waited for a processor."""
    files = [file for each in processes for file in Path(f"/proc/{each}/task").glob("*/schedstat")]
    waits = {}
    for file in files:
        with suppress(OSError):  # the thread has ended
            waits[file.parent.name] = int(file.read_text().split()[1]) / 1e9
    return waits


@contextmanager
def serving_few(*flags: str) -> Iterator[tuple[int, int]]:
    """Serve with a limited number of descriptors; yield the process and its port."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, limit[1]))  # a child has its parent's limits
    try:
        running = serving(*flags)
        process, url = running.__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)
    try:
        yield process.pid, int(url.rpartition(":")[2])
    finally:
        running.__exit__(None, None, None)


class Watched:
    """A normal client, which counts its live frames."""

    def __init__(self, stream: StreamReader, server: int) -> None:
        self._stream = stream
        self._processes = (server, os.getpid())
        self.count = 0

    async def read(self) -> None:
        """Read until this is cancelled."""
        while True:
            self.count += (await self._stream.part()).label == "live"

    async def rate(self, ended: Callable[[], object]) -> float:
        """Return the frames a second until something is true; time without a processor does not count."""
        count, began, waits = self.count, time.monotonic(), starved(*self._processes)
        while not ended():  # noqa: ASYNC110 # frames are counted meanwhile
            await asyncio.sleep(0.1)
        seconds, after = time.monotonic() - began, starved(*self._processes)
        longest = max((wait - waits[thread] for thread, wait in after.items() if thread in waits), default=0.0)
        return (self.count - count) / (seconds - min(longest, 0.9 * seconds))


@pytest.mark.slow
async def test_all_attacks_at_once(tmp_path: Path) -> None:
    """The process stays below 150 MB, the client gets its frames, and each limit has refused something."""
    files = write_logins(tmp_path)
    lines = files.users.read_text().splitlines(keepends=True)
    files.users.write_text("".join(line for line in lines if "everything" not in line))  # a warning before all others
    flags = ("--auth", "always", "--users-file", str(files.users), *CAMERA)
    with serving_few(*flags) as (process, port):
        headers = {"X-Forwarded-For": "192.0.2.99", **login_of("vera")}
        stream = await StreamReader.get(port, headers=headers)
        await stream.opening()
        watched = Watched(stream, process)
        reading = asyncio.create_task(watched.read())
        began = time.monotonic()
        before, memory = await watched.rate(lambda: time.monotonic() - began > SECONDS / 2), [resident(process)]
        statuses = Counter[str]()
        shares: list[float] = []

        def has_ended() -> bool:
            memory.append(resident(process))
            return attacking.done()

        while len(shares) < ROUNDS and max(shares, default=0.0) < LEAST_SHARE:
            command = (sys.executable, "-m", "tests.support.attackers", str(port), str(SECONDS))
            attackers = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
            attacking = asyncio.create_task(attackers.communicate())
            shares.append(await watched.rate(has_ended) / before)
            statuses.update(json.loads((await attacking)[0]))
        reading.cancel()
        await asyncio.wait([reading])
        stream.writer.transport.abort()
    figures = f"frames: {shares} of those before; {memory[0]:.0f} MB before, {max(memory):.0f} at most; {statuses}"
    assert max(memory) < MOST_MEGABYTES, figures
    assert max(shares) >= LEAST_SHARE, figures
    assert {"200"} | REFUSALS <= statuses.keys(), figures
