"""CSI cameras in the container: its Picamera2 gets the fake libcamera of the tests."""

import shutil
from pathlib import Path

from tests.end_to_end.lab.container import Container
from tests.support import fake_libcamera

PLACE = "/opt/csi"


def connect(machine: Container, board: str) -> None:
    """Connect the cameras of a board (see `World.of`) to every program that runs with Picamera2's Python."""
    source = Path(fake_libcamera.__file__).parent
    folder = machine.folder / "csi"
    package = folder / "tests/support/fake_libcamera"
    shutil.copytree(source, package, ignore=shutil.ignore_patterns("__pycache__", "test_*", "conftest.py"))
    for parent in (package.parents[1], package.parents[0]):
        (parent / "__init__.py").touch()
    machine.put(folder, PLACE)
    # Python executes the line of a .pth file that begins with `import` when it starts
    start = (
        f"import sys; sys.path.append({PLACE!r}); from tests.support.fake_libcamera import enable; enable({board!r})"
    )
    machine.run(["sh", "-c", 'echo "$0" >$(echo /opt/picam/lib/python3*/site-packages)/csi_cameras.pth', start])
