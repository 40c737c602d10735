"""Many clients that connect and leave at random leave no resources behind."""

import asyncio
import gc
import random

from soft_stream.capture.status import State
from tests.support.multipart_reader import StreamReader
from tests.support.resources import open_resources
from tests.support.server import Portal, StartPortal

CLIENTS = 100
VISITS = 4


async def visit(portal: Portal, chance: random.Random) -> None:
    """Connect, watch for a moment or not at all, and leave with or without closing the connection properly."""
    for _ in range(VISITS):
        await asyncio.sleep(chance.random())
        if chance.random() < 0.3:
            _, writer = await asyncio.open_connection("127.0.0.1", portal.port)
            path = chance.choice(["/stream.mjpg", "/snapshot.jpg"])
            writer.write(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            await asyncio.sleep(chance.random() * 0.3)
            writer.transport.abort()
            continue
        reader = await StreamReader.get(portal.port)
        await reader.opening()
        for _ in range(chance.randrange(10)):
            await reader.part()
        if chance.random() < 0.5:
            reader.writer.transport.abort()
        else:
            await reader.close()


async def test_nothing_is_left_over(start_portal: StartPortal) -> None:
    """No task, thread, file descriptor, client or waiting future remains, and the camera is closed."""
    portal = await start_portal()
    # resources that are created once exist now; an idle connection could be closed at any time
    async with portal.http.get("/snapshot.jpg", headers={"Connection": "close"}) as answer:
        await answer.read()
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)

    tasks, resources = len(asyncio.all_tasks()), open_resources()

    def left() -> set[str]:
        return {each for each in open_resources() - resources if not each.startswith("thread asyncio_")}

    chance = random.Random(1)  # noqa: S311 # a random test, not a secret
    await asyncio.gather(*(visit(portal, random.Random(chance.random())) for _ in range(CLIENTS)))  # noqa: S311
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)
    gc.collect()
    async with asyncio.timeout(60):  # a connection that was aborted last may still be ending
        await portal.until(lambda: len(asyncio.all_tasks()) <= tasks and not left())
    assert not portal.supervisor.subscribers.clients
    assert not portal.supervisor.subscribers.feed.wanted
    assert not portal.supervisor.subscribers.snapshot_requests
    assert portal.device.opened == portal.device.closed
