"""The output `save`: frames in files, while the camera, the disk or the command misbehave."""

# ruff: noqa: ASYNC240 # the files of a test are small

import logging
import os
import threading
from pathlib import Path

import pytest

from soft_stream.capture.pause import Borrower
from soft_stream.capture.status import State
from soft_stream.outputs import frame_writer, saving
from soft_stream.outputs.report import OutputState
from soft_stream.outputs.storage import Storage
from tests.outputs.running import outputs_of
from tests.support.logins import login_of, write_logins
from tests.support.server import StartPortal


@pytest.fixture(autouse=True)
def _retries_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saving, "RETRY_INTERVAL", 0.05)


def jpegs(folder: Path) -> list[bytes]:
    """Return the saved files, the oldest first."""
    return [each.read_bytes() for each in sorted(folder.glob("cam0-*"))]


async def test_each_frame_is_saved(start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each frame becomes a file, the camera is open for that, and the log has one line in and one out."""
    portal = await start_portal(save=str(tmp_path), save_link="newest.jpg")
    with caplog.at_level(logging.INFO):
        async with outputs_of(portal) as [report]:
            await portal.until(lambda: report.frames >= 20)
            [client] = (await portal.status())["clients"]
            assert (client["peer"], client["path"]) == ("this process", "cam0_save")
            assert report.state is OutputState.RUNNING
            assert report.missed < report.frames
    saved = jpegs(tmp_path)
    assert len(saved) in (report.frames, report.frames + 1)  # one may be written when the output ends
    assert len(set(saved)) == len(saved)
    assert all(each[:2] == b"\xff\xd8" and each[-2:] == b"\xff\xd9" for each in saved)
    assert (tmp_path / "newest.jpg").read_bytes() == saved[-1]
    lines = [each for each in caplog.messages if "cam0_save" in each and each.startswith("Client")]
    assert [line.partition(":")[0] for line in lines] == ["Client connected", "Client disconnected"]
    await portal.until(lambda: portal.supervisor.status.state is State.IDLE)


async def test_one_frame_every_interval(start_portal: StartPortal, tmp_path: Path) -> None:
    """With an interval no frame between two saved ones is encoded, and none counts as missed."""
    portal = await start_portal(save=str(tmp_path), save_interval=0.2)
    async with outputs_of(portal) as [report]:
        await portal.until(lambda: report.frames >= 4)
        assert portal.supervisor.status.counters.encoded <= report.frames + 1
        assert portal.supervisor.status.counters.captured > 3 * report.frames
        assert report.missed == 0


async def test_one_file_of_frames(start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The frames follow one another in files of a limited size, of which the second name is the newest one."""
    monkeypatch.setattr(frame_writer, "MJPEG_SIZE", 20_000)
    portal = await start_portal(save=str(tmp_path), save_as="mjpeg", save_link="cam.mjpg")
    async with outputs_of(portal) as [report]:
        await portal.until(lambda: len(jpegs(tmp_path)) >= 3)
    files = jpegs(tmp_path)
    assert all(len(each) <= 20_000 for each in files)
    frames = [f for each in files for f in each.split(b"\xff\xd9\xff\xd8")]
    assert len(frames) in (report.frames, report.frames + 1)
    assert (tmp_path / "cam.mjpg").samefile(sorted(tmp_path.glob("cam0-*"))[-1])


async def test_faults_of_the_camera_and_pauses(start_portal: StartPortal, tmp_path: Path) -> None:
    """While the camera gives no frames or is lent nothing is saved; afterwards saving goes on by itself."""
    portal = await start_portal(save=str(tmp_path))
    async with outputs_of(portal) as [report]:
        await portal.until(lambda: report.frames)
        portal.device.unplug()
        await portal.until(lambda: portal.supervisor.status.state is State.RETRYING)
        before = len(jpegs(tmp_path))
        await portal.until(lambda: portal.supervisor.health.problem)
        assert len(jpegs(tmp_path)) == before
        portal.device.plug()
        await portal.until(lambda: len(jpegs(tmp_path)) > before)
        portal.supervisor.pause.acquire("key", Borrower("test"), 60)
        await portal.until(lambda: portal.device.opened == portal.device.closed)
        before = len(jpegs(tmp_path))
        assert report.state is OutputState.RUNNING
        portal.supervisor.pause.release("key")
        await portal.until(lambda: len(jpegs(tmp_path)) > before)


async def test_a_disk_that_fails_and_recovers(
    start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A folder that goes away is one log line, a notice and a state; its return is one line; the stream goes on."""
    folder = tmp_path / "frames"
    folder.mkdir()
    portal = await start_portal(save=str(folder), save_interval=0.05)
    async with outputs_of(portal) as [report]:
        await portal.until(lambda: report.frames)
        folder.rename(tmp_path / "away")
        await portal.until(lambda: report.missed >= 3)
        assert report.state is OutputState.FAILING
        assert report.problem == "cam0_save: the folder does not exist; next try in 0.05 s"
        encoded = portal.supervisor.status.counters.encoded
        await portal.until(lambda: portal.supervisor.status.counters.encoded > encoded)
        (tmp_path / "away").rename(folder)
        await portal.until(lambda: report.state is OutputState.RUNNING)
    lines = [each for each in caplog.messages if each.startswith("cam0_save=")]
    assert len(lines) == 1
    assert "the folder does not exist" in lines[0]


async def test_a_disk_that_hangs(start_portal: StartPortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that does not return holds one frame; the stream goes on, and the state says what is wrong."""
    monkeypatch.setattr(saving, "SLOW", 0.05)
    hangs, add, calls = threading.Event(), Storage.add, list[bytes]()

    def add_late(self: Storage, content: bytes, suffix: str, taken: float, *, sync: bool = False) -> Path:
        calls.append(content)
        hangs.wait(20)
        return add(self, content, suffix, taken, sync=sync)

    monkeypatch.setattr(Storage, "add", add_late)
    portal = await start_portal(save=str(tmp_path))
    async with outputs_of(portal) as [report], portal.http.get("/stream.mjpg") as stream:
        await portal.until(lambda: report.state is OutputState.FAILING)
        assert report.last_error == "a frame could not be written in 0.05 s; the disk may hang"
        for _ in range(50):
            await stream.content.readuntil(b"\xff\xd9")
        assert len(calls) == 1
        hangs.set()
        await portal.until(lambda: report.frames >= 2 and report.state is OutputState.RUNNING)
        assert report.missed >= 40


async def test_the_command(start_portal: StartPortal, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The command gets the path of each file as its last argument, without a shell; a failure is one log line."""
    script, seen = tmp_path / "command", tmp_path / "seen"
    script.write_text(f'#!/bin/sh\necho "$# $1 $2 $MJPG_FILE" >> {seen}\nexit 3\n')
    script.chmod(0o755)
    folder = tmp_path / "a folder; touch injected"
    folder.mkdir()
    portal = await start_portal(save=str(folder), save_command=f"{script} '$(id)'")
    async with outputs_of(portal) as [report]:
        await portal.until(lambda: report.frames >= 3)
    files = sorted(folder.glob("cam0-*"))
    assert seen.read_text().splitlines()[:3] == [f"2 $(id) {each} {each}" for each in files[:3]]
    warnings = [each for each in caplog.messages if each.startswith("cam0_save_command")]
    assert warnings == ["cam0_save_command: it ended with exit status 3"]
    assert not os.path.exists("injected")


async def test_who_sees_the_paths(start_portal: StartPortal, tmp_path: Path) -> None:
    """`/status.json` has the state for everybody, the folder and the error for those who may control the camera."""
    logins = write_logins(tmp_path)
    folder = str(tmp_path / "missing")
    portal = await start_portal(auth="always", users_file=str(logins.users), state_directory=tmp_path, save=folder)
    error = "the folder does not exist; next try in 0.05 s"
    async with outputs_of(portal) as [report]:
        await portal.until(lambda: report.state is OutputState.FAILING)
        for name, target, last_error in (("conny", folder, error), ("vera", "", "")):
            async with portal.http.get("/status.json", headers=login_of(name)) as answer:
                facts = await answer.json()
            [output] = facts["outputs"]
            assert output.pop("missed") >= 1
            expected = {"setting": "cam0_save", "state": "failing", "frames": 0, "target": target}
            assert output == {**expected, "last_error": last_error}
            assert facts["notices"] == ([f"cam0_save: {error}"] if target else [])
            async with portal.http.get("/healthz", headers=login_of(name)) as answer:
                assert answer.status == 200
