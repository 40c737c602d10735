"""The library that a program is started with, compiled when it is used first."""

import hashlib
import os
import subprocess
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
BUILT = HERE.parents[2] / "build"
COMPILER = os.environ.get("CC", "cc")


@cache
def library() -> Path:
    """Compile the library, unless this version of it is there; return its path."""
    sources = sorted(HERE.glob("*.[ch]"))
    version = hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()[:12]
    path = BUILT / f"v4l2_device-{version}.so"
    if not path.exists():
        BUILT.mkdir(exist_ok=True)
        new = path.with_suffix(f".{os.getpid()}")  # other processes may compile it at the same time
        options = ["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread"]
        files = [str(source) for source in sources if source.suffix == ".c"]
        subprocess.run([COMPILER, *options, "-o", str(new), *files, "-ldl"], check=True)
        new.rename(path)
    return path
