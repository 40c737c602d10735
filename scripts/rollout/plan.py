"""[target] A plan: the changes that bring a release into use."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rollout import nginx
from rollout.installed import UNIT_FOLDERS
from rollout.predecessor import OlderUnit
from rollout.system import (
    SETTINGS,
    TARGET,
    camera_unit,
    current_release,
    digest,
    enabled_cameras,
    is_active,
    is_enabled,
    read,
    read_exactly,
)
from soft_stream.config import unit_paths
from soft_stream.config.settings import Settings

INCLUDES = nginx.INSTALLED.etc / "camera-soft-stream"
REPLACED_SITES = INCLUDES / "replaced"


@dataclass(frozen=True)
class Plan:
    """The release to make current, and all other changes; without changes its fields are empty."""

    release: str | None
    cameras: Mapping[int, Settings]
    files: Mapping[Path, str | None] = field(default_factory=dict)
    enable: list[str] = field(default_factory=list)
    disable: list[str] = field(default_factory=list)
    stop: list[OlderUnit] = field(default_factory=list)
    start: list[OlderUnit] = field(default_factory=list)
    moves: list[tuple[Path, Path]] = field(default_factory=list)
    """Files to rename before others are written."""
    backups: list[tuple[Path, Path]] = field(default_factory=list)
    """Files to copy before they are written; the inverse is a move, which restores every byte and the owner."""
    digests: Mapping[Path, str] = field(default_factory=dict)
    """SHA-256 of the files that a move may overwrite; of any other content a copy is kept."""
    htpasswd: list[Path] = field(default_factory=list)
    origins: Mapping[str, str] | None = None
    """For each key of the settings that may change: why it does."""
    notes: list[str] = field(default_factory=list)
    """Sentences for the owner, which are no changes."""

    @property
    def changes(self) -> list[str]:
        """The changes, one line each."""
        lines = _change_of_release(current_release(), self.release)
        edited = [source for source, _ in self.backups]
        lines += [
            f"{'remove' if text is None else 'write'} {path}" for path, text in self.files.items() if path not in edited
        ]
        lines += [f"enable {unit}" for unit in self.enable] + [f"disable {unit}" for unit in self.disable]
        return lines + [f"enable and start {each.unit}" for each in self.start] + self.replacements

    @property
    def replacements(self) -> list[str]:
        """The changes to units and sites of other programs, one line each."""
        lines = [f"stop and disable {each.unit}" for each in self.stop]
        lines += [f"comment out the cameras' servers in {source}; backup: {place}" for source, place in self.backups]
        return lines + [f"move {source} to {place}" for source, place in self.moves]

    @property
    def served(self) -> dict[int, Settings]:
        """The cameras that will run: enabled ones, and those that their owner has disabled but not stopped."""
        units = {camera_unit(number): number for number in self.cameras}
        enabled = {camera_unit(number) for number in enabled_cameras() if self.is_target_enabled} | {*self.enable}
        running = (unit for unit in units if unit not in enabled and is_active(unit))
        wanted = {*enabled, *running} - {*self.disable}
        return {number: self.cameras[number] for unit, number in units.items() if unit in wanted}

    @property
    def is_target_enabled(self) -> bool:
        """Whether cameras start at boot; their owner may have switched all of them off."""
        return TARGET in self.enable or is_enabled(TARGET)

    @property
    def affects_cameras(self) -> bool:
        """Whether a camera must be restarted; changes for nginx alone need no restart."""
        is_changed = (
            path == SETTINGS or path.parent in UNIT_FOLDERS or path.name == unit_paths.DROP_IN for path in self.files
        )
        return bool(self.release != current_release() or self.enable or self.disable or self.stop or any(is_changed))

    @property
    def affects_nginx(self) -> bool:
        """Whether nginx must reload its configuration."""
        moved = (path for pair in (*self.moves, *self.backups) for path in pair)
        return any(path.is_relative_to(nginx.INSTALLED.etc) for path in (*self.files, *moved))

    def text_of(self, path: Path) -> str | None:
        """Return the text that a file will have."""
        return self.files[path] if path in self.files else read(path)


def _change_of_release(now: str | None, wanted: str | None) -> list[str]:
    if now == wanted:
        return []
    if now is None:
        return [f"install release {wanted}"]
    return [f"release {now} -> {wanted}" if wanted else f"remove release {now}"]


def inverse(plan: Plan) -> Plan:
    """Return the plan that undoes a plan; call it before that plan is applied."""
    replaced = [(source, place) for source, place in plan.moves if place.exists()]
    written = {*plan.files, *(place for _, place in replaced)} - {source for source, _ in plan.backups}
    return Plan(
        current_release(),
        cameras={},
        files={path: read_exactly(path) if path.exists() else None for path in written},
        enable=plan.disable,
        disable=plan.enable,
        start=plan.stop,
        stop=plan.start,
        moves=[(place, source) for source, place in [*plan.moves, *plan.backups] if (source, place) not in replaced],
        backups=[(place, source) for source, place in replaced],
        digests={source: digest(plan.files[source] or "") for source, _ in plan.backups},
    )


def as_json(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON, without its cameras, which its settings define."""
    return {
        "release": plan.release,
        "files": {str(path): text for path, text in plan.files.items()},
        "enable": plan.enable,
        "disable": plan.disable,
        "stop": [asdict(each) for each in plan.stop],
        "start": [asdict(each) for each in plan.start],
        "moves": [[str(source), str(place)] for source, place in plan.moves],
        "backups": [[str(source), str(place)] for source, place in plan.backups],
        "digests": {str(path): each for path, each in plan.digests.items()},
    }


def from_json(written: Mapping[str, Any]) -> Plan:
    """Return a plan from the JSON of `as_json`, without its cameras: see `with_cameras`."""
    return Plan(
        written["release"],
        {},
        {Path(path): text for path, text in written["files"].items()},
        written["enable"],
        written["disable"],
        [OlderUnit(**each) for each in written["stop"]],
        [OlderUnit(**each) for each in written["start"]],
        [(Path(source), Path(place)) for source, place in written["moves"]],
        [(Path(source), Path(place)) for source, place in written.get("backups", [])],  # older releases wrote none
        {Path(path): each for path, each in written.get("digests", {}).items()},
    )
