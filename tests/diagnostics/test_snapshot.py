"""One snapshot: from the process of a camera, or from the camera itself."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from PIL import Image

from soft_stream.access.signing import SigningKey
from soft_stream.cameras.base import CameraBusy, CameraHung, CameraMissing, NoFrame
from soft_stream.cameras.synthetic.camera import SyntheticCamera
from soft_stream.cameras.synthetic.device import SyntheticDevice
from soft_stream.capture.requests import SnapshotSize
from soft_stream.config.loader import LoadedConfig
from soft_stream.config.settings import Settings
from soft_stream.diagnostics.snapshot import LoginNeeded, NoSnapshot, from_camera, from_process
from tests.diagnostics.test_camera_report import FACTS, at
from tests.diagnostics.test_processes import answering
from tests.support.jpegs import picture, save
from tests.support.processes import free_port
from tests.support.server import QUICK, Portal, StartPortal

SETTINGS = replace(QUICK, start_timeout=2.0, autofocus_timeout=1.0)


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Decode a JPEG, and return its size."""
    with Image.open(BytesIO(jpeg)) as image:
        image.load()
        return image.size


async def take(
    settings: Settings, size: SnapshotSize | None = None, elsewhere: Mapping[int, Settings] | None = None
) -> bytes | None:
    """Take a snapshot of the process."""

    def find(_: Path | None, numbers: Collection[int]) -> Mapping[int, Settings]:
        return {number: each for number, each in (elsewhere or {}).items() if number in numbers}

    return await from_process(LoadedConfig(None, {settings.camera: settings}, {}), settings.camera, size, find)


@pytest.mark.parametrize(
    ("size", "expected"), [(None, (320, 240)), (SnapshotSize.FULL, (320, 240)), (SnapshotSize.STREAM, (160, 120))]
)
async def test_the_sizes(portal: Portal, size: SnapshotSize | None, expected: tuple[int, int]) -> None:
    """The process decides unless a size is asked for."""
    jpeg = await take(at(portal), size)
    assert jpeg
    assert size_of(jpeg) == expected


async def test_no_process() -> None:
    """The camera itself is left."""
    assert await take(replace(SETTINGS, port=free_port())) is None


async def test_a_process_with_another_port(portal: Portal) -> None:
    """It is found, and gives the snapshot."""
    assert await take(replace(SETTINGS, port=free_port()), elsewhere={0: at(portal)})


async def test_a_paused_camera(portal: Portal) -> None:
    """The refusal names who has the camera, at once."""
    async with portal.http.post("/pause"):
        with pytest.raises(NoSnapshot, match=r"paused by 127\.0\.0\.1"):
            await take(at(portal, start_timeout=60.0))


async def test_a_camera_that_fails(portal: Portal) -> None:
    """The reason is that of the process."""
    portal.device.unplug()
    with pytest.raises(NoSnapshot, match="unplugged"):
        await take(at(portal))


async def test_a_frozen_camera(start_portal: StartPortal) -> None:
    """The newest frame of before is no snapshot of now, also while its stream is open."""
    portal = await start_portal(watchdog_timeout=30.0)
    async with portal.http.get("/stream.mjpg") as stream:
        await stream.content.readany()
        portal.device.stall()
        with pytest.raises(NoSnapshot, match="No frame within 1 s"):
            await take(at(portal, start_timeout=0.5, autofocus_timeout=0.5), SnapshotSize.STREAM)


async def test_a_login_is_needed(start_portal: StartPortal, tmp_path: Path) -> None:
    """The key of the processes is the login; without the right to read it, the refusal says so."""
    await asyncio.to_thread(SigningKey.load, tmp_path)
    portal = await start_portal(auth="always", state_directory=tmp_path)
    assert await take(at(portal, state_directory=tmp_path))
    with pytest.raises(LoginNeeded, match="run the command with sudo"):
        await take(at(portal, state_directory=tmp_path / "none"))


async def test_the_process_of_another_camera(start_portal: StartPortal) -> None:
    """Its frame is no snapshot of this camera."""
    portal = await start_portal(camera=1)
    with pytest.raises(NoSnapshot, match="in use by the process of camera 1"):
        await take(at(portal))


JPEG = save(picture())
FRESH = {"X-Age-Ms": "40", "X-Frame-Size": "16x16"}


