"""What `soft-stream check` says: the effective settings of each camera, and what an operator should know about them."""

import asyncio
import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from soft_stream.access import exposure
from soft_stream.access.accounts import read_accounts
from soft_stream.cli.kept_controls import overriding_place, unused_settings
from soft_stream.cli.running import find_elsewhere
from soft_stream.config import kept_controls
from soft_stream.config.env_file import quote_value
from soft_stream.config.kept_controls import page_layer
from soft_stream.config.loader import DEFAULT, INSTALLED_FILE, LoadedConfig, hide_from_others, of_service
from soft_stream.config.settings import SETTINGS, Settings, default_of, show_value
from soft_stream.config.settings_values import default_text
from soft_stream.config.text import one_line
from soft_stream.config.urls import exposed_url
from soft_stream.outputs import advice


@dataclass(frozen=True)
class CheckedSetting:
    """The effective value of one setting, as text of the settings file."""

    key: str
    value: str
    source: str
    default: str
    is_default: bool

    def __str__(self) -> str:
        line = f"{f'{self.key}={quote_value(self.value)}':<40} from {self.source}"
        return line if self.is_default else f"{line}; the default is {self.default or 'empty'}"


@dataclass(frozen=True)
class CheckedCamera:
    """One camera: its settings, and sentences about them."""

    settings: Settings
    values: Sequence[CheckedSetting]
    warnings: Sequence[str]
    remarks: Sequence[str]

    def as_facts(self) -> dict[str, Any]:
        """Return what `--json` prints."""
        values = {each.key.partition("_")[2]: each for each in self.values}
        return {
            "camera": self.settings.camera,
            "name": self.settings.title,
            "settings": {
                name: {"value": each.value, "from": each.source, "default": each.default}
                for name, each in values.items()
            },
            "warnings": [*self.warnings],
            "remarks": [*self.remarks],
        }


def checked_cameras(loaded: LoadedConfig) -> Iterator[CheckedCamera]:
    """Yield each camera of the settings."""
    changes = _changes(loaded) if loaded.cameras else {}
    for number, configured in loaded.cameras.items():
        settings, origins, of_controls = _with_kept_controls(
            of_service(configured, loaded.file, os.environ), loaded.origins[number]
        )
        settings, origins, of_page = _with_page_settings(settings, origins)
        values = [_setting(settings, name, origins[name]) for name in SETTINGS]
        reach = _reach(settings, origins) if loaded.file == INSTALLED_FILE else ()
        sentences = [
            *changes.get(number, ()),
            *_about(settings),
            *_about_url(settings, origins["url"], loaded.file),
            *_about_device(number, loaded),
            *reach,
            *of_controls,
            *of_page,
        ]
        is_warning = "warning: "
        yield CheckedCamera(
            settings,
            values,
            [one_line(each.removeprefix(is_warning)) for each in sentences if each.startswith(is_warning)],
            [one_line(each) for each in sentences if not each.startswith(is_warning)],
        )


def _setting(settings: Settings, name: str, source: str) -> CheckedSetting:
    value, default = getattr(settings, name), default_of(name, settings.camera)
    is_default = (
        source == DEFAULT or value == default or (name == "name" and settings.title == f"Camera {settings.camera}")
    )
    return CheckedSetting(
        f"cam{settings.camera}_{name}", show_value(name, value), source, default_text(settings.camera, name), is_default
    )


def _about(settings: Settings) -> Iterator[str]:
    """Yield sentences about the login, the addresses, the command at each opening and the outputs."""
    accounts = read_accounts(settings.users_file, settings.state_directory)
    # only root and the service may read the users of an installed release
    hidden = {each for each in accounts.problems if os.geteuid() != 0 and each.endswith("Permission denied")}
    for sentence in (*accounts.problems, *exposure.warnings(settings, accounts)):
        if sentence not in hidden:
            yield f"warning: {sentence}"
    if hidden:
        yield "logins are not checked without sudo"
    elif sentence := exposure.unreadable(settings, accounts):
        yield f"warning: {sentence}"
    if sentence := exposure.unencrypted(settings, accounts):
        yield sentence
    if (words := shlex.split(settings.open_command)) and not shutil.which(words[0]):
        yield f"warning: cam{settings.camera}_open_command: there is no executable {words[0]}"
    yield from (f"warning: {sentence}" for sentence in advice.warnings(settings))


