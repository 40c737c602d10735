"""What mjpg-streamer's `output_file` and `output_zmqserver` do, by the program as a separate process."""

import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

from tests.support.processes import free_port, serving

PATIENCE = 60  # seconds; it only ends a wait that never succeeds


def test_frames_are_saved(tmp_path: Path) -> None:
    """`--save` saves the frames in a ring, without a client, and goes on with the numbers after a restart."""
    for _ in range(2):
        before = max((each.name for each in tmp_path.glob("cam0-*")), default="")
        options = ("--save", str(tmp_path), "--save-count", "3", "--save-link", "newest.jpg")
        with serving(*options) as (process, address):
            give_up = time.monotonic() + PATIENCE
            facts = {"frames": 0}
            while facts["frames"] < 6 and time.monotonic() < give_up:
                time.sleep(0.05)
                with urlopen(f"{address}/status.json", timeout=10) as answer:
                    [facts] = json.load(answer)["outputs"]
            process.terminate()
            assert process.wait(20) == 0
        files = sorted(tmp_path.glob("cam0-*"))
        assert len(files) == 3
        assert files[0].name > before
        assert all(each.read_bytes()[-2:] == b"\xff\xd9" for each in files)
        assert (tmp_path / "newest.jpg").samefile(files[-1])


def test_frames_are_published() -> None:
    """`--zmq` publishes the frames; the camera is open for the subscriber, and the process ends as without it."""
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    with serving("--zmq", endpoint, "--zmq-frames", "2") as (process, address):
        with urlopen(f"{address}/status.json", timeout=10) as answer:
            assert json.load(answer)["state"] == "idle"
        command = [sys.executable, "-m", "tests.support.zmq_subscriber", endpoint, "3", "0"]
        printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE).stdout
        for line in printed.splitlines():
            message = json.loads(line)
            assert message["topic"] == "frames"
            assert [frame["is_jpeg"] for frame in message["frames"]] == [True, True]
        process.terminate()
        assert process.wait(20) == 0
