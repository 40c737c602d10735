"""Every setting once: its name, kind, unit, bounds, default and meaning."""

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any

FIRST_PORT = 18081
# Browsers paint a part only when the next one begins: with fewer frames they would be seconds behind.
LOWEST_CLIENT_FPS = 0.5
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")


@dataclass(frozen=True)
class Kind:
    """How a value is written: `parse` raises ValueError on anything but what `right` describes."""

    parse: Callable[[str], Any]
    right: str


def _whole(low: int, high: int, unit: str, *, even: bool = False) -> Kind:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high or (even and value % 2):
            raise ValueError(text)
        return value

    return Kind(parse, f"{'an even' if even else 'a whole'} number from {low} to {high} ({unit})")


def _number(low: float, high: float, unit: str) -> Kind:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:  # also refuses nan
            raise ValueError(text)
        return value

    return Kind(parse, f"a number from {low:g} to {high:g} ({unit})")


def _word(*words: str, spellings: Mapping[str, str] = MappingProxyType({})) -> Kind:
    """One of the words; `spellings` are further ways to write them."""

    def parse(text: str) -> str:
        word = spellings.get(text.lower(), text.lower())
        if word not in words:
            raise ValueError(text)
        return word

    return Kind(parse, "one of: " + ", ".join(words))


def _switch() -> Kind:
    on, off = ("1", "on", "yes", "true"), ("0", "off", "no", "false")

    def parse(text: str) -> bool:
        if text.lower() not in on + off:
            raise ValueError(text)
        return text.lower() in on

    return Kind(parse, "1 (on) or 0 (off)")


def _right_angle() -> Kind:
    def parse(text: str) -> int:
        value = int(text)
        if value not in (0, 90, 180, 270):
            raise ValueError(text)
        return value

    return Kind(parse, "one of: 0, 90, 180, 270 (degrees)")


def _text() -> Kind:
    def parse(text: str) -> str:
        if not text.isprintable():
            raise ValueError(text)
        return text

    return Kind(parse, "printable text")


def _addresses() -> Kind:
    def parse(text: str) -> tuple[str, ...]:
        addresses = tuple(
            str(ipaddress.ip_address("127.0.0.1" if word == "localhost" else word.strip("[]")))
            for word in text.replace(",", " ").split()
        )
        if not addresses or len(set(addresses)) < len(addresses):
            raise ValueError(text)
        return addresses

    return Kind(parse, "one or more IP addresses with spaces between them, such as 127.0.0.1 or 0.0.0.0 or ::")


def _path() -> Kind:
    def parse(text: str) -> str:
        if text and (not text.startswith("/") or not text.isprintable()):
            raise ValueError(text)
        return text

    return Kind(parse, "an absolute path, or empty")


def _file_name() -> Kind:
    def parse(text: str) -> str:
        if not text.isprintable() or ("/" in text and not text.startswith("/")):
            raise ValueError(text)
        return text

    return Kind(parse, "a file name, an absolute path, or empty")


def _sensor_mode() -> Kind:
    def parse(text: str) -> str:
        word = text.lower()
        if word not in ("auto", "driver") and not re.fullmatch(r"[1-9]\d{1,4}x[1-9]\d{1,4}", word):
            raise ValueError(text)
        return word

    return Kind(parse, "auto, driver, or a size such as 2304x1296")


def _window() -> Kind:
    def parse(text: str) -> tuple[float, ...]:
        x, y, width, height = window = [float(part) for part in text.replace(",", " ").split()] or [0.0] * 4
        inside = 0 <= x <= x + width <= 1 and 0 <= y <= y + height <= 1
        if not inside or (text.strip() and 0 in (width, height)):
            raise ValueError(text)
        return tuple(window) if text.strip() else ()

    return Kind(parse, "x y width height as parts of the picture, such as 0.25 0.25 0.5 0.5, or empty")


def _named_values() -> Kind:
    def parse(text: str) -> tuple[tuple[str, str], ...]:
        pairs = tuple(word.partition("=") for word in text.split())
        if any(not (name.isalnum() and value) for name, _, value in pairs):
            raise ValueError(text)
        return tuple((name, value) for name, _, value in pairs)

    return Kind(parse, "NAME=VALUE with spaces between them, such as Brightness=0.1 ExposureValue=0.5, or empty")


