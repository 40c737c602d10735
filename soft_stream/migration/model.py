"""One camera of an older program, and its translation."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from soft_stream.config.settings import SETTINGS
from soft_stream.migration.arguments import Given
from soft_stream.migration.words import shortened


@dataclass(frozen=True)
class Note:
    """What was not translated, and why; `setting` is the setting that the owner has to set instead, if there is one."""

    text: str
    setting: str = ""


@dataclass(frozen=True)
class OlderCamera:
    """One camera of an older program, with the options that apply to it."""

    program: str
    title: str
    given: tuple[Given, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    number: int | None = None
    """The number of the camera in the older program's own settings."""
    controls: str = "controls"
    """The section of `libcamera.toml` that has the controls of this camera."""


@dataclass
class Translation:
    """The settings of one camera, by name, and what was not translated."""

    older: OlderCamera
    values: dict[str, str] = field(default_factory=dict)
    defaulted: set[str] = field(default_factory=set)
    """The settings whose values are the older program's defaults."""
    facts: dict[str, list[str]] = field(default_factory=dict)
    """What decides only together with other options, such as a login."""
    controls: dict[str, str] = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)
    """The settings that the options set, also those with a wrong value."""
    notes: list[Note] = field(default_factory=list)

    def note(self, text: str, setting: str = "") -> None:
        """Add a note, once."""
        note = Note(shortened(text, 300), setting)
        if note not in self.notes:
            self.notes.append(note)

    def set(self, name: str, text: str, written: object) -> None:
        """Set a setting, a control or a fact; a text that the setting does not accept becomes a note."""
        if name.startswith("@"):
            self.facts.setdefault(name[1:], []).append(text)
        elif name.startswith("controls:"):
            self.controls[name.removeprefix("controls:")] = text
        else:
            self.tried.add(name)
            value_type = SETTINGS[name].metadata["type"]
            try:
                value_type.parse(text)
            except ValueError:
                self.note(f"{written}: cam_{name} must be {value_type.expected}", name)
            else:
                self.values[name] = text
