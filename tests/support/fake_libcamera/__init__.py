"""A stand-in for libcamera under the real Picamera2: cameras that do to a program what real ones do.

`enable("pi5")` makes `import picamera2` find the real Picamera2 (0.3.38 from PyPI, in .venv/picamera2) and, under it,
this libcamera; it returns the `World`, whose cameras have a method for all that can happen to them. In a process of its
own the same works by `environment("pi5", socket)`, and `remote.Remote(socket)` drives its world from outside.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.fake_libcamera import memory, world
from tests.support.fake_libcamera.world import World

HERE = Path(__file__).parent
# libcamera with what else Picamera2 imports; Picamera2 itself; this package
PATHS = (str(HERE / "site"), str(Path(sys.prefix) / "picamera2"), str(HERE.parents[2]))


def installed() -> bool:
    """Tell whether the real Picamera2 is there; scripts/test.sh installs it."""
    return (Path(PATHS[1]) / "picamera2").is_dir()


def enable(boards: str = "pi5") -> World:
    """Let this process see the cameras of a board (see `World.of`); cameras that are still open are closed."""
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
    """Tell the environment in which a Python program sees the cameras of a board, and takes verbs by a socket."""
    paths = [*PATHS, *filter(None, [os.environ.get("PYTHONPATH")])]
    chosen = {"PYTHONPATH": os.pathsep.join(paths), "FAKE_LIBCAMERA": boards}
    return chosen | ({"FAKE_LIBCAMERA_SOCKET": str(socket)} if socket else {})
