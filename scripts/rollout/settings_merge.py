"""[target] The three-way merge of settings: what the repository's file and the target changed since the last rollout.

Effective values are compared, not lines: a camera's own line counts, else the line for all cameras, else the default.
So a new layout of a file is no change, and a change that a line for one camera would hide is a conflict.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from soft_stream.config.loader import LIBRARY_PREFIXES
from soft_stream.config.settings import SETTINGS
from soft_stream.config.settings_values import PER_CAMERA, Values, default_text, differ, key_of, split_key

UNITED = ("hosts",)
"""Settings that are sets: what either side has added or removed counts, so there is no conflict."""
Side = Literal["repository", "target"]
# Defaults of earlier releases: one that has become the default of this release was changed by no one.
FORMER_DEFAULTS: dict[str, tuple[Any, ...]] = {"bind": (("127.0.0.1",),)}


def merge(base: Values, repository: Values, target: Values, assigned: Values, prefer: Side = "target") -> "Merge":
    """Return how the repository's changes since `base` change the target; `prefer` decides about conflicts.

    `assigned` has the ids that the first rollout wrote: they are no change of the target. A repository's file without
    ids is no change either, because without them the ports decide which camera is which.
    """
    merged = Merge(base, repository, target, prefer)
    cameras = merged.merge_cameras(assigned)
    base = base.with_ids(assigned)
    merged = replace(merged, base=base, repository=repository.with_ids(base))
    for name in SETTINGS:
        merged.merge_setting(name, cameras)
    merged.merge_library_keys()
    merged.keep(cameras)
    return merged


@dataclass(frozen=True)
class Merge:
    """A merge, and its result."""

    base: Values
    repository: Values
    target: Values
    prefer: Side
    changes: dict[str, str | None] = field(default_factory=dict)
    """The changes to the target: key and text; None comments the line out."""
    conflicts: dict[str, str] = field(default_factory=dict)
    """A line for each key that both have changed to different values."""

    def merge_cameras(self, assigned: Values) -> list[int]:
        """Add and remove cameras; return those of the target whose settings must be merged."""
        kept = []
        for camera in sorted(self.base.cameras | self.repository.cameras | self.target.cameras):
            if camera not in self.target.cameras:
                self._add_camera(camera)
            elif self.base.wishes(camera) and self.repository.cameras and camera not in self.repository.cameras:
                self._remove_camera(camera, self.base.with_ids(assigned))
            else:
                kept.append(camera)
        return kept

    def _add_camera(self, camera: int) -> None:
        was_there, own = self.base.wishes(camera), self.repository.own(camera)
        if not self.repository.wishes(camera):
            return
        if was_there and not differ(self.base, self.repository, camera, [*self.base.own(camera), *own]):
            return  # the target has removed it
        if was_there:
            self.conflicts[key_of(camera, "*")] = f"camera {camera}: changed in the repository, removed on the target"
        if self.prefer == "repository" or not was_there:
            self.changes.update({key_of(camera, name): self.repository.text(camera, name) for name in own})

    def _remove_camera(self, camera: int, base: Values) -> None:
        is_changed = differ(base, self.target, camera, [*base.own(camera), *self.target.own(camera)])
        if is_changed:
            self.conflicts[key_of(camera, "*")] = f"camera {camera}: removed in the repository, changed on the target"
        if self.prefer == "repository" or not is_changed:
            self.changes.update({key_of(camera, name): None for name in self.target.own(camera)})

    def merge_setting(self, name: str, cameras: list[int]) -> None:
        """Merge the value for all cameras, then those of single cameras."""
        key = key_of(None, name)
        shared = self.target if name in PER_CAMERA else self._winner(None, name)
        if shared is not self.target:
            self.changes[key] = shared.texts.get(key)
        for camera in cameras:
            self._merge_camera(camera, name, shared)

    def _merge_camera(self, camera: int, name: str, shared: Values) -> None:
        key = key_of(camera, name)
        winner = self._winner(camera, name)
        if key_of(None, name) in self.conflicts and self._values(camera, name) == self._values(None, name):
            del self.conflicts[key]  # it is that conflict
        wanted = winner.value(camera, name)
        if key in self.target.texts and self.target.value(camera, name) == wanted:
            return
        inherited = Values().value(camera, name) if name in PER_CAMERA else shared.value(None, name)
        if key in winner.texts or wanted != inherited:
            self.changes[key] = winner.text(camera, name)
        elif key in self.target.texts:
            self.changes[key] = None

    def merge_library_keys(self) -> None:
        """Merge the variables for the camera libraries, which have no default."""
        for key in sorted(self.base.texts.keys() | self.repository.texts.keys()):
            if key.startswith(LIBRARY_PREFIXES):
                base, repository, target = (each.texts.get(key) for each in (self.base, self.repository, self.target))
                words = [text or "nothing" for text in (base, repository, target)]
                if self._decide(key, [base, repository, target], words) is self.repository:
                    self.changes[key] = repository

    def keep(self, cameras: list[int]) -> None:
        """Leave each camera a line: without one it would not be configured any more."""
        left = {split_key(key)[0] for key in self.target.texts if self.changes.get(key, "") is not None}
        left |= {split_key(key)[0] for key, text in self.changes.items() if text is not None}
        self.changes.update(
            {key_of(camera, "name"): default_text(camera, "name") for camera in cameras if camera not in left}
        )

    def _values(self, camera: int | None, name: str) -> list[Any]:
        return [each.value(camera, name) for each in (self.base, self.repository, self.target)]

    def _winner(self, camera: int | None, name: str) -> Values:
        if name in UNITED:
            return self._united(camera, name)
        words = [each.describe(camera, name) for each in (self.base, self.repository, self.target)]
        defaults = (Values().value(camera, name), *FORMER_DEFAULTS.get(name, ()))
        return self._decide(key_of(camera, name), self._values(camera, name), words, defaults)

    def _united(self, camera: int | None, name: str) -> Values:
        """Return values with the target's items and the repository's changes to them; the target, if none is new."""
        base, repository, target = self._values(camera, name)
        kept = [each for each in target if each in repository or each not in base]
        added = [each for each in repository if each not in base and each not in target]
        if kept == [*target] and not added:
            return self.target
        united = Values()
        united.texts[key_of(None, name)] = " ".join([*kept, *added])
        return united

    def _decide(self, key: str, values: list[Any], words: list[str], defaults: Collection[Any] = ()) -> Values:
        """Return the file whose value counts; the lists are in the order base, repository, target.

        From one of `defaults` to another one is no change if the other side has changed something.
        """
        base, repository, target = values
        if repository in (base, target):
            return self.target
        if target == base:
            return self.repository
        if base in defaults and (repository in defaults or target in defaults):
            return self.target if repository in defaults else self.repository
        self.conflicts[key] = f"{key}: {words[1]} in the repository, {words[2]} on the target; before: {words[0]}"
        return self.repository if self.prefer == "repository" else self.target
