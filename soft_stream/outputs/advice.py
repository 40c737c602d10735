"""What an operator should know about the outputs before they start: for `soft-stream check` and the doctor."""

import importlib.util
import os
import shlex
import shutil
from collections.abc import Iterator

from soft_stream.config.settings import Settings
from soft_stream.config.zmq_endpoint import parse_zmq_endpoint


def warnings(settings: Settings) -> Iterator[str]:
    """Yield a sentence for each output that cannot work, or that other machines may use without a login."""
    name = f"cam{settings.camera}"
    if settings.zmq:
        endpoint = parse_zmq_endpoint(settings.zmq)
        if not importlib.util.find_spec("zmq"):
            yield (
                f"{name}_zmq={settings.zmq}: the Python package zmq is missing: sudo apt install python3-zmq, or "
                "pip install 'camera-soft-stream[zmq]'"
            )
        if endpoint.is_public:
            yield (
                f"{name}_zmq={settings.zmq}: other machines can see the camera, and ZeroMQ has no login; "
                f"tcp://127.0.0.1:{endpoint.port} is for programs on this machine only"
            )
    if settings.save and not os.path.isdir(settings.save):
        yield f"{name}_save={settings.save}: this folder does not exist, so nothing is saved until it does"
    words = shlex.split(settings.save_command)
    if settings.save and words and not shutil.which(words[0]):
        yield f"{name}_save_command: there is no executable {words[0]}"
