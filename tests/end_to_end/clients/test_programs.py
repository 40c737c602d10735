"""Real client programs get what they request, at the URLs of the server and of older programs."""

import asyncio
import base64
import json
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.end_to_end.clients.programs import NODE, PYTHON, SCRIPTS, needs_package, needs_program, output_of, run
from tests.support.server import QUICK, Portal, StartPortal

FRAMES = 30
SIZE = (QUICK.width, QUICK.height)
STREAMS = pytest.mark.parametrize("path", ["/stream.mjpg", "/?action=stream"])
FULL_SIZE = (QUICK.snapshot_width, QUICK.snapshot_height)
# older programs have no pictures of another size than the stream's
SNAPSHOTS = pytest.mark.parametrize(
    ("path", "size"), [("/snapshot.jpg", FULL_SIZE), ("/?action=snapshot&1712345678901", SIZE)]
)
# https://github.com/blakeblackshear/frigate/blob/dev/frigate/ffmpeg_presets.py
FRIGATE = (
    *("-avoid_negative_ts", "make_zero", "-fflags", "nobuffer", "-flags", "low_delay", "-strict", "experimental"),
    *("-fflags", "+genpts+discardcorrupt", "-use_wallclock_as_timestamps", "1"),
)
FRIGATE_STILLS = ("-r", "5", "-stream_loop", "-1", "-f", "image2", *FRIGATE)


def url(portal: Portal, path: str) -> str:
    """Return the address of a path."""
    return f"http://127.0.0.1:{portal.port}{path}"


def complaints(said: str) -> list[str]:
    """Return the complaints of ffmpeg, without the one about the colour range of every JPEG."""
    return [line for line in said.splitlines() if "deprecated pixel format" not in line]


def whole(jpeg: bytes) -> tuple[int, int]:
    """Decode a JPEG to its end, and return its size."""
    picture = Image.open(BytesIO(jpeg))
    picture.load()
    return picture.size


def sizes(lines: bytes) -> list[tuple[int, int]]:
    """Decode lines of Base64, each a whole JPEG, and return their sizes."""
    return [whole(base64.b64decode(line)) for line in lines.split()]


@needs_program("ffmpeg")
@STREAMS
@pytest.mark.parametrize("options", ["", "-f mpjpeg", "-f mpjpeg -strict_mime_boundary 1"])
async def test_ffmpeg_decodes_the_stream(portal: Portal, path: str, options: str) -> None:
    """Ffmpeg reads the stream without complaint: by detection or by name, with either search for boundaries."""
    command = ("ffmpeg", "-v", "warning", *options.split(), "-i", url(portal, path))
    ended = await run(*command, "-frames:v", str(FRAMES), "-f", "null", "-")
    assert (ended.status, complaints(ended.said)) == (0, [])


@needs_program("ffprobe")
@STREAMS
async def test_ffprobe_recognises_the_stream(portal: Portal, path: str) -> None:
    """Ffprobe finds one video stream of JPEGs and its size, without warnings."""
    entries = ("-show_entries", "format=format_name:stream=codec_name,width,height", "-of", "json")
    ended = await run("ffprobe", "-v", "warning", *entries, url(portal, path))
    found = json.loads(ended.out)
    assert (ended.status, ended.said) == (0, "")
    assert found["format"] == {"format_name": "mpjpeg"}
    assert found["streams"] == [{"codec_name": "mjpeg", "width": SIZE[0], "height": SIZE[1]}]


@needs_program("ffmpeg")
@SNAPSHOTS
async def test_ffmpeg_takes_a_snapshot(portal: Portal, path: str, size: tuple[int, int]) -> None:
    """Ffmpeg reads a snapshot as a picture."""
    command = ("ffmpeg", "-v", "warning", "-i", url(portal, path), "-frames:v", "1")
    ended = await run(*command, "-f", "image2pipe", "-c:v", "png", "-")
    assert (ended.status, complaints(ended.said)) == (0, [])
    assert Image.open(BytesIO(ended.out)).size == size


