"""The controls of the camera: those it advertises, the values that were set, and which values are valid.

Values are checked before the camera gets them: a value of a wrong type would end Picamera2's event loop, because
libcamera refuses it at a point where Picamera2 does not expect that (`CompletedRequest.release` in https://github.com/raspberrypi/picamera2).
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soft_stream.cameras.base import AF_AUTO, AF_CONTINUOUS, AF_MANUAL, ZERO_IS_AUTOMATIC, Control, ControlValue
from soft_stream.config.env_file import quote_value
from soft_stream.config.settings import Settings, did_you_mean

log = logging.getLogger(__name__)

# Values that give a control back to the algorithm that sets it by default. Gains of 0 do that: `setManualGains` in
# src/ipa/rpi/controller/rpi/awb.cpp of https://github.com/raspberrypi/libcamera.
AUTOMATIC: dict[str, ControlValue] = {
    **dict.fromkeys(ZERO_IS_AUTOMATIC, 0),
    "AeEnable": True,
    "AwbEnable": True,
    "ColourGains": (0.0, 0.0),
}


class WrongControl(ValueError):
    """The camera does not have a control, or cannot take a value; the message is a sentence."""


@dataclass(frozen=True)
class ControlChange:
    """What to set, and which controls the camera sets itself afterwards."""

    values: Mapping[str, ControlValue]
    """Checked values for the camera."""
    reset: tuple[str, ...] = ()
    """Controls that no longer count as set."""


class Controls:
    """The controls of the camera, and the values that were set, by the settings and then by clients."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.advertised: dict[str, Control] = {}
        """The controls of the last session; empty until the camera was open once."""
        self._configured = dict(settings.controls)
        self.values: dict[str, ControlValue] = {}
        """The values that are set, also when the camera opens; the camera decides about all other controls."""
        self._saving = asyncio.Lock()

    def update_advertised(self, advertised: Sequence[Control]) -> None:
        """Take over the controls of the open camera; log which settings it cannot take."""
        self.advertised = {control.name: control for control in advertised}
        configured, self._configured = self._configured, {}
        for name, text in configured.items():
            try:
                self.values[name] = self.check({name: text})[name]
            except WrongControl as problem:
                log.warning("cam%d_controls: %s", self._settings.camera, problem)

    @property
    def to_apply(self) -> dict[str, ControlValue]:
        """The values to set when the camera opens."""
        return {name: value for name, value in self.values.items() if name in self.advertised}

    def check(self, requested: Mapping[str, Any]) -> dict[str, ControlValue]:
        """Return values of the right types for text, numbers, or lists of them.

        Raises:
            WrongControl: naming the control, the value and what is expected; nothing was changed.
        """
        return {name: cast_value(self._known(name), value) for name, value in requested.items()}

    def resolve(
        self, requested: Mapping[str, Any], lens_position: float | None, *, position_means_manual: bool = True
    ) -> ControlChange:
        """Return what to set for the values that a client has requested; None resets a control.

        AfMode and LensPosition depend on each other. LensPosition also sets AfMode to manual, except for clients that
        set one control per request (mjpg-streamer). A lens that is switched to manual focus stays at `lens_position`
        (dioptres), where the last frame saw it. Autofocus moves the lens, so a position no longer counts as set.

        Raises:
            WrongControl: naming the control, the value and what is expected; nothing was changed.
        """
        requested = dict(requested)
        reset = [name for name, value in requested.items() if value is None]
        requested |= {name: self.reset_value(name) for name in reset}
        if position_means_manual and "AfMode" in self.advertised and "LensPosition" in requested.keys() - reset:
            requested.setdefault("AfMode", AF_MANUAL)
        values = self.check(requested)
        mode = values.get("AfMode")
        if mode == AF_MANUAL and "AfMode" not in reset and "LensPosition" not in values and lens_position is not None:
            values |= self.check({"LensPosition": lens_position})
        if mode not in (None, AF_MANUAL):
            reset.append("LensPosition")
        return ControlChange(values, tuple(reset))

    def record(self, change: ControlChange) -> None:
        """Record what the camera was set to."""
        self.values |= change.values
        for name in change.reset:
            self.values.pop(name, None)

    def reset_value(self, name: str) -> ControlValue:
        """Return the value that gives a control back to the camera.

        Raises:
            WrongControl: the camera does not have the control, or no such value is known.
        """
        control = self._known(name)
        if name == "AfMode":
            return {"manual": AF_MANUAL, "continuous": AF_CONTINUOUS}.get(self._settings.autofocus, AF_AUTO)
        value = AUTOMATIC.get(name, control.default)
        if value is None:
            raise WrongControl(f"no value is known that gives {name} back to the camera; set it instead")
        return value

    def default_value(self, name: str) -> ControlValue | None:
        """Return the value of a control that is not set; None if the camera does not say."""
        return self.advertised[name].default if name not in (*AUTOMATIC, "AfMode") else self.reset_value(name)

    @property
    def focus_mode(self) -> str:
        """The mode of the lens in the words of the setting `autofocus`; a value of the control AfMode overrides it."""
        modes = {AF_MANUAL: "manual", AF_AUTO: "once", AF_CONTINUOUS: "continuous"}
        return modes.get(self.values.get("AfMode"), self._settings.autofocus)  # type: ignore[arg-type] # any key may be looked up

    @property
    def lens_position(self) -> float:
        """The lens position in manual focus, in dioptres."""
        position = self.values.get("LensPosition", self._settings.lens_position)
        return float(position) if isinstance(position, int | float) else 0.0

    async def save(self, file: Path) -> None:
        """Write the values into a file that is a layer of the settings.

        Raises:
            OSError: it cannot be written.
        """
        async with self._saving:
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
    """Write a file so that after a power cut it is the old or the new one, whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_suffix(".new")
    with new.open("w") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(opened.fileno())
    new.replace(file)


def cast_value(control: Control, value: Any) -> ControlValue:
    """Return a value of the control's type for text, a number, or a list of them.

    Raises:
        WrongControl: it is not of that type, or out of bounds.
    """
    written = _shown(format_value(tuple(value) if isinstance(value, list) else value))
    if isinstance(value, bool) and control.kind != "bool":
        raise WrongControl(f"{control.name}={value}: must be {_expected(control)}")
    parts = [part.strip().lower() for part in written.split(",")]
    try:
        cast = tuple(_CASTS[control.kind](part) for part in parts)
    except ValueError:
        cast = ()
    if len(cast) != control.count or not _within(control, cast):
        raise WrongControl(f"{control.name}={written[:60]}: must be {_expected(control)}")
    return cast if control.count > 1 else cast[0]


def format_value(value: Any) -> str:
    """Return a value as text of the setting `controls`."""
    if isinstance(value, tuple):
        return ",".join(format_value(part) for part in value)
    return str(int(value)) if isinstance(value, bool) else str(value)


def _shown(text: str) -> str:
    """Return what a client has sent as text that is safe in an answer and in the log."""
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
    return all(control.min <= part <= control.max for part in parts)


def _expected(control: Control) -> str:
    if control.kind == "bool":
        return "1 (on) or 0 (off)"
    if control.kind == "rectangle":
        _, _, width, height = control.min  # type: ignore[misc] # rectangles have rectangular bounds
        return f"x,y,width,height inside {format_value(control.max)}, at least {width}x{height} large"
    what = "whole number" if control.kind == "int" else "number"
    many = f"{control.count} {what}s with commas between them, each" if control.count > 1 else f"a {what}"
    automatic = ", or 0 (automatic)" if control.name in ZERO_IS_AUTOMATIC else ""
    return f"{many} from {format_value(control.min)} to {format_value(control.max)}{automatic}"
