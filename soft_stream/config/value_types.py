"""Types of settings: each parses the text of a value, and describes the texts that it accepts."""

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from soft_stream.message import Message

STDOUT = "-"


@dataclass(frozen=True)
class ValueType:
    """The type of a setting: `parse` raises ValueError for a text that `expected` does not describe."""

    parse: Callable[[str], Any]
    expected: str
    metavar: str = "TEXT"
    """The word for a value in the help."""
    words: tuple[str, ...] = ()
    """The values, if there are few: a shell completes them."""
    kind: str = "text"
    """The kind of its values for a form: `integer`, `number`, `boolean` or `text`."""
    low: float | None = None
    high: float | None = None


def integer(low: int, high: int, unit: str, *, even: bool = False) -> ValueType:
    """Return the type of a whole number."""

    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high or (even and value % 2):
            raise ValueError(text)
        return value

    bounds = "number from {low} to {high} ({unit})"
    expected = (
        Message("expects_even_unit", f"an even {bounds}", low=low, high=high, unit=unit)
        if even
        else Message("expects_whole_unit", f"a whole {bounds}", low=low, high=high, unit=unit)
    )
    return ValueType(parse, expected, "N", kind="integer", low=low, high=high)


def number(low: float, high: float, unit: str) -> ValueType:
    """Return the type of a number other than nan."""

    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:  # also refuses nan
            raise ValueError(text)
        return value

    expected = Message("expects_unit", "a number from {low:g} to {high:g} ({unit})", low=low, high=high, unit=unit)
    return ValueType(parse, expected, "N", kind="number", low=low, high=high)


def choice(*words: str, spellings: Mapping[str, str] = MappingProxyType({})) -> ValueType:
    """Return the type of one of several words; `spellings` maps alternative spellings to them."""

    def parse(text: str) -> str:
        word = spellings.get(text.lower(), text.lower())
        if word not in words:
            raise ValueError(text)
        return word

    return ValueType(parse, "one of: " + ", ".join(words), "WORD", words)


def boolean() -> ValueType:
    """Return the type of a switch."""
    on, off = ("1", "on", "yes", "true"), ("0", "off", "no", "false")

    def parse(text: str) -> bool:
        if text.lower() not in on + off:
            raise ValueError(text)
        return text.lower() in on

    return ValueType(parse, Message("expects_switch", "1 (on) or 0 (off)"), "0|1", ("1", "0"), kind="boolean")


def right_angle() -> ValueType:
    """Return the type of a rotation by quarter turns."""

    def parse(text: str) -> int:
        value = int(text)
        if value not in (0, 90, 180, 270):
            raise ValueError(text)
        return value

    words = ("0", "90", "180", "270")
    return ValueType(
        parse, Message("expects_angle", "one of: 0, 90, 180, 270 (degrees)"), "DEGREES", words, "integer", 0, 270
    )


def text() -> ValueType:
    """Return the type of a line of text."""

    def parse(text: str) -> str:
        if not text.isprintable():
            raise ValueError(text)
        return text

    return ValueType(parse, Message("expects_text", "printable text"))


def path(*, or_stdout: bool = False) -> ValueType:
    """Return the type of an absolute path, which may be empty, or `-` where that is the standard output."""

    def parse(text: str) -> str:
        is_stdout = or_stdout and text == STDOUT
        if text and not is_stdout and (not text.startswith("/") or not text.isprintable()):
            raise ValueError(text)
        return text

    return ValueType(parse, f"an absolute path, {'- (standard output), ' if or_stdout else ''}or empty", "PATH")


def device() -> ValueType:
    """Return the type of the name of a device: a path, a port of libgphoto2, or a model; it may be empty."""

    def parse(text: str) -> str:
        if not text.isprintable():
            raise ValueError(text)
        return text

    return ValueType(parse, "an absolute path, a port such as usb:001,004, the name of a model, or empty", "DEVICE")


def file_name() -> ValueType:
    """Return the type of a file name or absolute path, which may be empty."""

    def parse(text: str) -> str:
        if not text.isprintable() or ("/" in text and not text.startswith("/")):
            raise ValueError(text)
        return text

    return ValueType(parse, "a file name, an absolute path, or empty", "FILE")


def entry_name() -> ValueType:
    """Return the type of the name of a file in a folder, which may be empty."""

    def parse(text: str) -> str:
        if not text.isprintable() or "/" in text or text in (".", ".."):
            raise ValueError(text)
        return text

    return ValueType(parse, "the name of a file without its folder, or empty", "NAME")


def name_in_folder() -> ValueType:
    """Return the type of a file name without a folder, which may be empty."""

    def parse(text: str) -> str:
        if not text.isprintable() or "/" in text or text.startswith("."):
            raise ValueError(text)
        return text

    return ValueType(parse, "a file name without a folder and without a dot in front, or empty", "FILE")


def sensor_mode() -> ValueType:
    """Return the type of a sensor mode."""

    def parse(text: str) -> str:
        word = text.lower()
        if word not in ("auto", "driver") and not re.fullmatch(r"[1-9]\d{1,4}x[1-9]\d{1,4}(:([89]|1\d|2[0-4]))?", word):
            raise ValueError(text)
        return word

    return ValueType(
        parse, "auto, driver, or a size such as 2304x1296, with bits such as 1280x800:8", "MODE", ("auto", "driver")
    )


def window() -> ValueType:
    """Return the type of a part of the frame, which may be empty."""

    def parse(text: str) -> tuple[float, ...]:
        x, y, width, height = window = [float(part) for part in text.replace(",", " ").split()] or [0.0] * 4
        inside = 0 <= x <= x + width <= 1 and 0 <= y <= y + height <= 1
        if not inside or (text.strip() and 0 in (width, height)):
            raise ValueError(text)
        return tuple(window) if text.strip() else ()

    return ValueType(parse, "x y width height as parts of the picture, such as 0.25 0.25 0.5 0.5, or empty", "N")


def command() -> ValueType:
    """Return the type of a command with arguments, which may be empty; the words are those of a shell."""

    def parse(text: str) -> str:
        words = shlex.split(text) if text.isprintable() else [""]  # raises ValueError for a quote without an end
        if words and (("/" in words[0] and not words[0].startswith("/")) or not words[0]):
            raise ValueError(text)
        return text.strip()

    return ValueType(
        parse, "a command by its name or absolute path, with arguments, quoted as in a shell, or empty", "COMMAND"
    )


def named_values() -> ValueType:
    """Return the type of a list of names with values."""

    def parse(text: str) -> tuple[tuple[str, str], ...]:
        pairs = tuple(word.partition("=") for word in text.split())
        if any(not (name.replace("_", "").isalnum() and value) for name, _, value in pairs):
            raise ValueError(text)
        return tuple((name, value) for name, _, value in pairs)

    return ValueType(
        parse, "NAME=VALUE with spaces between them, such as Brightness=0.1 ExposureValue=0.5, or empty", "NAME=VALUE"
    )
