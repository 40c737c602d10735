"""The definition of every setting: name, type, unit, bounds, default and meaning."""

import difflib
from dataclasses import Field, dataclass, fields
from pathlib import Path
from typing import Any

from soft_stream.config import value_types as types
from soft_stream.config.network_settings import FIRST_PORT, NetworkSettings
from soft_stream.config.output_settings import OutputSettings
from soft_stream.config.setting import setting
from soft_stream.config.source_settings import SourceSettings
from soft_stream.config.urls import without_secrets
from soft_stream.message import Message

# Browsers display a part of a stream only when the next one begins: below this rate they would lag by seconds.
LOWEST_CLIENT_FPS = 0.5
LOG_LEVELS = ("debug", "info", "warning", "error", "critical")
FRAME_SIZE = types.integer(32, 16384, Message("unit_pixels", "pixels"), even=True)
SNAPSHOT_SIZE = types.integer(0, 16384, "pixels; 0 is the sensor's", even=True)
JPEG_QUALITY = types.integer(1, 100, Message("unit_quality", "JPEG quality"))
LOG_LEVEL = types.choice(*LOG_LEVELS, spellings={level[0]: level for level in LOG_LEVELS})


@dataclass(frozen=True, kw_only=True)
class Settings(OutputSettings, SourceSettings, NetworkSettings):
    """The effective settings of one camera: `cam_NAME` sets a value for every camera, `camN_NAME` for camera N."""

    state_directory: Path | None = None
    """The folder for files that are kept over restarts."""
    controls_file: Path | None = None
    """The file that `POST /controls?keep=1` writes."""
    has_kept_controls: bool = False
    """Whether `controls` was read from that file."""
    webcamd_flags: tuple[tuple[str, int | float | str], ...] = ()
    """The flags of webcamd as they were given, for its `/?info`."""
    pause_acknowledgement: Path | None = None
    """The acknowledgement of a pause file whose folder the process cannot write."""
    relays: tuple[str, ...] = ()
    """For a driver: the servers that its frames pass through, this one at the end; see `relays.py`."""
    is_open_by_flag: bool = False
    """Whether the network needs no login while there is no user, because flags name its addresses."""

    # which camera
    id: str = setting("", types.text(), "libcamera id of the camera, see `soft-stream cameras`", per_camera=True)
    name: str = setting("", types.text(), "display name (default: Camera N)", per_camera=True)
    sensor_mode: str = setting(
        "auto", types.sensor_mode(), "sensor mode; auto: whole field of view; driver: chosen by libcamera"
    )
    tuning_file: str = setting("", types.file_name(), "libcamera tuning file, e.g. imx708_noir.json", per_camera=True)
    hdr: str = setting(
        "off",
        types.choice("off", "sensor", "single-exposure", "multi-exposure", "night"),
        "high dynamic range; sensor: imx708 only; the other modes: Raspberry Pi 5 only",
    )
    # the stream
    width: int = setting(1280, FRAME_SIZE, "requested frame width")
    height: int = setting(720, FRAME_SIZE, "requested frame height")
    fps: float = setting(30.0, types.number(0.1, 240, Message("unit_fps", "frames a second")), "requested frame rate")
    min_fps: float = setting(
        0.0,
        types.number(0, 240, "frames a second; 0 is the same as fps"),
        "lowest frame rate that auto-exposure may use in low light",
    )
    quality: int = setting(80, JPEG_QUALITY, "JPEG quality of the stream")
    client_fps_max: float = setting(
        0.0,
        types.number(0, 240, f"frames a second, at least {LOWEST_CLIENT_FPS:g}; 0 is no limit"),
        "highest frame rate for each client of the stream",
    )
    renditions_max: int = setting(
        8,
        types.integer(0, 32, "renditions; 0 is none"),
        "number of different renditions (?width=, ?quality=, ?rotate=) that are encoded at the same time",
    )
    adaptive_quality: str = setting(
        "off",
        types.choice("off", "on", spellings={"0": "off", "1": "on"}),
        "reduce quality and frame rate of the stream while the Raspberry Pi is hot or busy",
    )
    pixel_format: str = setting(
        "auto",
        types.choice("auto", "mjpeg", "yuv420", "nv12", "yuyv", "uyvy", "r8"),
        "pixel format of the camera; auto: yuv420 for CSI, the first of mjpeg, yuv420, ... that a USB camera offers",
    )
    # orientation
    hflip: bool = setting(False, types.boolean(), "flip horizontally (mirror left and right)")
    vflip: bool = setting(False, types.boolean(), "flip vertically (mirror top and bottom)")
    rotation: int = setting(0, types.right_angle(), "clockwise rotation, applied after the flips")
    # focus
    autofocus: str = setting(
        "continuous",
        types.choice("off", "continuous", "once", "manual", spellings={"0": "off", "1": "continuous"}),
        "autofocus mode; continuous and once begin with an autofocus cycle; manual uses lens_position",
    )
    autofocus_timeout: float = setting(8.0, types.number(0.5, 60, "seconds"), "time limit of an autofocus cycle")
    autofocus_window: tuple[float, ...] = setting((), types.window(), "part of the frame that autofocus measures")
    autofocus_range: str = setting("normal", types.choice("normal", "macro", "full"), "distances searched by autofocus")
    autofocus_speed: str = setting("normal", types.choice("normal", "fast"), "speed of the lens during autofocus")
    lens_position: float = setting(
        1.0, types.number(0, 40, "dioptres: 1/metres, 0 is infinity"), "lens position for autofocus=manual"
    )
    # controls
    controls: tuple[tuple[str, str], ...] = setting(
        (), types.named_values(), "initial values of libcamera controls, see /controls.json"
    )
    open_command: str = setting(
        "", types.command(), "command that runs at each opening of the camera, without a shell; {device}: /dev/videoN"
    )
    # snapshots
    snapshot_size: str = setting(
        "auto",
        types.choice("auto", "full", "stream"),
        "default size of a snapshot; auto: stream size while a client streams, else full size",
    )
    snapshot_width: int = setting(0, SNAPSHOT_SIZE, "width of a full-size snapshot")
    snapshot_height: int = setting(0, SNAPSHOT_SIZE, "height of a full-size snapshot")
    snapshot_quality: int = setting(90, JPEG_QUALITY, "JPEG quality of a full-size snapshot")
    still_method: str = setting(
        "auto",
        types.choice("auto", "dual", "switch"),
        "how full-size snapshots are captured during a stream; auto: dual if that costs no frame rate, else switch",
    )
    still_pause: float = setting(
        5.0,
        types.number(0, 300, "seconds; 0 switches the limit off"),
        "time between full-size snapshots of different clients that interrupt the stream",
    )
    thumbnail_keep: bool = setting(
        False, types.boolean(), "keep the thumbnail, a small JPEG of the last frame, in a file over restarts"
    )
    # pausing for another program
    pause_file: str = setting(
        "",
        types.path(),
        "file that pauses the camera while it exists (default: camN.pause in RUNTIME_DIRECTORY)",
        per_camera=True,
    )
    pause_snapshot: str = setting(
        "",
        types.path(),
        "JPEG of another program, served as /snap.jpg (default: camN-snap.jpg in RUNTIME_DIRECTORY)",
        per_camera=True,
    )
    pause_max: float = setting(300.0, types.number(1, 86400, "seconds"), "longest pause")
    # timeouts of the camera
    start_timeout: float = setting(8.0, types.number(1, 300, "seconds"), "time that a request waits for a frame")
    close_after: float = setting(10.0, types.number(0, 86400, "seconds"), "time before an unused camera is closed")
    watchdog_timeout: float = setting(
        10.0,
        types.number(0, 3600, "seconds; 0 switches it off"),
        "time without a frame after which the camera is restarted",
    )
    retry_pause: float = setting(2.0, types.number(0.1, 3600, "seconds"), "pause between a camera error and a retry")
    close_timeout: float = setting(
        5.0, types.number(0.5, 300, "seconds"), "time that closing the camera may take before the process exits"
    )
    # the log
    log_level: str = setting("info", LOG_LEVEL, "lowest level of the log lines on stderr")
    log_file: str = setting(
        "", types.path(or_stdout=True), "additional log file; -: the log goes to stdout instead of stderr"
    )
    log_file_level: str = setting("info", LOG_LEVEL, "lowest level of the lines in the log file")
    log_file_size: int = setting(1024, types.integer(1, 1_000_000, "kB"), "size at which the log file is rotated")
    log_file_count: int = setting(5, types.integer(1, 100, "files"), "number of rotated log files that are kept")
    showfps: bool = setting(False, types.boolean(), "log frame rates every 5 s while a client streams")
    loghttp: bool = setting(False, types.boolean(), "log every HTTP request")

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


def show_value(name: str, value: Any) -> str:
    """Return a value as `format_value`, for logs, messages and answers: without the secrets of a URL."""
    text = format_value(value)
    may_be_secret = name not in SETTINGS or SETTINGS[name].metadata["secret"]  # a name may be a slip of the pen
    return without_secrets(text) if may_be_secret else text


def did_you_mean(wrong: str, names: list[str]) -> str:
    """Return the hint `; did you mean NAME?`, or "" if no name is similar."""
    near = difflib.get_close_matches(wrong, names, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
