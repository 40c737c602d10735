"""[target] The settings that a rollout writes: from the target, the repository's file and the connected cameras."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rollout import predecessor
from rollout.camera_ids import ListCameras, ids_of_added, moved_ids, with_a_camera, with_ids
from rollout.installed import is_package
from rollout.predecessor import OlderUnit
from rollout.settings_merge import Side, merge
from rollout.system import CURRENT, SETTINGS, RolloutError, read, write
from soft_stream.config import env_file
from soft_stream.config.loader import LIBRARY_PREFIXES
from soft_stream.config.settings import SETTINGS as KNOWN
from soft_stream.config.settings_file import mentioned, merged, with_defaults, with_values
from soft_stream.config.settings_values import Values, split_key
from soft_stream.service.exit_status import ExitStatus

# the repository's file for this host, in the folder of each release
REPOSITORY = "repository.env"
# the ids that the first rollout wrote, because the repository's file had none
ASSIGNED = "assigned-ids.env"
CHANGED_KEY = re.compile(r"[+-](?:(?P<comment>#)|\s*)(?P<key>\w+)\s*=")


@dataclass(frozen=True)
class OwnersSettings:
    """The text of the settings; `origins` has the source of each key that may differ from the text before."""

    text: str
    origins: Mapping[str, str]
    notes: list[str] = field(default_factory=list)


def combine(
    folder: Path,
    new_settings: str | None,
    older: Iterable[OlderUnit],
    prefer: Side | None,
    connected: ListCameras,
    flags: Mapping[str, str],
) -> OwnersSettings:
    """Return the settings for the release in a folder; `new_settings` replace those of the target, `flags` all others.

    Raises:
        RolloutError: the repository and the target have changed the same settings, and no side is preferred; or a
            camera of the first settings is not connected.
    """
    reference = with_defaults((folder / SETTINGS.name).read_text(encoding="utf-8"))
    repository, installed = with_values(read(folder / REPOSITORY) or "", flags), read(SETTINGS)
    if new_settings is not None:
        owners = with_values(new_settings, flags)
        made = _replaced(owners, merged(owners, reference, folder.name), installed, repository)
    elif (older_text := predecessor.read_settings(older, installed)) is not None:
        text = with_values(merged(older_text, reference, folder.name), flags)
        # the package has no repository, whose changes would count
        of_package = OwnersSettings(text, {})
        made = of_package if is_package(folder) else _merged(folder, text, repository, prefer, connected)
        made = replace(made, origins={**_origins_of_older(older_text, installed), **made.origins})
    else:
        first, notes = with_ids(repository, connected)
        if is_package(folder):
            first, notes = with_a_camera(first, notes)
            # in the order of the shipped file, which begins with what people change
            return OwnersSettings(with_values(reference, Values(first).texts), {}, notes)
        found = {key: text for key, text in Values(first).texts.items() if key not in Values(repository).texts}
        write({folder / ASSIGNED: with_values("", found)})
        origins = dict.fromkeys(Values(repository).texts, "repository") | dict.fromkeys(found, "connected camera")
        made = OwnersSettings(merged(first, reference, folder.name), origins, notes)
    return replace(made, origins={**made.origins, **dict.fromkeys(flags, "flag of the deployment")})


def _merged(folder: Path, text: str, repository: str, prefer: Side | None, connected: ListCameras) -> OwnersSettings:
    """Return the target's settings with the changes of the repository since the last rollout."""
    assigned = Values(read(CURRENT / ASSIGNED) or "")
    done = merge(Values(_base()), Values(repository), Values(text), assigned, prefer or "target")
    conflicts = "\n  ".join(done.conflicts.values())
    if conflicts and not prefer:
        raise RolloutError(
            f"The repository and the target have changed the same settings:\n  {conflicts}\n"
            "Deploy with --prefer repository or --prefer target, or make both values equal.",
            ExitStatus.CONFIG_ERROR,
        )
    found = moved_ids(done, assigned)
    result = Values(with_values(text, done.changes | found))
    found |= ids_of_added(result, result.cameras - done.target.cameras, connected)
    write({folder / ASSIGNED: with_values("", assigned.texts | found)})
    origins = dict.fromkeys(done.changes, "repository") | dict.fromkeys(found, "connected camera")
    notes = [f"Changed on both sides, --prefer {prefer} decides:\n  {conflicts}"] if conflicts else []
    return OwnersSettings(with_values(text, done.changes | found), origins, notes)


