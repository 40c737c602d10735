"""The file of one camera, found by its id: the controls of `POST /controls?keep=1`, the settings of `POST /settings`.

The file can set controls and the settings of the page, and nothing else. A file, or a part of it, that cannot be read
is a warning, never an error: a camera with default values is better than none.

Its name is that of the releases that kept only controls, so an earlier release finds these after a downgrade.
"""

import hashlib
import os
import re
import stat
import textwrap
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from soft_stream.config import env_file, page_settings
from soft_stream.config.page_settings import PageLayer
from soft_stream.config.replacing import replacing, sync_folder
from soft_stream.config.settings import Settings
from soft_stream.config.text import one_line

FILES = "controls-*.env"
# the file of earlier versions: its name has the number of the camera, and one line all controls
EARLIER_FILE = "cam{}-controls.env"
HEADER = "# The controls and the settings of one camera, as its page has kept them. The page can remove each of them.\n"
ID_KEY = "id"
# libcamera's names, and V4L2's as v4l2-ctl writes them; cam0_bind is a setting
CONTROL = re.compile(r"[A-Za-z0-9]+|(?!cam\d*_)[a-z0-9_]+")
# A crop hides a part of the view: who sets it for a moment does not want it hours later, in a time lapse.
NEVER_KEPT = "ScalerCrop"
MAX_BYTES = 64 * 1024
# Characters of a name or value; characters of a line of the log; words that a warning names, and characters of each.
MAX_WORD, MAX_LINE, MAX_NAMED, MAX_SHOWN = 200, 1000, 5, 40


@dataclass(frozen=True)
class KeptControls:
    """What was read from a file, and a sentence for each kind of content that was ignored."""

    file: Path
    camera_id: str
    controls: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    """The values of the page, which are valid."""

    def __str__(self) -> str:
        return listed(self.controls)


def listed(values: Iterable[tuple[str, str]]) -> str:
    """Return names and values for one line of the log."""
    return textwrap.shorten(" ".join(f"{name}={env_file.quote_value(value)}" for name, value in values), MAX_LINE)


def camera_id_of(settings: Settings) -> str:
    """Return what identifies the camera of these settings; empty if only its opening shows that."""
    if settings.source == "picamera":
        return settings.id
    return f"{settings.id or settings.folder or settings.device or settings.camera} ({settings.source})"


def file_of(folder: Path, camera_id: str) -> Path:
    """Return the file of a camera; see `file_of_kind`."""
    return file_of_kind(folder, camera_id, "controls", ".env")


def file_of_kind(folder: Path, camera_id: str, kind: str, suffix: str) -> Path:
    """Return a file for one camera: its name has the end of the id, and a hash makes it unique."""
    end = re.sub(r"[^\w.@:-]", "_", camera_id.rsplit("/", 1)[-1], flags=re.ASCII)[:MAX_SHOWN]
    digest = hashlib.sha256(camera_id.encode(errors="backslashreplace")).hexdigest()[:16]
    return folder / f"{kind}-{end}-{digest}{suffix}"


def read(file: Path, camera_id: str = "") -> KeptControls | None:
    """Return the content of a file, or None if it does not exist.

    A file of another camera than `camera_id`, if that is given, is ignored with a warning.
    """
    kept = _read(file)
    if kept and camera_id and kept.camera_id not in ("", camera_id):
        return KeptControls(file, camera_id, (), (f"{file} is ignored: it belongs to camera {_shown(kept.camera_id)}",))
    return replace(kept, camera_id=kept.camera_id or camera_id) if kept else None


def page_layer(settings: Settings, origins: Mapping[str, str]) -> tuple[PageLayer, list[str]]:
    """Return the layer of the page of a camera, and a sentence for each of its values that does not fit the others."""
    layer, file = PageLayer(settings, origins), settings.controls_file
    kept = read(file, camera_id_of(settings)) if file else None
    if not kept or not kept.settings:
        return layer, []
    layer, problems = layer.with_texts(dict(kept.settings))
    return layer, [f"{file}: {problem}" for problem in problems]


def read_earlier(file: Path, number: int) -> KeptControls | None:
    """Return the content of the file of an earlier version for camera `number`, or None if it does not exist."""
    return _read(file, f"cam{number}_controls")


