"""`soft-stream view` with the programs themselves: they show the newest frames."""

import asyncio
import signal
import sys
from pathlib import Path

import pytest

from tests.end_to_end.clients.programs import needs_program, run, started
from tests.support.server import Portal

VIEW = (sys.executable, "-m", "soft_stream", "view")
FRAMES = 60


@pytest.fixture(autouse=True)
def runtime_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDL complains without this folder; its driver `dummy` needs no display."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


def url(portal: Portal) -> str:
    """Return the address of the stream."""
    return f"http://127.0.0.1:{portal.port}/stream.mjpg"


@needs_program("mpv")
async def test_mpv(portal: Portal) -> None:
    """It shows frames of 50 fps as they arrive, and ends with its own status."""
    ended = await run(*VIEW, url(portal), "--with", "mpv", f"--options=--no-config --vo=null --frames={FRAMES}")
    assert (ended.status, ended.said) == (0, "")
    assert portal.supervisor.status.counters.captured >= FRAMES


@needs_program("gst-launch-1.0")
async def test_gstreamer(portal: Portal) -> None:
    """Its elements decode one frame after the other."""
    sink = f"video/x-raw,width=160,height=120 ! identity eos-after={FRAMES} ! fakesink"
    ended = await run(*VIEW, url(portal), "--with", "gst-launch-1.0", f"--options={sink}")
    assert (ended.status, ended.said) == (0, "")


@needs_program("ffplay")
async def test_ffplay(portal: Portal) -> None:
    """It reads on, and Ctrl-C in the terminal ends both."""
    command = (*VIEW, url(portal), "--with", "ffplay", "--options=-noborder")
    async with started(*command, stderr=asyncio.subprocess.PIPE) as process:
        await portal.until(lambda: any(each.sent > FRAMES for each in portal.supervisor.subscribers.clients))
        process.send_signal(signal.SIGINT)
        _, said = await process.communicate()
    assert (process.returncode, said) == (130, b"")
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