def _about_url(settings: Settings, origin: str, file: Path | None) -> Iterator[str]:
    """Yield a sentence about a password that others may read."""
    if file and (sentence := exposed_url(settings.url, origin, file, file.stat().st_mode)):
        yield f"warning: {sentence}: {hide_from_others(file)}"


def _about_device(number: int, loaded: LoadedConfig) -> Iterator[str]:
    """Yield a sentence about a device that another camera uses too; no error, because an option can name it later."""
    unnamed = [each for each, its in loaded.cameras.items() if its.source == "v4l2" and not its.device]
    if number in unnamed[1:]:
        yield (
            f"warning: cam{number}_device is empty, so camera {unnamed[0]} and camera {number} would both use the "
            "first V4L2 device: set it"
        )


def _reach(settings: Settings, origins: Mapping[str, str]) -> Iterator[str]:
    """Yield sentences about the paths that the unit of a camera does not reach."""
    # imported late: few settings name a path
    from soft_stream.diagnostics.unit_reach import find_problems

    for problem in find_problems(settings, origins):
        yield f"warning: {problem}"


def _changes(loaded: LoadedConfig) -> dict[int, list[str]]:
    """Return for each camera whose process runs with other settings a sentence about that."""
    # imported late: they need a web client
    from soft_stream.diagnostics.camera_report import ask_all, facts_of
    from soft_stream.diagnostics.settings_changes import settings_change

    cameras = {number: of_service(each, loaded.file, os.environ) for number, each in loaded.cameras.items()}
    _, replies = asyncio.run(ask_all(replace(loaded, cameras=cameras), find_elsewhere))
    changes = {}
    for number, reply in replies.items():
        facts = facts_of(reply)
        change = settings_change(facts, loaded.file) if facts and facts.get("camera") == number else None
        if change:
            restart = (
                f"sudo systemctl restart camera-soft-cam@{number}"
                if loaded.file == INSTALLED_FILE
                else "start that process again"
            )
            fix = f"; to apply them: {restart}" if change.can_start else ""
            changes[number] = [f"warning: camera {number}: {change.sentence}{fix}"]
    return changes


def _with_kept_controls(
    settings: Settings, origins: Mapping[str, str]
) -> tuple[Settings, Mapping[str, str], Sequence[str]]:
    """Return the settings and origins with the kept controls, and what to say about these."""
    file = settings.controls_file
    kept = kept_controls.read(file, kept_controls.camera_id_of(settings)) if file else None
    if kept is None:
        return settings, origins, ()
    remarks = [f"warning: {warning}" for warning in kept.warnings]
    if overriding := overriding_place(origins["controls"]):
        return settings, origins, [*remarks, f"kept controls in {file} are not used: {overriding} sets others"]
    if not kept.controls:
        return settings, origins, remarks
    return (
        replace(settings, controls=kept.controls),
        {**origins, "controls": f"{file} (POST /controls?keep=1)"},
        remarks,
    )


def _with_page_settings(
    settings: Settings, origins: Mapping[str, str]
) -> tuple[Settings, Mapping[str, str], Sequence[str]]:
    """Return the settings and origins with the values of the page, and what to say about these."""
    layer, problems = page_layer(settings, origins)
    remarks = [*(f"warning: {problem}" for problem in problems), *unused_settings(layer)]
    place = f"{settings.controls_file} (POST /settings)"
    return layer.settings, {**origins, **{name: place for name in layer.values if not layer.fixed_by(name)}}, remarks