@needs_program("ffmpeg")
@pytest.mark.parametrize(
    ("preset", "path"),
    [
        (FRIGATE, "/stream.mjpg"),
        (FRIGATE, "/?action=stream"),
        (FRIGATE_STILLS, "/snapshot.jpg?size=stream"),
        (FRIGATE_STILLS, "/?action=snapshot"),
    ],
)
async def test_frigate_gets_frames(portal: Portal, preset: tuple[str, ...], path: str) -> None:
    """With Frigate's presets ffmpeg reads the stream, or one snapshot after the other."""
    detect = ("-r", "5", "-vf", "fps=5,scale=32:24", "-f", "rawvideo", "-pix_fmt", "yuv420p", "pipe:")
    ended = await run("ffmpeg", "-v", "error", *preset, "-i", url(portal, path), "-frames:v", "5", *detect)
    assert (ended.status, len(ended.out)) == (0, 5 * 32 * 24 * 3 // 2), ended.said


@needs_program("ffmpeg")
async def test_ffmpeg_survives_a_restart_of_the_camera(start_portal: StartPortal) -> None:
    """Placeholder frames have the size of the stream, so the decoder continues."""
    portal = await start_portal(watchdog_timeout=3)
    supervisor = ("-v", "error", "-f", "mpjpeg", "-i", url(portal, "/stream.mjpg"))
    client = asyncio.create_task(run("ffmpeg", *supervisor, "-t", "12", "-f", "null", "-"))
    await portal.until(lambda: any(client.sent > 20 for client in portal.supervisor.subscribers.clients))
    portal.device.stall(survives_restart=True)
    assert await client == (0, b"", "")
    assert portal.device.opened == 2


@needs_program("cvlc")
@STREAMS
async def test_vlc_decodes_the_stream(portal: Portal, path: str) -> None:
    """VLC detects the format, and decodes one frame after the other."""
    to_stdout = "#transcode{vcodec=I420}:std{access=file,mux=dummy,dst=-}"
    frame_bytes = SIZE[0] * SIZE[1] * 3 // 2
    async with output_of("cvlc", "--no-audio", "--play-and-exit", "--sout", to_stdout, url(portal, path)) as decoded:
        first = await decoded.readexactly(frame_bytes)
        for _ in range(FRAMES):
            newer = await decoded.readexactly(frame_bytes)
    assert len(set(first)) > 20  # a picture, and not one shade
    assert newer != first


@needs_package("cv2")
@STREAMS
async def test_opencv_decodes_the_stream(portal: Portal, path: str) -> None:
    """VideoCapture opens the URL, and returns one frame after the other."""
    ended = await run(PYTHON, SCRIPTS / "opencv_frames.py", url(portal, path), str(FRAMES))
    assert ended.status == 0, ended.said
    width, height, sums = zip(*(map(int, line.split()) for line in ended.out.splitlines()), strict=True)
    assert [*zip(width, height, strict=True)] == [SIZE] * FRAMES
    assert len(set(sums)) > 1  # a picture that moves


@needs_package("requests")
@STREAMS
async def test_requests_reads_the_stream(portal: Portal, path: str) -> None:
    """Requests returns the parts when they arrive, without waiting for the end."""
    ended = await run(PYTHON, SCRIPTS / "requests_frames.py", url(portal, path), str(FRAMES))
    assert (ended.status, sizes(ended.out)) == (0, [SIZE] * FRAMES), ended.said


@STREAMS
async def test_fetch_reads_the_stream(portal: Portal, path: str) -> None:
    """Node's fetch returns the parts when they arrive."""
    ended = await run(NODE, SCRIPTS / "fetch_frames.mjs", url(portal, path), str(FRAMES))
    assert (ended.status, sizes(ended.out)) == (0, [SIZE] * FRAMES), ended.said


@SNAPSHOTS
async def test_fetch_takes_a_snapshot(portal: Portal, path: str, size: tuple[int, int]) -> None:
    """Node's fetch gets a whole JPEG."""
    ended = await run(NODE, SCRIPTS / "fetch_frames.mjs", url(portal, path), "1")
    assert (ended.status, sizes(ended.out)) == (0, [size]), ended.said


@needs_program("curl")
@SNAPSHOTS
async def test_curl_takes_a_snapshot(portal: Portal, path: str, size: tuple[int, int]) -> None:
    """Curl gets a whole JPEG, and fails if there is none."""
    command = ("curl", "-sf", url(portal, path))
    ended = await run(*command)
    assert (ended.status, whole(ended.out)) == (0, size)
    portal.device.unplug()
    await portal.until(lambda: not portal.supervisor.status.negotiated)
    assert await run(*command) == (22, b"", "")


@needs_program("wget")
@pytest.mark.parametrize("path", ["/snapshot.jpg", "/webcam/?action=snapshot"])
async def test_moonraker_timelapse_takes_a_frame(portal: Portal, path: str, tmp_path: Path) -> None:
    """Wget saves a whole JPEG, and fails if there is none: moonraker-timelapse checks nothing else.

    https://github.com/mainsail-crew/moonraker-timelapse/blob/main/component/timelapse.py, `newframe`.
    """
    frame = tmp_path / "frame000001.jpg"
    command = ("wget", url(portal, path), "-O", str(frame))
    ended = await run(*command)
    assert ended.status == 0, ended.said
    Image.open(frame).load()
    portal.device.unplug()
    await portal.until(lambda: not portal.supervisor.status.negotiated)
    assert (await run(*command)).status == 8  # the server answered with an error
