"""Loading of the settings from all their layers.

A later layer overrides an earlier one: default, `cam_X` and then `camN_X` in the settings file, the environment, flags
of the command line. What the page of a camera has kept is read later, when the camera is known: controls, and settings
that override the file (`cli/kept_controls.py`, `page_settings.py`).
"""

import re
from collections.abc import Callable, Iterable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from soft_stream.config import env_file, kept_controls
from soft_stream.config.endpoints import Endpoint
from soft_stream.config.settings import SETTINGS, Settings, default_of, did_you_mean, show_value
from soft_stream.config.text import one_line
from soft_stream.config.validation import check_together

INSTALLED_FILE = Path("/etc/camera-streamer/camera-soft-stream.env")
LOCAL_FILE = Path("camera-soft-stream.env")
# the state directory of the units
SERVICE_STATE = Path("/var/lib/camera-soft-stream")
KEY = re.compile(r"cam(?P<camera>\d|[1-9]\d)?_(?P<name>\w+)")
# the origins of values that override kept controls
ENVIRONMENT, COMMAND_LINE = "environment", "command line"
COMMAND_DEFAULT = "default of the command"
# the origin of what nothing sets
DEFAULT = "default"
# defaults in the runtime directory of a unit: in the first one, if there are several
RUNTIME_FILES = {"pause_file": "cam{}.pause", "pause_snapshot": "cam{}-snap.jpg"}
PAUSE_ACKNOWLEDGEMENT = "cam{}.pause.ack"
# the sockets for proxies, which buffer little of a frame and do not depend on the addresses in the settings. Their
# directory, the last one, need not be writable for users who pause a camera by a file. The second one is for the nginx
# of the deployment, which verifies no login: releases that verify none either do not have it, so it cannot reach them
RUNTIME_SOCKETS = ("cam{}.sock", "cam{}-login.sock")
# characters of a settings file: parsing more would take much time and memory
LONGEST_FILE = 500_000
# keys of the settings file that become environment variables for the camera libraries
LIBRARY_PREFIXES = ("LIBCAMERA_", "PICAMERA2_")


class SettingsError(Exception):
    """Some settings are wrong; `problems` has one sentence for each, `advice` what helps against all of them."""

    def __init__(self, problems: list[str], advice: str = "") -> None:
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        lines = (f"{count} in the settings:", *map(one_line, problems))
        super().__init__("\n  ".join(lines) + (f"\n{advice}" if advice else ""))
        self.problems = problems


@dataclass(frozen=True)
class RawValue:
    """The text of a value, with its key and the place where it was found."""

    where: str
    key: str
    text: str

    def problem(self, sentence: str) -> str:
        """Return the message for an error in this value."""
        match = KEY.fullmatch(self.key.removeprefix("--").lower()) or KEY.fullmatch(f"cam_{self.key.lstrip('-')}")
        return f"{self.where}: {self.key}={show_value(match['name'] if match else '', self.text)}: {sentence}"


