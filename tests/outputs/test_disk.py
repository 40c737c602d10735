"""The whole program saves frames on a small file system that fills, becomes read-only and is unmounted."""

# ruff: noqa: S607 # mount is where the distribution has it

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from tests.support.processes import serving

PATIENCE = 60  # seconds; it only ends a wait that never succeeds


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a file system of 3 MB in memory."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no command mount")
    if mounted.returncode:
        pytest.skip(f"this user cannot mount a file system: {mounted.stderr.strip()}")
    yield folder
    with suppress(subprocess.CalledProcessError):
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def until(address: str, happened: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """Wait until the output is in some state; return it. Meanwhile new frames must flow."""
    give_up, number = time.monotonic() + PATIENCE, 0
    while time.monotonic() < give_up:
        with urlopen(f"{address}/snapshot.jpg?size=stream", timeout=10) as answer:
            assert answer.status == 200
            assert answer.read()[-2:] == b"\xff\xd9"
        with urlopen(f"{address}/status.json", timeout=10) as answer:
            facts = json.load(answer)
        assert facts["state"] in ("focusing", "streaming")
        assert facts["frame"]["number"] > number
        number = facts["frame"]["number"]
        output: dict[str, Any] = facts["outputs"][0]
        if happened(output):
            return output
        time.sleep(0.05)
    raise AssertionError(output)


def test_a_disk_that_fills_and_goes_away(disk: Path) -> None:
    """Each state is named, no file is half-written, the stream goes on, and saving recovers by itself."""
    options = ("--save", str(disk), "--save-reserve", "0", "--save-size", "0", "--width", "320", "--height", "240")
    with serving(*options) as (process, address):
        full = until(address, lambda output: output["state"] == "failing")
        assert full["last_error"] == "No space left on device; next try in 5 s"
        saved = sorted(disk.iterdir())
        assert len(saved) >= full["frames"] > 50
        for each in saved:
            assert each.name.startswith("cam0-")
            assert each.read_bytes()[-2:] == b"\xff\xd9"
        for each in saved[:-5]:
            each.unlink()
        until(address, lambda output: output["state"] == "running" and output["frames"] > full["frames"] + 5)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        read_only = until(address, lambda output: output["state"] == "failing")
        assert read_only["last_error"] == "Read-only file system; next try in 5 s"
        subprocess.run(["umount", str(disk)], check=True)  # nothing keeps it busy
        gone = until(address, lambda output: "mounted" in output["last_error"])
        assert gone["last_error"] == f"the file system of {disk} is not mounted any more; next try in 5 s"
        assert [*disk.iterdir()] == []
        process.terminate()
        assert process.stderr
        lines = [line for line in process.stderr if "cam0_save=" in line]
    assert [line.partition("cam0_save=")[0].split()[0] for line in lines] == ["WARNING", "INFO", "WARNING", "WARNING"]
