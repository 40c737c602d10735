"""A fake libcamera for the real Picamera2: its cameras behave as real ones do, and have the same faults.

After `enable("pi5")`, `import picamera2` imports the real Picamera2 (0.3.38 from PyPI, in .venv/picamera2), which uses
this libcamera. `enable` returns the `World`, whose cameras have a method for each fault. For a child process use
`environment("pi5", socket)`, and control its world with `remote.Remote(socket)`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.fake_libcamera import memory, world
from tests.support.fake_libcamera.world import World

HERE = Path(__file__).parent
# the fake libcamera and other modules that Picamera2 imports; Picamera2 itself; this package
PATHS = (str(HERE / "site"), str(Path(sys.prefix) / "picamera2"), str(HERE.parents[2]))


def installed() -> bool:
    """Return whether the real Picamera2 is installed, which scripts/test.sh does."""
    return (Path(PATHS[1]) / "picamera2").is_dir()


def enable(boards: str = "pi5") -> World:
    """Connect the cameras of a board (see `World.of`) to this process; close cameras that are still open."""
    for path in reversed(PATHS[:2]):
        if path not in sys.path:
            sys.path.insert(0, path)
    if not any(isinstance(finder, memory.PatchingFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, memory.PatchingFinder())
    memory.leave()
    world.become(World.of(boards))
    memory.arrive()
    return world.current()


def environment(boards: str = "pi5", socket: Path | str = "") -> dict[str, str]:
    """Return the environment for a Python program that has the cameras of a board and a socket for commands."""
    paths = [*PATHS, *filter(None, [os.environ.get("PYTHONPATH")])]
    chosen = {"PYTHONPATH": os.pathsep.join(paths), "FAKE_LIBCAMERA": boards}
    return chosen | ({"FAKE_LIBCAMERA_SOCKET": str(socket)} if socket else {})
