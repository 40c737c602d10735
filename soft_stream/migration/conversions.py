"""The conversions that the tables name: from the text of an option to the texts of settings."""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from soft_stream.config.webcamd_flags import ROTATIONS
from soft_stream.migration import number_conversions
from soft_stream.migration.camera_ids import WAYS, Untranslatable, camera_id
from soft_stream.migration.machine import Machine
from soft_stream.migration.rules import program

# https://github.com/jacksonliam/mjpg-streamer, utils.c
NAMED_SIZES = MappingProxyType({
    "QQVGA": (160, 120), "QCIF": (176, 144), "CGA": (320, 200), "QVGA": (320, 240), "CIF": (352, 288),
    "PAL": (720, 576), "VGA": (640, 480), "SVGA": (800, 600), "XGA": (1024, 768), "HD": (1280, 720),
    "SXGA": (1280, 1024), "UXGA": (1600, 1200), "FHD": (1920, 1280),
})  # fmt: skip
# spyglass: mirrored horizontally, mirrored vertically, then rotated clockwise
EXIF = MappingProxyType({
    "h": "0 0 0", "mh": "1 0 0", "r180": "0 0 180", "mv": "0 1 0",
    "mhr270": "1 0 270", "r90": "0 0 90", "mhr90": "1 0 90", "r270": "0 0 270",
})  # fmt: skip
OUR_URLS = re.compile(r"(/[\w.-]+)*/(stream|snapshot|stream\.mjpg|snapshot\.jpg|\?action=(stream|snapshot))")


def convert(name: str, value: str, arguments: Sequence[str], machine: Machine) -> list[str]:
    """Return the texts for the settings of a rule.

    Raises:
        Untranslatable: the value cannot be translated.
    """
    if name in WAYS:
        return [camera_id(name, value.strip(), machine)]
    try:
        return CONVERSIONS[name](value.strip(), *arguments)
    except (ValueError, OverflowError):
        raise Untranslatable(EXPECTED.get(name, "not a value that this option can have")) from None


def _same(value: str) -> list[str]:
    return [value]


def _nothing(value: str) -> list[str]:
    return []


def _size(value: str) -> list[str]:
    if value in NAMED_SIZES:
        return [str(part) for part in NAMED_SIZES[value]]
    match = re.fullmatch(r"(\d+)\s*[xX]\s*(\d+)", value, re.ASCII)
    if not match:
        raise ValueError(value)
    return [*number_conversions.even(match[1]), *number_conversions.even(match[2])]


def _turn(value: str) -> list[str]:
    """Translate --rotate of webcam.py: OpenCV's numbers, in its newest version Pillow's degrees, counterclockwise."""
    return [ROTATIONS[value]] if value in ROTATIONS else number_conversions.angle(str(-int(value)))


def _switch(value: str) -> list[str]:
    word = value.lower()
    if word in ("1", "true", "on", "yes"):
        return ["1"]
    if word in ("0", "false", "off", "no"):
        return ["0"]
    raise ValueError(value)


def _word(value: str, *pairs: str) -> list[str]:
    words = dict(pair.split("=", 1) for pair in pairs)
    lower = {word.lower(): text for word, text in words.items()}
    found = lower.get(value.lower(), lower.get("*"))
    if found is None:
        raise ValueError(value)
    return [found]


def _number_or(value: str, *pairs: str) -> list[str]:
    return number_conversions.whole(value) if value.isdecimal() else _word(value, *pairs)


def _path(value: str) -> list[str]:
    if value and not value.startswith("/"):
        raise ValueError(value)
    return [value]


def _level(value: str) -> list[str]:
    word = value.strip("\"'").lower()
    levels = {level[0]: level for level in ("debug", "info", "warning", "error", "critical")}
    level = levels[word[0]] if word[:1] in levels else ""
    if not level or not level.startswith(word):
        raise ValueError(value)
    return [level, level]


def _exif(value: str) -> list[str]:
    if value not in EXIF:
        raise ValueError(value)
    # a 0 leaves the setting to the flags that flip in the sensor
    return ["" if text == "0" else text for text in EXIF[value].split()]


def _url(value: str) -> list[str]:
    if not OUR_URLS.fullmatch(value):
        raise ValueError(value)
    return []


def _compression(value: str) -> list[str]:
    name, _, number = value.partition("=")
    if name.strip().replace("_", "").lower() != "compressionquality":
        raise ValueError(value)
    return number_conversions.at_least_1(number)


def _all_if_empty(value: str) -> list[str]:
    return [value or "0.0.0.0"]  # noqa: S104 # nothing is bound here


def _picamera2_quality(value: str) -> list[str]:
    word = value.lower().replace("-", "_").replace(" ", "_")
    qualities = program("soft_stream_portal").data["qualities"]
    return [str(qualities[word]) if word in qualities else value]


CONVERSIONS: Mapping[str, Callable[..., list[str]]] = MappingProxyType(
    {
        "same": _same,
        "nothing": _nothing,
        "whole": number_conversions.whole,
        "at_least_1": number_conversions.at_least_1,
        "unless_0": number_conversions.unless_0,
        "number": number_conversions.number,
        "numbers": number_conversions.numbers,
        "even": number_conversions.even,
        "size": _size,
        "angle": number_conversions.angle,
        "turn": _turn,
        "switch": _switch,
        "number_switch": number_conversions.number_switch,
        "word": _word,
        "number_or": _number_or,
        "linear": number_conversions.linear,
        "per_second": number_conversions.per_second,
        "per_millisecond": number_conversions.per_millisecond,
        "per_microsecond": number_conversions.per_microsecond,
        "milliseconds": number_conversions.milliseconds,
        "ring": number_conversions.ring,
        "word_or_whole": number_conversions.word_or_whole,
        "path": _path,
        "level": _level,
        "exif": _exif,
        "url": _url,
        "compression": _compression,
        "all_if_empty": _all_if_empty,
        "picamera2_quality": _picamera2_quality,
    }
)
EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "angle": "only quarter turns are possible: 0, 90, 180 or 270",
        "turn": "only quarter turns are possible: 0, 90, 180 or 270",
        "path": "must be an absolute path here",
        "size": "must be WIDTHxHEIGHT, such as 1280x720",
        "even": "must be a whole number of pixels",
        "switch": "must be 1 or 0",
        "url": "the program has its own URLs: /stream and /snapshot, /?action=stream and /?action=snapshot, and others",
        "compression": "only compression_quality has a setting",
        "word": "this value has no equivalent",
        "number_or": "this value has no equivalent",
        "milliseconds": "must be a whole number of milliseconds",
        "ring": "must be a whole number of files; 0 keeps none, as without camN_save",
        "word_or_whole": "must be a whole number, or one of the words of mjpg-streamer's help",
        "whole": "must be a whole number",
    }
)
