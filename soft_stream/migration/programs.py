"""The cameras of each older program: from its command line or file to the options that apply to each camera."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from types import MappingProxyType

from soft_stream.migration.arguments import Given, parse
from soft_stream.migration.model import OlderCamera
from soft_stream.migration.rules import Program, Section, program
from soft_stream.migration.words import shortened, split

INPUT_UVC, INPUT_RASPICAM, OUTPUT_HTTP = "input_uvc", "input_raspicam", "output_http"
PLUGIN = re.compile(r"(in|out)put_\w+\.so")
SAME_PORT = "the older program had all cameras at one port; here each camera has its own"


def simple(table: str, section: str = "command") -> Callable[[Sequence[str]], list[OlderCamera]]:
    """Return the function for a program with one camera, whose options are all on its command line."""

    def cameras(words: Sequence[str]) -> list[OlderCamera]:
        older = program(table)
        rules = older.sections[section]
        given = tuple(parse(words, rules))
        is_v4l2 = any(each.rule and each.rule.names == ("camera-type",) and each.value == "v4l2" for each in given)
        controls = "v4l2" if is_v4l2 else "controls"
        return [OlderCamera(older.name, _title("", given), given, rules.defaults, controls=controls)]

    return cameras


def mjpg_streamer(words: Sequence[str]) -> list[OlderCamera]:
    """Return one camera for each input plugin of mjpg_streamer."""
    older = program("mjpg_streamer")
    given = parse(words, older.sections["command"])
    plugins: dict[str, list[str]] = {"i": [], "o": []}
    others: list[Given] = []
    for each in given:
        kind = each.rule.names[0] if each.rule else ""
        if kind in plugins and each.value is not None:
            plugins[kind].append(each.value)
        else:
            others.append(each)
    return of_plugins(plugins["i"], plugins["o"] or ["output_http.so"], others)


def has_unknown_plugin(words: Sequence[str]) -> bool:
    """Return True if a variable that is not known names a plugin of a command."""
    given = parse(words, program("mjpg_streamer").sections["command"])
    return any(each.rule and each.rule.by == ("parts",) and (each.value or "").startswith("$") for each in given)


def of_plugins(inputs: Sequence[str], outputs: Sequence[str], others: Iterable[Given] = ()) -> list[OlderCamera]:
    """Return one camera for each input plugin; all get the options of the output plugins."""
    older = program("mjpg_streamer")
    shared: list[Given] = list(others)
    notes: list[str] = []
    defaults: dict[str, str] = {}
    https = 0
    for text in outputs:
        name, given, problem = _plugin(text, older)
        if problem:
            notes.append(problem)
        elif name == OUTPUT_HTTP and (https := https + 1) > 1:
            notes.append(
                f"-o {_title(name, given)}: the second HTTP output: cam0_listen=http://ADDRESS:PORT is the nearest"
            )
        else:
            shared += given
            defaults |= older.sections[name].defaults
    if https == 0:
        notes.append("there is no output_http.so: the addresses are those of this program")
    elif not any(each.rule and "nocommands" in each.rule.names for each in shared):
        notes.append(
            "without -n every client may change controls: cam_legacy_control=1 allows that here (docs/urls.md)"
        )
    cameras: list[OlderCamera] = []
    for position, text in enumerate(inputs or [f"{INPUT_UVC}.so"]):
        name, given, problem = _plugin(text, older)
        given = [] if problem else given
        mine, its_defaults = (
            (shared, defaults) if position == 0 else (_without_port(shared), _without(defaults, "port"))
        )
        its_notes = [problem] if problem else []
        its_notes += notes if position == 0 else [SAME_PORT]
        section = older.sections.get(name)
        all_defaults = {**(section.defaults if section else {}), **its_defaults}
        cameras.append(OlderCamera(older.name, _title(name, given), (*given, *mine), all_defaults, tuple(its_notes)))
    return cameras


def _title(name: str, given: Iterable[Given]) -> str:
    """Return a short title without secret values."""
    return shortened(" ".join([name, *map(str, given)]).strip())


def _plugin(text: str, older: Program) -> tuple[str, list[Given], str]:
    """Return the name of a plugin, its options, and why it cannot be used, if so."""
    words = split(text, "the plugin") or [""]
    name = PurePath(words[0]).name.partition(".so")[0]
    section = older.sections.get(name)
    if words[0].startswith("$"):
        return name, [], f"{words[0]}: the value of the variable is not known here"
    if section is None:
        return name, [], f"{words[0]}: mjpg-streamer has no such plugin; its options are not translated"
    given = parse(words[1:], section)
    return name, given, f"{_title(name, given)}: {section.unsupported}" if section.unsupported else ""


def _without_port(given: Iterable[Given]) -> list[Given]:
    return [each for each in given if each.rule is None or each.rule.to != ("port",)]


def _without(defaults: Mapping[str, str], *names: str) -> dict[str, str]:
    return {name: text for name, text in defaults.items() if name not in names}


def of_names(values: Mapping[str, str], section: Section) -> tuple[Given, ...]:
    """Return the options of a file that has names and values."""
    return tuple(Given(name, value, section.rule(name)) for name, value in values.items())


def default_file(values: Mapping[str, str]) -> list[OlderCamera]:
    """Return the cameras of /etc/default/mjpg-streamer, or of another file whose variables have plugins."""
    section = program("mjpg_streamer").sections["default_file"]
    commands = {name: value for name, value in values.items() if value.startswith("-") and PLUGIN.search(value)}
    plugins = {name: value for name, value in values.items() if re.match(r"\S*(in|out)put_\w+\.so", value)}
    others = of_names({name: value for name, value in values.items() if name not in commands | plugins}, section)
    if commands:
        words = [word for name, value in commands.items() for word in split(value, name)]
        first, *rest = mjpg_streamer(words)
        return [replace(first, given=(*first.given, *others)), *rest]
    inputs = [value for value in plugins.values() if "input_" in value]
    if values.get("INPUT_UVC_LIB") in inputs or not inputs:
        inputs = [f"{values.get('INPUT_UVC_LIB', f'{INPUT_UVC}.so')} {values.get('CAMERA_OPTIONS', '')}"]
    outputs = [value for value in plugins.values() if "output_" in value]
    return of_plugins(inputs, outputs or [f"{OUTPUT_HTTP}.so"], others)


def octopi(values: Mapping[str, str]) -> list[OlderCamera]:
    """Return the camera of OctoPi's octopi.txt."""
    section = program("mjpg_streamer").sections["octopi"]
    kind = values.get("camera", "auto")
    is_csi = kind == "raspi" or (
        kind != "usb" and "camera_usb_options" not in values and "camera_raspi_options" in values
    )
    usb, csi = values.get("camera_usb_options", "-r 640x480 -f 10"), values.get("camera_raspi_options", "-fps 10")
    source = f"{INPUT_RASPICAM}.so {csi}" if is_csi else f"{INPUT_UVC}.so {usb}"
    output = f"{OUTPUT_HTTP}.so {values.get('camera_http_options', '-n --listen 127.0.0.1')}"
    cameras = of_plugins([source], [output], of_names(values, section))
    unused, other = ("camera_usb_options", "usb") if is_csi else ("camera_raspi_options", "raspi")
    if unused in values and kind in ("auto", "usb", "raspi"):
        note = f"{unused}={values[unused]}: not used with camera={kind}; write camera={other} to import it"
        cameras = [replace(each, notes=(*each.notes, note)) for each in cameras]
    return cameras


def spyglass_file(values: Mapping[str, str]) -> list[OlderCamera]:
    """Return the camera of spyglass.conf."""
    older = program("spyglass")
    section = older.sections["file"]
    return [OlderCamera(older.name, "spyglass.conf", of_names(values, section), section.defaults)]


COMMANDS: Mapping[str, Callable[[Sequence[str]], list[OlderCamera]]] = MappingProxyType(
    {
        "mjpg-streamer": mjpg_streamer,
        "ustreamer": simple("ustreamer"),
        "camera-streamer": simple("camera_streamer"),
        "spyglass": simple("spyglass"),
        "webcamd": simple("webcamd", "webcamd"),
        "webcam.py": simple("webcamd", "webcam.py"),
        "mjpgstreamer": simple("mjpgstreamer"),
        "soft-stream-portal": simple("soft_stream_portal"),
    }
)