@dataclass(frozen=True)
class LoadedConfig:
    """The settings of every configured camera, and for each setting where its value was found."""

    file: Path | None
    cameras: Mapping[int, Settings]
    origins: Mapping[int, Mapping[str, str]]
    library_environ: Mapping[str, str] = field(default_factory=dict)
    load_again: "Callable[[], LoadedConfig] | None" = field(default=None, repr=False, compare=False)

    def reload(self) -> "LoadedConfig":
        """Load the settings again, with the environment and the flags of the first time.

        Raises:
            SettingsError: as `load`.
        """
        return self.load_again() if self.load_again else self

    def has_lines(self, camera: int) -> bool:
        """Return True if a camera has a line of its own in the file."""
        return any(f"cam{camera}_" in origin for origin in self.origins[camera].values())

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
    defaults: Mapping[str, str] | None = None,
) -> LoadedConfig:
    """Load all settings; `flags` (by setting name) are for `camera`, which is loaded even if no key mentions it.

    Without `camera`, they are for all cameras.

    Without `file`, the installed file is read, else the one in the working directory, else none. `defaults` are those
    of the command of an older program, by setting name; such a command reads no settings file without `file`.

    Raises:
        SettingsError: with all problems of all cameras at once.
    """
    problems: list[str] = []
    again = partial(load, dict(environ), file=file, camera=camera, flags=flags, defaults=defaults)
    if file is None and defaults is None:
        file = find_file()
    from_file = _read_file(file, problems) if file else {}
    from_environ = {key: RawValue(ENVIRONMENT, key, text) for key, text in environ.items() if KEY.fullmatch(key)}
    for value in (*from_file.values(), *from_environ.values()):
        _check_key(value, problems)
    from_defaults = _from_command(camera, defaults or {}, COMMAND_DEFAULT)
    from_flags = _from_command(camera, flags or {}, COMMAND_LINE)
    layers = (from_defaults, from_file, from_environ, from_flags)
    cameras: dict[int, Settings] = {}
    origins: dict[int, dict[str, str]] = {}
    numbers = _camera_numbers((*from_file, *from_environ)) | ({camera} if camera is not None else set())
    for number in sorted(numbers):
        values, origins[number] = _resolve(number, layers, problems)
        cameras[number] = with_controls_file(Settings(**values | _places(number, environ, values)))
    problems += check_together(cameras, origins)
    if problems:
        raise SettingsError(list(dict.fromkeys(problems)))
    library_environ = {key: value.text for key, value in from_file.items() if key.startswith(LIBRARY_PREFIXES)}
    return LoadedConfig(file, cameras, origins, library_environ, again)


def load_as_service(environ: Mapping[str, str], *, file: Path | None = None, camera: int | None = None) -> LoadedConfig:
    """Load all settings as the processes have them, for commands that ask these: with the values of the pages.

    Raises:
        SettingsError: as `load`.
    """
    loaded = load(environ, file=file, camera=camera)
    cameras = {number: of_service(each, loaded.file, environ) for number, each in loaded.cameras.items()}
    layers = {each: kept_controls.page_layer(its, loaded.origins[each])[0] for each, its in cameras.items()}
    return replace(loaded, cameras={number: layer.settings for number, layer in layers.items()})


