"""What `soft-stream serve --all` prints: the addresses of the cameras, and what happens to their processes."""

import signal
import sys
from collections.abc import Mapping, Sequence

from soft_stream.cli import lan, outputs
from soft_stream.cli.terminal import Terminal
from soft_stream.config.settings import Settings
from soft_stream.config.text import one_line
from soft_stream.service.exit_status import ExitStatus

MEANINGS: dict[int, str] = {
    ExitStatus.CAMERA_MISSING: "its camera is not connected",
    ExitStatus.TEMPORARY_FAILURE: "a temporary failure",
    ExitStatus.CONFIG_ERROR: "a setting is wrong",
}


class Announcements:
    """Prints the addresses of the cameras, and what happens to their processes."""

    def __init__(self, cameras: Mapping[int, Settings], kinds: Mapping[int, str], logins: Sequence[str]) -> None:
        self._cameras = cameras
        self._kinds = kinds
        self._logins = logins
        self._listening: list[Settings] = []
        self._is_started = False

    def listening(self, camera: int) -> None:
        """Print the addresses of a camera."""
        settings = self._cameras[camera]
        self._listening.append(settings)
        print(f"{title_of(settings)}: {'  '.join(lan.urls(settings))}  ({self._kinds[camera]})", flush=True)
        if self._is_started:
            self.all_started()

    def all_started(self) -> None:
        """Print how the addresses can be used, as soon as there is one."""
        self._is_started = True
        if self._listening:
            hint = ["Ctrl-C stops all cameras."] if Terminal(sys.stdout).is_terminal else []
            print(
                "".join(f"{line}\n" for line in (*self._logins, *lan.notes(self._listening), *hint)), end="", flush=True
            )

    def ended(self, camera: int, status: int, pause: float | None) -> None:
        """Print why a process has ended, and what follows."""
        reason = MEANINGS.get(status, f"exit status {status}") if status >= 0 else signal.Signals(-status).name
        then = "it is not started again" if pause is None else f"it is started again in {pause:g} s"
        print(
            f"{title_of(self._cameras[camera])}: the process has ended ({reason}); {then}", file=sys.stderr, flush=True
        )

    def hangs(self, camera: int) -> None:
        """Print that a process hangs."""
        print(f"{title_of(self._cameras[camera])}: the process hangs and is ended", file=sys.stderr, flush=True)

    def stopping(self) -> None:
        """Print that a signal stops the cameras."""
        try:
            print("Stopping ...", flush=True)
        except OSError:  # the terminal is closed, and the cameras are stopped nevertheless
            outputs.drop(sys.stdout)


def title_of(settings: Settings) -> str:
    """Return the name of a camera for the terminal."""
    return one_line(settings.title)
