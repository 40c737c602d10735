"""The device as a test sees it: what happens to a camera in the world, and what programs have done with it."""

import ctypes
import mmap
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.v4l2_device import pictures
from tests.support.v4l2_device.controls import WEBCAM, Control
from tests.support.v4l2_device.library import library
from tests.support.v4l2_device.state import Damage, Stall, State

FOLDER = "V4L2_DEVICE"
FORMATS = ("MJPG", "YUYV")
SIZES = ((320, 240), (640, 480))
LINK = "by-id/usb-Test_Webcam_SN0001-video-index0"
# V4L2_QUANTIZATION_DEFAULT, which is the limited range for the formats of this device, and _FULL_RANGE
LIMITED_RANGE, FULL_RANGE = 0, 1


def folder_of_process() -> Path:
    """Return the folder that this process has its device in, because it was started with the device's `environment`."""
    return Path(os.environ[FOLDER])


class V4l2Device:
    """A webcam that is plugged in; it lives in a folder, which programs with its `environment` see as its device."""

    def __init__(
        self,
        folder: Path,
        formats: Sequence[str] = FORMATS,
        sizes: Sequence[tuple[int, int]] = SIZES,
        rates: Sequence[int] = (30, 15),
        *,
        padding: int = 0,
        is_full_range: bool = False,
        controls: Sequence[Control] = WEBCAM,
    ) -> None:
        """Make the device; one that the folder has changes, also for programs that run already."""
        self.folder = folder.resolve()
        self.link = self.folder / LINK
        """The name that stays the same wherever the camera is plugged in."""
        self.link.parent.mkdir(parents=True, exist_ok=True)
        self._controls = controls
        self._file = self.folder / "state"
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, ctypes.sizeof(State))
            self._memory = mmap.mmap(descriptor, ctypes.sizeof(State))
        finally:
            os.close(descriptor)
        self.state: Any = State.from_buffer(self._memory)
        if self.state.plugged:
            self.unplug()
        plugs = self.state.plugs
        ctypes.memset(ctypes.addressof(self.state), 0, ctypes.sizeof(State))
        self.state.plugs, self.state.padding = plugs, padding
        self.state.quantization = FULL_RANGE if is_full_range else LIMITED_RANGE
        self.state.rates[: len(rates)] = rates
        for number, size in enumerate(sizes):
            self.state.sizes[number][:] = size
        for number, name in enumerate(formats):
            self.state.formats[number] = int.from_bytes(name.encode(), "little")
            for size in sizes:
                own = pictures.encode(pictures.bars(size), name, is_full_range=is_full_range, padding=padding)
                self.show([own], name, size)
        self.replug()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: TracebackType | None) -> None:
        if self.state.plugged:
            self.unplug()
        del self.state
        self._memory.close()

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs in its environment to find the device."""
        # libasan and the like must come first, if there are any
        before = [os.environ["LD_PRELOAD"]] if "LD_PRELOAD" in os.environ else []
        return {"LD_PRELOAD": ":".join([*before, str(library())]), FOLDER: str(self.folder)}

    # What happens to it.

    def show(self, frames: Sequence[bytes], pixel_format: str, size: tuple[int, int]) -> None:
        """Show these frames in turn, from the next start of the stream on; as many as a program has buffers."""
        folder = self.folder / "frames" / f"{pixel_format}-{size[0]}x{size[1]}"
        folder.mkdir(parents=True, exist_ok=True)
        for number, frame in enumerate(frames):
            (folder / f"{number:02}").write_bytes(frame)

    def unplug(self) -> None:
        """Vanish, with the device file; a program that has it open gets ENODEV."""
        self.link.unlink()
        for node in self.folder.glob("video*"):
            node.unlink()
        self.state.plugged = 0
        self._wake()

    def replug(self, number: int = 0) -> None:
        """Return as /dev/videoN, with the initial values of all controls."""
        state = self.state
        state.stall, state.damaged, state.start_error = Stall.NO, 0, 0
        state.owner = state.streaming = state.format = state.width = state.height = state.rate = 0
        for place, control in zip(state.controls, sorted(self._controls, key=lambda each: each.id), strict=False):
            _write(place, control)
        state.plugs += 1
        state.plugged = state.plugs
        (self.folder / f"video{number}").touch()
        self.link.symlink_to(f"../video{number}")
        self._wake()

    def stall(self, how: Stall = Stall.YES) -> None:
        """Deliver no frames, without an error."""
        self.state.stall = how
        self._wake()

    def resume(self) -> None:
        """Deliver frames again."""
        self.stall(Stall.NO)

    def damage(self, count: int, how: Damage = Damage.CUT_OFF) -> None:
        """Damage the next frames."""
        self.state.damage, self.state.damaged = how, count

    def refuse_to_start(self, error: int) -> None:
        """Answer the start of the stream with an error, as ENOSPC of a USB bus without bandwidth; 0: start again."""
        self.state.start_error = error

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Be used by another program during the block."""
        self.state.busy = 1
        try:
            yield
        finally:
            self.state.busy = 0

    # What programs have done.

    @property
    def format(self) -> tuple[str, tuple[int, int], int]:
        """The pixel format, the size and the rate that a program has set."""
        state = self.state
        return state.format.to_bytes(4, "little").decode(), (state.width, state.height), state.rate

    def value(self, name: str) -> int:
        """Return the value of a control."""
        return int(self._control(name).value)

    def times_set(self, name: str) -> int:
        """Return how often programs have set a control since it was plugged in."""
        return int(self._control(name).sets)

    def _control(self, name: str) -> Any:
        return next(each for each in self.state.controls if each.name == name.encode())

    def _wake(self) -> None:
        os.utime(self._file)


def _write(place: Any, control: Control) -> None:
    """Write a control with its initial value."""
    place.type, place.name = control.kind, control.name.encode()
    for name in ("id", "flags", "minimum", "maximum", "step", "initial", "master", "master_value"):
        setattr(place, name, getattr(control, name))
    place.value, place.sets = control.initial, 0
    for number, item in enumerate(control.items):
        place.items[number].value = item.encode()
