"""Live streams as a source: silence, hostile servers, and passwords."""

import logging
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from soft_stream.cameras.base import CameraError, CameraMissing, NoFrame
from soft_stream.cameras.media.camera import MediaCamera
from soft_stream.config.settings import Settings
from tests.cameras.media.test_files import drain, opened, settings_for
from tests.support.mjpeg_server import MjpegServer, answer, sends, serving, stream
from tests.support.processes import free_port
from tests.support.videos import write_video

PASSWORD = "open-sesame"  # noqa: S105
RTSP_SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's: it has GStreamer."""


def with_password(server: MjpegServer) -> str:
    """Return the URL of a server with a user, a password and a token."""
    return f"{server.url.replace('http://', f'http://user:{PASSWORD}@')}?token={PASSWORD}"


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (answer(b"no", "text/plain", status="401 Unauthorized"), "401"),
        (answer(b"no", "text/plain", status="404 Not Found"), "404"),
        (answer(b"<html>" * 1000, "text/html"), "Invalid data"),
        (b"", "End of file|Invalid data|error"),
    ],
)
def test_errors_have_no_password(reply: bytes, sentence: str, caplog: pytest.LogCaptureFixture) -> None:
    """The error says what the server answered; neither it nor the log has the password."""
    with (
        serving(sends(reply)) as server,
        caplog.at_level(logging.DEBUG),
        pytest.raises(CameraMissing, match=sentence) as raised,
    ):
        MediaCamera(settings_for(with_password(server))).open()
    assert f"127.0.0.1:{server.port}" in str(raised.value)
    assert PASSWORD not in str(raised.value) + caplog.text


def test_ffmpeg_writes_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """FFmpeg's own messages, which have the URL, do not reach stdout and stderr."""
    with serving() as server:
        with opened(with_password(server)) as camera:
            camera.capture(20)
        server.unplug()
        with pytest.raises(CameraMissing):
            MediaCamera(settings_for(with_password(server))).open()
    assert capfd.readouterr() == ("", "")


def test_a_server_that_does_not_answer() -> None:
    """`open` ends after `start_timeout`."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(CameraMissing, match=r"does not answer within 0\.5 s"):
            MediaCamera(settings_for(url, start_timeout=0.5)).open()


def test_a_restart_does_not_wait_for_a_silent_server() -> None:
    """A restart that takes longer than `cam_close_timeout` counts as a hang, which ends the process."""
    with serving() as server, opened(server.url) as camera:
        camera.capture(20)
        server.is_silent = True
        began = time.monotonic()
        camera.restart()
        assert time.monotonic() - began < Settings().close_timeout / 2
        server.is_silent = False
        assert camera.capture(20).planes


def test_closing_does_not_wait_for_a_silent_server() -> None:
    """`close` returns soon although the connection is silent, and its thread ends with the connection."""
    with serving() as server, opened(server.url) as camera:
        camera.capture(20)
        server.is_silent = True
        with pytest.raises(NoFrame):
            drain(camera, 0.3)
        began = time.monotonic()
        camera.close()
        assert time.monotonic() - began < 8  # the timeout of a connection is 10 s


@pytest.mark.parametrize("target", ["file:///etc/passwd", "concat:/etc/passwd", "/etc/passwd"])
def test_playlists_of_servers_read_no_local_files(tmp_path: Path, target: str) -> None:
    """A playlist cannot make FFmpeg show a file of this machine."""
    local = write_video(tmp_path / "secret.ts")
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXTINF:1,\nfile://{local}\n#EXT-X-ENDLIST\n"
    reply = sends(answer(playlist.encode(), "application/vnd.apple.mpegurl"))
    with serving(reply) as server, pytest.raises(CameraError):
        MediaCamera(settings_for(f"{server.url}.m3u8")).open()


@pytest.mark.parametrize("target", ["file:///etc/passwd", "concat:/etc/passwd", "rtsp://127.0.0.1:1/"])
def test_redirects_to_other_protocols_fail(target: str) -> None:
    """A server cannot send us to a local file or to another protocol."""
    reply = sends(answer(b"", "text/plain", f"Location: {target}", status="302 Found"))
    with serving(reply) as server, pytest.raises(CameraError):
        MediaCamera(settings_for(server.url)).open()


def test_a_server_that_sends_garbage_for_ever() -> None:
    """Bytes without a picture are an error after `start_timeout`, not a wait without end."""
    garbage = sends(b"HTTP/1.0 200 OK\r\n\r\n", b"\0" * 10_000, then=0.001)
    with serving(garbage) as server, pytest.raises(CameraError):
        MediaCamera(settings_for(server.url, start_timeout=1.0)).open()


def test_only_the_newest_frame() -> None:
    """A reader that pauses gets the frame that arrived last."""
    with serving(stream) as server, opened(server.url) as camera:
        camera.capture(20)
        time.sleep(1)
        asked_at = time.monotonic()
        assert camera.capture(20).captured_at > asked_at - 0.8


def test_hls(tmp_path: Path) -> None:
    """A playlist with an end is played like a file, and begins again."""
    segment = write_video(tmp_path / "0.ts", frames=10).read_bytes()
    playlist = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:0.4,\n/0.ts\n#EXT-X-ENDLIST\n"

    def reply(server: MjpegServer, connection: socket.socket) -> None:
        is_segment = "/0.ts" in server.requests[-1]
        connection.sendall(answer(segment, "video/mp2t") if is_segment else answer(playlist, "application/x-mpegurl"))

    with serving(reply) as server, opened(f"{server.url}.m3u8") as camera:
        for _ in range(25):
            with camera.capture(20) as raw:
                assert raw.size == (64, 48)


@contextmanager
def rtsp_server(port: int) -> Iterator["subprocess.Popen[str]"]:
    """Run GStreamer's RTSP server with a user and a password; skip the test without it."""
    if not shutil.which(SYSTEM_PYTHON):
        pytest.skip("Debian's Python is not there")
    command = [SYSTEM_PYTHON, str(RTSP_SERVER), str(port), PASSWORD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stderr
        try:
            if server.stdout.readline() != "ready\n":
                pytest.skip(f"apt install gir1.2-gst-rtsp-server-1.0: {server.stderr.read()[-200:]}")
            yield server
        finally:
            server.kill()


def test_rtsp() -> None:
    """Frames flow with a login, are no frames while the server is stopped, and end when it is killed."""
    port = free_port()
    with rtsp_server(port) as server:
        wrong = settings_for(f"rtsp://user:wrong@127.0.0.1:{port}/camera", start_timeout=20.0)
        with pytest.raises(CameraMissing, match="401") as raised:
            MediaCamera(wrong).open()
        assert "wrong" not in str(raised.value)
        url = f"rtsp://user:{PASSWORD}@127.0.0.1:{port}/camera"
        with opened(url, start_timeout=30.0) as camera:
            for _ in range(5):
                assert camera.capture(20).size == (160, 120)
            os.kill(server.pid, signal.SIGSTOP)
            with pytest.raises(NoFrame):
                drain(camera, 0.5)
            continued_at = time.monotonic()
            os.kill(server.pid, signal.SIGCONT)
            assert camera.capture(20).captured_at > continued_at
            server.kill()
            with pytest.raises(CameraMissing, match=f"127.0.0.1:{port}/camera") as raised:
                drain(camera)
            assert PASSWORD not in str(raised.value)
