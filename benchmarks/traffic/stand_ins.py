#!/usr/bin/env python3
"""Runs a server that needs a camera on a machine without one: `stand_ins.py FOLDER SCRIPT [ARGUMENT ...]`.

The script, or the package, runs unchanged. Its imports of picamera2, libcamera, cv2 and v4l2py are replaced with fakes
that have only what it uses, and return the JPEGs of the folder, two per second. The script itself sends all bytes.
"""

import io
import itertools
import os
import runpy
import sys
import threading
import time
import types
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy
from numpy.typing import NDArray
from PIL import Image

INTERVAL = 0.5
Pixels = NDArray[numpy.uint8]


class Pictures:
    """The JPEGs of a folder in a loop, one for each interval."""

    def __init__(self, folder: Path) -> None:
        self._jpegs = itertools.cycle([path.read_bytes() for path in sorted(folder.glob("*.jpg"))])

    def __iter__(self) -> Iterator[bytes]:
        for jpeg in self._jpegs:
            time.sleep(INTERVAL)
            yield jpeg

    def pixels(self) -> Pixels:
        """Wait for the next image; return height x width x 3."""
        return numpy.asarray(Image.open(io.BytesIO(next(iter(self)))))


class FileOutput:
    """Writes the output of an encoder to a file."""

    def __init__(self, file: io.BufferedIOBase) -> None:
        self.file = file


class Picamera2:
    """The part of Picamera2 that spyglass, Picamera2's MJPEG example and webcamd use."""

    pictures: Pictures
    camera_controls: dict[str, Any] = {}  # noqa: RUF012 # in Picamera2 it is an attribute of the instance too

    def __init__(self, _number: int = 0, **_: object) -> None: ...

    def _is_rpi_camera(self) -> bool:
        return True

    def create_video_configuration(self, **wanted: object) -> dict[str, object]:
        """Accept every configuration."""
        return wanted

    create_preview_configuration = create_video_configuration

    def configure(self, configuration: dict[str, object]) -> None:
        """Do nothing."""

    def start(self) -> None:
        """Do nothing: frames are always available."""

    def start_encoder(self, _encoder: object, output: FileOutput) -> None:
        """Write one JPEG after the other to the output, in a thread."""
        threading.Thread(target=lambda: [output.file.write(jpeg) for jpeg in self.pictures], daemon=True).start()

    def start_recording(self, encoder: object, output: FileOutput) -> None:
        """Do the same."""
        self.start_encoder(encoder, output)

    def capture_array(self, *, wait: bool) -> "Future[Pixels]":
        """Return a finished job."""
        assert not wait  # noqa: S101 # the scripts never wait
        job: Future[Pixels] = Future()
        job.get_result = job.result  # type: ignore[attr-defined] # Picamera2's name for it
        job.set_result(self.pictures.pixels())
        return job


class VideoCapture:
    """OpenCV's camera."""

    pictures: Pictures

    def __init__(self, _device: str) -> None: ...

    def set(self, _property: int, _value: float) -> None:
        """Do nothing."""

    def read(self) -> tuple[bool, Pixels]:
        """Wait for the next image."""
        return True, self.pictures.pixels()


class Device:
    """v4l2py's camera."""

    pictures: Pictures

    def __init__(self, _device: str) -> None:
        self.video_capture = types.SimpleNamespace(
            set_format=lambda *_: None,
            set_fps=lambda _: None,
            get_format=lambda: (64, 48, "MJPEG"),
            get_fps=lambda: round(1 / INTERVAL),
        )

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pictures)


def _modules() -> dict[str, dict[str, object]]:
    """Return the attributes of each fake module."""
    return {
        "picamera2": {"Picamera2": Picamera2},
        "picamera2.encoders": {"JpegEncoder": object, "MJPEGEncoder": object},
        "picamera2.outputs": {"FileOutput": FileOutput, "Output": object},
        "libcamera": {
            "controls": types.SimpleNamespace(
                AfModeEnum=types.SimpleNamespace(Manual=0, Continuous=2),
                AfSpeedEnum=types.SimpleNamespace(Normal=0, Fast=1),
            ),
            "Transform": dict,
        },
        "cv2": {
            "VideoCapture": VideoCapture,
            "cvtColor": lambda pixels, _: pixels,
            **dict.fromkeys(
                ("CAP_PROP_FRAME_WIDTH", "CAP_PROP_FRAME_HEIGHT", "CAP_PROP_FPS", "COLOR_BGR2RGB"),
                0,
            ),
        },
        "v4l2py": {"Device": Device},
    }


def main() -> None:
    """Install the fake modules, and run the script."""
    pictures = Pictures(Path(sys.argv[1]))
    script = Path(sys.argv[2]).resolve()
    Picamera2.pictures = VideoCapture.pictures = Device.pictures = pictures
    for name, contents in _modules().items():
        module = types.ModuleType(name)
        vars(module).update(contents)
        sys.modules[name] = module
    sys.argv = [os.fspath(script), *sys.argv[3:]]
    sys.path[0] = os.fspath(script.parent)
    if script.is_dir():
        runpy.run_module(script.name, run_name="__main__")
    else:
        runpy.run_path(os.fspath(script), run_name="__main__")


if __name__ == "__main__":
    main()
