"""`soft-stream serve --source v4l2` as a process, with a webcam that is pulled out and plugged in again."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from measure_fps import StreamError

from tests.end_to_end.lab.serving import Viewer
from tests.support.processes import serving
from tests.support.v4l2_device.device import V4l2Device
from tests.support.v4l2_device.state import Stall

PATIENCE = 60.0
CONTROLS = "brightness=20 auto_exposure=1 exposure_time_absolute=250"


def status(url: str) -> dict[str, Any]:
    """Return /status.json."""
    with urllib.request.urlopen(f"{url}/status.json", timeout=PATIENCE) as answer:
        facts: dict[str, Any] = json.loads(answer.read())
        return facts


def health(url: str) -> tuple[int, str]:
    """Return the status and the text of /healthz."""
    try:
        with urllib.request.urlopen(f"{url}/healthz", timeout=PATIENCE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.read().decode()


def until(happened: Callable[[], object]) -> None:
    """Wait until something is true; the limit only ends a hang."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def serve(device: V4l2Device) -> Any:
    """Serve the device with controls, and with short pauses after a fault."""
    return serving(
        *("--source", "v4l2", "--source-device", str(device.link), "--width", "640", "--height", "480", "--fps", "30"),
        *("--controls", CONTROLS, "--retry-pause", "0.5", "--close-after", "0.2", "--users-file", ""),
        environ=device.environment,
    )


def are_set(device: V4l2Device) -> bool:
    """Return whether the device has the controls of the settings."""
    names = ("Brightness", "Auto Exposure", "Exposure Time, Absolute")
    return [device.value(name) for name in names] == [20, 1, 250]


def test_two_clients_survive_an_unplugged_webcam(tmp_path: Path) -> None:
    """Both get the placeholder, then live frames of the webcam, which has another node and its controls again."""
    with V4l2Device(tmp_path) as device, serve(device) as (process, url):
        assert device.state.opened == 0
        with Viewer(f"{url}/stream.mjpg") as first, Viewer(f"{url}/stream.mjpg") as second:
            first.gets()
            second.gets()
            assert device.format == ("MJPG", (640, 480), 30)
            assert are_set(device)
            device.unplug()
            until(lambda: health(url)[0] == 503)
            assert "is not connected" in health(url)[1]
            first.gets(2, "notice")
            second.gets(2, "notice")
            device.replug(2)
            first.gets()
            second.gets()
            assert are_set(device)
            assert health(url)[0] == 200
            assert device.state.opened == 1, "all clients share one opening"
        until(lambda: device.state.opened == 0)
        assert process.poll() is None


def test_a_silent_webcam_is_started_again(tmp_path: Path) -> None:
    """A client of a webcam that delivers nothing until its stream is restarted gets frames again."""
    with V4l2Device(tmp_path) as device, serve(device) as (_, url), Viewer(f"{url}/stream.mjpg") as client:
        client.gets()
        starts = device.state.starts
        device.stall(Stall.UNTIL_RESTART)
        until(lambda: device.state.starts > starts)
        client.gets()
        assert status(url)["state"] == "streaming"


def test_a_webcam_that_another_program_uses(tmp_path: Path) -> None:
    """The answer says so; the stream begins when the other program has ended."""
    with V4l2Device(tmp_path) as device, serve(device) as (_, url):
        with device.taken(), pytest.raises(StreamError, match=r"503 .* in use by"):
            Viewer(f"{url}/stream.mjpg")
        with Viewer(f"{url}/stream.mjpg") as client:
            client.gets()