def diff(before: str | None, after: str, origins: Mapping[str, str] | None) -> Iterator[str]:
    """Yield the changes of the settings, each with its source; of first settings, those that are no defaults."""
    if before is None:
        values = Values(after)
        for key, text in values.texts.items():
            if not _is_default(key, values):
                yield _with_origin(f"+{key}={env_file.quote_value(text)}", origins)
        return
    texts = before.splitlines(), after.splitlines()
    for line in difflib.unified_diff(*texts, "settings before", "settings after", n=1, lineterm=""):
        yield _with_origin(line, origins)


def _base() -> str:
    """Return the repository's file of the last rollout; "" at the first one, which means the defaults."""
    text = read(CURRENT / REPOSITORY)
    return (read(CURRENT / SETTINGS.name) if text is None else text) or ""


def _replaced(owners: str, text: str, installed: str | None, repository: str) -> OwnersSettings:
    """Return the owner's new settings, with the repository's values for the settings that they do not mention."""
    wishes, target, names = Values(repository), Values(text), mentioned(owners)
    others = Values()
    for key, value in wishes.texts.items():
        camera, name = split_key(key)
        if name not in names and camera in {None, *target.cameras}:
            others.texts[key] = value
    changes = merge(Values(), others, target, Values()).changes
    text = with_values(text, changes)
    origins = dict.fromkeys([*Values(installed or "").texts, *Values(owners).texts], "--env-file")
    without_effect = [key for key in wishes.texts if _is_lost(key, wishes, Values(text))]
    notes = [f"No effect, because --env-file decides: {key} of the repository" for key in without_effect]
    return OwnersSettings(text, origins | dict.fromkeys(changes, "repository"), notes)


def _is_lost(key: str, wishes: Values, result: Values) -> bool:
    """Return True if a line of the repository that is no default has no effect."""
    camera, name = split_key(key)
    if name not in KNOWN:
        return result.texts.get(key) != wishes.texts[key]
    if wishes.value(camera, name) == Values().value(camera, name):
        return False
    return camera not in {None, *result.cameras} or wishes.value(camera, name) != result.value(camera, name)


def _origins_of_older(owners: str, installed: str | None) -> dict[str, str]:
    """Return the sources of the keys that the older program has elsewhere than in its installed settings."""
    there, found = Values(installed or "").texts, Values(owners).texts
    capitals = [each.key for each in env_file.parse(owners) if each.key != each.key.lower()]
    origins = dict.fromkeys([*capitals, *(key.lower() for key in capitals)], "in lower case")
    for key, text in found.items():
        if key not in there:
            origins[key] = "command line of the older unit" if installed else "older unit"
        elif there[key] != text:
            origins[key] = "translated from the older program"
    return origins


def _is_default(key: str, values: Values) -> bool:
    camera, name = split_key(key)
    return name in KNOWN and values.value(camera, name) == Values().value(camera, name)


def _with_origin(line: str, origins: Mapping[str, str] | None) -> str:
    match = CHANGED_KEY.match(line)
    if origins is None or not match:
        return line
    key = match["key"]
    is_known = split_key(key)[1] in KNOWN or key.startswith(LIBRARY_PREFIXES)
    if is_known and key not in origins and match["comment"]:
        return line  # an example
    return f"{line}  <- {origins.get(key) or ('default' if is_known else 'no such setting')}"
