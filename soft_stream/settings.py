"""Every setting once: its name, kind, unit, bounds, default and meaning."""

import difflib
import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from types import MappingProxyType
from typing import Any

FIRST_PORT = 18081
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


def _setting(default: Any, kind: Kind, meaning: str, *, own: bool = False) -> Any:
    """Declare a setting; `own` ones belong to one camera and have no `cam_` form for every camera."""
    return field(default=default, metadata={"kind": kind, "meaning": meaning, "own": own})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is in force for one camera; `cam_NAME` sets a value for every camera, `camN_NAME` for camera N."""

    camera: int = 0

    # which camera
    id: str = _setting("", _text(), "libcamera's id of the camera, as `soft-stream cameras` prints it", own=True)
    name: str = _setting("", _text(), "the name on the page and in the log (Camera N)", own=True)
    source: str = _setting("picamera", _word("picamera", "test-pattern"), "where frames come from")
    # where it is served
    bind: tuple[str, ...] = _setting(("127.0.0.1",), _addresses(), "the addresses to listen on")
    port: int = _setting(FIRST_PORT, _whole(1, 65535, "TCP port"), "the port to listen on (18081 + N)", own=True)
    # the stream
    width: int = _setting(1280, _whole(32, 16384, "pixels", even=True), "width asked of the camera")
    height: int = _setting(720, _whole(32, 16384, "pixels", even=True), "height asked of the camera")
    fps: float = _setting(30.0, _number(0.1, 240, "frames a second"), "frame rate asked of the camera")
    quality: int = _setting(80, _whole(1, 100, "JPEG quality"), "quality of the stream's JPEGs")
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
        _word("off", "continuous", spellings={"0": "off", "1": "continuous"}),
        "off, or an AF cycle before streams and snapshots, then continuous AF",
    )
    autofocus_timeout: float = _setting(8.0, _number(0.5, 60, "seconds"), "how long an AF cycle may take")
    # snapshots taken while nobody streams
    snapshot_width: int = _setting(0, _whole(0, 16384, "pixels; 0 is the sensor's", even=True), "width of a snapshot")
    snapshot_height: int = _setting(0, _whole(0, 16384, "pixels; 0 is the sensor's", even=True), "height of a snapshot")
    snapshot_quality: int = _setting(90, _whole(1, 100, "JPEG quality"), "quality of such a snapshot")
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
        return " ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def nearest(wrong: str, names: list[str]) -> str:
    """Return the hint `; did you mean NAME?`, or nothing where no name is near."""
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
