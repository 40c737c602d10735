"""Replacements for the devices that Picamera2 opens in /dev: the dma heap, and those that show the platform."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any

from tests.support.fake_libcamera import world

HEAP = "picamera2-fake"
# An ioctl that all descriptors accept and that has no effect here: buffers in plain memory need no sync.
NO_SYNC = 0x5451  # FIOCLEX


class Heap:
    """Picamera2's DmaHeap with plain memory."""

    isValid = True  # noqa: N815 # Picamera2's name

    def __init__(self) -> None:
        from picamera2.dma_heap import UniqueFD

        if any(device.is_memory_denied() for device in world.current().devices):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/dev/dma_heap/vidbuf_cached")
        self._unique = UniqueFD

    def alloc(self, name: str, size: int) -> Any:
        """Allocate the memory of a frame."""
        if any(device.acquired and device.is_out_of_memory("allocate", size) for device in world.current().devices):
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        fd = os.memfd_create(HEAP)
        os.ftruncate(fd, size)
        return self._unique(fd)

    def close(self) -> None:
        """Do nothing; the heap has no open descriptor."""


def write_all(fd: int, data: bytes | memoryview, offset: int = 0) -> None:
    """Write to the memory of a frame without holding the GIL."""
    view = memoryview(data).cast("B")
    while view:
        written = os.pwrite(fd, view, offset)
        view, offset = view[written:], offset + written


def _patch_heap(module: Any) -> None:
    module.DmaHeap = Heap
    module.DMA_BUF_IOCTL_SYNC = NO_SYNC


def _patch_platform(module: Any) -> None:
    module._platform = module.Platform.PISP if world.current().pisp else module.Platform.VC4


PATCHES: dict[str, Callable[[ModuleType], None]] = {
    "picamera2.dma_heap": _patch_heap,
    "picamera2.platform": _patch_platform,
}


class PatchingLoader(Loader):
    """A loader that patches the module that it loads."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, then patch it."""
        self._loader.exec_module(module)
        PATCHES[module.__name__](module)


class PatchingFinder(MetaPathFinder):
    """A finder that patches modules of Picamera2 when they are imported, so that none is imported early."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of a module to patch."""
        if fullname not in PATCHES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec and spec.loader:
            spec.loader = PatchingLoader(spec.loader)
        return spec


def leave() -> None:
    """Close open cameras, and reset a Picamera2 that is already imported."""
    for device in world.current().devices:
        device.let_go()
    picamera2 = sys.modules.get("picamera2.picamera2")
    if picamera2:
        for camera in list(picamera2.Picamera2._cm.cameras.values()):
            camera.close()
        picamera2.Picamera2._cm._cms = None


def arrive() -> None:
    """Set the platform of a Picamera2 that is already imported; encoders are selected once, at import."""
    platform, picamera2 = sys.modules.get("picamera2.platform"), sys.modules.get("picamera2.picamera2")
    if platform:
        _patch_platform(platform)
    if platform and picamera2:
        picamera2.Picamera2.platform = platform.get_platform()
