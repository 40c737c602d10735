"""Values of controls: text, numbers and lists from settings and clients, as the camera takes them."""

from collections.abc import Callable
from typing import Any

from soft_stream.cameras.base import ZERO_IS_AUTOMATIC, Control, ControlValue
from soft_stream.message import Message


class WrongControl(ValueError):
    """The camera does not have a control, or cannot take a value; the message is a sentence."""


def cast_value(control: Control, value: Any) -> ControlValue:
    """Return a value of the control's type for text, a number, or a list of them.

    Raises:
        WrongControl: it is not of that type, or out of bounds.
    """
    written = as_ascii(format_value(tuple(value) if isinstance(value, list) else value))
    if isinstance(value, bool) and control.kind != "bool":
        raise _wrong(control, str(value))
    parts = [part.strip().lower() for part in written.split(",")]
    try:
        cast = tuple(_CASTS[control.kind](part) for part in parts)
    except ValueError:
        cast = ()
    if len(cast) != control.count or not _within(control, cast):
        raise _wrong(control, written[:60])
    return cast if control.count > 1 else cast[0]


def format_value(value: Any) -> str:
    """Return a value as text of the setting `controls`."""
    if isinstance(value, tuple):
        return ",".join(format_value(part) for part in value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def as_ascii(text: str) -> str:
    """Return a text of a client, safe for answers and the log: everything that is not ASCII is escaped."""
    return text.encode("ascii", "backslashreplace").decode()


def _switch(text: str) -> bool:
    if text not in ("1", "true", "on", "0", "false", "off"):
        raise ValueError(text)
    return text in ("1", "true", "on")


def _whole(text: str) -> int:
    return int(text.removesuffix(".0"))  # some JSON libraries write every number as a float


_CASTS: dict[str, Callable[[str], Any]] = {"bool": _switch, "int": _whole, "float": float, "rectangle": _whole}


def _within(control: Control, parts: tuple[Any, ...]) -> bool:
    if control.kind == "rectangle":
        (left, top, width, height), (_, _, least_width, least_height) = control.max, control.min  # type: ignore[misc] # rectangles have rectangular bounds
        x, y, w, h = parts
        return bool(
            left <= x and x + w <= left + width and w >= least_width
            and top <= y and y + h <= top + height and h >= least_height
        )  # fmt: skip
    if control.name in ZERO_IS_AUTOMATIC and parts == (0,):
        return True
    if control.choices and parts[0] not in dict(control.choices):
        return False
    return all(control.min <= part <= control.max for part in parts)


def _wrong(control: Control, written: str) -> WrongControl:
    template = "{name}={value}: must be {expected}"
    return WrongControl(
        Message("control_wrong", template, name=control.name, value=written, expected=_expected(control))
    )


def _expected(control: Control) -> Message:
    if control.kind == "bool":
        return Message("expects_switch", "1 (on) or 0 (off)")
    if control.choices:
        choices = ", ".join(f"{value} ({name})" for value, name in control.choices)
        return Message("expects_choice", "one of {choices}", choices=choices)
    low, high = format_value(control.min), format_value(control.max)
    if control.kind == "rectangle":
        _, _, width, height = control.min  # type: ignore[misc] # rectangles have rectangular bounds
        template = "x,y,width,height inside {bounds}, at least {smallest} large"
        return Message("expects_rectangle", template, bounds=high, smallest=f"{width}x{height}")
    if control.count > 1:
        what = "whole numbers" if control.kind == "int" else "numbers"
        template = f"{{count}} {what} with commas between them, each from {{low}} to {{high}}"
        expected = Message("expects_numbers", template, count=control.count, low=low, high=high)
    elif control.kind == "int":
        expected = Message("expects_whole_number", "a whole number from {low} to {high}", low=low, high=high)
    else:
        expected = Message("expects_number", "a number from {low} to {high}", low=low, high=high)
    if control.name in ZERO_IS_AUTOMATIC:
        expected = Message("expects_or_automatic", "{expected}, or 0 (automatic)", expected=expected)
    return expected
