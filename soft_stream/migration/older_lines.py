"""The lines of soft-stream-portal's settings file that need a translation."""

from collections.abc import Mapping

from soft_stream.config.env_file import quote_value
from soft_stream.config.settings import SETTINGS
from soft_stream.migration.arguments import Given
from soft_stream.migration.machine import Machine
from soft_stream.migration.model import OlderCamera, Translation
from soft_stream.migration.settings_file import commented, rule_of_key
from soft_stream.migration.translate import translate


def lines_for_all(values: Mapping[str, str], keys: Mapping[str, str], machine: Machine) -> dict[str, list[str]]:
    """Return the lines instead of those `cam_NAME=value` that need a translation."""
    texts = {name: text_alone(name, value, machine) for name, value in values.items() if name in SETTINGS}
    return {
        keys[f"cam_{name}"]: [f"#cam_{name}={quote_value(values[name])}", f"cam_{name}={quote_value(text)}"]
        for name, text in texts.items()
        if text not in ("", values[name])
    }


def text_alone(name: str, value: str, machine: Machine) -> str:
    """Return what a value of the file alone becomes."""
    alone = OlderCamera("", "", (Given(name, value, rule_of_key(name)),))
    return translate(alone, machine).values.get(name, "")


def lines_instead(key: str, name: str, value: str, number: int, done: Translation) -> list[str]:
    """Return the lines instead of `key=value`; none if the line stays as it is."""
    old = f"#{key}={quote_value(value)}"
    used = done.values.get(name)
    if name in SETTINGS:
        if used is not None and used != value:
            return [old, f"cam{number}_{name}={quote_value(used)}"]
        if used is None and not value.strip() and not _accepts(name, value):
            return [old]
        return []
    if name == "index":
        return [commented("cam_id identifies a camera, whatever its place in a list:"), old]
    rule = rule_of_key(name)
    return [commented(f"the setting is {', '.join(f'cam_{each}' for each in rule.to)}:"), old] if rule else []


def _accepts(name: str, value: str) -> bool:
    try:
        SETTINGS[name].metadata["type"].parse(value)
    except ValueError:
        return False
    return True
