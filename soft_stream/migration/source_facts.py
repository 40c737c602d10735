"""Options of mjpg-streamer's plugins that decide about the source of a camera, or what is saved of it."""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from soft_stream.config.endpoints import in_url
from soft_stream.migration.arguments import shown_value
from soft_stream.migration.machine import Machine
from soft_stream.migration.model import Translation

HIGHEST_PORT = 65535
FIRST_DEVICE = "/dev/video0"
NO_EFFECT_ON_FILES = "mjpg-streamer changes neither the size nor the rate of a file or URL; the source decides them"


def apply_source_facts(done: Translation, machine: Machine) -> None:
    """Turn the facts of the plugins into settings and notes."""
    for name, apply in SOURCE_FACTS.items():
        if name in done.facts:
            apply(done, done.facts[name][-1], machine)


def _device(done: Translation, path: str, machine: Machine) -> None:
    """Keep the device; that of a CSI camera becomes the id of the camera, because its frames are not pictures yet."""
    if not path.startswith("/"):
        done.note(f"-d {path}: must be an absolute path here", "device")
        return
    camera_id = machine.id_of_node(path)
    if camera_id is None or not camera_id.startswith("/base/") or "/usb" in camera_id:
        done.set("source", "v4l2", f"-d {path}")
        done.set("device", path, f"-d {path}")
        return
    done.values.pop("source", None)
    done.set("id", camera_id, f"-d {path}")
    for name, text in done.controls.items():
        done.note(
            f"{name}={text}: the unit is that of a webcam's driver, and {path} is a CSI camera; see /controls.json"
        )
    done.controls.clear()


def _capture(done: Translation, text: str, machine: Machine) -> None:
    """Translate what OpenCV opens: the number or path of a device, a file, or a URL."""
    number = re.match(r"\s*[+-]?(\d{1,4})", text, re.ASCII)
    if text.lower() == "default" or number or text.startswith("/dev/"):
        path = f"/dev/video{int(number[1])}" if number else text
        _device(done, path if path.startswith("/dev/") else FIRST_DEVICE, machine)
        return
    done.set("source", "media", f"-d {text}")
    done.set("url", text, f"-d {shown_value(text)}")
    for name in ("width", "height", "fps"):
        was_set = done.values.pop(name, None) is not None and name not in done.defaulted
        done.defaulted.discard(name)
        if was_set:
            done.note(f"-r, -f: {NO_EFFECT_ON_FILES}")


def _http_host(done: Translation, host: str, _machine: Machine) -> None:
    """Join the host and the port of `input_http`."""
    port = done.facts["http_port"][-1]
    if not (port.isascii() and port.isdecimal() and 0 < int(port) <= HIGHEST_PORT):
        done.note(f"-p {port}: must be a whole number from 1 to {HIGHEST_PORT}", "url")
        return
    done.set("url", f"http://{in_url(host.strip('[]'))}:{port}/?action=stream", f"-H {host} -p {port}")


def _file_name(done: Translation, name: str, _machine: Machine) -> None:
    if done.values.get("folder_mode") == "new":
        done.set("folder_file", name, f"-n {name}")
    else:
        done.note(f"-n {name}: it has no effect together with -e there")


def _mjpeg(done: Translation, name: str, _machine: Machine) -> None:
    done.set("save_as", "mjpeg", f"-m {name}")
    done.note(f"-m {name}: the program chooses the names of the files in cam_save")
    if count := done.values.pop("save_count", ""):
        done.note(f"-s {count}: it has no effect together with -m there")


SOURCE_FACTS: Mapping[str, Callable[[Translation, str, Machine], None]] = MappingProxyType(
    {
        "device": _device,
        "capture": _capture,
        "http_host": _http_host,
        "file_name": _file_name,
        "mjpeg": _mjpeg,
    }
)
HELPING_FACTS: Sequence[str] = ("http_port",)
"""The facts that others use."""
