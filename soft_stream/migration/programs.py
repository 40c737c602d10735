"""The cameras of each older program: from its command line or file to the options that apply to each camera."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """Return one camera for each input plugin; all are served, and the other outputs are those of one of them."""
    older = program("mjpg_streamer")
    inputs = inputs or [f"{INPUT_UVC}.so"]
    served, notes = _served(outputs, older)
    all_served = _Outputs((*others, *served.given), served.defaults)
    own = [_Outputs() for _ in inputs]
    for text in outputs:
        name, given, problem = _plugin(text, older)
        if name == OUTPUT_HTTP:
            continue
        number = _input_number(given)
        if problem:
            notes.append(problem)
        elif number >= len(inputs):
            notes.append(f"-o {_title(name, given)}: there is no input {number}")
        elif own[number].has(older.sections[name].defaults):
            notes.append(f"-o {_title(name, given)}: a camera has one of these; the first one is translated")
        else:
            own[number] = own[number] + _Outputs(tuple(given), older.sections[name].defaults)
    cameras: list[OlderCamera] = []
    for position, text in enumerate(inputs):
        name, given, problem = _plugin(text, older)
        mine = (all_served if position == 0 else all_served.without_port()) + own[position]
        its_notes = [problem] if problem else []
        its_notes += notes if position == 0 else [SAME_PORT]
        section = older.sections.get(name)
        defaults = {**(section.defaults if section else {}), **mine.defaults}
        options = ([] if problem else given) + [*mine.given]
        cameras.append(OlderCamera(older.name, _title(name, options), tuple(options), defaults, tuple(its_notes)))
    return cameras


@dataclass(frozen=True)
class _Outputs:
    """The options and the defaults of the output plugins of one camera."""

    given: tuple[Given, ...] = ()
    defaults: Mapping[str, str] = field(default_factory=dict)

    def __add__(self, other: "_Outputs") -> "_Outputs":
        return _Outputs((*self.given, *other.given), {**self.defaults, **other.defaults})

    def has(self, defaults: Mapping[str, str]) -> bool:
        return bool(defaults) and defaults.keys() <= self.defaults.keys()

    def without_port(self) -> "_Outputs":
        given = tuple(each for each in self.given if each.rule is None or each.rule.to != ("port",))
        return _Outputs(given, {name: text for name, text in self.defaults.items() if name != "port"})


def _served(outputs: Sequence[str], older: Program) -> tuple[_Outputs, list[str]]:
    """Return the options of the first HTTP output, and notes about it and about others."""
    plugins = [_plugin(text, older) for text in outputs]
    given = [options for name, options, _ in plugins if name == OUTPUT_HTTP]
    if not given:
        return _Outputs(), ["there is no output_http.so: the addresses are those of this program"]
    notes = [
        f"-o {_title(OUTPUT_HTTP, each)}: the second HTTP output: cam0_listen=http://ADDRESS:PORT is the nearest"
        for each in given[1:]
    ]
    if not any(each.rule and "nocommands" in each.rule.names for each in given[0]):
        notes.append(
            "without -n every client may change controls: cam_legacy_control=1 allows that here (docs/urls.md)"
        )
    return _Outputs(tuple(given[0]), older.sections[OUTPUT_HTTP].defaults), notes


def _input_number(given: Iterable[Given]) -> int:
    """Return the number of the input plugin whose frames an output plugin gets; the first one is 0."""
    numbers = [each.value for each in given if each.rule and each.rule.by == ("input",)]
    return int(numbers[-1]) if numbers and numbers[-1] and numbers[-1].isdecimal() else 0


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
    # its script takes the first webcam, and not /dev/video0, unless the options name one
    cameras = [
        replace(each, defaults={name: text for name, text in each.defaults.items() if name != "@device"})
        for each in of_plugins([source], [output], of_names(values, section))
    ]
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
