"""The definition of every setting: name, type, unit, bounds, default and meaning."""

import difflib
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any

from soft_stream.config import value_types as types
from soft_stream.config.endpoints import Endpoint, in_url

FIRST_PORT = 18081
# Browsers display a part of a stream only when the next one begins: below this rate they would lag by seconds.
LOWEST_CLIENT_FPS = 0.5
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
FRAME_SIZE = types.integer(32, 16384, "pixels", even=True)
SNAPSHOT_SIZE = types.integer(0, 16384, "pixels; 0 is the sensor's", even=True)
JPEG_QUALITY = types.integer(1, 100, "JPEG quality")
LOG_LEVEL = types.choice(*LOG_LEVELS, spellings={level[0]: level for level in LOG_LEVELS})


def _setting(default: Any, value_type: types.ValueType, meaning: str, *, per_camera: bool = False) -> Any:
    """Declare a setting; one that is `per_camera` has only the form `camN_NAME`, not `cam_NAME` for all cameras."""
    return field(default=default, metadata={"type": value_type, "meaning": meaning, "per_camera": per_camera})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The effective settings of one camera: `cam_NAME` sets a value for every camera, `camN_NAME` for camera N."""

    camera: int = 0
    controls_file: Path | None = None
    """The file that `POST /controls?keep=1` writes."""

    # which camera
    id: str = _setting("", types.text(), "libcamera id of the camera, see `soft-stream cameras`", per_camera=True)
    name: str = _setting("", types.text(), "display name (default: Camera N)", per_camera=True)
    source: str = _setting("picamera", types.choice("picamera", "test-pattern", "folder"), "source of the frames")
    folder: str = _setting("", types.path(), "folder of the JPEGs for source=folder", per_camera=True)
    sensor_mode: str = _setting(
        "auto", types.sensor_mode(), "sensor mode; auto: whole field of view; driver: chosen by libcamera"
    )
    tuning_file: str = _setting("", types.file_name(), "libcamera tuning file, e.g. imx708_noir.json", per_camera=True)
    hdr: str = _setting(
        "off",
        types.choice("off", "sensor", "single-exposure", "multi-exposure", "night"),
        "high dynamic range; sensor: imx708 only; the other modes: Raspberry Pi 5 only",
    )
    # where it is served
    bind: tuple[str, ...] = _setting(("127.0.0.1",), types.addresses(), "addresses to listen on")
    port: int = _setting(FIRST_PORT, types.integer(1, 65535, "TCP port"), "port (default: 18081 + N)", per_camera=True)
    listen: tuple[Endpoint, ...] = _setting(
        (), types.endpoint_list(), "additional endpoints: http://, https:// and unix:", per_camera=True
    )
    tls_certificate: str = _setting("", types.path(), "certificate chain for https:// endpoints (PEM)")
    tls_key: str = _setting("", types.path(), "private key of that certificate (PEM)")
    cors_origins: tuple[str, ...] = _setting(
        (), types.origins(), "origins whose pages may use the API; *: every origin, read-only and without credentials"
    )
    legacy_control: bool = _setting(
        False, types.boolean(), "allow mjpg-streamer's /?action=command, a GET request that changes controls"
    )
    # the stream
    width: int = _setting(1280, FRAME_SIZE, "requested frame width")
    height: int = _setting(720, FRAME_SIZE, "requested frame height")
    fps: float = _setting(30.0, types.number(0.1, 240, "frames a second"), "requested frame rate")
    min_fps: float = _setting(
        0.0,
        types.number(0, 240, "frames a second; 0 is the same as fps"),
        "lowest frame rate that auto-exposure may use in low light",
    )
    quality: int = _setting(80, JPEG_QUALITY, "JPEG quality of the stream")
    client_fps_max: float = _setting(
        0.0,
        types.number(0, 240, f"frames a second, at least {LOWEST_CLIENT_FPS:g}; 0 is no limit"),
        "highest frame rate for each client of the stream",
    )
    renditions_max: int = _setting(
        8,
        types.integer(0, 32, "renditions; 0 is none"),
        "number of different renditions (?width=, ?quality=, ?rotate=) that are encoded at the same time",
    )
    adaptive_quality: str = _setting(
        "off",
        types.choice("off", "on", spellings={"0": "off", "1": "on"}),
        "reduce quality and frame rate of the stream while the Raspberry Pi is hot or busy",
    )
    pixel_format: str = _setting(
        "auto",
        types.choice("auto", "mjpeg", "yuv420", "yuyv"),
        "pixel format of the camera; auto: yuv420 for CSI, mjpeg for USB cameras",
    )
    # orientation
    hflip: bool = _setting(False, types.boolean(), "flip horizontally (mirror left and right)")
    vflip: bool = _setting(False, types.boolean(), "flip vertically (mirror top and bottom)")
    rotation: int = _setting(0, types.right_angle(), "clockwise rotation, applied after the flips")
    # focus
    autofocus: str = _setting(
        "continuous",
        types.choice("off", "continuous", "once", "manual", spellings={"0": "off", "1": "continuous"}),
        "autofocus mode; continuous and once begin with an autofocus cycle; manual uses lens_position",
    )
    autofocus_timeout: float = _setting(8.0, types.number(0.5, 60, "seconds"), "time limit of an autofocus cycle")
    autofocus_window: tuple[float, ...] = _setting((), types.window(), "part of the frame that autofocus measures")
    autofocus_range: str = _setting(
        "normal", types.choice("normal", "macro", "full"), "distances searched by autofocus"
    )
    autofocus_speed: str = _setting("normal", types.choice("normal", "fast"), "speed of the lens during autofocus")
    lens_position: float = _setting(
        1.0, types.number(0, 40, "dioptres: 1/metres, 0 is infinity"), "lens position for autofocus=manual"
    )
    # controls
    controls: tuple[tuple[str, str], ...] = _setting(
        (), types.named_values(), "initial values of libcamera controls, see /controls.json"
    )
    # snapshots
    snapshot_size: str = _setting(
        "auto",
        types.choice("auto", "full", "stream"),
        "default size of a snapshot; auto: stream size while a client streams, else full size",
    )
    snapshot_width: int = _setting(0, SNAPSHOT_SIZE, "width of a full-size snapshot")
    snapshot_height: int = _setting(0, SNAPSHOT_SIZE, "height of a full-size snapshot")
    snapshot_quality: int = _setting(90, JPEG_QUALITY, "JPEG quality of a full-size snapshot")
    still_method: str = _setting(
        "auto",
        types.choice("auto", "dual", "switch"),
        "how full-size snapshots are captured during a stream; auto: dual if that costs no frame rate, else switch",
    )
    # pausing for another program
    pause_file: str = _setting(
        "",
        types.path(),
        "file that pauses the camera while it exists (default: camN.pause in RUNTIME_DIRECTORY)",
        per_camera=True,
    )
    pause_snapshot: str = _setting(
        "",
        types.path(),
        "JPEG of another program, served as /snap.jpg (default: camN-snap.jpg in RUNTIME_DIRECTORY)",
        per_camera=True,
    )
    pause_max: float = _setting(300.0, types.number(1, 86400, "seconds"), "longest pause")
    # timeouts of the camera
    start_timeout: float = _setting(10.0, types.number(1, 300, "seconds"), "time that a request waits for a frame")
    close_after: float = _setting(10.0, types.number(0, 86400, "seconds"), "time before an unused camera is closed")
    watchdog_timeout: float = _setting(
        10.0,
        types.number(0, 3600, "seconds; 0 switches it off"),
        "time without a frame after which the camera is restarted",
    )
    retry_pause: float = _setting(2.0, types.number(0.1, 3600, "seconds"), "pause between a camera error and a retry")
    close_timeout: float = _setting(
        5.0, types.number(0.5, 300, "seconds"), "time that closing the camera may take before the process exits"
    )
    # the log
    log_level: str = _setting("info", LOG_LEVEL, "lowest level of the log lines on stderr")
    log_file: str = _setting("", types.path(), "additional log file", per_camera=True)
    log_file_level: str = _setting("info", LOG_LEVEL, "lowest level of the lines in the log file")
    log_file_size: int = _setting(1024, types.integer(1, 1_000_000, "kB"), "size at which the log file is rotated")
    log_file_count: int = _setting(5, types.integer(1, 100, "files"), "number of rotated log files that are kept")
    showfps: bool = _setting(False, types.boolean(), "log frame rates every 5 s while a client streams")
    loghttp: bool = _setting(False, types.boolean(), "log every HTTP request")

    @property
    def local_url(self) -> str:
        """The URL of the process for clients on this machine, without a slash at its end."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind[0], self.bind[0])  # noqa: S104 # nothing is bound here
        return f"http://{in_url(host)}:{self.port}"

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All endpoints to listen on."""
        return (*(Endpoint("http", address, self.port) for address in self.bind), *self.listen)

    @property
    def title(self) -> str:
        """The display name."""
        return self.name or f"Camera {self.camera}"


SETTINGS: dict[str, Field[Any]] = {each.name: each for each in fields(Settings) if each.metadata}


def default_of(name: str, camera: int) -> Any:
    """Return the default of a setting for one camera."""
    return FIRST_PORT + camera if name == "port" else SETTINGS[name].default


def format_value(value: Any) -> str:
    """Return a value in the syntax of the settings file."""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, tuple):
        return " ".join("=".join(each) if isinstance(each, tuple) else format_value(each) for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def did_you_mean(wrong: str, names: list[str]) -> str:
    """Return the hint `; did you mean NAME?`, or "" if no name is similar."""
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
