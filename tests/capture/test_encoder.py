"""The threads that encode frames."""

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
from soft_stream.cameras.folder.camera import FolderCamera
from soft_stream.capture.encoder import FRAMES, EncoderPool
from soft_stream.capture.subscribers import Client
from soft_stream.capture.supervisor import CameraSupervisor
from soft_stream.frames.raw import RawFrame
from tests.support.multipart_reader import StreamReader
from tests.support.server import QUICK, StartPortal
from tests.support.witness import Witness


@pytest.fixture
def encoders() -> Iterator[EncoderPool]:
    """Return a pool of up to two threads, on a machine with any number of cores."""
    each = EncoderPool(most=2)
    yield each
    each.end()


def wear_out(encoders: EncoderPool) -> None:
    """Record many frames that took longer to encode than the frame interval."""
    for _ in range(FRAMES):
        encoders.record(0.05, 0.033)


def test_a_second_thread_helps_when_one_is_too_slow(encoders: EncoderPool) -> None:
    """A few slow frames start no second thread; many slow frames do."""
    for _ in range(3 * FRAMES):
        encoders.record(0.02, 0.033)
    encoders.record(0.2, 0.033)
    assert (encoders.is_helping, encoders.thread_count) == (False, 1)
    wear_out(encoders)
    assert (encoders.is_helping, encoders.thread_count) == (True, 2)


def test_a_single_core_has_one_thread() -> None:
    """On a single core a second thread would only cost memory."""
    alone = EncoderPool(most=1)
    wear_out(alone)
    assert not alone.is_helping


def test_there_is_no_capacity_while_all_threads_encode(encoders: EncoderPool) -> None:
    """Each thread takes one frame; there is capacity again when one is done."""
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


def test_an_encoding_error_is_raised(encoders: EncoderPool) -> None:
    """An encoding error is raised in the camera thread, like every other fault of the camera."""
    wear_out(encoders)

    def encode() -> float:
        raise CameraError("not a JPEG")

    encoders.submit(encode)
    encoders.end()
    with pytest.raises(CameraError, match="not a JPEG"):
        encoders.collect_done()


def helping() -> list[str]:
    """List the names of the encoder threads."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("encoder")]


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="nobody helps on a single core")
async def test_frames_stay_in_order_with_several_threads(start_portal: StartPortal) -> None:
    """With frames too large for one thread each frame is newer than the one before, and all threads end."""
    portal = await start_portal(width=3840, height=2160, fps=120, watchdog_timeout=0, start_timeout=60)
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
    """A camera that delivers its own JPEGs, which take long to rotate and can be damaged."""

    damaged = False

    def capture(self, timeout: float) -> RawFrame:
        """Capture the next frame; see `Camera.capture`."""
        raw = super().capture(timeout)
        if Webcam.damaged:
            raw.jpeg = b"no JPEG"
        return raw


@pytest.mark.skipif(len(os.sched_getaffinity(0)) == 1, reason="nobody helps on a single core")
async def test_a_camera_with_damaged_frames_is_restarted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Damaged frames count as silence also with several threads; the restarted camera delivers frames again."""
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
