"""The values of a settings file, by the key of one camera or of all cameras."""

from collections.abc import Collection
from typing import Any

from soft_stream.config import env_file
from soft_stream.config.loader import KEY, LIBRARY_PREFIXES
from soft_stream.config.settings import SETTINGS, default_of, format_value, show_value

PER_CAMERA = {name for name, each in SETTINGS.items() if each.metadata["per_camera"]}


def key_of(camera: int | None, name: str) -> str:
    """Return the key of a setting for one camera, or for all cameras."""
    return f"cam{'' if camera is None else camera}_{name}"


def split_key(key: str) -> tuple[int | None, str]:
    """Return the camera and the name of a key; None is all cameras. A key of another form is its own name."""
    match = KEY.fullmatch(key)
    if not match:
        return None, key
    return int(match["camera"]) if match["camera"] else None, match["name"]


def default_text(camera: int | None, name: str) -> str:
    """Return the text of a default."""
    return f"Camera {camera}" if name == "name" else format_value(default_of(name, camera or 0))


class Values:
    """The values of a settings file; unknown keys are ignored."""

    def __init__(self, text: str = "") -> None:
        self.texts: dict[str, str] = {}
        self.cameras: set[int] = set()
        for each in env_file.parse(text):
            camera, name = split_key(each.key)
            if each.value is not None and (name in SETTINGS or each.key.startswith(LIBRARY_PREFIXES)):
                self.texts[each.key] = each.value
                self.cameras |= set() if camera is None else {camera}

    def source(self, camera: int | None, name: str) -> str | None:
        """Return the key that decides about a setting of a camera; None is the default."""
        keys = [key_of(camera, name)] if name in PER_CAMERA else [key_of(camera, name), key_of(None, name)]
        return next((key for key in keys if key in self.texts), None)

    def text(self, camera: int | None, name: str) -> str:
        """Return the text that decides about a setting of a camera."""
        key = self.source(camera, name)
        return default_text(camera, name) if key is None else self.texts[key]

    def value(self, camera: int | None, name: str) -> Any:
        """Return the effective value of a setting, in a form that is the same for equal values."""
        text = self.text(camera, name)
        try:
            value = SETTINGS[name].metadata["type"].parse(text)
        except ValueError:
            return ("invalid", text)
        if name == "name":
            return value or default_text(camera, name)
        return dict(value) if name == "controls" else value

    def own(self, camera: int) -> list[str]:
        """Return the names of the settings for which a camera has a line of its own."""
        return [name for name in SETTINGS if key_of(camera, name) in self.texts]

    def wishes(self, camera: int) -> bool:
        """Return True if a line of a camera has an effect; the example lines of the shipped file have none."""
        others = Values()
        others.texts = {key: text for key, text in self.texts.items() if not key.startswith(key_of(camera, ""))}
        return differ(self, others, camera, self.own(camera))

    def describe(self, camera: int | None, name: str) -> str:
        """Return a value for a message, with the key if another one decides."""
        key, text = self.source(camera, name), self.text(camera, name)
        if key is None:
            return f"{text} (the default)" if text else "not set"
        return (show_value(name, text) or "empty") + ("" if key == key_of(camera, name) else f" ({key})")

    def with_ids(self, ids: "Values") -> "Values":
        """Return a copy with the ids of other values for cameras that have none; it has no further cameras."""
        copy = Values()
        copy.texts = {key: text for key, text in ids.texts.items() if split_key(key)[1] == "id"} | self.texts
        copy.cameras = self.cameras
        return copy


def differ(one: Values, other: Values, camera: int, names: Collection[str]) -> bool:
    """Return True if a camera has different values in two files."""
    return any(one.value(camera, name) != other.value(camera, name) for name in names)
