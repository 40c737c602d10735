"""Which value of a setting counts: default < `cam_X` < `camN_X` in the file < kept < in the environment < flag.

Kept are the controls that `POST /controls?keep=1` has written into the state directory.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

from soft_stream.config import env_file
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import LOWEST_CLIENT_FPS, SETTINGS, Settings, default_of, nearest

INSTALLED_FILE = Path("/etc/camera-streamer/camera-soft-stream.env")
LOCAL_FILE = Path("camera-soft-stream.env")
KEY = re.compile(r"cam(?P<camera>\d|[1-9]\d)?_(?P<name>\w+)")
CONTROLS_FILE = "cam{}-controls.env"
# what stands there unless the settings say otherwise; systemd names the folders in the environment of a unit
RUNTIME_FILES = {"pause_file": "cam{}.pause", "pause_snapshot": "cam{}-snap.jpg"}
# where nginx asks: a unix socket keeps little of a picture, and it does not matter which addresses are listened on
RUNTIME_SOCKET = "cam{}.sock"
# The file is the environment of the whole unit: what the camera libraries read may stand there too.
FOREIGN_KEYS = ("LIBCAMERA_", "PICAMERA2_")


class SettingsError(Exception):
    """Some settings are wrong; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Entry:
    """A value as somebody wrote it, and where."""

    where: str
    key: str
    text: str

    def problem(self, sentence: str) -> str:
        """Say what is wrong with the entry."""
        return f"{self.where}: {self.key}={self.text}: {sentence}"


@dataclass(frozen=True)
class Loaded:
    """The settings of every configured camera, and for each setting where its value comes from."""

    file: Path | None
    cameras: Mapping[int, Settings]
    origins: Mapping[int, Mapping[str, str]]


def load(
    environ: Mapping[str, str],
    *,
    file: Path | None = None,
    camera: int | None = None,
    flags: Mapping[str, str] | None = None,
) -> Loaded:
    """Bring the layers together; `flags` (by setting name) belong to `camera`, which need not stand in the file.

    Without `file`, the installed one is read, else the one in this folder, else none.

    Raises:
        SettingsError: with all problems of all cameras at once.
    """
    problems: list[str] = []
    file = file or next((path for path in (INSTALLED_FILE, LOCAL_FILE) if path.exists()), None)
    from_file = dict(_entries_of_file(file, problems)) if file else {}
    kept: dict[str, Entry] = {}
    for controls_file in sorted(_state_directory(environ).glob(CONTROLS_FILE.format("*"))):
        kept |= _entries_of_file(controls_file, problems)
    from_environ = {
        key: Entry("environment", key, text)
        for key, text in environ.items()
        # systemd hands the file's values over in the environment: equal means the same layer
        if KEY.fullmatch(key) and not (key in from_file and from_file[key].text == text)
    }
    for entry in (*from_file.values(), *kept.values(), *from_environ.values()):
        _check_key(entry, problems)

    written = {int(match["camera"]) for key in (*from_file, *from_environ) if (match := _numbered(key))}
    cameras: dict[int, Settings] = {}
    origins: dict[int, dict[str, str]] = {}
    for number in sorted(written | ({camera} if camera is not None else set())):
        controls_file = _state_directory(environ) / CONTROLS_FILE.format(number)
        values: dict[str, Any] = {"camera": number, "controls_file": controls_file}
        origins[number] = {}
        for name, each in SETTINGS.items():
            keys = [f"cam{number}_{name}"] if each.metadata["own"] else [f"cam_{name}", f"cam{number}_{name}"]
            layers = [layer[key] for layer in (from_file, kept, from_environ) for key in keys if key in layer]
            if number == camera and flags and name in flags:
                layers.append(Entry("command line", f"--{name.replace('_', '-')}", flags[name]))
            values[name], origins[number][name] = _value(name, number, layers, problems)
        if runtime := environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
            for name, file_name in RUNTIME_FILES.items():
                values[name] = values[name] or str(Path(runtime) / file_name.format(number))
            for_nginx = Endpoint("unix", path=str(Path(runtime) / RUNTIME_SOCKET.format(number)))
            values["listen"] = tuple(dict.fromkeys((*values["listen"], for_nginx)))
        cameras[number] = Settings(**values)
    _check_together(cameras, origins, problems)
    if problems:
        raise SettingsError(list(dict.fromkeys(problems)))
    return Loaded(file, cameras, origins)


def _state_directory(environ: Mapping[str, str]) -> Path:
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    home = environ.get("XDG_STATE_HOME") or f"{environ.get('HOME', '')}/.local/state"
    return Path(home) / "camera-soft-stream"


def _entries_of_file(file: Path, problems: list[str]) -> Iterator[tuple[str, Entry]]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        problems.append(f"{file}: cannot be read: {reason}")
        return
    for assignment in env_file.parse(text):
        where = f"{file}:{assignment.line}"
        if assignment.value is None:
            problems.append(f"{where}: {assignment.key}: not KEY=VALUE; comments begin with #")
        elif not assignment.key.startswith(FOREIGN_KEYS):
            yield assignment.key, Entry(where, assignment.key, assignment.value)


def _numbered(key: str) -> re.Match[str] | None:
    match = KEY.fullmatch(key)
    return match if match and match["camera"] else None


def _check_key(entry: Entry, problems: list[str]) -> None:
    match = KEY.fullmatch(entry.key)
    number = match["camera"] if match else "0"
    if not match or match["name"] not in SETTINGS:
        known = [f"cam{number or ''}_{name}" for name, each in SETTINGS.items() if number or not each.metadata["own"]]
        problems.append(entry.problem(f"no such setting{nearest(entry.key.lower(), known)}"))
    elif SETTINGS[match["name"]].metadata["own"] and not number:
        problems.append(entry.problem(f"belongs to one camera; write cam0_{match['name']} for camera 0, and so on"))


def _value(name: str, camera: int, layers: list[Entry], problems: list[str]) -> tuple[Any, str]:
    """Parse every layer, so that a wrong value is told even where another one covers it; the last one counts."""
    value, origin = default_of(name, camera), "default"
    kind = SETTINGS[name].metadata["kind"]
    for entry in layers:
        try:
            value, origin = kind.parse(entry.text), f"{entry.where} {entry.key}"
        except ValueError:
            problems.append(entry.problem(f"must be {kind.right}"))
    return value, origin


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
