"""What the pages in docs/clients say to paste works, with the programs themselves where they are installed."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from tests.end_to_end.clients.programs import needs_program, run, started
from tests.support.checkout import ROOT
from tests.support.server import QUICK, Portal, StartPortal

FRAMES = 30
SIZE = (QUICK.width, QUICK.height)
PAGES = {file.name: file.read_text() for file in (ROOT / "docs/clients").glob("*.md")}
INDEX = PAGES.pop("README.md")
NETWORK = "raspberrypi.local:8081"
LOCAL = "127.0.0.1:18081"


def found(pattern: str, page: str) -> str:
    """Return what a page has in a place."""
    match = re.search(pattern, PAGES[page], re.MULTILINE | re.DOTALL)
    assert match, f"{pattern} is not in docs/clients/{page}"
    return match[1]


def sent(log: pytest.LogCaptureFixture, path: str) -> int:
    """Return how many frames the client with a path was sent, by the log."""
    messages = [each.getMessage() for each in log.records]
    (line,) = [each for each in messages if each.startswith("Client disconnected: ") and f" {path} " in each]
    return int(line.split(" frames sent")[0].split()[-1])


def shades(file: Path) -> int:
    """Return how many shades of grey a picture has; 0 while it is being written."""
    try:
        return len(set(Image.open(file).convert("L").tobytes()))
    except OSError:
        return 0


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_says_what_was_tried(page: str) -> None:
    """The index links each page, and each page has a statement on what was tested."""
    assert f"]({page})" in INDEX
    assert re.search(r"^(## )?Tested\b", PAGES[page], re.MULTILINE)


@pytest.mark.parametrize("page", sorted(PAGES))
def test_json_can_be_pasted(page: str) -> None:
    """Blocks of JSON are valid."""
    for block in re.findall(r"^```json\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL):
        json.loads(block)


@needs_program("mpv")
async def test_mpv_shows_the_newest_frames(start_portal: StartPortal, caplog: pytest.LogCaptureFixture) -> None:
    """With the options of the page mpv keeps up with a camera of more than 25 fps; without --untimed it does not."""
    portal = await start_portal(close_after=10)
    caplog.set_level("INFO")
    options = found(r"^mpv (.*?) http", "mpv.md").split()
    play = (
        "mpv",
        "--no-config",
        "--quiet",
        "--msg-level=all=error,cplayer=info",
        "--vo=null",
        f"--frames={3 * FRAMES}",
    )
    url = f"http://127.0.0.1:{portal.port}"
    ended, _ = await asyncio.gather(
        run(*play, *options, f"{url}/stream.mjpg"),
        run(*play, *[each for each in options if each != "--untimed"], f"{url}/?action=stream"),
    )
    assert (ended.status, ended.said) == (0, "")
    assert f"VO: [null] {SIZE[0]}x{SIZE[1]} " in ended.out.decode()
    await portal.until(lambda: not portal.supervisor.subscribers.clients)
    assert sent(caplog, "/stream.mjpg") + FRAMES < sent(caplog, "/?action=stream")


@needs_program("mpv")
async def test_mpv_ends_with_an_error_without_a_camera(portal: Portal) -> None:
    """The loop of the page starts mpv again, because it ends."""
    portal.device.unplug()
    ended = await run("mpv", "--no-config", "--vo=null", "--ytdl=no", f"http://127.0.0.1:{portal.port}/stream.mjpg")
    assert ended.status == 2
    assert "503" in ended.said + ended.out.decode()


@needs_program("motion")
@pytest.mark.parametrize("scheme", ["mjpeg", "http"])
async def test_motion_reads_the_stream(portal: Portal, scheme: str, tmp_path: Path) -> None:
    """Motion saves frames of the stream with the settings of the page; `http://` works too, but more slowly."""
    settings = dict(line.split() for line in found(r"^```\n(netcam_url.*?)^```", "motioneye.md").splitlines())
    assert settings.pop("netcam_userpass")
    assert settings["netcam_url"].startswith("mjpeg://")
    settings["netcam_url"] = settings["netcam_url"].replace("mjpeg:", f"{scheme}:")
    settings["netcam_url"] = settings["netcam_url"].replace(NETWORK, f"127.0.0.1:{portal.port}")
    settings |= {
        "width": str(SIZE[0]),
        "height": str(SIZE[1]),
        "target_dir": str(tmp_path),
        "snapshot_interval": "1",
        "snapshot_filename": "saved",
        "picture_output": "off",
        "movie_output": "off",
        "webcontrol_port": "0",
    }
    (tmp_path / "motion.conf").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    saved = tmp_path / "saved.jpg"
    async with started("motion", "-n", "-c", tmp_path / "motion.conf", stderr=asyncio.subprocess.DEVNULL):
        # before the first frame motion saves a grey one
        await portal.until(lambda: saved.exists() and shades(saved) > 20)


@needs_program("gst-launch-1.0")
@pytest.mark.parametrize("path", ["/stream.mjpg", "/?action=stream"])
async def test_gstreamer_decodes_the_stream(portal: Portal, path: str) -> None:
    """The elements of the page find the boundary, and decode one frame after the other."""
    source = found(r'^SOURCE="(.*?)"$', "gstreamer.md").replace("$URL", f"http://127.0.0.1:{portal.port}{path}").split()
    decoder = ("!", "decodebin", "!", "video/x-raw,format=I420", "!", "identity", f"eos-after={FRAMES}", "!", "fdsink")
    ended = await run("gst-launch-1.0", "-q", *source, *decoder)
    assert (ended.status, ended.said) == (0, "")
    frame_bytes = SIZE[0] * SIZE[1] * 3 // 2
    assert len(ended.out) >= (FRAMES - 1) * frame_bytes
    assert len(set(ended.out[:frame_bytes])) > 20  # a picture, and not one shade


@needs_program("ffmpeg")
async def test_ffmpeg_of_homebridge_reads_stream_and_still(portal: Portal) -> None:
    """The plugin gives these words to ffmpeg, split at spaces."""
    (camera,) = json.loads(found(r"^```json\n(.*?)^```$", "homebridge.md"))["cameras"]
    for name in ("source", "stillImageSource"):
        words = camera["videoConfig"][name].replace(LOCAL, f"127.0.0.1:{portal.port}").split()
        ended = await run("ffmpeg", "-v", "error", *words, "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-")
        assert ended.status == 0, ended.said
        assert ended.out.startswith(b"\x89PNG")
