"""Builds what the measurements need into a cache folder: C programs and frames."""

import hashlib
import os
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
COMPILER = os.environ.get("CC", "cc")
PROGRAMS = {
    "load": ("load.c", ()),
    "floor": ("floor.c", ()),
}


def prepare() -> Path:
    """Build what is missing; return the folder, which depends on the version of the sources."""
    sources = [HERE / name for name in ("load.c", "floor.c", "frames.py")]
    version = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = caches / "camera-soft-stream" / f"benchmarks-{version}"
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for program, (source, options) in PROGRAMS.items():
        if not (folder / program).exists():
            command = [COMPILER, "-O2", "-Wall", "-Wextra", "-o", str(folder / "new"), str(HERE / source), *options]
            subprocess.run(command, check=True)
            (folder / "new").rename(folder / program)
    if not (folder / "made").exists():
        from frames import make  # needs numpy

        make(pictures)
        (folder / "made").touch()
    return folder
