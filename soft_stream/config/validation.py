"""Rules that several settings must satisfy together."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import LOWEST_CLIENT_FPS, Settings


def _check_together(
    cameras: Mapping[int, Settings], origins: Mapping[int, Mapping[str, str]], problems: list[str]
) -> None:
    """Find what no value shows alone."""
    for name in ("port", "id", "log_file"):
        first: dict[Any, int] = {}
        for number, settings in cameras.items():
            value = getattr(settings, name)
            other = first.setdefault(value, number)
            if other != number and value:
                problems.append(
                    f"{_place(origins, number, name)}: cam{number}_{name}={value}: camera {other} has the same "
                    f"({_place(origins, other, name)}); each camera needs its own"
                )
    _check_endpoints(cameras, origins, problems)
    for number, settings in cameras.items():
        if settings.source == "folder" and not settings.folder:
            problems.append(
                f"{_place(origins, number, 'source')}: cam{number}_source=folder: "
                f"cam{number}_folder must name the folder of its JPEGs"
            )
        for name in ("start_timeout", "watchdog_timeout"):
            timeout, two_frames = getattr(settings, name), 2 / settings.fps
            if 0 < timeout < two_frames:
                problems.append(
                    f"{_place(origins, number, name)}: cam{number}_{name}={timeout:g}: must be at least {two_frames:g} "
                    f"(seconds), the time of two frames at cam{number}_fps={settings.fps:g}"
                )
        if 0 < settings.client_fps_max < LOWEST_CLIENT_FPS:
            problems.append(
                f"{_place(origins, number, 'client_fps_max')}: cam{number}_client_fps_max={settings.client_fps_max:g}: "
                f"must be 0 (no limit) or at least {LOWEST_CLIENT_FPS:g} (frames a second)"
            )
        if settings.min_fps > settings.fps:
            problems.append(
                f"{_place(origins, number, 'min_fps')}: cam{number}_min_fps={settings.min_fps:g}: "
                f"must be at most cam{number}_fps={settings.fps:g}"
            )
        if (settings.snapshot_width == 0) != (settings.snapshot_height == 0):
            name = "snapshot_width" if settings.snapshot_width == 0 else "snapshot_height"
            problems.append(
                f"{_place(origins, number, name)}: cam{number}_{name}=0: "
                "snapshot_width and snapshot_height are both 0 (the sensor's size) or neither"
            )


def _check_endpoints(
    cameras: Mapping[int, Settings], origins: Mapping[int, Mapping[str, str]], problems: list[str]
) -> None:
    """Find endpoints of `listen` that cannot be had: somebody else listens there, or TLS has no certificate."""
    taken = [
        (number, "port", Endpoint("http", address, settings.port))
        for number, settings in cameras.items()
        for address in settings.bind
    ]
    for number, settings in cameras.items():
        for one, other in combinations((Endpoint("http", address, settings.port) for address in settings.bind), 2):
            if one.overlaps(other):
                problems.append(
                    f"{_place(origins, number, 'bind')}: cam{number}_bind={' '.join(settings.bind)}: {one} and {other} "
                    "cannot be had at once; 0.0.0.0 is every IPv4 address, and :: every IPv6 address"
                )
        for endpoint in settings.listen:
            written = f"{_place(origins, number, 'listen')}: cam{number}_listen={endpoint}:"
            for camera, name, its in taken:
                if endpoint.overlaps(its):
                    problems.append(
                        f"{written} camera {camera} listens at {its} already ({_place(origins, camera, name)}); "
                        "each endpoint can be had once"
                    )
                    break
            taken.append((number, "listen", endpoint))
            if endpoint.scheme == "https":
                problems += [
                    f"{written} cam{number}_{name} must name {what}"
                    for name, what in (("tls_certificate", "its certificate (PEM)"), ("tls_key", "its key (PEM)"))
                    if not getattr(settings, name)
                ]


def _place(origins: Mapping[int, Mapping[str, str]], camera: int, name: str) -> str:
    return origins[camera][name].rsplit(" ", 1)[0]
