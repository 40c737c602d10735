"""Every setting once: its name, kind, unit, bounds, default and meaning."""

import difflib
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from soft_stream.config import value_types
from soft_stream.config.endpoints import Endpoint, in_url

FIRST_PORT = 18081
# Browsers paint a part only when the next one begins: with fewer frames they would be seconds behind.
LOWEST_CLIENT_FPS = 0.5
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
LOG_LEVEL = value_types.choice(*LOG_LEVELS, spellings={level[0]: level for level in LOG_LEVELS})


def _setting(default: Any, value_type: value_types.ValueType, meaning: str, *, per_camera: bool = False) -> Any:
    """Declare a setting; `own` ones belong to one camera and have no `cam_` form for every camera."""
    return field(default=default, metadata={"type": value_type, "meaning": meaning, "per_camera": per_camera})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is in force for one camera; `cam_NAME` sets a value for every camera, `camN_NAME` for camera N."""

    camera: int = 0
    controls_file: Path | None = None
    """Where `POST /controls?keep=1` keeps what was set."""

    # which camera
    id: str = _setting(
        "", value_types.text(), "libcamera's id of the camera, as `soft-stream cameras` prints it", per_camera=True
    )
    name: str = _setting("", value_types.text(), "the name on the page and in the log (Camera N)", per_camera=True)
    source: str = _setting(
        "picamera", value_types.choice("picamera", "test-pattern", "folder"), "where frames come from"
    )
    folder: str = _setting("", value_types.path(), "the folder of JPEGs that source=folder shows", per_camera=True)
    sensor_mode: str = _setting(
        "auto",
        value_types.sensor_mode(),
        "the sensor's mode; auto keeps the whole field of view, driver leaves it to libcamera",
    )
    tuning_file: str = _setting(
        "", value_types.file_name(), "libcamera's tuning file, such as imx708_noir.json", per_camera=True
    )
    hdr: str = _setting(
        "off",
        value_types.choice("off", "sensor", "single-exposure", "multi-exposure", "night"),
        "high dynamic range: by the sensor (imx708), or by the Raspberry Pi 5",
    )
    # where it is served
    bind: tuple[str, ...] = _setting(("127.0.0.1",), value_types.addresses(), "the addresses to listen on")
    port: int = _setting(
        FIRST_PORT, value_types.integer(1, 65535, "TCP port"), "the port to listen on (18081 + N)", per_camera=True
    )
    listen: tuple[Endpoint, ...] = _setting(
        (), value_types.endpoint_list(), "further places to listen: http://, https:// and unix:", per_camera=True
    )
    tls_certificate: str = _setting(
        "", value_types.path(), "the certificate of https:// endpoints, with its chain (PEM)"
    )
    tls_key: str = _setting("", value_types.path(), "the key of that certificate (PEM)")
    cors_origins: tuple[str, ...] = _setting(
        (),
        value_types.origins(),
        "whose pages in a browser may read the answers; * is everybody's, without credentials",
    )
    legacy_control: bool = _setting(
        False,
        value_types.boolean(),
        "let /?action=command set controls, as mjpg-streamer does: a GET that changes something",
    )
    # the stream
    width: int = _setting(1280, value_types.integer(32, 16384, "pixels", even=True), "width asked of the camera")
    height: int = _setting(720, value_types.integer(32, 16384, "pixels", even=True), "height asked of the camera")
    fps: float = _setting(30.0, value_types.number(0.1, 240, "frames a second"), "frame rate asked of the camera")
    min_fps: float = _setting(
        0.0,
        value_types.number(0, 240, "frames a second; 0 is the same as fps"),
        "how slow the camera may become in the dark to keep the picture bright",
    )
    quality: int = _setting(80, value_types.integer(1, 100, "JPEG quality"), "quality of the stream's JPEGs")
    client_fps_max: float = _setting(
        0.0,
        value_types.number(0, 240, f"frames a second, at least {LOWEST_CLIENT_FPS:g}; 0 is no limit"),
        "no client of the stream gets more; one may ask for fewer",
    )
    renditions_max: int = _setting(
        8,
        value_types.integer(0, 32, "renditions; 0 is none"),
        "how many kinds of smaller or turned pictures (?width=, ?quality=, ?rotate=) are made at once",
    )
    adaptive_quality: str = _setting(
        "off",
        value_types.choice("off", "on", spellings={"0": "off", "1": "on"}),
        "lower the stream's quality and rate on a hot or busy Raspberry Pi, before frames are late",
    )
    pixel_format: str = _setting(
        "auto",
        value_types.choice("auto", "mjpeg", "yuv420", "yuyv"),
        "what the camera delivers; auto is yuv420 from CSI and mjpeg from USB cameras",
    )
    # the picture
    hflip: bool = _setting(False, value_types.boolean(), "mirror left and right")
    vflip: bool = _setting(False, value_types.boolean(), "mirror top and bottom")
    rotation: int = _setting(0, value_types.right_angle(), "rotation clockwise, after the mirroring")
    # focus
    autofocus: str = _setting(
        "continuous",
        value_types.choice("off", "continuous", "once", "manual", spellings={"0": "off", "1": "continuous"}),
        "an AF cycle before streams and snapshots, then continuous AF; once: then the lens stays; manual: no cycle",
    )
    autofocus_timeout: float = _setting(8.0, value_types.number(0.5, 60, "seconds"), "how long an AF cycle may take")
    autofocus_window: tuple[float, ...] = _setting(
        (), value_types.window(), "the part of the picture that is to be sharp"
    )
    autofocus_range: str = _setting(
        "normal", value_types.choice("normal", "macro", "full"), "the distances that AF looks at"
    )
    autofocus_speed: str = _setting("normal", value_types.choice("normal", "fast"), "how fast AF moves the lens")
    lens_position: float = _setting(
        1.0,
        value_types.number(0, 40, "dioptres: 1/metres, 0 is infinity"),
        "where the lens is when autofocus is manual",
    )
    # what the camera is told
    controls: tuple[tuple[str, str], ...] = _setting(
        (), value_types.named_values(), "libcamera's controls to begin with, as /controls.json lists them"
    )
    # snapshots
    snapshot_size: str = _setting(
        "auto",
        value_types.choice("auto", "full", "stream"),
        "size of a snapshot; auto is stream while somebody streams, else full",
    )
    snapshot_width: int = _setting(
        0, value_types.integer(0, 16384, "pixels; 0 is the sensor's", even=True), "full width"
    )
    snapshot_height: int = _setting(
        0, value_types.integer(0, 16384, "pixels; 0 is the sensor's", even=True), "full height"
    )
    snapshot_quality: int = _setting(90, value_types.integer(1, 100, "JPEG quality"), "quality of a full-size snapshot")
    still_method: str = _setting(
        "auto",
        value_types.choice("auto", "dual", "switch"),
        "full size beside the stream all the time, or by switching modes; auto is dual where that costs no frame rate",
    )
    # a pause for another program
    pause_file: str = _setting(
        "",
        value_types.path(),
        "while this file exists the camera is free (camN.pause in RUNTIME_DIRECTORY)",
        per_camera=True,
    )
    pause_snapshot: str = _setting(
        "",
        value_types.path(),
        "the picture of another program, served as /snap.jpg (camN-snap.jpg in RUNTIME_DIRECTORY)",
        per_camera=True,
    )
    pause_max: float = _setting(300.0, value_types.number(1, 86400, "seconds"), "the longest pause")
    # the life of the camera
    start_timeout: float = _setting(
        10.0, value_types.number(1, 300, "seconds"), "how long a request waits for a picture"
    )
    close_after: float = _setting(
        10.0, value_types.number(0, 86400, "seconds"), "how long the camera stays open for nobody"
    )
    watchdog_timeout: float = _setting(
        10.0, value_types.number(0, 3600, "seconds; 0 switches it off"), "so long without a frame restarts the camera"
    )
    retry_pause: float = _setting(
        2.0, value_types.number(0.1, 3600, "seconds"), "pause before a camera is opened again"
    )
    close_timeout: float = _setting(
        5.0, value_types.number(0.5, 300, "seconds"), "so long a camera may take to close before the process ends"
    )
    # the log
    log_level: str = _setting(
        "info",
        LOG_LEVEL,
        "how much the log says",
    )
    log_file: str = _setting("", value_types.path(), "a file that the log goes to as well", per_camera=True)
    log_file_level: str = _setting(
        "info",
        LOG_LEVEL,
        "how much that file has",
    )
    log_file_size: int = _setting(
        1024, value_types.integer(1, 1_000_000, "kB"), "so large the file becomes, then a new one begins"
    )
    log_file_count: int = _setting(5, value_types.integer(1, 100, "files"), "how many older files are kept")
    showfps: bool = _setting(False, value_types.boolean(), "log frames a second every 5 s while somebody streams")
    loghttp: bool = _setting(False, value_types.boolean(), "log every HTTP request")

    @property
    def local_url(self) -> str:
        """The address at which this machine reaches the portal of the camera, without a slash at its end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind[0], self.bind[0])  # noqa: S104 # nothing is bound here
        return f"http://{in_url(host)}:{self.port}"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All places to listen."""
        return (*(Endpoint("http", address, self.port) for address in self.bind), *self.listen)

    @property
    def title(self) -> str:
        """The name that people see."""
        return self.name or f"Camera {self.camera}"


SETTINGS: dict[str, Field[Any]] = {each.name: each for each in fields(Settings) if each.metadata}


def default_of(name: str, camera: int) -> Any:
    """Return a setting's default for camera N."""
    return FIRST_PORT + camera if name == "port" else SETTINGS[name].default


def format_value(value: Any) -> str:
    """Write a value the way it stands in the settings file."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return " ".join("=".join(each) if isinstance(each, tuple) else format_value(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def did_you_mean(wrong: str, names: list[str]) -> str:
    """Return the hint `; did you mean NAME?`, or nothing where no name is near."""
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
