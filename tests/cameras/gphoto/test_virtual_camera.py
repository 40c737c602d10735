"""libgphoto2's own virtual camera: a real library with a shutter, and without live view."""

import urllib.request
from pathlib import Path

from soft_stream.frames.jpeg_markers import find_jpeg
from tests.support.mjpeg_server import jpeg
from tests.support.processes import free_port, serving

SIZE = 320, 240


def test_a_snapshot_is_taken_with_the_shutter(tmp_path: Path) -> None:
    """The whole program answers snapshots of a camera without live view, one after the other, with new pictures."""
    memory = tmp_path / "memory"
    memory.mkdir()
    (memory / "picture.jpg").write_bytes(jpeg(0, SIZE))
    port = free_port()
    with serving("--source", "gphoto", port=port, environ={"VCAMERADIR": str(memory)}) as (_, address):
        for _ in range(3):
            with urllib.request.urlopen(f"{address}/snapshot.jpg", timeout=60) as answer:
                assert find_jpeg(answer.read()).size == SIZE
    assert [each.name for each in memory.iterdir()] == ["picture.jpg"]
