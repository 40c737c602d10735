"""Which value of a setting counts: default < `cam_X` < `camN_X` in the file < kept < in the environment < flag.

Kept are the controls that `POST /controls?keep=1` has written into the state directory.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soft_stream.config import env_file
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import SETTINGS, Settings, default_of, did_you_mean
from soft_stream.config.validation import _check_together

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
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        super().__init__("\n  ".join((f"{count} in the settings:", *problems)))
        self.problems = problems


@dataclass(frozen=True)
class RawValue:
    """A value as somebody wrote it, and where."""

    where: str
    key: str
    text: str

    def problem(self, sentence: str) -> str:
        """Say what is wrong with the entry."""
        return f"{self.where}: {self.key}={self.text}: {sentence}"


@dataclass(frozen=True)
class LoadedConfig:
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
) -> LoadedConfig:
    """Bring the layers together; `flags` (by setting name) belong to `camera`, which need not stand in the file.

    Without `file`, the installed one is read, else the one in this folder, else none.

    Raises:
        SettingsError: with all problems of all cameras at once.
    """
    problems: list[str] = []
    file = file or next((path for path in (INSTALLED_FILE, LOCAL_FILE) if path.exists()), None)
    from_file = dict(_entries_of_file(file, problems)) if file else {}
    kept: dict[str, RawValue] = {}
    for controls_file in sorted(_state_directory(environ).glob(CONTROLS_FILE.format("*"))):
        kept |= _entries_of_file(controls_file, problems)
    from_environ = {
        key: RawValue("environment", key, text)
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
            keys = [f"cam{number}_{name}"] if each.metadata["per_camera"] else [f"cam_{name}", f"cam{number}_{name}"]
            layers = [layer[key] for layer in (from_file, kept, from_environ) for key in keys if key in layer]
            if number == camera and flags and name in flags:
                layers.append(RawValue("command line", f"--{name.replace('_', '-')}", flags[name]))
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
    return LoadedConfig(file, cameras, origins)


def _state_directory(environ: Mapping[str, str]) -> Path:
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    home = environ.get("XDG_STATE_HOME") or f"{environ.get('HOME', '')}/.local/state"
    return Path(home) / "camera-soft-stream"


def _entries_of_file(file: Path, problems: list[str]) -> Iterator[tuple[str, RawValue]]:
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
            yield assignment.key, RawValue(where, assignment.key, assignment.value)


def _numbered(key: str) -> re.Match[str] | None:
    match = KEY.fullmatch(key)
    return match if match and match["camera"] else None


def _check_key(entry: RawValue, problems: list[str]) -> None:
    match = KEY.fullmatch(entry.key)
    number = match["camera"] if match else "0"
    if not match or match["name"] not in SETTINGS:
        known = [
            f"cam{number or ''}_{name}" for name, each in SETTINGS.items() if number or not each.metadata["per_camera"]
        ]
        problems.append(entry.problem(f"no such setting{did_you_mean(entry.key.lower(), known)}"))
    elif SETTINGS[match["name"]].metadata["per_camera"] and not number:
        problems.append(entry.problem(f"belongs to one camera; write cam0_{match['name']} for camera 0, and so on"))


def _value(name: str, camera: int, layers: list[RawValue], problems: list[str]) -> tuple[Any, str]:
    """Parse every layer, so that a wrong value is told even where another one covers it; the last one counts."""
    value, origin = default_of(name, camera), "default"
    value_type = SETTINGS[name].metadata["type"]
    for entry in layers:
        try:
            value, origin = value_type.parse(entry.text), f"{entry.where} {entry.key}"
        except ValueError:
            problems.append(entry.problem(f"must be {value_type.expected}"))
    return value, origin