def write(
    file: Path, camera_id: str, controls: Mapping[str, str], settings: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Replace the file as a whole, or remove it if there are no controls and no settings of the page.

    A crop of the sensor is not written.

    After an error or a power cut the file is the old one or the new one, never a part, and no other file is left.

    Raises:
        OSError: it cannot be written; the old file is as it was.
    """
    controls = {name: value for name, value in controls.items() if name != NEVER_KEPT}
    if not controls and not settings:
        if os.path.lexists(file):  # else a read-only file system would give an error
            file.unlink(missing_ok=True)
            sync_folder(file.parent)
        return
    values = {ID_KEY: camera_id, **settings, **controls}
    lines = [f"{name}={env_file.quote_value(value)}\n" for name, value in values.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.{os.getpid()}.new")  # another process may write the same file
    with replacing(file, new):
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        with open(descriptor, "wb") as opened:
            opened.write(f"{HEADER}{''.join(lines)}".encode(errors="backslashreplace"))
            opened.flush()
            os.fsync(descriptor)


def update(
    file: Path,
    camera_id: str,
    *,
    controls: Mapping[str, str] | None = None,
    settings: Mapping[str, str] | None = None,
) -> None:
    """Replace the controls or the settings in the file; None leaves them as they are. A call must not meet another.

    Raises:
        OSError: as `write`.
    """
    with suppress(FileNotFoundError, ValueError):  # what is damaged is replaced; what cannot be read now is not
        _read_text(file)
    kept = read(file, camera_id) or KeptControls(file, camera_id)
    write(
        file,
        camera_id,
        dict(kept.controls) if controls is None else controls,
        dict(kept.settings) if settings is None else settings,
    )


def remove_leftovers(file: Path) -> None:
    """Remove the files that `write` leaves when the process or the machine ends during it."""
    for left in file.parent.glob(f"{file.name}.*.new"):
        with suppress(OSError):  # of another user; no start reads it
            left.unlink(missing_ok=True)


def _read(file: Path, earlier_key: str = "") -> KeptControls | None:
    try:
        text = _read_text(file)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return KeptControls(file, "", (), (f"{file} is ignored: {reason}",))
    camera_id, crop = "", ""
    found, settings, ignored = dict[str, str](), dict[str, str](), list[str]()
    for each in env_file.parse(text):
        if each.key == ID_KEY and each.value is not None:
            camera_id = each.value
            continue
        if each.key in page_settings.NAMES and not earlier_key:
            if _is_setting(each.key, each.value or ""):
                settings[each.key] = each.value or ""
            else:
                ignored.append(f"line {each.line} ({each.key})")
            continue
        pairs = [(each.key, each.value or "")]
        if earlier_key and each.value is not None:  # one line has all controls
            words = [word.partition("=") for word in each.value.split()]
            pairs = [(name, value) for name, _, value in words] if each.key == earlier_key else [(each.key, "")]
        for name, value in pairs:
            if name == NEVER_KEPT:
                crop = value
            elif _is_control(name, value):
                found[name] = value
            else:
                ignored.append(f"line {each.line} ({_shown(name)})")
    warnings = (*_ignored(file, ignored), *_ignored_crop(file, crop))
    return KeptControls(file, camera_id, tuple(found.items()), warnings, tuple(settings.items()))


def _read_text(file: Path) -> str:
    """Return the text of a file; a pipe is not waited for, and no link is followed.

    Raises:
        OSError: it cannot be read.
        ValueError: it is not a short text file; the message is a part of a sentence.
    """
    if not stat.S_ISREG(os.lstat(file).st_mode):
        raise ValueError("it is not a regular file")
    with open(os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW), "rb") as opened:
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it is larger than {MAX_BYTES // 1024} kB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None


def _is_control(name: str, value: str) -> bool:
    is_name = CONTROL.fullmatch(name) and len(name) <= MAX_WORD and name != ID_KEY
    return bool(is_name) and 0 < len(value) <= MAX_WORD and value.isprintable() and " " not in value


def _is_setting(name: str, text: str) -> bool:
    try:
        return bool(page_settings.parse(name, text) != "")
    except ValueError:
        return False


def _ignored(file: Path, lines: list[str]) -> tuple[str, ...]:
    if not lines:
        return ()
    more = f" and {len(lines) - MAX_NAMED} more" if len(lines) > MAX_NAMED else ""
    named = f"{', '.join(lines[:MAX_NAMED])}{more}"
    return (f"{file}: only controls and settings of the page are read from it, so these are ignored: {named}",)


def _ignored_crop(file: Path, crop: str) -> tuple[str, ...]:
    if not crop:
        return ()
    setting = f"the setting cam_controls={NEVER_KEPT}={_shown(crop)} does that"
    return (f"{file}: the crop of the sensor is ignored, because none is kept any more; {setting}",)


def _shown(text: str) -> str:
    """Return the first characters of a text of a file, safe for the log."""
    return one_line(text[:MAX_SHOWN])[:MAX_SHOWN]
