"""The AF algorithm of libcamera's Raspberry Pi IPA, as far as the outside can tell."""

from __future__ import annotations

from typing import Any

from tests.support.fake_libcamera.controls import AfModeEnum, AfStateEnum, AfTriggerEnum

DEFAULT_POSITION = 1.0


class Autofocus:
    """A lens and the scan that moves it; it lives as long as the CameraManager, through stops and starts."""

    def __init__(self) -> None:
        self.mode = AfModeEnum.Manual
        self.state = AfStateEnum.Idle
        self.position = DEFAULT_POSITION
        self._scanned = 0

    def start(self) -> None:
        """Begin anew what goes on when the sensor starts."""
        if self.mode is AfModeEnum.Continuous or self.state is AfStateEnum.Scanning:
            self._scan()

    def apply(self, wanted: dict[str, Any]) -> None:
        """Take the AF controls of a request; the mode counts before the others."""
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
        """Look at one more frame; a scan takes so many frames and ends at the subject's distance."""
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
            self.state = AfStateEnum.Idle  # a scan under way goes on in Auto

    def _scan(self) -> None:
        self.state = AfStateEnum.Scanning
        self._scanned = 0
