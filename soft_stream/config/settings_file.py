"""Edit the text of settings files; the owner's lines, comments and order stay."""

import re
from collections.abc import Collection, Iterator, Mapping

from soft_stream.config import env_file
from soft_stream.config.loader import KEY, LIBRARY_PREFIXES
from soft_stream.config.settings import SETTINGS
from soft_stream.config.settings_values import PER_CAMERA, default_text

ASSIGNMENT = re.compile(r"#?cam(?P<camera>\d*)_(?P<name>\w+)=")
COMMENTED_OUT = re.compile(r"^\s*[#;]\s*cam\d*_(\w+)\s*=", re.MULTILINE)


def merged(owners: str, reference: str, release: str) -> str:
    """Return the owner's settings with all their values, followed by the settings that they do not mention.

    Settings that no longer exist are commented out. `camN_` lines of the reference are added only for cameras that the
    owner has.
    """
    text = _without_unknown(owners, release)
    cameras = {match["camera"] for each in env_file.parse(text) if (match := KEY.fullmatch(each.key))} - {None}
    new = list(_blocks(reference, mentioned(text), cameras))
    if new:
        text = "\n\n".join([text.rstrip("\n"), f"# --- Added by the rollout of {release} ---", *new]) + "\n"
    return text


def mentioned(text: str) -> set[str]:
    """Return the names of the settings that have a line, which may be commented out, in lower case or not."""
    keys = [match for each in env_file.parse(text) if (match := KEY.fullmatch(each.key.lower()))]
    return {match["name"] for match in keys} | {*COMMENTED_OUT.findall(text)}


def with_defaults(reference: str) -> str:
    """Return the reference settings with the defaults as values, in case the owner has edited them."""
    lines = []
    for line in reference.split("\n"):
        match = ASSIGNMENT.match(line)
        if match and line[0] != "#" and match["name"] in SETTINGS:
            camera = int(match["camera"]) if match["camera"] else None
            if camera is not None and match["name"] not in PER_CAMERA:
                continue  # the reference has such a line only if the owner added it
            text = default_text(camera, match["name"])
            has_text = text or camera is None
            line = f"{match[0]}{text}" if has_text else f"#{line}"
        lines.append(line)
    return "\n".join(lines)


def with_values(text: str, changes: Mapping[str, str | None]) -> str:
    """Return settings with other values, each in its line; None comments a line out."""
    for key, value in changes.items():
        text = _without(text, key) if value is None else _with_value(text, key, value)
    return text


def without_cameras(text: str, cameras: Collection[int]) -> str:
    """Return settings in which all lines of some cameras are commented out."""
    matches = [match for each in env_file.parse(text) if (match := KEY.fullmatch(each.key)) and match["camera"]]
    return with_values(text, {match[0]: None for match in matches if int(match["camera"]) in cameras})


def _with_value(text: str, key: str, value: str) -> str:
    line = f"{key}={env_file.quote_value(value)}"
    lines, assignments = text.split("\n"), env_file.parse(text)
    camera = key.partition("_")[0]
    if same := [each for each in assignments if each.key == key and each.value is not None]:
        lines[same[-1].line - 1 : same[-1].last_line] = [line]
    elif commented := [at for at, each in enumerate(lines) if each.startswith(f"#{key}=")]:
        is_the_same = lines[commented[-1]] == f"#{line}"
        lines[commented[-1] + (not is_the_same) : commented[-1] + 1] = [line]
    elif near := [each for each in assignments if each.key.startswith(f"{camera}_")]:
        lines.insert(near[-1].last_line, line)
    else:
        lines = ["\n".join(lines).rstrip("\n"), "", line, ""] if text.strip() else [line, ""]
    edited = "\n".join(lines)
    written = {each.key: each.value for each in env_file.parse(edited)}
    # the line with # may be a part of a value in quotes
    return edited if written.get(key) == value else f"{text.rstrip()}\n\n{line}\n"


def _without(text: str, key: str) -> str:
    lines = text.split("\n")
    for each in reversed(env_file.parse(text)):
        if each.key == key:
            place = slice(each.line - 1, each.last_line)
            lines[place] = [f"#{line}" for line in lines[place]]
    return "\n".join(lines)


def _without_unknown(text: str, release: str) -> str:
    """Comment out unknown settings, and change known ones in upper case to lower case."""
    lines = text.split("\n")
    for assignment in reversed(env_file.parse(text)):
        key, at = assignment.key, assignment.line - 1
        if assignment.value is None or _is_known(key) or key.startswith(LIBRARY_PREFIXES):
            continue
        if _is_known(key.lower()):
            lines[at] = lines[at].replace(key, key.lower(), 1)
            continue
        place = slice(at, assignment.last_line)
        lines[place] = [f"# {release} has no such setting:", *(f"#{line}" for line in lines[place])]
    return "\n".join(lines)


def _is_known(key: str) -> bool:
    match = KEY.fullmatch(key)
    if not match or match["name"] not in SETTINGS:
        return False
    return bool(match["camera"]) or not SETTINGS[match["name"]].metadata["per_camera"]


def _blocks(reference: str, mentioned: set[str], cameras: set[str]) -> Iterator[str]:
    """Yield the settings of the reference that are new, each with the comment above it.

    A line that is commented out is an example; it is left out if there is a line of that setting before it.
    """
    comment: list[str] = []
    lines: list[str] = []
    shown: set[str] = set()
    is_over = False  # whether the comment belongs to the lines above
    for line in [*reference.splitlines(), ""]:
        if match := ASSIGNMENT.match(line):
            is_over = True
            is_wanted = match["name"] not in shown if line[0] == "#" else match["camera"] in {"", *cameras}
            if is_wanted and match["name"] not in mentioned:
                lines.append(line)
                shown.add(match["name"])
            continue
        if lines:
            yield "\n".join([*comment, *lines])
        is_comment = line.startswith("# ") and not line.startswith("# ---")
        comment = [*([] if is_over else comment), line] if is_comment else []
        lines, is_over = [], False
