"""The hardware of the synthetic camera: its state and the faults that it can have."""

import threading

FOCUS_SWEEP = 15  # frames per scan


class SyntheticDevice:
    """The device that sessions of the synthetic camera open; its methods may be called from any thread."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.plugged = True
        self.stalled = False
        self.stall_survives_restart = False
        self.stall_survives_reopening = False
        self.held_by = ""
        self.open_seconds = 0.0
        self.close_hangs = False
        self.restart_hangs = False
        self.still_fails = False
        self.focus_fails = False
        self.focus_is_mute = False
        """Whether frames have no autofocus state, as with a sensor whose tuning file has no autofocus."""
        self.focus_sweep = FOCUS_SWEEP
        """Frames per scan."""
        self.cycles = 0
        """The number of autofocus cycles that were started."""
        self.still_seconds = 0.0
        self.has_autofocus = True
        self.lens = 0.0
        """0 is out of focus, 1 sharp."""
        self.opened = 0
        self.closed = 0
        self.restarted = 0
        self.threads: set[int] = set()
        """The threads that have used the camera: never more than one."""

    def unplug(self) -> None:
        """Disconnect the camera."""
        self._update(plugged=False)

    def plug(self) -> None:
        """Connect the camera again."""
        self._update(plugged=True, stalled=False)

    def stall(self, *, survives_restart: bool = False, survives_reopening: bool = False) -> None:
        """Stop delivering frames, without an error."""
        survives_restart |= survives_reopening
        self._update(stalled=True, stall_survives_restart=survives_restart, stall_survives_reopening=survives_reopening)

    def resume(self) -> None:
        """Deliver frames again."""
        self._update(stalled=False)

    def seize(self, holder: str) -> None:
        """Let another program open the camera."""
        self._update(held_by=holder)

    def free(self) -> None:
        """Let the other program close the camera."""
        self._update(held_by="")

    def slow_open(self, seconds: float) -> None:
        """Delay each following `open`."""
        self._update(open_seconds=seconds)

    def hang_on_close(self) -> None:
        """Block `close` until `let_go`."""
        self._update(close_hangs=True)

    def hang_on_restart(self) -> None:
        """Block `restart` until `let_go`."""
        self._update(restart_hangs=True)

    def let_go(self) -> None:
        """End every block and delay of `open`, `restart` and `close`."""
        self._update(close_hangs=False, restart_hangs=False, open_seconds=0.0)

    def slow_lens(self, frames: int) -> None:
        """Set the number of frames per scan."""
        self._update(focus_sweep=frames)

    def slow_still(self, seconds: float) -> None:
        """Delay each following still."""
        self._update(still_seconds=seconds)

    def run_out_of_memory(self) -> None:
        """Fail on each following still."""
        self._update(still_fails=True)

    def _update(self, **state: object) -> None:
        with self.changed:
            for name, value in state.items():
                setattr(self, name, value)
            self.changed.notify_all()