def of_service(settings: Settings, file: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings with the state directory that the service has, if they are from its file."""
    if environ.get("STATE_DIRECTORY") or file != INSTALLED_FILE or not SERVICE_STATE.is_dir():
        return settings
    return with_controls_file(replace(settings, state_directory=SERVICE_STATE))


def load_values(name: str, environ: Mapping[str, str], *, file: Path | None = None) -> list[Any]:
    """Return the different values of one setting over all cameras, whatever is wrong with other settings.

    Raises:
        SettingsError: the settings file cannot be read, or this setting is wrong.
    """
    problems: list[str] = []
    file = file or find_file()
    from_file = _read_file(file, problems) if file else {}
    if from_file:
        problems.clear()  # they are about lines that are no settings
    from_environ = {key: RawValue(ENVIRONMENT, key, text) for key, text in environ.items() if KEY.fullmatch(key)}
    layers = [{key: raw for key, raw in each.items() if key.endswith(f"_{name}")} for each in (from_file, from_environ)]
    numbers = _camera_numbers((*from_file, *from_environ)) or {0}
    values = [_resolve(number, layers, problems)[0][name] for number in sorted(numbers)]
    if problems:
        raise SettingsError(list(dict.fromkeys(problems)))
    return list(dict.fromkeys(values))


def find_file() -> Path | None:
    """Return the settings file that is read if none is named; None without one."""
    for path in (INSTALLED_FILE, LOCAL_FILE):
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:  # its folder is closed: no other file may take its place, and reading it says why
            return path
        return path
    return None


def _read_file(file: Path, problems: list[str]) -> dict[str, RawValue]:
    try:
        with file.open(encoding="utf-8-sig") as opened:
            text = opened.read(LONGEST_FILE + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        problems.append(f"{file}: cannot be read: {reason}")
        return {}
    if len(text) > LONGEST_FILE:
        problems.append(f"{file}: cannot be read: longer than {LONGEST_FILE} characters, so it is no settings file")
        return {}
    values = {}
    for assignment in env_file.parse(text):
        where = f"{file}:{assignment.line}"
        if assignment.value is None:
            problems.append(f"{where}: {show_value('', assignment.key)}: not KEY=VALUE; comments begin with #")
        else:
            values[assignment.key] = RawValue(where, assignment.key, assignment.value)
    return values


def _from_command(camera: int | None, values: Mapping[str, str], where: str) -> dict[str, RawValue]:
    number = "" if camera is None else camera
    return {
        f"cam{number}_{name}": RawValue(where, f"--{name.replace('_', '-')}", text) for name, text in values.items()
    }


def _camera_numbers(keys: Iterable[str]) -> set[int]:
    return {int(match["camera"]) for key in keys if (match := KEY.fullmatch(key)) and match["camera"]}


def _check_key(value: RawValue, problems: list[str]) -> None:
    if value.key.startswith(LIBRARY_PREFIXES):
        return
    match = KEY.fullmatch(value.key)
    number = match["camera"] if match else "0"
    if not match or match["name"] not in SETTINGS:
        other_form = "shared" if number else "per_camera"
        names = [name for name, each in SETTINGS.items() if not each.metadata[other_form]]
        known = [f"cam{number or ''}_{name}" for name in names]
        problems.append(value.problem(f"no such setting{did_you_mean(value.key.lower(), known)}"))
    elif SETTINGS[match["name"]].metadata["per_camera"] and not number:
        problems.append(value.problem(f"belongs to one camera; write cam0_{match['name']} for camera 0, and so on"))
    elif SETTINGS[match["name"]].metadata["shared"] and number:
        problems.append(value.problem(f"must be the same for all cameras; write cam_{match['name']}"))


def _resolve(
    camera: int, layers: Sequence[Mapping[str, RawValue]], problems: list[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the effective value and the origin of every setting; the last layer that has a setting counts.

    Values that another layer overrides are parsed, too, so that their errors are reported.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, each in SETTINGS.items():
        values[name], origins[name] = default_of(name, camera), DEFAULT
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
    places: dict[str, Any] = {"camera": camera, "state_directory": state_directory(environ)}
    if runtime := [Path(each) for each in environ.get("RUNTIME_DIRECTORY", "").split(":") if each]:
        for name, file_name in RUNTIME_FILES.items():
            places[name] = values[name] or str(runtime[0] / file_name.format(camera))
        places["pause_acknowledgement"] = runtime[0] / PAUSE_ACKNOWLEDGEMENT.format(camera)
        sockets = (Endpoint("unix", path=str(runtime[-1] / name.format(camera))) for name in RUNTIME_SOCKETS)
        places["listen"] = tuple(dict.fromkeys((*values["listen"], *sockets)))
    return places


def with_controls_file(settings: Settings) -> Settings:
    """Return the settings with the file for the kept controls; it is None until camera and folder are known."""
    folder, camera_id = settings.state_directory, kept_controls.camera_id_of(settings)
    return replace(settings, controls_file=kept_controls.file_of(folder, camera_id) if folder and camera_id else None)


def state_directory(environ: Mapping[str, str]) -> Path | None:
    """Return the folder that systemd names or, without systemd, the one of the user; None without a home."""
    if environ.get("STATE_DIRECTORY"):
        return Path(environ["STATE_DIRECTORY"].partition(":")[0])
    home = environ.get("XDG_STATE_HOME", "")
    if not home.startswith("/"):  # the XDG Base Directory Specification ignores relative paths
        home = f"{environ['HOME']}/.local/state" if environ.get("HOME") else ""
    return Path(home) / "camera-soft-stream" if home else None


def hide_from_others(file: Path) -> str:
    """Return the command after which others cannot read a settings file; the group of the units is `video`."""
    return f"sudo chown root:video {file}; sudo chmod 640 {file}" if file == INSTALLED_FILE else f"chmod 600 {file}"
