"""The files with sections: MJPGStreamer's and crowsnest's."""

import configparser
import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from soft_stream.migration.arguments import Given, parse
from soft_stream.migration.model import OlderCamera
from soft_stream.migration.programs import SAME_PORT, of_names
from soft_stream.migration.rules import program
from soft_stream.migration.words import Unreadable, shortened, split

# crowsnest's modes, by program; mjpg and rtsp are those of its version 3
MODES = MappingProxyType(
    {
        "ustreamer": "ustreamer",
        "mjpg": "ustreamer",
        "rtsp": "ustreamer",
        "camera-streamer": "camera_streamer",
        "spyglass": "spyglass",
    }
)
FIXED = ("server", "default")


def sections(text: str, where: str, *, inline_comments: bool = False) -> dict[str, dict[str, str]]:
    """Return the sections of a file with their names, in lower case, and values.

    Raises:
        Unreadable: the text is not such a file.
    """
    parser = configparser.RawConfigParser(
        strict=False,
        default_section="\0",
        allow_no_value=True,
        inline_comment_prefixes=("#",) if inline_comments else None,
    )
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise Unreadable(f"{where}: {shortened(str(error), 100)}") from None
    except AttributeError:  # Python 3.12 and older: https://github.com/python/cpython/issues/107625
        raise Unreadable(f"{where}: an indented line follows a line without a value") from None
    return {name: {key: (value or "").strip() for key, value in parser[name].items()} for name in parser.sections()}


def is_crowsnest(names: Mapping[str, object]) -> bool:
    """Return True if the names of sections are those of crowsnest.conf."""
    return any(re.match(r"cam\s+\S", name) or name == "crowsnest" for name in names)


def is_mjpgstreamer(names: Mapping[str, object]) -> bool:
    """Return True if the names of sections are those of MJPGStreamer's file."""
    return any(name.startswith("/") for name in names) or {*FIXED} <= {name.lower() for name in names}


def mjpgstreamer(found: Mapping[str, Mapping[str, str]]) -> list[OlderCamera]:
    """Return one camera for each device of MJPGStreamer's file; it serves /dev/video0 if there is none."""
    older = program("mjpgstreamer")
    shared: list[Given] = []
    for name, values in found.items():
        if name.lower() in FIXED:  # [DEFAULT] is the name in its program
            shared += of_names(_all_unquoted(values), older.sections[name.lower()])
    devices = [name for name in found if name.lower() not in FIXED] or ["/dev/video0"]
    device_rule = program("ustreamer").sections["command"].rule("device")
    cameras = []
    for position, device in enumerate(devices):
        its_own = of_names(_all_unquoted(found.get(device, {})), older.sections["device"])
        mine = (Given("device", device, device_rule), *its_own)
        its_shared, defaults = shared, {**older.sections["server"].defaults, **older.sections["device"].defaults}
        if position:
            its_shared = [
                each for each in shared if each.rule is None or each.rule.to not in (("port",), ("@log_file",))
            ]
            defaults.pop("port")
        notes = (SAME_PORT,) if position else ()
        cameras.append(OlderCamera(older.name, f"[{device}]", (*mine, *its_shared), defaults, notes))
    return cameras


def crowsnest(found: Mapping[str, Mapping[str, str]]) -> list[OlderCamera]:
    """Return one camera for each section [cam NAME] of crowsnest.conf."""
    older = program("crowsnest")
    shared = of_names(found.get("crowsnest", {}), older.sections["crowsnest"])
    cameras: list[OlderCamera] = []
    unknown: list[str] = []
    for name, values in found.items():
        match = re.fullmatch(r"cam\s+(\S.*)", name)
        if not match:
            unknown += [] if name == "crowsnest" else [f"[{name}]: crowsnest has no such section"]
            continue
        mode = values.get("mode", "ustreamer").lower()
        table = MODES.get(mode, "ustreamer")
        section = older.sections["cam"]
        # the flags of the program override the section
        flags = parse(
            split(values.get("custom_flags", ""), f"[{name}] custom_flags"), program(table).sections["command"]
        )
        notes = [] if mode in MODES else [f"mode={mode}: unknown; its flags are read as those of ustreamer"]
        notes += [f"mode={mode}: there is no RTSP yet; the camera is served as MJPEG"] if mode == "rtsp" else []
        title = match[1].strip("\"'")
        is_name = not title.isdecimal()
        defaults = {**section.defaults, **({"name": title} if is_name else {})}
        given = (*shared, *of_names(values, section), *flags)
        is_libcamera = table == "spyglass" or (table != "ustreamer" and values.get("device", "").startswith("/base/"))
        controls = "controls" if is_libcamera else "v4l2"
        cameras.append(OlderCamera(older.name, f"[{name}]", given, defaults, tuple(notes), controls=controls))
    return [replace(each, notes=(*each.notes, *unknown)) for each in cameras[:1]] + cameras[1:]


def _all_unquoted(values: Mapping[str, str]) -> dict[str, str]:
    return {key: re.sub(r"^(['\"])(.*)\1$", r"\2", value) for key, value in values.items()}
