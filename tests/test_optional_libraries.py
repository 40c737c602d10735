"""Libraries that only one source or output needs."""

import subprocess
import sys

OPTIONAL = {"av", "gphoto2", "libcamera", "picamera2", "zmq"}
PROGRAM = """
import importlib, pkgutil, sys, soft_stream
for module in pkgutil.walk_packages(soft_stream.__path__, "soft_stream."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*sys.modules)
"""


def test_no_module_imports_an_optional_library() -> None:
    """All modules of the program can be imported, and none loads a library that is needed only when it is used."""
    child = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=120)
    loaded = set(child.stdout.split())
    assert "soft_stream.cameras.media.library" in loaded
    assert loaded & OPTIONAL == set()
