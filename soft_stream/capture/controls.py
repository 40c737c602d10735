"""The camera's controls: what it advertises, what was asked of it, and how a value must look.

Values are checked before a camera sees them: one of a wrong type would end Picamera2's event loop, since libcamera
refuses it where nobody expects it (`CompletedRequest.release` in https://github.com/raspberrypi/picamera2).
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from soft_stream.cameras.base import AF_AUTO, AF_CONTINUOUS, AF_MANUAL, ZERO_IS_AUTOMATIC, Control, ControlValue
from soft_stream.config.env_file import quote_value
from soft_stream.config.settings import Settings, did_you_mean

log = logging.getLogger(__name__)

# What gives a control back to the algorithm that else sets it. Gains of 0 do: src/ipa/rpi/controller/rpi/awb.cpp of
# https://github.com/raspberrypi/libcamera, `setManualGains`.
AUTOMATIC: dict[str, ControlValue] = {
    **dict.fromkeys(ZERO_IS_AUTOMATIC, 0),
    "AeEnable": True,
    "AwbEnable": True,
    "ColourGains": (0.0, 0.0),
}


class WrongControl(ValueError):
    """A control that the camera does not have, or a value that it cannot take; the message is a sentence."""


class Controls:
    """What the camera can be told, and what it has been told: by the settings, then by whoever asked."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.advertised: dict[str, Control] = {}
        """Of the last opening; empty until the camera was open once."""
        self._configured = dict(settings.controls)
        self.values: dict[str, ControlValue] = {}
        """What holds, and what the next opening begins with; other controls are the camera's own business."""
        self._keeping = asyncio.Lock()

    def learn(self, advertised: Sequence[Control]) -> None:
        """Take over what a camera advertises; log what it cannot be told of the settings."""
        self.advertised = {control.name: control for control in advertised}
        configured, self._configured = self._configured, {}
        for name, text in configured.items():
            try:
                self.values[name] = self.checked({name: text})[name]
            except WrongControl as problem:
                log.warning("cam%d_controls: %s", self._settings.camera, problem)

    @property
    def current(self) -> dict[str, ControlValue]:
        """What the camera is to be told when it opens."""
        return {name: value for name, value in self.values.items() if name in self.advertised}

    def checked(self, asked: Mapping[str, Any]) -> dict[str, ControlValue]:
        """Return values of the right types for what was asked, given as text, numbers, or lists of them.

        Raises:
            WrongControl: naming control, value and what would be right; nothing was changed.
        """
        return {name: cast_value(self._known(name), value) for name, value in asked.items()}

    def took(self, values: Mapping[str, ControlValue]) -> None:
        """Remember what the camera was told."""
        self.values |= values

    def default_of(self, name: str) -> ControlValue:
        """Return what gives a control back to the camera.

        Raises:
            WrongControl: the camera does not have it, or nothing is known that would.
        """
        control = self._known(name)
        if name == "AfMode":
            return {"manual": AF_MANUAL, "continuous": AF_CONTINUOUS}.get(self._settings.autofocus, AF_AUTO)
        value = AUTOMATIC.get(name, control.default)
        if value is None:
            raise WrongControl(f"nothing is known that gives {name} back; set it to what it should be")
        return value

    def untold(self, name: str) -> ControlValue | None:
        """Return what holds for a control that was not set: None where the camera does not say."""
        return self.advertised[name].default if name not in (*AUTOMATIC, "AfMode") else self.default_of(name)

    def forget(self, names: Sequence[str]) -> None:
        """Leave controls to the camera again."""
        for name in names:
            self.values.pop(name, None)

    @property
    def focus_mode(self) -> str:
        """What the lens is to do, as the setting `autofocus` says it; the control AfMode counts more."""
        modes = {AF_MANUAL: "manual", AF_AUTO: "once", AF_CONTINUOUS: "continuous"}
        return modes.get(self.values.get("AfMode"), self._settings.autofocus)  # type: ignore[arg-type] # any key may be asked for

    @property
    def lens_position(self) -> float:
        """Where the lens is to be in manual focus, in dioptres."""
        position = self.values.get("LensPosition", self._settings.lens_position)
        return float(position) if isinstance(position, int | float) else 0.0

    async def keep(self, file: Path) -> None:
        """Write what holds into a file that is a layer of the settings.

        Raises:
            OSError: it cannot be written.
        """
        async with self._keeping:
            text = " ".join(f"{name}={format_value(value)}" for name, value in sorted(self.values.items()))
            line = f"cam{self._settings.camera}_controls={quote_value(text)}"
            await asyncio.to_thread(_write, file, f"# Written by POST /controls?keep=1\n{line}\n")

    def _known(self, name: str) -> Control:
        if name not in self.advertised:
            raise WrongControl(
                f"this camera has no control {_shown(name)[:60]}{did_you_mean(name, list(self.advertised))}"
            )
        return self.advertised[name]


def _write(file: Path, text: str) -> None:
    """Write a file so that a power cut leaves the old or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    with new.open("w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)


def cast_value(control: Control, value: Any) -> ControlValue:
    """Make a value of the control's type out of text, a number, or a list of them.

    Raises:
        WrongControl: it cannot be one, or lies out of bounds.
    """
    written = _shown(format_value(tuple(value) if isinstance(value, list) else value))
    if isinstance(value, bool) and control.kind != "bool":
        raise WrongControl(f"{control.name}={value}: must be {_right(control)}")
    parts = [part.strip().lower() for part in written.split(",")]
    try:
        cast = tuple(_CASTS[control.kind](part) for part in parts)
    except ValueError:
        cast = ()
    if len(cast) != control.count or not _within(control, cast):
        raise WrongControl(f"{control.name}={written[:60]}: must be {_right(control)}")
    return cast if control.count > 1 else cast[0]


def format_value(value: Any) -> str:
    """Write a value the way the setting `controls` has it."""
    if isinstance(value, tuple):
        return ",".join(format_value(part) for part in value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def _shown(text: str) -> str:
    """Write what somebody sent so that it can be told in any answer and log."""
    return text.encode("ascii", "backslashreplace").decode()


def _switch(text: str) -> bool:
    if text not in ("1", "true", "on", "0", "false", "off"):
        raise ValueError(text)
    return text in ("1", "true", "on")


def _whole(text: str) -> int:
    return int(text.removesuffix(".0"))  # as JSON libraries write it that know floats only


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
    return all(control.min <= part <= control.max for part in parts)


def _right(control: Control) -> str:
    if control.kind == "bool":
        return "1 (on) or 0 (off)"
    if control.kind == "rectangle":
        _, _, width, height = control.min  # type: ignore[misc] # rectangles have rectangular bounds
        return f"x,y,width,height inside {format_value(control.max)}, at least {width}x{height} large"
    what = "whole number" if control.kind == "int" else "number"
    many = f"{control.count} {what}s with commas between them, each" if control.count > 1 else f"a {what}"
    automatic = ", or 0 (automatic)" if control.name in ZERO_IS_AUTOMATIC else ""
    return f"{many} from {format_value(control.min)} to {format_value(control.max)}{automatic}"
