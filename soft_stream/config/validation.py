"""Rules that several settings must satisfy together."""

import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any

from soft_stream.config.settings import LOWEST_CLIENT_FPS, Settings, show_value
from soft_stream.config.urls import has_password
from soft_stream.config.value_types import STDOUT
from soft_stream.config.zmq_endpoint import parse_zmq_endpoint
from soft_stream.message import Message

HIGHEST_PORT = 65535
# the setting that a source cannot do without, and what it names
NEEDED_BY = {
    "folder": ("folder", "the folder of its JPEGs"),
    "http": ("url", "the URL of its stream or snapshot"),
    "media": ("url", "its file or URL"),
}
HTTP_URL = re.compile("https?://", re.IGNORECASE)
Cameras = Mapping[int, Settings]
Origins = Mapping[int, Mapping[str, str]]


def check_together(cameras: Cameras, origins: Origins) -> Iterator[str]:
    """Yield a sentence for each combination of settings that cannot work."""
    yield from _check_unique(cameras, origins)
    yield from _check_endpoints(cameras, origins)
    yield from _check_public_ports(cameras, origins)
    yield from _check_secrets(cameras, origins)
    yield from _check_zmq(cameras, origins)
    for number, settings in cameras.items():
        for name, problem in check_camera(settings):
            value = show_value(name, getattr(settings, name))
            yield f"{_place(origins, number, name)}: cam{number}_{name}={value}: {problem}"


def _check_unique(cameras: Cameras, origins: Origins) -> Iterator[str]:
    """Find values that two cameras cannot share."""
    for name in ("port", "id", "device", "log_file", "zmq", "save_link"):
        first: dict[Any, int] = {}
        for number, settings in cameras.items():
            value = getattr(settings, name)
            shared = (settings.save or number, value) if name == "save_link" else value
            other = first.setdefault(shared, number)
            if other != number and value not in ("", STDOUT):
                yield (
                    f"{_place(origins, number, name)}: cam{number}_{name}={value}: camera {other} has the same "
                    f"({_place(origins, other, name)}); each camera needs its own"
                )


def _check_secrets(cameras: Cameras, origins: Origins) -> Iterator[str]:
    """Find passwords on the command line."""
    for number, settings in cameras.items():
        origin = origins[number]["url"]
        if " --" in origin and has_password(settings.url):
            yield (
                f"{origin}={show_value('url', settings.url)}: every user of this machine can read a command line: "
                f"write a URL with a password as cam{number}_url into the settings file or the environment"
            )


def check_camera(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the names of the settings of one camera that contradict others, each with the rule."""
    number = settings.camera
    if (needed := NEEDED_BY.get(settings.source)) and not getattr(settings, needed[0]):
        yield "source", f"cam{number}_{needed[0]} must name {needed[1]}"
    if settings.source == "http" and settings.url and not HTTP_URL.match(settings.url):
        yield "url", "must begin with http:// or https:// for source=http"
    if settings.source == "v4l2" and settings.device and not settings.device.startswith("/"):
        yield "device", "must be an absolute path such as /dev/v4l/by-id/NAME, or empty"
    shortest = 2 / settings.fps
    for name in ("start_timeout", "watchdog_timeout"):
        if 0 < getattr(settings, name) < shortest:
            template, at = "must be at least {seconds:g} (seconds), the time of two frames at {at}", settings.fps
            yield name, Message("rule_shortest", template, seconds=shortest, at=f"cam{number}_fps={at:g}")
    if 0 < settings.client_fps_max < LOWEST_CLIENT_FPS:
        yield "client_fps_max", f"must be 0 (no limit) or at least {LOWEST_CLIENT_FPS:g} (frames a second)"
    if settings.min_fps > settings.fps:
        yield "min_fps", Message("rule_at_most", "must be at most {at}", at=f"cam{number}_fps={settings.fps:g}")
    if (settings.snapshot_width == 0) != (settings.snapshot_height == 0):
        name = "snapshot_width" if settings.snapshot_width == 0 else "snapshot_height"
        yield name, "snapshot_width and snapshot_height are both 0 (the sensor's size) or neither"


def _check_endpoints(cameras: Cameras, origins: Origins) -> Iterator[str]:
    """Find endpoints that are in use twice, and https:// endpoints without a certificate."""
    taken = [(number, "port", endpoint) for number, settings in cameras.items() for endpoint in settings.bound]
    for number, settings in cameras.items():
        for one, other in combinations(settings.bound, 2):
            if one.overlaps(other):
                yield (
                    f"{_place(origins, number, 'bind')}: cam{number}_bind={' '.join(settings.bind)}: {one} and {other} "
                    "overlap; 0.0.0.0 is every IPv4 address, and :: every IPv6 address"
                )
        for endpoint in settings.listen:
            written = f"{_place(origins, number, 'listen')}: cam{number}_listen={endpoint}:"
            for camera, name, its in taken:
                if endpoint.overlaps(its):
                    yield (
                        f"{written} camera {camera} listens at {its} already ({_place(origins, camera, name)}); "
                        "each endpoint can be used once"
                    )
                    break
            taken.append((number, "listen", endpoint))
            if endpoint.scheme == "https":
                for name, what in (("tls_certificate", "its certificate (PEM)"), ("tls_key", "its key (PEM)")):
                    if not getattr(settings, name):
                        yield f"{written} cam{number}_{name} must name {what}"


def _check_zmq(cameras: Cameras, origins: Origins) -> Iterator[str]:
    """Find ZeroMQ endpoints at a port on which a process listens for HTTP."""
    ports = {
        endpoint.port: number
        for number, settings in cameras.items()
        for endpoint in (*settings.bound, *settings.listen)
        if not endpoint.path
    }
    for number, settings in cameras.items():
        port = parse_zmq_endpoint(settings.zmq).port if settings.zmq else 0
        if port and port in ports:
            place = f"{_place(origins, number, 'zmq')}: cam{number}_zmq={settings.zmq}"
            yield f"{place}: camera {ports[port]} serves HTTP on port {port}; each port can be used once"


def _check_public_ports(cameras: Cameras, origins: Origins) -> Iterator[str]:
    """Find external ports that nginx could not use; a port of a process may be the same if nginx is not used."""
    for number, settings in cameras.items():
        base = f"{_place(origins, number, 'camera_port_base')}: cam_camera_port_base={settings.camera_port_base}"
        port = f"nginx serves camera {number} on port {settings.public_port}"
        if settings.public_port > HIGHEST_PORT:
            yield f"{base}: {port}, but the highest port is {HIGHEST_PORT}"
        if settings.public_port == settings.portal_port:
            yield f"{base}: {port}, which is cam_portal_port ({_place(origins, number, 'portal_port')})"


def _place(origins: Origins, camera: int, name: str) -> str:
    """Return where a value was found, without its key."""
    return origins[camera][name].rsplit(" ", 1)[0]
