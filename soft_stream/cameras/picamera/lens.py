"""The lens: the order that it follows, and the controls for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from soft_stream.cameras.base import AF_CONTINUOUS, AF_MANUAL, ControlValue, FocusMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from soft_stream.config.settings import Settings


class Lens:
    """The lens during one session; each configuration of the camera forgets its order."""

    def __init__(self, settings: Settings) -> None:
        self._default_position = settings.lens_position
        self._order: tuple[FocusMode, float] | None = None
        """The mode, and the position for MANUAL; None if the lens is never moved."""
        if settings.autofocus != "off":
            mode = FocusMode.MANUAL if settings.autofocus == "manual" else FocusMode.HOLD
            self._order = (mode, settings.lens_position)
        self.position: float | None = None
        """The position in the last frame of the stream, in dioptres; None if unknown."""

    def set_order(self, mode: FocusMode, position: float) -> dict[str, Any]:
        """Set the order; return the controls for it."""
        self._order = (mode, position)
        return _controls(mode, position)

    def set_order_from(self, values: Mapping[str, ControlValue]) -> None:
        """Set the order to that of the controls AfMode and LensPosition; a missing one changes nothing."""
        position = self._default_position if self.position is None else self.position
        position = float(values.get("LensPosition", position))  # type: ignore[arg-type] # these are single numbers
        if "AfMode" in values:
            modes = {AF_MANUAL: FocusMode.MANUAL, AF_CONTINUOUS: FocusMode.CONTINUOUS}
            self._order = (modes.get(values["AfMode"], FocusMode.HOLD), position)  # type: ignore[arg-type] # as above
        elif self._order:
            self._order = (self._order[0], position)

    def start_controls(self, *, is_still: bool) -> dict[str, Any]:
        """Return the controls to start the camera with; for a still, the lens keeps its position in the stream."""
        if self._order is None:
            return {}
        mode, position = self._order
        if is_still and self.position is not None:
            mode, position = FocusMode.MANUAL, self.position
        elif is_still or mode is FocusMode.CYCLE:
            mode = FocusMode.HOLD
        return _controls(mode, position)


def _controls(mode: FocusMode, position: float) -> dict[str, Any]:
    """Return the controls for an order.

    Picamera2's own `autofocus_cycle` would block all captures while it runs. A position is valid only in manual mode.
    """
    from libcamera import controls

    modes, triggers = controls.AfModeEnum, controls.AfTriggerEnum
    return {
        FocusMode.HOLD: {"AfMode": modes.Auto},  # in auto mode the lens does not move until a trigger
        FocusMode.CYCLE: {"AfMode": modes.Auto, "AfTrigger": triggers.Start},
        FocusMode.CONTINUOUS: {"AfMode": modes.Continuous},
        FocusMode.MANUAL: {"AfMode": modes.Manual, "LensPosition": float(position)},
    }[mode]
