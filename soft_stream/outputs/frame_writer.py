"""What the output `save` does with each frame, in a thread of its own: it may block for as long as a disk does."""

import logging
import os
import shlex
import threading
from pathlib import Path

from soft_stream.capture.open_command import ENVIRONMENT, run_command
from soft_stream.config.settings import Settings
from soft_stream.frames.frame import Frame
from soft_stream.outputs.storage import MB, Limits, Storage

log = logging.getLogger(__name__)

# Files of `save_as=mjpeg` have this size at most, and a tenth of all files.
MJPEG_SIZE = 100 * MB
MJPEG_PART = 1 / 10
# Seconds between two files from which on each is written to the disk at once: rarely enough for a memory card.
SYNC_INTERVAL = 10.0
# Seconds after which the command is killed.
COMMAND_TIMEOUT = 30.0


class FrameWriter:
    """Saves frames as the settings of a camera say."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        name = f"cam{settings.camera}"
        limits = Limits(
            settings.save_count, settings.save_size * MB, settings.save_reserve * MB, setting=f"{name}_save"
        )
        self._storage = Storage(Path(settings.save), name, limits)
        self._mjpeg_size = min(MJPEG_SIZE, round(limits.size * MJPEG_PART) or MJPEG_SIZE)
        self._mjpeg: Path | None = None
        self._mjpeg_bytes = 0
        self._problems = set[str]()
        """The settings that have a problem which was logged."""
        self.stop = threading.Event()
        """Set at the end of the process: the command is killed."""

    def save(self, frame: Frame) -> None:
        """Save a frame, name the newest file, and run the command.

        Raises:
            OSError: it cannot be saved; nothing of it is left.
        """
        if self._settings.save_as == "mjpeg":
            self._append(frame)
            return
        is_rare = self._settings.save_interval >= SYNC_INTERVAL
        file = self._storage.add(frame.jpeg, "jpg", frame.timestamp, sync=is_rare)
        self._link(file, frame.jpeg)
        self._run_command(file)

    def _append(self, frame: Frame) -> None:
        current, self._mjpeg = self._mjpeg, None  # after an error a new file begins
        if current and self._mjpeg_bytes + len(frame.jpeg) > self._mjpeg_size:
            self._run_command(current)
            current = None
        self._mjpeg = self._storage.append(current, frame.jpeg, "mjpeg", frame.timestamp)
        if not current:
            self._mjpeg_bytes = 0
            self._link(self._mjpeg, None)
        self._mjpeg_bytes += len(frame.jpeg)

    def _link(self, file: Path, content: bytes | None) -> None:
        if not self._settings.save_link:
            return
        problem = ""
        try:
            self._storage.link(file, self._settings.save_link, content)
        except OSError as error:
            problem = f"{self._settings.save_link} cannot be made: {error.strerror or error}"
        self._note("save_link", problem)

    def _run_command(self, file: Path) -> None:
        """Run the command with the path of a file, without a shell."""
        if not self._settings.save_command:
            return
        words = [*shlex.split(self._settings.save_command), str(file)]
        environ = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        environ |= {"CAMERA_NUMBER": str(self._settings.camera), "MJPG_FILE": str(file)}
        try:
            ended = run_command(words, environ, self.stop, COMMAND_TIMEOUT)
        except OSError as error:
            problem = f"it cannot be run: {error.strerror or error}"
        else:
            failed = f"it ended with exit status {ended.status}" if ended.status else ""
            problem = f"it was killed {ended.killed}" if ended.killed else failed
        self._note("save_command", problem)

    def _note(self, name: str, problem: str) -> None:
        """Log a problem when it begins and when it is over; the frame is saved nevertheless."""
        if problem and name not in self._problems:
            log.warning("cam%d_%s: %s", self._settings.camera, name, problem)
            self._problems.add(name)
        elif not problem and name in self._problems:
            log.info("cam%d_%s: works again", self._settings.camera, name)
            self._problems.discard(name)
