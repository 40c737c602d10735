"""Opens a V4L2 device in the guest with the driver, as a session of the server does; prints lines of JSON.

Usage: v4l2_probe.py DEVICE [NAME=VALUE...]: settings, and controls with the prefix `set:`. Prints what was negotiated,
and a frame. With `follow=1` it goes on until it is ended: a line for each change from frames to an error, and back.
"""

import json
import sys
import time
from typing import Any

import numpy
import simplejpeg

from soft_stream.cameras.base import CameraError
from soft_stream.cameras.v4l2.camera import V4l2Camera
from soft_stream.config.settings import Settings
from soft_stream.frames import jpeg

BARS = 8
TIMEOUT = 5.0


def main() -> None:
    """Run."""
    device, *words = sys.argv[1:]
    values = dict(word.split("=", 1) for word in words)
    controls = {name[4:]: int(values.pop(name)) for name in list(values) if name.startswith("set:")}
    follow = values.pop("follow", "")
    numbers: dict[str, Any] = {name: int(text) if text.isdecimal() else text for name, text in values.items()}
    settings = Settings(source="v4l2", device=device, **{"fps": 10.0, "snapshot_width": 0, **numbers})
    if follow:
        run_sessions(settings)
    say(once(settings, controls))


def say(facts: dict[str, Any]) -> None:
    """Print a line."""
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def once(settings: Settings, controls: dict[str, int]) -> dict[str, Any]:
    """Open the device, set controls, and describe a frame after that."""
    camera = V4l2Camera(settings)
    try:
        negotiated = camera.open()
        with camera.capture(TIMEOUT * 4):
            pass
        camera.set_controls(controls)
        for _ in range(6):  # the buffers may have older ones
            with camera.capture(TIMEOUT * 4) as raw:
                own, shown = bool(raw.jpeg), raw.jpeg or jpeg.encode(raw, 95)
        return {
            "format": negotiated.pixel_format,
            "size": negotiated.size,
            "model": negotiated.model,
            "is_own": own,
            "bars": bars(shown),
            "controls": {each.name: [each.kind, each.min, each.max, each.default] for each in camera.controls()},
        }
    finally:
        camera.close()


def bars(shown: bytes) -> list[list[int]]:
    """Return the mean colour of the middle of each eighth of the picture, in its lower half."""
    pixels = simplejpeg.decode_jpeg(shown)
    height, width, _ = pixels.shape
    edges = [width * each // (4 * BARS) for each in range(4 * BARS)]
    parts = [
        pixels[height * 5 // 8 : height * 7 // 8, edges[4 * each + 1] : edges[4 * each + 3]] for each in range(BARS)
    ]
    return [[round(float(value)) for value in numpy.mean(part, axis=(0, 1))] for part in parts]


def run_sessions(settings: Settings) -> None:
    """Open the device again after each error, and print when frames begin and why they end."""
    number, state = 0, ""
    while True:
        camera = V4l2Camera(settings)
        try:
            camera.open()
            while True:
                with camera.capture(TIMEOUT):
                    number += 1
                if state != "live":
                    state = "live"
                    say({"state": state, "frames": number})
        except CameraError as error:
            if state != (state := type(error).__name__):
                say({"state": state, "reason": str(error)})
        finally:
            camera.close()
        time.sleep(0.5)


main()
