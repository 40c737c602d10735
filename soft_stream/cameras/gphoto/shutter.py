"""Pictures that are taken with the shutter, and fetched from the memory of the camera."""

import logging
import time
from pathlib import PurePath
from typing import Any

from soft_stream.cameras.base import NoStill
from soft_stream.cameras.gphoto import library
from soft_stream.message import Message

log = logging.getLogger(__name__)

JPEG_SUFFIXES = (".jpg", ".jpeg")
# Milliseconds that one wait for the camera's next event takes.
EVENT_MS = 200
# Seconds that a second file, such as the raw one beside the JPEG, may take after the first.
SECOND_FILE = 2.0


class Shutter:
    """Takes pictures with an open camera of libgphoto2."""

    def __init__(self, handle: Any, model: str, *, keeps: bool) -> None:
        self._handle = handle
        self._model = model
        self._keeps = keeps
        """Whether the files stay in the memory of the camera."""

    def take(self, timeout: float) -> bytes:
        """Take one picture and return its JPEG.

        Raises:
            NoStill: the camera took none, or saved none as JPEG.
        """
        gp, deadline = library.load(), time.monotonic() + timeout
        files = list[tuple[str, str]]()
        try:
            first = self._handle.capture(gp.GP_CAPTURE_IMAGE)
            files.append((first.folder, first.name))
            self._collect(gp, files, deadline)
            jpeg = next((each for each in files if _is_jpeg(each[1])), None)
            if jpeg is None:
                template = "{model} saved no JPEG, only {file}: set its image quality to JPEG, or to raw and JPEG"
                raise NoStill(Message("gphoto_no_jpeg", template, model=self._model, file=first.name))
            return library.data_of(self._handle.file_get(*jpeg, gp.GP_FILE_TYPE_NORMAL))
        except gp.GPhoto2Error as error:
            template = "{model} took no picture: {reason}"
            raise NoStill(Message("gphoto_no_still", template, model=self._model, reason=error.string)) from None
        finally:
            if not self._keeps:
                self._delete(gp, files)

    def _collect(self, gp: Any, files: list[tuple[str, str]], deadline: float) -> None:
        """Add the files that the same picture has; wait longer if none is a JPEG yet."""
        quiet_at = min(deadline, time.monotonic() + SECOND_FILE)
        while time.monotonic() < (quiet_at if any(_is_jpeg(name) for _, name in files) else deadline):
            kind, data = self._handle.wait_for_event(EVENT_MS)
            if kind == gp.GP_EVENT_FILE_ADDED:
                files.append((data.folder, data.name))
            elif kind in (gp.GP_EVENT_CAPTURE_COMPLETE, gp.GP_EVENT_TIMEOUT) and any(
                _is_jpeg(name) for _, name in files
            ):
                return

    def _delete(self, gp: Any, files: list[tuple[str, str]]) -> None:
        for folder, name in files:
            try:
                self._handle.file_delete(folder, name)
            except gp.GPhoto2Error as error:
                log.warning("%s: %s stays in the memory of the camera: %s", self._model, name, error.string)


def _is_jpeg(name: str) -> bool:
    return PurePath(name).suffix.lower() in JPEG_SUFFIXES
