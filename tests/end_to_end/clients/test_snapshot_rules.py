"""Snapshots against the rules of the programs that fetch them."""

import pytest
import simplejpeg

from soft_stream.frames.multipart import CLOSING
from tests.end_to_end.clients.parsers import home_assistant, moonraker, octolapse, octoprint
from tests.end_to_end.clients.parsers.client import GaveUp, Head
from tests.end_to_end.clients.recording import Recorder, get
from tests.support.server import QUICK, Portal, StartPortal

JPEG = Head(200, {"content-type": "image/jpeg"})
PAGE = Head(200, {"content-type": "text/html"})
FAULT = Head(503, {"content-type": "text/plain; charset=utf-8"})


def check_snapshot(head: Head, body: bytes, size: tuple[int, int]) -> None:
    """Check an answer against the rules of every program; size: height, width."""
    assert head.status == 200
    assert head.content_type == "image/jpeg"
    assert int(head.headers["content-length"]) == len(body)
    assert body.startswith(b"\xff\xd8\xff")
    assert body.count(b"\xff\xd8") == 1
    assert body.index(b"\xff\xd9") == len(body) - 2
    assert simplejpeg.decode_jpeg_header(body)[:2] == size
    home_assistant.check_address(head)
    octoprint.check_snapshot(head)
    octolapse.check_camera(head)
    assert octoprint.download(head, body) == octolapse.download(head, body) == body
    assert moonraker.is_reachable(head)


@pytest.mark.parametrize("path", ["/snapshot.jpg?size=stream", "/snapshot.jpg?size=full", "/snapshot.jpg"])
async def test_snapshots_of_a_sleeping_camera(portal: Portal, path: str) -> None:
    """A snapshot is one JPEG, from its first byte to its last, that every program accepts."""
    is_small = path.endswith("stream")
    size = (QUICK.height, QUICK.width) if is_small else (QUICK.snapshot_height, QUICK.snapshot_width)
    check_snapshot(*await get(portal.port, path), size)


@pytest.mark.parametrize("path", ["/snapshot.jpg?size=stream", "/snapshot.jpg?size=full", "/snapshot.jpg"])
async def test_snapshots_while_others_stream(start_portal: StartPortal, path: str) -> None:
    """A snapshot beside a stream of 1280x720 is accepted, too."""
    portal = await start_portal(width=1280, height=720, snapshot_width=2304, snapshot_height=1296, fps=30)
    watcher = await Recorder.get(portal.port, "/stream.mjpg")
    await watcher.until(lambda received: CLOSING in received)
    check_snapshot(*await get(portal.port, path), (1296, 2304) if path.endswith("full") else (720, 1280))
    await watcher.stream()


async def test_no_snapshot_is_no_picture_to_anybody(portal: Portal) -> None:
    """An unplugged camera is an error in every program, and never a file with text in it."""
    portal.device.unplug()
    head, body = await get(portal.port, "/snapshot.jpg?deadline_ms=500")
    with pytest.raises(GaveUp, match="cannot_connect"):
        home_assistant.check_address(head)
    for check in (octoprint.check_snapshot, octolapse.check_camera):
        with pytest.raises(GaveUp, match="503"):
            check(head)
    for download in (octoprint.download, octolapse.download):
        with pytest.raises(GaveUp, match="503"):
            download(head, body)
    assert not moonraker.is_reachable(head)


async def test_the_address_of_the_stream_in_the_wrong_field(portal: Portal) -> None:
    """OctoPrint and Octolapse report a stream; Home Assistant and Moonraker accept it."""
    recorder = await Recorder.get(portal.port, "/stream.mjpg", version="1.0")
    await recorder.until(lambda received: CLOSING in received)
    head = Head.of((await recorder.stream()).answer.partition(b"\r\n\r\n")[0])
    home_assistant.check_address(head)
    assert moonraker.is_reachable(head)
    with pytest.raises(GaveUp, match="doesn't look like an image: multipart"):
        octoprint.check_snapshot(head)
    with pytest.raises(GaveUp, match="stream URL by mistake"):
        octolapse.check_camera(head, has_ended=False)
    with pytest.raises(GaveUp, match="not an image"):
        octolapse.check_camera(head)


def test_what_the_rules_let_through() -> None:
    """An error page with status 200 fails both tests, but both timelapses save it as a frame."""
    for check in (octoprint.check_snapshot, octolapse.check_camera):
        check(JPEG)
        with pytest.raises(GaveUp, match=r"not an image|look like an image"):
            check(PAGE)
        with pytest.raises(GaveUp, match="503"):
            check(FAULT)
    with pytest.raises(GaveUp, match="content-type"):
        octolapse.check_camera(Head(200, {}))
    with pytest.raises(GaveUp, match="201"):
        octolapse.check_camera(Head(201, JPEG.headers))
    with pytest.raises(GaveUp, match="invalid_auth"):
        home_assistant.check_address(Head(401, {}))
    assert octoprint.download(PAGE, b"<p>") == octolapse.download(PAGE, b"<p>") == b"<p>"


@pytest.mark.parametrize(
    ("server", "taken_for"),
    [
        ({"server": "MJPG-Streamer/0.2"}, "mjpg-streamer"),
        ({"server": "camera with MJPG-Streamer"}, "camera with MJPG-Streamer"),
        ({"server": "yawcam/0.6"}, "yawcam"),
        ({"server": "nginx"}, "nginx"),
        ({}, "unknown"),
    ],
)
def test_the_server_that_octolapse_believes_in(server: dict[str, str], taken_for: str) -> None:
    """The image preferences need a `Server:` header that begins with these letters."""
    assert octolapse.server_type(Head(200, server)) == taken_for
