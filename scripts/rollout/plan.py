"""[target] A plan: the changes that bring a release into use."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rollout import nginx
from rollout.predecessor import OlderUnit
from rollout.system import camera_unit, current_release, enabled_cameras, read
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
    htpasswd: Path | None = None

    @property
    def changes(self) -> list[str]:
        """The changes, one line each."""
        lines = [] if self.release == current_release() else [f"release {current_release()} -> {self.release}"]
        lines += [f"{'remove' if text is None else 'write'} {path}" for path, text in self.files.items()]
        lines += [f"enable {unit}" for unit in self.enable] + [f"disable {unit}" for unit in self.disable]
        lines += [f"stop and disable {each.unit}" for each in self.stop]
        lines += [f"enable and start {each.unit}" for each in self.start]
        return lines + [f"move {source} to {place}" for source, place in self.moves]

    @property
    def served(self) -> dict[int, Settings]:
        """The cameras that will run; the owner may have disabled others."""
        enabled = {camera_unit(number) for number in enabled_cameras()} - {*self.disable} | {*self.enable}
        return {number: each for number, each in self.cameras.items() if camera_unit(number) in enabled}

    @property
    def affects_nginx(self) -> bool:
        """Whether nginx must reload its configuration."""
        return bool(self.moves) or any(path.is_relative_to(nginx.INSTALLED.etc) for path in self.files)

    def text_of(self, path: Path) -> str | None:
        """Return the text that a file will have."""
        return self.files[path] if path in self.files else read(path)


def inverse(plan: Plan) -> Plan:
    """Return the plan that undoes a plan; call it before that plan is applied."""
    return Plan(
        current_release(),
        cameras={},
        files={path: read(path) for path in plan.files},
        enable=plan.disable,
        disable=plan.enable,
        start=plan.stop,
        stop=plan.start,
        moves=[(place, source) for source, place in plan.moves],
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
    )
