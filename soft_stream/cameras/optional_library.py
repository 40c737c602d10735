"""Libraries that only one source needs: imported at its opening, and named when they are missing."""

import importlib
from types import ModuleType

from soft_stream.cameras.base import CameraUnsupported
from soft_stream.message import Message


def import_library(name: str, package: str, extra: str) -> ModuleType:
    """Import a library; `package` is Debian's, `extra` the group of optional dependencies that has it.

    Raises:
        CameraUnsupported: it is not installed, or cannot be loaded.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        template = "the Python package {name} cannot be loaded ({reason}): sudo apt install {package}, or {pip}"
        pip = f"pip install 'camera-soft-stream[{extra}]'"
        raise CameraUnsupported(
            Message("library_missing", template, name=name, reason=error, package=package, pip=pip)
        ) from error