def _setting(default: Any, kind: Kind, meaning: str, *, own: bool = False) -> Any:
    """Declare a setting; `own` ones belong to one camera and have no `cam_` form for every camera."""
    return field(default=default, metadata={"kind": kind, "meaning": meaning, "own": own})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is in force for one camera; `cam_NAME` sets a value for every camera, `camN_NAME` for camera N."""

    camera: int = 0
    controls_file: Path | None = None
    """Where `POST /controls?keep=1` keeps what was set."""

    # which camera
    id: str = _setting("", _text(), "libcamera's id of the camera, as `soft-stream cameras` prints it", own=True)
    name: str = _setting("", _text(), "the name on the page and in the log (Camera N)", own=True)
    source: str = _setting("picamera", _word("picamera", "test-pattern", "folder"), "where frames come from")
    folder: str = _setting("", _path(), "the folder of JPEGs that source=folder shows", own=True)
    sensor_mode: str = _setting(
        "auto", _sensor_mode(), "the sensor's mode; auto keeps the whole field of view, driver leaves it to libcamera"
    )
    tuning_file: str = _setting("", _file_name(), "libcamera's tuning file, such as imx708_noir.json", own=True)
    hdr: str = _setting(
        "off",
        _word("off", "sensor", "single-exposure", "multi-exposure", "night"),
        "high dynamic range: by the sensor (imx708), or by the Raspberry Pi 5",
    )
    # where it is served
    bind: tuple[str, ...] = _setting(("127.0.0.1",), _addresses(), "the addresses to listen on")
    port: int = _setting(FIRST_PORT, _whole(1, 65535, "TCP port"), "the port to listen on (18081 + N)", own=True)
    # the stream
    width: int = _setting(1280, _whole(32, 16384, "pixels", even=True), "width asked of the camera")
    height: int = _setting(720, _whole(32, 16384, "pixels", even=True), "height asked of the camera")
    fps: float = _setting(30.0, _number(0.1, 240, "frames a second"), "frame rate asked of the camera")
    min_fps: float = _setting(
        0.0,
        _number(0, 240, "frames a second; 0 is the same as fps"),
        "how slow the camera may become in the dark to keep the picture bright",
    )
    quality: int = _setting(80, _whole(1, 100, "JPEG quality"), "quality of the stream's JPEGs")
    client_fps_max: float = _setting(
        0.0,
        _number(0, 240, f"frames a second, at least {LOWEST_CLIENT_FPS:g}; 0 is no limit"),
        "no client of the stream gets more; one may ask for fewer",
    )
    ease: str = _setting(
        "off",
        _word("off", "on", spellings={"0": "off", "1": "on"}),
        "lower the stream's quality and rate on a hot or busy Raspberry Pi, before frames are late",
    )
    pixel_format: str = _setting(
        "auto",
        _word("auto", "mjpeg", "yuv420", "yuyv"),
        "what the camera delivers; auto is yuv420 from CSI and mjpeg from USB cameras",
    )
    # the picture
    hflip: bool = _setting(False, _switch(), "mirror left and right")
    vflip: bool = _setting(False, _switch(), "mirror top and bottom")
    rotation: int = _setting(0, _right_angle(), "rotation clockwise, after the mirroring")
    # focus
    autofocus: str = _setting(
        "continuous",
        _word("off", "continuous", "once", "manual", spellings={"0": "off", "1": "continuous"}),
        "an AF cycle before streams and snapshots, then continuous AF; once: then the lens stays; manual: no cycle",
    )
    autofocus_timeout: float = _setting(8.0, _number(0.5, 60, "seconds"), "how long an AF cycle may take")
    autofocus_window: tuple[float, ...] = _setting((), _window(), "the part of the picture that is to be sharp")
    autofocus_range: str = _setting("normal", _word("normal", "macro", "full"), "the distances that AF looks at")
    autofocus_speed: str = _setting("normal", _word("normal", "fast"), "how fast AF moves the lens")
    lens_position: float = _setting(
        1.0, _number(0, 40, "dioptres: 1/metres, 0 is infinity"), "where the lens is when autofocus is manual"
    )
    # what the camera is told
    controls: tuple[tuple[str, str], ...] = _setting(
        (), _named_values(), "libcamera's controls to begin with, as /controls.json lists them"
    )
    # snapshots
    snapshot_size: str = _setting(
        "auto", _word("auto", "full", "stream"), "size of a snapshot; auto is stream while somebody streams, else full"
    )
    snapshot_width: int = _setting(0, _whole(0, 16384, "pixels; 0 is the sensor's", even=True), "full width")
    snapshot_height: int = _setting(0, _whole(0, 16384, "pixels; 0 is the sensor's", even=True), "full height")
    snapshot_quality: int = _setting(90, _whole(1, 100, "JPEG quality"), "quality of a full-size snapshot")
    still_method: str = _setting(
        "auto",
        _word("auto", "dual", "switch"),
        "full size beside the stream all the time, or by switching modes; auto is dual where that costs no frame rate",
    )
    # a pause for another program
    pause_file: str = _setting(
        "", _path(), "while this file exists the camera is free (camN.pause in RUNTIME_DIRECTORY)", own=True
    )
    pause_snapshot: str = _setting(
        "",
        _path(),
        "the picture of another program, served as /snap.jpg (camN-snap.jpg in RUNTIME_DIRECTORY)",
        own=True,
    )
    pause_max: float = _setting(300.0, _number(1, 86400, "seconds"), "the longest pause")
    # the life of the camera
    start_timeout: float = _setting(10.0, _number(1, 300, "seconds"), "how long a request waits for a picture")
    close_after: float = _setting(10.0, _number(0, 86400, "seconds"), "how long the camera stays open for nobody")
    watchdog_timeout: float = _setting(
        10.0, _number(0, 3600, "seconds; 0 switches it off"), "so long without a frame restarts the camera"
    )
    retry_pause: float = _setting(2.0, _number(0.1, 3600, "seconds"), "pause before a camera is opened again")
    close_timeout: float = _setting(
        5.0, _number(0.5, 300, "seconds"), "so long a camera may take to close before the process ends"
    )
    # the log
    log_level: str = _setting(
        "info",
        _word(*LOG_LEVELS, spellings={level[0]: level for level in LOG_LEVELS}),
        "how much the log says",
    )

    @property
    def local_url(self) -> str:
        """The address at which this machine reaches the portal of the camera, without a slash at its end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind[0], self.bind[0])  # noqa: S104 # nothing is bound here
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def title(self) -> str:
        """The name that people see."""
        return self.name or f"Camera {self.camera}"


SETTINGS: dict[str, Field[Any]] = {each.name: each for each in fields(Settings) if each.metadata}


def default_of(name: str, camera: int) -> Any:
    """Return a setting's default for camera N."""
    return FIRST_PORT + camera if name == "port" else SETTINGS[name].default


def as_text(value: Any) -> str:
    """Write a value the way it stands in the settings file."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return " ".join("=".join(each) if isinstance(each, tuple) else as_text(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def nearest(wrong: str, names: list[str]) -> str:
    """Return the hint `; did you mean NAME?`, or nothing where no name is near."""
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
