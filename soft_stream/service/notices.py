"""Finds what an operator should know, and follows the files that it depends on."""

import os
import re
import shlex
from contextlib import suppress
from pathlib import Path

from soft_stream.access import exposure
from soft_stream.access.accounts import read_accounts
from soft_stream.config.changes import find_changes
from soft_stream.config.installation import FAILED_UPGRADE, LONGEST_REASON, describe_failed_upgrade
from soft_stream.config.loader import INSTALLED_FILE, LoadedConfig
from soft_stream.config.settings import Settings
from soft_stream.config.text import one_line
from soft_stream.diagnostics.stop_hint import unit_of
from soft_stream.message import Message
from soft_stream.web.api.notices import NoticeBoard, Notices, SettingsState
from soft_stream.web.auth.live_accounts import LiveFiles

# the value in an error of one setting, and the text of a line that is none
VALUE = re.compile(r"=.*(: (?:must be |no such setting|belongs to one camera))", re.DOTALL)
NO_SETTING = re.compile(r": .*(: not KEY=VALUE)", re.DOTALL)
# keys that a sentence names, and the characters of an error in it
SHOWN_KEYS = 5
LONGEST_PROBLEM = 300


class NoticeFinder:
    """Finds the notices of one process.

    `loaded` are the settings that it was started with, `settings` those of its camera.
    """

    def __init__(self, loaded: LoadedConfig, settings: Settings, failed_upgrade: Path = FAILED_UPGRADE) -> None:
        self._loaded = loaded
        self._settings = settings
        self._file = loaded.file.absolute() if loaded.file else None  # the working directory may be removed later
        self._failed_upgrade = failed_upgrade
        unit = unit_of("self").removesuffix(".service")
        self._how_to_apply = (
            Message("apply_settings", "To apply them: {command}", command=f"sudo systemctl restart {unit}")
            if unit
            else Message("apply_settings_by_hand", "To apply them, stop this process and start it again.")
        )

    async def follow(self, board: NoticeBoard) -> None:
        """Put the notices on the board, at first and after each change of the files, until cancelled."""

        def put(notices: Notices) -> None:
            board.now = notices

        users_file = self._settings.users_file
        files = (
            self._failed_upgrade,
            self._file,
            self._settings.controls_file,
            Path(users_file) if users_file else None,
        )
        await LiveFiles([file for file in files if file], self.find).follow(put)

    def find(self) -> Notices:
        """Read the files."""
        return Notices(self._find_changes(), describe_failed_upgrade(_read_begin(self._failed_upgrade)))

    def _find_changes(self) -> SettingsState:
        # after the trial of a release, the file of the trial is a link to the installed one
        file = os.path.realpath(self._file) if self._file else ""
        changes = find_changes(self._loaded, self._settings)
        problems = changes.problems or (self._refusals(changes.now) if changes.keys and changes.now else ())
        if problems:
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            problem = one_line(_without_value(problems[0].replace(str(self._loaded.file), file)))
            problem = (problem if len(problem) <= LONGEST_PROBLEM else f"{problem[:LONGEST_PROBLEM]}...") + more
            template = (
                "The settings have changed since this camera was started, and it could not start again: {problem}"
            )
            problem += "" if problem.endswith("?") else "."
            notice = Message("settings_wrong", template, problem=problem)
            option = "" if file == str(INSTALLED_FILE) else f" --env-file {shlex.quote(file)}"
            fix = Message("see_errors", "To see all errors: {command}", command=f"soft-stream check{option}")
            return SettingsState(file, (), notice, fix)
        if not changes.keys:
            return SettingsState(file)
        names = ", ".join(changes.keys[:SHOWN_KEYS])
        if (left := len(changes.keys) - SHOWN_KEYS) > 0:
            names = Message("and_more", "{names} and {count} more", names=names, count=left)
        notice = Message(
            "settings_changed", "The settings have changed since this camera was started ({names}).", names=names
        )
        return SettingsState(file, changes.keys, notice, self._how_to_apply)

    def _refusals(self, now: LoadedConfig) -> tuple[str, ...]:
        """Return why a start with these settings would be refused, although each of them is valid."""
        settings = now.cameras[self._settings.camera]
        accounts = read_accounts(settings.users_file, settings.state_directory)
        return tuple(exposure.refusals(settings, now.origins[settings.camera], accounts))


def _without_value(problem: str) -> str:
    """Return an error without the text of the file: a password may be there by mistake, and the page shows it."""
    return VALUE.sub(r"\1", NO_SETTING.sub(r"\1", problem))


def _read_begin(file: Path) -> str | None:
    """Return the begin of a file; None if there is none, and "" if it cannot be read."""
    with suppress(OSError):  # its folder may be closed to this user
        if file.is_file():  # a pipe would not end
            return _read(file)
    return None


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            return opened.read(4 * LONGEST_REASON).decode(errors="replace")
    except OSError:
        return ""