@pytest.mark.parametrize(
    ("status", "body", "headers", "reason"),
    [
        (200, JPEG, {}, "not a snapshot of camera-soft-stream"),
        (200, JPEG, {"X-Age-Ms": "soon"}, "not a snapshot of camera-soft-stream"),
        (200, JPEG, {"X-Age-Ms": "nan"}, "not a snapshot of camera-soft-stream"),
        (200, JPEG, {"X-Age-Ms": "-5"}, "not a snapshot of camera-soft-stream"),
        (200, JPEG, {"X-Age-Ms": "86400000"}, "the frame is 86400.0 s old"),
        (200, JPEG[:-10], FRESH, "not a whole JPEG"),
        (200, b"", FRESH, "not a whole JPEG"),
        (200, b"<html>", FRESH, "not a whole JPEG"),
        (503, JPEG, FRESH, "has the status 503"),
        (302, b"", {"Location": "/elsewhere"}, "has the status 302"),
    ],
)
async def test_what_is_no_fresh_frame(status: int, body: bytes, headers: dict[str, str], reason: str) -> None:
    """A placeholder, an old or a cut-off frame, or the image of another program is never a snapshot."""

    async def answer(request: web.Request) -> web.Response:
        if request.path.endswith("/status.json"):
            return web.json_response(FACTS)
        return web.Response(status=status, body=body, content_type="image/jpeg", headers=headers)

    async with answering(answer) as settings:
        with pytest.raises(NoSnapshot, match=reason):
            await take(settings)


async def test_a_process_that_ends_while_it_sends() -> None:
    """Half of a frame is none."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/status.json"):
            return web.json_response(FACTS)
        length = str(len(JPEG) + 1)
        response = web.StreamResponse(headers=FRESH | {"Content-Length": length, "Content-Type": "image/jpeg"})
        await response.prepare(request)
        await response.write(JPEG)
        assert request.transport
        request.transport.close()
        return response

    async with answering(answer) as settings:
        with pytest.raises(NoSnapshot, match="closed before the end"):
            await take(settings)


def camera_of(device: SyntheticDevice) -> Any:
    """Return a factory for drivers of a device."""
    return lambda settings: SyntheticCamera(settings, device)


@pytest.mark.parametrize(("size", "expected"), [(None, (320, 240)), (SnapshotSize.STREAM, (160, 120))])
async def test_the_camera_itself(size: SnapshotSize | None, expected: tuple[int, int]) -> None:
    """It is opened, focused, and closed afterwards."""
    device = SyntheticDevice()
    assert size_of(await from_camera(SETTINGS, size, camera_of(device))) == expected
    assert (device.opened, device.closed) == (1, 1)
    assert device.cycles == 1
    assert device.lens == 1.0


async def test_the_size_of_the_settings() -> None:
    """cam_snapshot_size decides, as in the process."""
    settings = replace(SETTINGS, snapshot_size="stream")
    assert size_of(await from_camera(settings, None, camera_of(SyntheticDevice()))) == (160, 120)


async def test_an_unplugged_camera() -> None:
    """The error is that of the driver."""
    device = SyntheticDevice()
    device.unplug()
    with pytest.raises(CameraMissing, match="unplugged"):
        await from_camera(SETTINGS, None, camera_of(device))


async def test_a_camera_in_use() -> None:
    """The error names the program."""
    device = SyntheticDevice()
    device.seize("rpicam-still (pid 12)")
    with pytest.raises(CameraBusy, match="rpicam-still"):
        await from_camera(SETTINGS, None, camera_of(device))


async def test_a_camera_without_frames() -> None:
    """The wait ends, and the camera is closed."""
    device = SyntheticDevice()
    device.stall(survives_reopening=True)
    settings = replace(SETTINGS, start_timeout=0.3, autofocus_timeout=0.5, watchdog_timeout=0.0)
    with pytest.raises(NoFrame, match=r"no frame within 0\.8 s: "):
        await from_camera(settings, None, camera_of(device))
    assert device.opened == device.closed


async def test_a_camera_that_hangs_while_it_closes() -> None:
    """The frame was taken before, so it is the result."""
    device = SyntheticDevice()
    device.hang_on_close()
    try:
        assert await from_camera(replace(SETTINGS, close_timeout=0.5), SnapshotSize.STREAM, camera_of(device))
    finally:
        device.let_go()


async def test_a_camera_that_hangs_while_it_opens() -> None:
    """Only a new process could help; the wait has an end."""
    device = SyntheticDevice()
    device.slow_open(60.0)
    settings = replace(SETTINGS, start_timeout=0.3, autofocus_timeout=0.5)
    try:
        with pytest.raises((NoFrame, CameraHung)):
            await from_camera(settings, None, camera_of(device))
    finally:
        device.let_go()
