"""/snap.jpg: one copy in memory for the clients that get it at the same time."""

import asyncio
import os
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from soft_stream.web.api import photo
from soft_stream.web.api.photo import Photo, SharedPhotos, Version
from tests.support.server import StartPortal

JPEG = b"\xff\xd8\xff\xe0"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a photo."""
    path = tmp_path / "snap.jpg"
    path.write_bytes(JPEG)
    return path


def change(file: Path, content: bytes, how: str) -> None:
    """Give a file another content as a program does."""
    if how == "written in place":
        file.write_bytes(content)
    else:
        new = file.with_suffix(".new")
        new.write_bytes(content)
        times = file.stat()
        os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))  # as `cp -p` and rsync do
        new.replace(file)


@pytest.mark.parametrize("how", ["replaced", "written in place"])
async def test_clients_share_a_photo_until_it_changes(file: Path, how: str) -> None:
    """While a client is served, others get the same bytes object; a new photo is for all that request it then."""
    shared = SharedPhotos()
    first, second = await shared.read(file), await shared.read(file)
    assert first.content is second.content
    await asyncio.to_thread(change, file, JPEG + b"new", how)
    third, fourth = await shared.read(file), await shared.read(file)
    assert (first.content, third.content) == (JPEG, JPEG + b"new")
    assert third.content is fourth.content


async def test_no_photo_is_kept_for_later(file: Path) -> None:
    """When no client gets it any more, its memory is free."""
    shared = SharedPhotos()
    served = weakref.ref(await shared.read(file))
    while served():  # noqa: ASYNC110 # the event loop lets go of it in its next rounds
        await asyncio.sleep(0.001)


async def test_one_read_at_a_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when clients leave during a read, which goes on in its thread."""
    running, most, go_on, real = 0, 0, threading.Event(), photo._read

    def read(path: Path, find: Callable[[Version], Photo | None]) -> Photo:
        nonlocal running, most
        running += 1
        most = max(most, running)
        go_on.wait(20)
        running -= 1
        return real(path, find)

    monkeypatch.setattr(photo, "_read", read)
    shared = SharedPhotos()
    leaving = [asyncio.create_task(shared.read(file)) for _ in range(5)]
    staying = [asyncio.create_task(shared.read(file)) for _ in range(5)]
    while not running:  # noqa: ASYNC110 # it begins in a thread
        await asyncio.sleep(0.001)
    for each in leaving:
        each.cancel()
    await asyncio.wait(leaving)
    await asyncio.sleep(0.01)
    go_on.set()
    photos = await asyncio.gather(*staying)
    assert most == 1
    assert len({id(each.content) for each in photos}) == 1


async def test_a_file_that_is_too_large_is_no_photo(
    start_portal: StartPortal, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of a JPEG is never served as if it were whole."""
    monkeypatch.setattr(photo, "MAX_BYTES", 1000)
    portal = await start_portal(pause_snapshot=str(file))
    for size, status in ((1000, 200), (1001, 404)):
        await asyncio.to_thread(file.write_bytes, JPEG.ljust(size, b"x"))
        async with portal.http.get("/snap.jpg") as answer:
            assert answer.status == status
