"""Real clients: ffmpeg and curl read what the portal sends."""

import asyncio
import shutil

import pytest

from tests.conftest import Portal, StartPortal


async def run(*command: str) -> tuple[int, str]:
    """Run a client to its end; return its exit status and all that it said."""
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(errors="replace")


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
@pytest.mark.parametrize("strict", ["0", "1"])
async def test_ffmpeg_decodes_the_stream(portal: Portal, strict: str) -> None:
    """Ffmpeg takes the boundary from the header or guesses it, and finds nothing to complain about."""
    url = f"http://127.0.0.1:{portal.port}/stream.mjpg"
    source = ("-f", "mpjpeg", "-strict_mime_boundary", strict, "-i", url)
    status, said = await run("ffmpeg", "-v", "warning", *source, "-frames:v", "30", "-f", "null", "-")
    assert (status, [line for line in said.splitlines() if "deprecated pixel format" not in line]) == (0, [])


@pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")
async def test_ffmpeg_survives_a_restart_of_the_camera(start_portal: StartPortal) -> None:
    """Labelled pictures have the size of the stream, so a decoder goes on through them."""
    portal = await start_portal(watchdog_timeout=3)
    url = f"http://127.0.0.1:{portal.port}/stream.mjpg"
    client = asyncio.create_task(run("ffmpeg", "-v", "error", "-f", "mpjpeg", "-i", url, "-t", "12", "-f", "null", "-"))
    await portal.until(lambda: any(client.sent > 20 for client in portal.source.demand.clients))
    portal.device.stall(survives_restart=True)
    assert await client == (0, "")
    assert portal.device.opened == 2


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
async def test_curl_takes_a_snapshot(portal: Portal) -> None:
    """Curl gets a whole picture, and a failure where there is none."""
    url = f"http://127.0.0.1:{portal.port}/snapshot.jpg"
    status, _ = await run("curl", "-sf", "-o", "/dev/null", url)
    assert status == 0
    portal.device.unplug()
    await portal.until(lambda: not portal.source.condition.negotiated)
    status, _ = await run("curl", "-sf", "-o", "/dev/null", url)
    assert status == 22
