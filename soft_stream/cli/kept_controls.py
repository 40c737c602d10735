"""What the page of a camera has kept, at the start of the process and in the commands: controls, and settings."""

import logging
import os
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from soft_stream.cameras import id_history
from soft_stream.cameras.identity import is_renamed
from soft_stream.config import kept_controls
from soft_stream.config.kept_controls import KeptControls, camera_id_of, listed
from soft_stream.config.loader import COMMAND_LINE, ENVIRONMENT
from soft_stream.config.page_settings import PageLayer
from soft_stream.config.settings import Settings

log = logging.getLogger(__name__)

LAST_NUMBER = 99


def with_kept_controls(settings: Settings, origin: str, connected: Collection[str] = ()) -> Settings:
    """Return the settings with the kept controls of their camera, and log these; `origin` is that of the controls.

    A file that has the camera's earlier id, or that an earlier version wrote for a number, is taken over first.
    `connected` are the ids of the connected cameras.
    """
    file, camera_id = settings.controls_file, camera_id_of(settings)
    if not file:
        return settings
    kept_controls.remove_leftovers(file)
    kept = kept_controls.read(file, camera_id)
    earlier = _of_earlier_version(settings, file, connected)
    if not earlier and not kept and settings.source == "picamera":
        earlier = _renamed(file, camera_id, connected)
    if earlier:
        # it is newer if the earlier version ran once more, after a rollback
        is_needed = not (kept and kept.controls) or _is_newer(earlier.file, file)
        if kept and not earlier.settings:  # an earlier version has none
            earlier = replace(earlier, settings=kept.settings)
        kept = _take_over(earlier, file, camera_id, is_needed=is_needed) or kept
    if kept is None:
        return settings
    for warning in kept.warnings:
        log.warning("%s", warning)
    if overriding := overriding_place(origin):
        log.info("Kept controls of camera %s in %s are not used: %s sets others", camera_id, file, overriding)
    elif kept.controls:
        log.info("Kept controls of camera %s from %s: %s", camera_id, file, kept)
        crop = [pair for pair in settings.controls if pair[0] == kept_controls.NEVER_KEPT]  # no file can replace it
        return replace(settings, controls=(*kept.controls, *crop), has_kept_controls=True)
    return settings


def log_page_layer(layer: PageLayer, problems: Collection[str]) -> None:
    """Log the settings of the page, and those that are not used."""
    file = layer.below.controls_file
    for problem in problems:
        log.warning("%s", problem)
    if used := [(name, text) for name, text in layer.texts().items() if not layer.fixed_by(name)]:
        log.info("Settings of the page of camera %s from %s: %s", camera_id_of(layer.below), file, listed(used))
    for sentence in unused_settings(layer):
        log.info("%s", sentence)


def unused_settings(layer: PageLayer) -> Iterator[str]:
    """Yield a sentence for each setting of the page that a flag or an environment variable overrides."""
    for name, text in layer.texts().items():
        if fixed := layer.fixed_by(name):
            yield f"{name}={text} in {layer.below.controls_file} is not used: the {fixed} sets another value"


def overriding_place(origin: str) -> str:
    """Return the environment variable or flag that overrides kept controls; empty if nothing does."""
    return origin if origin.startswith((ENVIRONMENT, COMMAND_LINE)) else ""


def _take_over(earlier: KeptControls, file: Path, camera_id: str, *, is_needed: bool) -> KeptControls | None:
    """Move the content of an earlier file into `file`; the old one stays if that fails."""
    for warning in earlier.warnings:
        log.warning("%s", warning)
    if not earlier.controls and not earlier.settings:
        return None
    try:
        if is_needed:
            kept_controls.write(file, camera_id, dict(earlier.controls), dict(earlier.settings))
            log.info("Kept controls of camera %s were moved from %s to %s", camera_id, earlier.file, file)
        else:
            log.info("%s of an earlier version is removed: %s replaces it", earlier.file, file)
        earlier.file.unlink(missing_ok=True)
    except OSError as error:
        log.warning("%s cannot be moved to %s: %s", earlier.file, file, error.strerror)
    return replace(earlier, camera_id=camera_id, warnings=()) if is_needed else None


def _renamed(file: Path, camera_id: str, connected: Collection[str]) -> KeptControls | None:
    """Return what was kept for this camera before the kernel renamed its bus."""
    for other in sorted(file.parent.glob(kept_controls.FILES)):
        kept = kept_controls.read(other)
        if kept and kept.camera_id not in connected and is_renamed(kept.camera_id, camera_id):
            return kept
    return None


def _of_earlier_version(settings: Settings, file: Path, connected: Collection[str]) -> KeptControls | None:
    """Return what an earlier version kept last for a number that this camera had at that time."""
    camera_id, newest = camera_id_of(settings), None
    for number, earlier in _earlier_files(file.parent):
        served = id_history.served_at(file.parent, number, earlier)
        is_ours = served == camera_id or (served not in connected and is_renamed(served, camera_id))
        if not is_ours and (served or number != settings.camera):
            continue
        kept = kept_controls.read_earlier(earlier, number)
        if kept and (newest is None or _is_newer(earlier, newest.file)):
            newest = kept
    return newest


def _earlier_files(folder: Path) -> Iterator[tuple[int, Path]]:
    """Yield the files that an earlier version wrote, each with its number; none if the folder may not be read."""
    for number in range(LAST_NUMBER + 1):
        file = folder / kept_controls.EARLIER_FILE.format(number)
        if os.path.lexists(file):
            yield number, file


def _is_newer(file: Path, other: Path) -> bool:
    """Return whether a file was written after another one."""
    try:
        return file.lstat().st_mtime > other.lstat().st_mtime
    except OSError:
        return False


def describe(folder: Path, shown: Collection[Path]) -> Iterator[str]:
    """Yield a line about each file of kept controls that is not among those `shown`."""
    for file in sorted(folder.glob(kept_controls.FILES)):
        if file not in shown and (kept := kept_controls.read(file)):
            yield from (f"warning: {warning}" for warning in kept.warnings)
            camera = kept.camera_id or "without an id"
            if kept.controls:
                yield f"kept controls of camera {camera} from {file}: {kept}"
            if kept.settings:
                yield f"settings of the page of camera {camera} from {file}: {listed(kept.settings)}"
    for number, file in _earlier_files(folder):
        if kept := kept_controls.read_earlier(file, number):
            yield from (f"warning: {warning}" for warning in kept.warnings)
            if kept.controls:
                yield f"kept controls of an earlier version from {file}, moved when its camera is served: {kept}"
