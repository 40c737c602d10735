"""What an output reports: its state and counters for `/status.json`, and log lines when it fails or works again."""

import logging
from dataclasses import dataclass, field
from enum import StrEnum

log = logging.getLogger(__name__)

THREAD = "output"
"""The name of the threads of outputs: the process does not wait for one that hangs."""


class OutputState(StrEnum):
    """The state of an output."""

    IDLE = "idle"
    """It needs no frames now."""
    RUNNING = "running"
    FAILING = "failing"


@dataclass
class OutputReport:
    """The state of one output; only the event loop changes it."""

    setting: str
    """The key of the setting that switches it on, such as `cam0_save`."""
    target: str
    """Where its frames go: the value of that setting."""
    state: OutputState = OutputState.IDLE
    frames: int = 0
    """Number of frames that were saved or published."""
    missed: int = 0
    """Number of frames that should have been, and were not."""
    last_error: str = ""
    """The last error, also when it is over."""
    _missed_before: int = field(default=0, repr=False)

    @property
    def problem(self) -> str:
        """A sentence while it fails; otherwise empty."""
        return f"{self.setting}: {self.last_error}" if self.state is OutputState.FAILING else ""

    def fail(self, error: str) -> None:
        """Report an error; only the first one in a row, and each other one that follows, is logged."""
        if self.state is not OutputState.FAILING:
            self._missed_before = self.missed
        if self.state is not OutputState.FAILING or error != self.last_error:
            log.warning("%s=%s: %s", self.setting, self.target, error)
        self.state, self.last_error = OutputState.FAILING, error

    def work(self, state: OutputState = OutputState.RUNNING) -> None:
        """Report that it works; after a failure that is logged."""
        if self.state is OutputState.FAILING:
            missed = self.missed - self._missed_before
            log.info("%s=%s: works again, %d frames were missed", self.setting, self.target, missed)
        self.state = state
