"""Loading of the settings from all their layers.

A later layer overrides an earlier one: default, `cam_X` and then `camN_X` in the settings file, controls that
`POST /controls?keep=1` saved in the state directory, the environment, flags of the command line.
"""

import re
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soft_stream.config import env_file
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import SETTINGS, Settings, default_of, did_you_mean
from soft_stream.config.validation import check_together

INSTALLED_FILE = Path("/etc/camera-streamer/camera-soft-stream.env")
LOCAL_FILE = Path("camera-soft-stream.env")
KEY = re.compile(r"cam(?P<camera>\d|[1-9]\d)?_(?P<name>\w+)")
CONTROLS_FILE = "cam{}-controls.env"
# defaults in the runtime directory of a unit
RUNTIME_FILES = {"pause_file": "cam{}.pause", "pause_snapshot": "cam{}-snap.jpg"}
# the socket that nginx uses: it buffers little of a frame and does not depend on the addresses in the settings
RUNTIME_SOCKET = "cam{}.sock"
# keys of the settings file that become environment variables for the camera libraries
LIBRARY_PREFIXES = ("LIBCAMERA_", "PICAMERA2_")


class SettingsError(Exception):
    """Some settings are wrong; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        super().__init__("\n  ".join((f"{count} in the settings:", *problems)))
        self.problems = problems


@dataclass(frozen=True)
class RawValue:
    """The text of a value, with its key and the place where it was found."""

    where: str
    key: str
    text: str

    def problem(self, sentence: str) -> str:
        """Return the message for an error in this value."""
        return f"{self.where}: {self.key}={self.text}: {sentence}"


@dataclass(frozen=True)
class LoadedConfig:
    """The settings of every configured camera, and for each setting where its value was found."""

    file: Path | None
    cameras: Mapping[int, Settings]
    origins: Mapping[int, Mapping[str, str]]
    library_environ: Mapping[str, str] = field(default_factory=dict)

    def export_library_environ(self, environ: MutableMapping[str, str]) -> None:
        """Set the file's variables for the camera libraries; a variable that is already set keeps its value.

        Call it before libcamera is imported. Child processes inherit the variables.
        """
        for key, text in self.library_environ.items():
            environ.setdefault(key, text)


def load(
    environ: Mapping[str, str],
    *,
    file: Path | None = None,
    camera: int | None = None,
    flags: Mapping[str, str] | None = None,
) -> LoadedConfig:
    """Load all settings; `flags` (by setting name) are for `camera`, which is loaded even if no key mentions it.

    Without `file`, the installed file is read, else the one in the working directory, else none.

    Raises:
        SettingsError: with all problems of all cameras at once.
    """
    problems: list[str] = []
    file = file or next((path for path in (INSTALLED_FILE, LOCAL_FILE) if path.exists()), None)
    from_file = _read_file(file, problems) if file else {}
    saved = _read_saved_controls(environ, problems)
    from_environ = {key: RawValue("environment", key, text) for key, text in environ.items() if KEY.fullmatch(key)}
    for value in (*from_file.values(), *saved.values(), *from_environ.values()):
        _check_key(value, problems)
    layers = (from_file, saved, from_environ, _from_flags(camera, flags or {}))
    cameras: dict[int, Settings] = {}
    origins: dict[int, dict[str, str]] = {}
    numbers = _camera_numbers((*from_file, *from_environ)) | ({camera} if camera is not None else set())
    for number in sorted(numbers):
        values, origins[number] = _resolve(number, layers, problems)
        cameras[number] = Settings(**values | _places(number, environ, values))
    problems += check_together(cameras, origins)
    if problems:
        raise SettingsError(list(dict.fromkeys(problems)))
    library_environ = {key: value.text for key, value in from_file.items() if key.startswith(LIBRARY_PREFIXES)}
    return LoadedConfig(file, cameras, origins, library_environ)


def _read_file(file: Path, problems: list[str]) -> dict[str, RawValue]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        problems.append(f"{file}: cannot be read: {reason}")
        return {}
    values = {}
    for assignment in env_file.parse(text):
        where = f"{file}:{assignment.line}"
        if assignment.value is None:
            problems.append(f"{where}: {assignment.key}: not KEY=VALUE; comments begin with #")
        else:
            values[assignment.key] = RawValue(where, assignment.key, assignment.value)
    return values


def _read_saved_controls(environ: Mapping[str, str], problems: list[str]) -> dict[str, RawValue]:
    files = sorted(_state_directory(environ).glob(CONTROLS_FILE.format("*")))
    return {key: value for file in files for key, value in _read_file(file, problems).items()}


def _from_flags(camera: int | None, flags: Mapping[str, str]) -> dict[str, RawValue]:
    return {
        f"cam{camera}_{name}": RawValue("command line", f"--{name.replace('_', '-')}", text)
        for name, text in flags.items()
    }


def _camera_numbers(keys: Iterable[str]) -> set[int]:
    return {int(match["camera"]) for key in keys if (match := KEY.fullmatch(key)) and match["camera"]}


def _check_key(value: RawValue, problems: list[str]) -> None:
    if value.key.startswith(LIBRARY_PREFIXES):
        return
    match = KEY.fullmatch(value.key)
    number = match["camera"] if match else "0"
    if not match or match["name"] not in SETTINGS:
        names = [name for name, each in SETTINGS.items() if number or not each.metadata["per_camera"]]
        known = [f"cam{number or ''}_{name}" for name in names]
        problems.append(value.problem(f"no such setting{did_you_mean(value.key.lower(), known)}"))
    elif SETTINGS[match["name"]].metadata["per_camera"] and not number:
        problems.append(value.problem(f"belongs to one camera; write cam0_{match['name']} for camera 0, and so on"))


def _resolve(
    camera: int, layers: Sequence[Mapping[str, RawValue]], problems: list[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the effective value and the origin of every setting; the last layer that has a setting counts.

    Values that another layer overrides are parsed, too, so that their errors are reported.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, each in SETTINGS.items():
        values[name], origins[name] = default_of(name, camera), "default"
        value_type = each.metadata["type"]
        keys = [f"cam{camera}_{name}"] if each.metadata["per_camera"] else [f"cam_{name}", f"cam{camera}_{name}"]
        for raw in (layer[key] for layer in layers for key in keys if key in layer):
            try:
                values[name], origins[name] = value_type.parse(raw.text), f"{raw.where} {raw.key}"
            except ValueError:
                problems.append(raw.problem(f"must be {value_type.expected}"))
    return values, origins


def _places(camera: int, environ: Mapping[str, str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what depends on the directories that systemd gives a unit, which it names in the environment."""
    places: dict[str, Any] = {"camera": camera}
    places["controls_file"] = _state_directory(environ) / CONTROLS_FILE.format(camera)
    if runtime := environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]:
        for name, file_name in RUNTIME_FILES.items():
            places[name] = values[name] or str(Path(runtime) / file_name.format(camera))
        for_nginx = Endpoint("unix", path=str(Path(runtime) / RUNTIME_SOCKET.format(camera)))
        places["listen"] = tuple(dict.fromkeys((*values["listen"], for_nginx)))
    return places


def _state_directory(environ: Mapping[str, str]) -> Path:
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    home = environ.get("XDG_STATE_HOME") or f"{environ.get('HOME', '')}/.local/state"
    return Path(home) / "camera-soft-stream"
