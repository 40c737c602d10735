"""The observable behaviour of the autofocus algorithm in libcamera's Raspberry Pi IPA."""

from __future__ import annotations

from typing import Any

from tests.support.fake_libcamera.controls import AfModeEnum, AfStateEnum, AfTriggerEnum

DEFAULT_POSITION = 1.0


class Autofocus:
    """A lens and its autofocus algorithm; it lives as long as the CameraManager, through stops and starts."""

    def __init__(self) -> None:
        self.mode = AfModeEnum.Manual
        self.state = AfStateEnum.Idle
        self.position = DEFAULT_POSITION
        self._scanned = 0

    def start(self) -> None:
        """Restart continuous autofocus when the sensor starts."""
        if self.mode is AfModeEnum.Continuous or self.state is AfStateEnum.Scanning:
            self._scan()

    def apply(self, wanted: dict[str, Any]) -> None:
        """Apply the autofocus controls of a request; the mode is applied first."""
        if "AfMode" in wanted:
            self._change_mode(AfModeEnum(wanted["AfMode"]))
        if "AfTrigger" in wanted and self.mode is AfModeEnum.Auto:
            if wanted["AfTrigger"] == AfTriggerEnum.Cancel:
                self.state = AfStateEnum.Idle
            elif self.state is not AfStateEnum.Scanning:
                self._scan()
        if "LensPosition" in wanted and self.mode is AfModeEnum.Manual:
            self.position = wanted["LensPosition"]

    def step(self, frames: float, subject: float, *, fails: bool) -> None:
        """Process a frame; a scan takes `frames` frames and ends at the distance of the subject."""
        if self.state is not AfStateEnum.Scanning:
            return
        self._scanned += 1
        if self._scanned <= frames:
            self.position = subject * self._scanned / max(1, min(frames, 100))
            return
        self.state = AfStateEnum.Failed if fails else AfStateEnum.Focused
        self.position = DEFAULT_POSITION if fails else subject

    def _change_mode(self, mode: AfModeEnum) -> None:
        if mode is self.mode:
            return
        self.mode = mode
        if mode is AfModeEnum.Continuous:
            self._scan()
        elif mode is AfModeEnum.Manual or self.state is not AfStateEnum.Scanning:
            self.state = AfStateEnum.Idle  # a running scan continues in Auto

    def _scan(self) -> None:
        self.state = AfStateEnum.Scanning
        self._scanned = 0
