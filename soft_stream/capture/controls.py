"""The controls of the camera: those it advertises, and the values that were set.

Values are checked before the camera gets them: a value of a wrong type would end Picamera2's event loop, because
libcamera refuses it at a point where Picamera2 does not expect that (`CompletedRequest.release` in https://github.com/raspberrypi/picamera2).
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soft_stream.cameras.base import AF_AUTO, AF_CONTINUOUS, AF_MANUAL, ZERO_IS_AUTOMATIC, Control, ControlValue
from soft_stream.capture.control_values import WrongControl, as_ascii, cast_value, format_value
from soft_stream.config import kept_controls
from soft_stream.config.settings import Settings, did_you_mean
from soft_stream.message import Message

log = logging.getLogger(__name__)

# Values that give a control back to the algorithm that sets it by default. Gains of 0 do that: `setManualGains` in
# src/ipa/rpi/controller/rpi/awb.cpp of https://github.com/raspberrypi/libcamera.
AUTOMATIC: dict[str, ControlValue] = {
    **dict.fromkeys(ZERO_IS_AUTOMATIC, 0),
    "AeEnable": True,
    "AwbEnable": True,
    "ColourGains": (0.0, 0.0),
}
# Values of the settings that are reported one by one if the camera cannot take them.
MAX_REPORTED = 10


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
        """The values of the settings that the camera has not had yet."""
        self._reported: set[str] = set()
        self.values: dict[str, ControlValue] = {}
        """The values that are set, also when the camera opens; the camera decides about all other controls."""
        self.saving = asyncio.Lock()
        """Held while the file of this camera is written."""

    def update_advertised(self, advertised: Sequence[Control]) -> None:
        """Take over the controls of the open camera; log once which settings it cannot take.

        It may have them at another opening: what is not there now is looked for again.
        """
        self.advertised = {control.name: control for control in advertised}
        configured, self._configured = self._configured, {}
        problems = []
        for name, text in configured.items():
            try:
                self.values.setdefault(name, self.check({name: text})[name])
            except WrongControl as problem:
                self._configured[name] = text
                if name not in self._reported:
                    self._reported.add(name)
                    other = f"; a command can set what the driver cannot: cam{self._settings.camera}_open_command"
                    problems.append(f"{problem}{'' if name in self.advertised else other}")
        for each in problems[:MAX_REPORTED]:
            log.warning("%s: %s", self._origin, each)
        if len(problems) > MAX_REPORTED:
            log.warning("%s: %d more values are ignored", self._origin, len(problems) - MAX_REPORTED)

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
        for name in reset:
            if name in self.values and self._value_for_reset(name) is None:
                del requested[name]  # the camera gets it back when it is opened next
            else:
                requested[name] = self.reset_value(name)
        if position_means_manual and "AfMode" in self.advertised and "LensPosition" in requested.keys() - reset:
            requested.setdefault("AfMode", AF_MANUAL)
        values = self.check(requested)
        if values.get("AeEnable") is True:  # libcamera sets exposure and gain to automatic, unless they are set, too
            fixed = [name for name in ZERO_IS_AUTOMATIC if self.values.get(name) and name in self.advertised]
            values = {**dict.fromkeys(fixed, 0), **values}
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
        self._known(name)
        value = self._value_for_reset(name)
        if value is None:
            template = "no value is known that gives {name} back to the camera; set it instead"
            raise WrongControl(Message("no_reset", template, name=name))
        return value

    def _value_for_reset(self, name: str) -> ControlValue | None:
        if name not in self.advertised:
            return None
        if name == "AfMode":
            return {"manual": AF_MANUAL, "continuous": AF_CONTINUOUS}.get(self._settings.autofocus, AF_AUTO)
        return AUTOMATIC.get(name, self.advertised[name].default)

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

    async def keep(self, file: Path) -> None:
        """Write the values into the file that the next start of the process reads; the rest of it stays.

        Raises:
            OSError: it cannot be written; the old file is as it was.
        """
        async with self.saving:
            if not self.values:
                self._configured.clear()
            # another mode of the camera may have the controls that this one does not have
            absent = {name: text for name, text in self._configured.items() if name not in self.advertised}
            controls = {name: format_value(value) for name, value in sorted(self.values.items())}
            camera_id = kept_controls.camera_id_of(self._settings)
            await asyncio.to_thread(kept_controls.update, file, camera_id, controls={**absent, **controls})

    @property
    def _origin(self) -> str:
        """Where the initial values were found."""
        settings = self._settings
        return str(settings.controls_file) if settings.has_kept_controls else f"cam{settings.camera}_controls"

    def _known(self, name: str) -> Control:
        if name not in self.advertised:
            guess = did_you_mean(name, list(self.advertised))
            template = "this camera has no control {name}{guess}"
            raise WrongControl(Message("no_control", template, name=as_ascii(name)[:60], guess=guess))
        return self.advertised[name]
