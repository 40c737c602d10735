"""Threads that help to encode."""

import asyncio
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy
import pytest
import simplejpeg

from soft_stream.cameras.base import CameraError
from soft_stream.cameras.image_folder import FolderCamera
from soft_stream.capture.encoder import FRAMES, EncoderPool
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.raw import RawFrame
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, StartPortal
from tests.support.witness import Witness


@pytest.fixture
def encoders() -> Iterator[EncoderPool]:
    """Two threads that could help, on a machine with any number of cores."""
    each = EncoderPool(most=2)
    yield each
    each.end()


def wear_out(encoders: EncoderPool) -> None:
    """Take longer over each frame than there is time."""
    for _ in range(FRAMES):
        encoders.record(0.05, 0.033)


def test_others_help_when_one_is_too_slow(encoders: EncoderPool) -> None:
    """A few slow frames do not count, many do."""
    for _ in range(3 * FRAMES):
        encoders.record(0.02, 0.033)
    encoders.record(0.2, 0.033)
    assert (encoders.is_helping, encoders.thread_count) == (False, 1)
    wear_out(encoders)
    assert (encoders.is_helping, encoders.thread_count) == (True, 2)


def test_nobody_helps_on_a_single_core() -> None:
    """A second thread would only cost memory there."""
    alone = EncoderPool(most=1)
    wear_out(alone)
    assert not alone.is_helping


def test_a_frame_is_left_out_while_all_are_at_work(encoders: EncoderPool) -> None:
    """There is room for as many frames as there are threads, and again when one is done."""
    wear_out(encoders)
    go = threading.Event()

    def encode() -> float:
        go.wait()
        return 0.05

    for _ in range(2):
        assert encoders.has_capacity
        encoders.submit(encode)
    assert not encoders.has_capacity
    assert encoders.collect_done() == []
    go.set()
    done: list[float] = []
    while len(done) < 2:
        done += encoders.collect_done()
    assert done == [0.05, 0.05]
    assert encoders.has_capacity


def test_what_keeps_a_frame_from_being_encoded_is_raised(encoders: EncoderPool) -> None:
    """In the camera thread, where it takes the road of all faults."""
    wear_out(encoders)

    def encode() -> float:
        raise CameraError("not a JPEG")

    encoders.submit(encode)
    encoders.end()
    with pytest.raises(CameraError, match="not a JPEG"):
        encoders.collect_done()


def helping() -> list[str]:
    """List the threads that help."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("encoder")]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="nobody helps on a single core")
async def test_frames_come_in_order_while_others_help(start_portal: StartPortal) -> None:
    """A picture that takes longer than there is time: each frame is newer than the one before, and all ends well."""
    portal = await start_portal(width=3840, height=2160, fps=120)
    reader = await StreamReader.get(portal.port)
    await reader.opening()
    while not helping():
        await reader.part()
    stamps = [float((await reader.until("live")).headers["x-timestamp"]) for _ in range(20)]
    assert stamps == sorted(set(stamps))
    await reader.close()
    await portal.until(lambda: portal.supervisor.status.negotiated is None)
    assert not helping()


class Webcam(FolderCamera):
    """Gives its own JPEGs, which take long to turn, and which a bad cable may damage."""

    damaged = False

    def capture(self, timeout: float) -> RawFrame:
        """Capture; see `Camera.capture`."""
        raw = super().capture(timeout)
        if Webcam.damaged:
            raw.jpeg = b"no JPEG"
        return raw


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="nobody helps on a single core")
async def test_a_camera_that_gives_damaged_frames_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while others find that out: it is restarted, and gives frames again."""
    picture = numpy.zeros((2160, 3840, 3), numpy.uint8)
    (tmp_path / "0.jpg").write_bytes(simplejpeg.encode_jpeg(picture))
    settings = replace(QUICK, source="folder", folder=str(tmp_path), rotation=90, fps=120.0)
    supervisor = CameraSupervisor(settings, Webcam)
    witness = Witness(is_ready=True)
    supervisor.subscribers.feed.consumers.append(witness)
    life = asyncio.create_task(supervisor.run())
    with supervisor.subscribers.connected(Client("test", "/", "", streams=True)):
        while not helping():  # noqa: ASYNC110 # threads have no event
            await asyncio.sleep(0.01)
        monkeypatch.setattr(Webcam, "damaged", True)
        while not supervisor.status.counters.restarts:  # noqa: ASYNC110 # as above
            await asyncio.sleep(0.01)
        monkeypatch.undo()
        seen = len(witness.frames)
        while len(witness.frames) < seen + 3:  # noqa: ASYNC110 # as above
            await asyncio.sleep(0.01)
    life.cancel()
    await asyncio.wait([life])
