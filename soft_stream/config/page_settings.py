"""The settings that the page of a camera may change, and their layer: default < file < page < environment < flags.

The page can set these and nothing else, whatever its file has.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from soft_stream.config.settings import SETTINGS, Settings, did_you_mean, format_value
from soft_stream.config.text import one_line
from soft_stream.config.validation import check_camera
from soft_stream.message import Message, join, message_of

NAMES = ("name", "width", "height", "fps", "quality", "rotation", "hflip", "vflip")
# The camera is closed and opened again for these; the others apply to the next frame.
RESTARTING = ("width", "height", "fps", "rotation", "hflip", "vflip")
LONGEST_NAME = 100
# Characters of a wrong name or value that a message has.
MAX_SHOWN = 60
# The first words of the origins of values that override the page, and what the page calls these origins.
FIXED_BY = {"environment ": "environment variable", "command line ": "flag"}


class WrongSettings(Exception):
    """Some values are wrong; `problems` has one sentence for each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(join(problems))
        self.problems = problems


@dataclass(frozen=True)
class PageLayer:
    """The settings of one camera without the values of its page, and these values."""

    below: Settings
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where each value of `below` was found; without an entry it is the default."""
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def settings(self) -> Settings:
        """The effective settings."""
        return replace(self.below, **{name: value for name, value in self.values.items() if not self.fixed_by(name)})

    def fixed_by(self, name: str) -> str:
        """Return the environment variable or flag that overrides the page; empty if none does."""
        origin = self.origins.get(name, "")
        for start, what in FIXED_BY.items():
            if origin.startswith(start):
                return f"{what} {origin.removeprefix(start)}"
        return ""

    def with_texts(self, texts: Mapping[str, str]) -> tuple["PageLayer", list[str]]:
        """Return the layer with the values of a file, and a sentence for each that does not fit the other settings.

        These are left out: the settings file may have changed since, and a camera with fewer settings of its page is
        better than none.
        """
        layer, problems = self, list[str]()
        for name, text in texts.items():
            with_it = replace(layer, values={**layer.values, name: parse(name, text)})
            if problem := next(with_it.problems(), ""):
                problems.append(f"{name}={text} is not used: {problem}")
            else:
                layer = with_it
        return layer, problems

    def with_changes(self, changes: Mapping[str, Any]) -> "PageLayer":
        """Return the layer with the values that a client has sent; None removes the value of the page.

        Raises:
            WrongSettings: naming each setting, the value and what is expected.
        """
        values, problems = dict(self.values), list[str]()
        for name, sent in changes.items():
            try:
                value = None if sent is None and name in NAMES else parse(name, sent)
            except ValueError as problem:
                problems.append(message_of(problem))
                continue
            if value in (None, ""):
                values.pop(name, None)
            elif not (fixed := self.fixed_by(name)):
                values[name] = value
            elif value != getattr(self.below, name):
                shown = format_value(value)
                template = "{name}={value}: the {fixed} sets it, and the page cannot override that."
                problems.append(Message("setting_fixed", template, name=name, value=shown, fixed=fixed))
        layer = replace(self, values=values)
        problems += [] if problems else layer.problems()
        if problems:
            raise WrongSettings(problems)
        return layer

    def problems(self) -> Iterator[str]:
        """Yield a sentence for each rule that the effective settings break."""
        settings = self.settings
        for name, problem in check_camera(settings):
            written = f"cam{settings.camera}_{name}={format_value(getattr(settings, name))}"
            yield Message("setting_rule", "{written}: {problem}.", written=written, problem=problem)

    def texts(self) -> dict[str, str]:
        """Return the values as they are written into a file."""
        return {name: format_exactly(self.values[name]) for name in NAMES if name in self.values}


def must_restart(one: Settings, other: Settings) -> bool:
    """Return whether the camera has to be opened again for a change from one to the other settings."""
    return any(getattr(one, name) != getattr(other, name) for name in RESTARTING)


def parse(name: str, sent: object) -> Any:
    """Return the value of a setting for text, or for a number or a boolean of JSON.

    Raises:
        ValueError: it is wrong; the message is a sentence.
    """
    if name not in NAMES:
        hint = did_you_mean(name[:MAX_SHOWN], list(NAMES))
        raise ValueError(f"{one_line(name[:MAX_SHOWN]) or 'an empty name'}: the page cannot set this{hint}.")
    value_type = SETTINGS[name].metadata["type"]
    shown = one_line(str(sent)[:MAX_SHOWN])
    is_flag, is_text = isinstance(SETTINGS[name].default, bool), name == "name"
    if isinstance(sent, bool) is is_flag and isinstance(sent, bool | int | float) and not is_text:
        text = format_exactly(sent)
    elif isinstance(sent, str):
        text = sent.strip()
    else:
        raise _wrong(name, shown, value_type.expected)
    try:
        value = value_type.parse(text)
    except ValueError:
        raise _wrong(name, shown, value_type.expected) from None
    if is_text and len(text) > LONGEST_NAME:
        template = "{name}={value}...: must have at most {count} characters."
        raise ValueError(Message("setting_too_long", template, name=name, value=shown, count=LONGEST_NAME))
    return value


def _wrong(name: str, shown: str, expected: str) -> ValueError:
    template = "{name}={value}: must be {expected}."
    return ValueError(Message("setting_wrong", template, name=name, value=shown, expected=expected))


def format_exactly(value: bool | int | float | str) -> str:
    """Return a value as text that is parsed to the same value: `format_value` shortens a number to six digits."""
    return f"{value:.15g}" if isinstance(value, float) else format_value(value)
