"""What has changed in the settings file since a process has read it.

Effective values of one camera are compared. So a comment, another spelling of a value, a line of another camera, and a
line that a flag or a variable overrides are no change; nor is the line of a setting that its page has set, or of the
controls if some were kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from soft_stream.config import kept_controls
from soft_stream.config.loader import LoadedConfig, SettingsError
from soft_stream.config.settings import SETTINGS, Settings


@dataclass(frozen=True)
class Changes:
    """The keys whose values have changed for a camera, and what would prevent another start."""

    keys: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    now: LoadedConfig | None = None
    """The settings as a start would load them; None if it could not."""


def find_changes(started: LoadedConfig, serving: Settings) -> Changes:
    """Load the settings of a process again, as at its start, and compare them.

    `serving` are those of its camera, with the id that the camera has turned out to have.
    """
    try:
        if started.file and started.file.exists() and not (started.file.is_file() or started.file.is_dir()):
            return Changes()  # a pipe can be read only once, and opening it again might never end
        now = started.reload()
        if now.file != started.file and started.file and not started.file.exists():  # so another file was found
            return Changes(problems=(f"{started.file}: cannot be read: No such file or directory",))
    except SettingsError as error:
        return Changes(problems=tuple(error.problems))
    except OSError as error:  # a folder may not be listed
        return Changes(problems=(f"{error.filename}: cannot be read: {error.strerror}",))
    return Changes(keys=tuple(dict.fromkeys(_keys(started, now, serving))), now=now)


def _keys(started: LoadedConfig, now: LoadedConfig, serving: Settings) -> Iterator[str]:
    camera = serving.camera
    before, after, kept = started.cameras[camera], now.cameras[camera], _kept(serving)
    for name in SETTINGS:
        if getattr(before, name) != getattr(after, name) and name not in kept:
            key = f"cam{camera}_{name}"
            origins = now.origins[camera][name], started.origins[camera][name]
            yield next((origin.rpartition(" ")[2] for origin in origins if origin.endswith(f"_{name}")), key)
    for key in sorted({*started.library_environ, *now.library_environ}):
        if started.library_environ.get(key) != now.library_environ.get(key):
            yield key


def _kept(settings: Settings) -> set[str]:
    """Return the names of the settings that the page of a camera has set."""
    file = settings.controls_file
    kept = kept_controls.read(file, kept_controls.camera_id_of(settings)) if file else None
    if kept is None:
        return set()
    return {name for name, _ in kept.settings} | ({"controls"} if kept.controls else set())
