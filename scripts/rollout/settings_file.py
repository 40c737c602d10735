"""[target] Merges the owner's settings with those of a new release."""

import re
from collections.abc import Iterator

from soft_stream.config import env_file
from soft_stream.config.loader import KEY, LIBRARY_PREFIXES
from soft_stream.config.settings import SETTINGS

ASSIGNMENT = re.compile(r"#?cam(?P<camera>\d*)_(?P<name>\w+)=")
COMMENTED_OUT = re.compile(r"^\s*[#;]\s*cam\d*_(\w+)\s*=", re.MULTILINE)


def merged(owners: str, reference: str, release: str) -> str:
    """Return the owner's settings with all their values, followed by the settings that they do not mention.

    Settings that no longer exist are commented out. `camN_` lines of the reference are added only for cameras that the
    owner has.
    """
    text = _without_unknown(owners, release)
    keys = [match for each in env_file.parse(text) if (match := KEY.fullmatch(each.key))]
    mentioned = {match["name"] for match in keys} | {*COMMENTED_OUT.findall(text)}
    new = list(_blocks(reference, mentioned, {match["camera"] for match in keys if match["camera"]}))
    if new:
        text = "\n\n".join([text.rstrip("\n"), f"# --- Added by the rollout of {release} ---", *new]) + "\n"
    return text


def with_ids(reference: str, ids: list[str]) -> str:
    """Return the reference settings with exactly these cameras, each with its id."""
    for number, camera_id in enumerate(ids):
        line = f"cam{number}_id={env_file.quote_value(camera_id)}"
        pattern = rf"^#cam{number}_id=.*$"
        if re.search(pattern, reference, re.MULTILINE):
            reference = re.sub(pattern, lambda _, line=line: line, reference, flags=re.MULTILINE)  # type: ignore[misc]
        else:
            reference += f"\ncam{number}_name=Camera {number}\n{line}\n"

    def is_there(match: re.Match[str]) -> str:
        return match[0] if int(match["camera"]) < len(ids) else f"#{match[0]}"

    return re.sub(r"^cam(?P<camera>\d+)_", is_there, reference, flags=re.MULTILINE)


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
        end = at + 1
        while end < len(lines) and env_file.parse("\n".join(lines[at:end]))[0].value != assignment.value:
            end += 1
        lines[at:end] = [f"# {release} has no such setting:", *(f"#{line}" for line in lines[at:end])]
    return "\n".join(lines)


def _is_known(key: str) -> bool:
    match = KEY.fullmatch(key)
    if not match or match["name"] not in SETTINGS:
        return False
    return bool(match["camera"]) or not SETTINGS[match["name"]].metadata["per_camera"]


def _blocks(reference: str, mentioned: set[str], cameras: set[str]) -> Iterator[str]:
    """Yield the settings of the reference that are new, each with the comment above it."""
    comment: list[str] = []
    lines: list[str] = []
    is_over = False  # whether the comment belongs to the lines above
    for line in [*reference.splitlines(), ""]:
        if match := ASSIGNMENT.match(line):
            is_over = True
            if match["name"] not in mentioned and (line[0] == "#" or match["camera"] in {"", *cameras}):
                lines.append(line)
            continue
        if lines:
            yield "\n".join([*comment, *lines])
        is_comment = line.startswith("# ") and not line.startswith("# ---")
        comment = [*([] if is_over else comment), line] if is_comment else []
        lines, is_over = [], False
