"""Whether a process runs with other settings than those in the file, as its `/status.json` says."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soft_stream.config.loader import INSTALLED_FILE
from soft_stream.config.text import one_line

# another program may have sent the answer
KEY = re.compile(r"\w{1,80}", re.ASCII)
SHOWN_KEYS = 10
LONGEST = 500


@dataclass(frozen=True)
class SettingsChange:
    """The sentence about changed settings, and whether a start with them would succeed."""

    sentence: str
    can_start: bool


def settings_change(status: Mapping[str, Any], file: Path | None) -> SettingsChange | None:
    """Return what a process says about a settings file; None if it uses another one, or nothing has changed."""
    if file is None or not (theirs := file_of(status)) or os.path.realpath(theirs) != os.path.realpath(file):
        return None
    settings = status["settings"]
    changed, notice = settings.get("changed"), settings.get("notice")
    keys = (
        [each for each in changed if isinstance(each, str) and KEY.fullmatch(each)] if isinstance(changed, list) else []
    )
    if keys:
        more = f" and {len(keys) - SHOWN_KEYS} more" if len(keys) > SHOWN_KEYS else ""
        names = ", ".join(keys[:SHOWN_KEYS])
        return SettingsChange(f"the settings have changed since its process was started: {names}{more}", can_start=True)
    if notice and isinstance(notice, str):
        return SettingsChange(one_line(notice[:LONGEST]), can_start=False)
    return None


def file_of(status: Mapping[str, Any]) -> str:
    """Return the settings file of a process, as its status has it; empty if it has none, or does not say it."""
    settings = status.get("settings")
    file = settings.get("file") if isinstance(settings, Mapping) else None
    return file if isinstance(file, str) else ""


def other_file_of(status: Mapping[str, Any], file: Path | None) -> str:
    """Return the settings file of a process if that is another one; empty if not, or if one of both has no file."""
    theirs = file_of(status)
    if file is None or not theirs or os.path.realpath(theirs) == os.path.realpath(file):
        return ""
    # a new release is tried with a file beside the installed one
    is_trial = file == INSTALLED_FILE and Path(theirs).parent == INSTALLED_FILE.parent
    return "" if is_trial else one_line(theirs[:LONGEST])
