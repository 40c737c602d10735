"""A driver for the JPEG files of a folder: those that are there, or each new one."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from soft_stream.cameras.base import CameraError, Negotiated, NoFrame, NoStill
from soft_stream.cameras.folder.directory import Directory, Stamp
from soft_stream.cameras.folder.frame_files import FrameFiles
from soft_stream.cameras.folder.newest import NewestFile
from soft_stream.cameras.folder.player import Player
from soft_stream.cameras.without_controls import CameraWithoutControls
from soft_stream.config.settings import Settings
from soft_stream.frames.raw import RawFrame
from soft_stream.message import message_of

NOT_OPEN = 0, 0
"""The size while no whole JPEG has been found."""
# Seconds that a still waits for a new file; then the stream continues, whose next frame may be an hour away.
STILL_WAIT = 2.0


class FolderCamera(CameraWithoutControls):
    """A camera driver for one session of a folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._mode = settings.folder_mode
        if self._mode == "auto":  # a single file that is shown again and again would look live
            self._mode = "new" if settings.folder_file else "loop"
        self._directory: Directory | None = None
        self._files: FrameFiles | None = None
        self._frames: Player | NewestFile | None = None
        self._shown: Stamp | None = None
        """The file that was shown last, if it must not be shown again after a restart."""
        self._size = NOT_OPEN

    def open(self) -> Negotiated:
        """Find the first whole JPEG; see `Camera.open`."""
        settings = self._settings
        try:
            directory = self._directory = Directory(Path(settings.folder), settings.folder_file)
            files = self._files = FrameFiles(directory, deletes=settings.folder_delete)
            if self._mode == "new":
                self._frames = NewestFile(directory, files, settings, self._shown)
            else:
                self._frames = Player(directory, files, settings.fps, once=self._mode == "once")
            self._size = self._frames.start().size
        except BaseException:
            self.close()
            raise
        files.found_whole()
        return self._negotiated()

    def capture(self, timeout: float) -> RawFrame:
        """Wait for the next frame; see `Camera.capture`."""
        if self._frames is None:
            raise CameraError("the folder is not open")
        return self._frames.next(timeout)

    def take_damaged(self) -> Sequence[str]:
        """Return why files were skipped; see `Camera.take_damaged`."""
        return self._files.take_damaged() if self._files else ()

    def still(self, timeout: float) -> RawFrame:
        """Capture the next frame: there is no other size; see `Camera.still`."""
        if self._mode != "new" or timeout < STILL_WAIT:
            return self.capture(timeout)
        try:
            return self.capture(STILL_WAIT)
        except NoFrame as silence:
            raise NoStill(message_of(silence)) from None

    def restart(self) -> Negotiated:
        """List the folder again; see `Camera.restart`."""
        self.close()
        return self.open()

    def close(self) -> None:
        """Close the folder, and free the cache; see `Camera.close`."""
        if isinstance(self._frames, NewestFile):
            self._shown = self._frames.shown
            self._frames.close()
        if self._directory:
            with suppress(OSError):  # a file system that is gone may say so at the end
                self._directory.close()
        self._frames = self._directory = None

    def _negotiated(self) -> Negotiated:
        negotiated = self._describe_jpegs(self._size, "file", "image folder")
        if self._mode != "new":
            return negotiated
        return replace(negotiated, longest_interval=max(negotiated.longest_interval, self._settings.folder_interval))
